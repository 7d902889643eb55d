/** The pretrained networks of the first study, as its notebooks use them: frozen, fine-tuned, and looked into. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Dataset } from '../data/dataset';
import type { ImageExpectation } from '../data/transform';
import { suggestion, UserError } from '../errors';
import { createBackbone, loadBackbone } from '../models/backbone';
import type { DownloadEvent } from '../models/hub';
import { createParameters, disposeParameters, exportParameters, type Parameters } from '../models/parameters';
import { architectureNames, findModel, pretrainedNames } from '../models/pretrained';
import { vitConfigs, type VitConfig } from '../models/vit';
import type { Tensor2D } from '../tf';
import type { Classifier } from '../training/classifier';
import { hashParameters } from '../training/features';
import type { InputTransform } from '../training/input-transforms';
import { linearHead } from '../training/linear-head';
import { vitLayerOf } from '../models/layers';
import { createTourVit, tourVitExpectation, tourVitName, type VitBackbone } from './tour-vit';
import { automaticModel } from './transfer-parameters';

export interface NetworkChoice {
  readonly profile: string;
  readonly model: string;
  readonly weights: string;
}

/** The network's name in the registry, or that of the tour's. */
export function networkName({ profile, model, weights }: NetworkChoice, ofStudy: string): string {
  if (model !== automaticModel) return model;
  return profile === 'tour' && weights === 'random' ? tourVitName : ofStudy;
}

/**
 * Looks at what the parameters name, without a download.
 * @throws UserError for a network that is unknown or no vision transformer, and for a weights file that is not there
 */
export function checkNetwork(choice: NetworkChoice, ofStudy: string, size: number): void {
  const { weights } = choice;
  const name = networkName(choice, ofStudy);
  if (name === tourVitName) {
    if (weights !== 'random')
      throw new UserError(`There are no weights of ${tourVitName}: set weights=random or another model.`);
    createTourVit(size);
  } else {
    describeVit(name, size);
  }
  if (weights !== 'hub' && weights !== 'random' && !existsSync(weights))
    throw new UserError(`There is no weights file ${weights}: give hub, random or the path of a .safetensors file.`);
}

/** A network with its weights, which the caller disposes. */
export interface StudyNetwork {
  readonly backbone: VitBackbone;
  readonly parameters: Parameters;
  /** As in results: hub, random, or the file's name. */
  readonly weights: string;
  /** Of the weights' file, or of random weights themselves, in hexadecimal. */
  readonly weightsKey: string;
  readonly expected: ImageExpectation;
  dispose(): void;
}

export interface NetworkOptions extends NetworkChoice {
  /** Pixels of the network's input, a square. */
  readonly size: number;
  /** Of random weights. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: DownloadEvent) => void;
}

/**
 * The network with its weights. They are random only where that is asked for: a file that cannot be had is a `UserError` that names it.
 */
export async function openNetwork(options: NetworkOptions, ofStudy: string): Promise<StudyNetwork> {
  const { weights, size, seed, signal, onProgress } = options;
  checkNetwork(options, ofStudy, size);
  const name = networkName(options, ofStudy);
  if (name === tourVitName) {
    const backbone = createTourVit(size);
    const parameters = createParameters(backbone.table, seed);
    return opened(backbone, parameters, { weights, expected: tourVitExpectation });
  }
  const { depth, expected } = describeVit(name, size);
  const { backbone, parameters, source } = await loadBackbone({ name, weights, size, seed, signal, onProgress }).catch(
    (error: unknown) => {
      // The message is written for a command's option.
      throw error instanceof UserError ? new UserError(error.message.replace('--weights FILE', 'weights=FILE')) : error;
    },
  );
  const label = source.kind === 'file' ? basename(weights) : source.kind;
  return opened({ ...backbone, depth }, parameters, { weights: label, weightsKey: source.sha256, expected });
}

function opened(
  backbone: VitBackbone,
  parameters: Parameters,
  { weightsKey = hashParameters(parameters), ...facts }: Pick<StudyNetwork, 'weights' | 'expected'> & { readonly weightsKey?: string }, // prettier-ignore
): StudyNetwork {
  return { backbone, parameters, weightsKey, ...facts, dispose: () => disposeParameters(parameters) };
}

function describeVit(name: string, size: number): { depth: number; expected: ImageExpectation } {
  const vits = [...pretrainedNames(), ...architectureNames()].filter((each) => findModel(each).family === 'vit');
  const known = [automaticModel, tourVitName, ...vits];
  if (![...pretrainedNames(), ...architectureNames()].includes(name)) {
    throw new UserError(
      `There is no model "${name}"${suggestion(name, known) || '.'} For this notebook there are ${known.join(', ')}.`,
    );
  }
  const record = findModel(name);
  if (record.family !== 'vit')
    throw new UserError(
      `${name} is a ${record.family}, but this notebook is about vision transformers: ${known.join(', ')}.`,
    );
  createBackbone(name, { size });
  const config: VitConfig = vitConfigs[record.architecture];
  return { depth: config.depth, expected: record };
}

/** For people. */
const titles: Readonly<Record<string, string>> = {
  [tourVitName]: 'small ViT',
  'vit_tiny_patch16_224.augreg_in21k': 'ViT-Tiny',
  vit_tiny_patch16_224: 'ViT-Tiny',
  'vit_small_patch14_dinov2.lvd142m': 'DINOv2-S',
  vit_small_patch14_dinov2: 'DINOv2-S',
};

/** A network's name for tables and figures. */
export function networkTitle(name: string): string {
  return titles[name] ?? name;
}

/** The network with a new linear layer for the dataset's classes, all of it to be trained from the network's weights on. */
export function classifierOf(
  { backbone, parameters }: StudyNetwork,
  dataset: Pick<Dataset, 'classNames'>,
  transform: InputTransform,
): Classifier {
  return {
    name: networkTitle(backbone.name),
    table: { ...backbone.table, ...linearHead(backbone.width, dataset.classNames.length) },
    forward: (images, scope) => backbone.forward(images, scope).logits as Tensor2D,
    normalization: transform.normalization,
    transform,
    initial: exportParameters(parameters),
    layerOf: vitLayerOf(backbone),
  };
}
