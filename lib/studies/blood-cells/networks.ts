/** Which networks the notebooks on the first study run, by their parameters. */
import { askedSizes, type SizesRequest } from '../../data/sizes';
import { UserError, suggestion } from '../../errors';
import { checkBackbone } from '../../models/open-backbone';
import { architectureNames, findModel, pretrainedNames } from '../../models/pretrained';
import { weightsNames } from '../../models/weights-source';
import { usesOwnNetwork } from '../../runs/parameters';
import { describeWeights, inputSize } from '../../runs/saved-model';
import { automaticModel } from './parameters';

export interface NetworkChoice {
  readonly profile: string;
  readonly model: string;
  readonly weights: string;
  /** Pixels a side of the input; 0 or nothing for the usual ones. */
  readonly inputSize?: number;
}

/** A network, and the pixels a side of its input. */
export interface ChosenNetwork {
  readonly model: string;
  readonly size: number;
}

/** The study's networks by their names in the registry, and the pixels a side of the small one's input. */
const studies = {
  vitTiny: { model: 'vit_tiny_patch16_224.augreg_in21k', tourSize: 28 },
  // Eight patches a side: enough for maps that can be looked at.
  dinoSmall: { model: 'vit_small_patch14_dinov2.lvd142m', tourSize: 32 },
} as const;

/** Stands in for both. */
const ownVit = 'vit_mini_patch4';

type StudyNetwork = keyof typeof studies;

/** The study's networks take 224 pixels a side. */
const usualSize = 224;

function chosen({ profile, model, weights }: NetworkChoice, network: StudyNetwork): ChosenNetwork {
  const { model: ofStudy, tourSize } = studies[network];
  const kept = model === automaticModel ? describeWeights(weights) : undefined;
  if (kept !== undefined) return { model: kept.network.architecture, size: inputSize(kept).height };
  const name = model !== automaticModel ? model : usesOwnNetwork({ profile, weights }) ? ownVit : ofStudy;
  return { model: name, size: name === ownVit ? tourSize : usualSize };
}

/** ViT-Tiny with weights of ImageNet-21k; that of a kept model; the project's own small one with embedded weights, and with random ones in the tour. */
export function vitTiny(settings: NetworkChoice): ChosenNetwork {
  return chosen(settings, 'vitTiny');
}

/** DINOv2-S; the project's own small vision transformer with embedded weights, and with random ones in the tour. */
export function dinoSmall(settings: NetworkChoice): ChosenNetwork {
  return chosen(settings, 'dinoSmall');
}

/**
 * Both, or the project's own small vision transformer in place of both; all with the same input, which for the small one is of 48 or 64
 * pixels, by the largest size that is asked for.
 */
export function sizeNetworks(settings: NetworkChoice & Pick<SizesRequest, 'dataset' | 'sizes'>): ChosenNetwork[] {
  const ownSize = Math.max(...askedSizes(settings)) <= 48 ? 48 : 64;
  const both = [vitTiny(settings), dinoSmall(settings)].map(({ model }) => model);
  return [...new Set(both)].map((model) => ({
    model,
    size: settings.inputSize || (model === ownVit ? ownSize : usualSize),
  }));
}

/** Whose tokens and attention notebooks look at. */
const transformers: readonly string[] = ['vit'];

/** Of notebook 04, which asks for features alone. */
export const anyFeatures: readonly string[] = ['vit', 'convnext'];

/**
 * Looks at networks without loading them.
 * @throws UserError for one that is unknown or of another family, and for weights that are not there or fit only one
 */
export function checkNetworks(networks: readonly ChosenNetwork[], weights: string, families = transformers): void {
  if (networks.length > 1 && !weightsNames.includes(weights))
    throw new UserError(
      `weights is one file or folder, but there are ${networks.length} networks: set model to that of ${weights}.`,
    );
  const known = [...pretrainedNames(), ...architectureNames()];
  const usable = [automaticModel, ...known.filter((name) => families.includes(findModel(name).family))];
  for (const { model, size } of networks) {
    if (!known.includes(model))
      throw new UserError(
        `There is no model "${model}"${suggestion(model, usable) || '.'} For this notebook there are ${usable.join(', ')}.`,
      );
    if (!usable.includes(model))
      throw new UserError(
        `${model} is a ${findModel(model).family}, but this notebook is about ${families === transformers ? 'vision transformers' : 'vision transformers and ConvNeXt'}: ${usable.join(', ')}.`,
      );
    checkBackbone({ model, size, weights });
  }
}
