/** Networks without a head, as values: their weights, embedded, from the hub, a file or a seed, and what images these were made with. */
import { basename } from 'node:path';
import type { ImageExpectation } from '../data/transform';
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import type { Backbone } from './architecture';
import { createBackbone, loadBackbone } from './backbone';
import type { WeightsOptions } from './hub';
import type { ImageTransform, Network, WeightsOrigin } from './network';
import type { NetworkSpec } from './network-spec';
import { countClasses, libraryNetwork, vitSpec, type Classes } from './networks';
import {
  disposeParameters,
  exportParameters,
  hashParameters,
  type ParameterTable,
  type Parameters,
  type PublishedValues,
} from './parameters';
import { convnextConfigs } from './convnext';
import { resnetConfigs } from './resnet';
import { swinConfigs } from './swin';
import { vitConfigs, type VitConfig } from './vit';
import { checkWeights } from './weights-source';

export interface BackboneOptions {
  /** Of the registry: with a tag such as `vit_tiny_patch16_224.augreg_in21k`, or without for embedded and random weights and files. */
  readonly model: string;
  /** `embedded`, `hub`, `random`, or the path of a .safetensors file. */
  readonly weights: string;
  /** Pixels a side; by default what the weights were made for. */
  readonly size?: number;
  /** Of random weights; 0 by default. */
  readonly seed?: number;
}

/** A network without a head, with its weights in memory: nothing has to be disposed. */
export interface OpenedBackbone {
  /** In the registry. */
  readonly name: string;
  /** For tables and figures, such as `ViT-Tiny`. */
  readonly title: string;
  readonly table: ParameterTable;
  /** images: N×H×W×3, normalised → N×width features, and what else is asked for. */
  readonly forward: Backbone['forward'];
  /** Values an image. */
  readonly width: number;
  /** Pixels. */
  readonly inputSize: PlaneSize;
  /** Tokens before the first patch. */
  readonly prefixTokens: number;
  /** Of a vision transformer. */
  readonly vit: VitConfig | undefined;
  /** What a saved model says of the network with a head. */
  spec(classes: number): NetworkSpec;
  /** Of the images that the weights were made with. */
  readonly expected: ImageExpectation;
  /** In the published layout. */
  readonly values: PublishedValues;
  readonly weights: WeightsOrigin & { readonly sha256: string };
  /** Of random weights. */
  readonly seed: number | undefined;
}

/** Names for people. */
const titles: Readonly<Record<string, string>> = {
  vit_mini_patch4: 'mini ViT',
  'vit_tiny_patch16_224.augreg_in21k': 'ViT-Tiny',
  vit_tiny_patch16_224: 'ViT-Tiny',
  'vit_small_patch14_dinov2.lvd142m': 'DINOv2-S',
  vit_small_patch14_dinov2: 'DINOv2-S',
  'convnext_tiny.fb_in1k': 'ConvNeXt-Tiny',
  convnext_tiny: 'ConvNeXt-Tiny',
};

/** What is known of a network before its weights are there. */
function describe({ model, size }: BackboneOptions): Omit<OpenedBackbone, 'values' | 'weights' | 'seed'> {
  const { table, forward, width, inputSize, prefixTokens, positionGrid, record } = createBackbone(model, { size });
  const { family, architecture } = record;
  const vit: VitConfig | undefined = family === 'vit' ? { ...vitConfigs[architecture], grid: positionGrid } : undefined;
  const spec = (classes: number): NetworkSpec => backboneSpec({ record, positionGrid }, classes);
  const facts = { name: model, title: titles[model] ?? model, inputSize, prefixTokens, width, vit };
  return { ...facts, table, forward, spec, expected: record };
}

/** What a saved model says of a network of the registry with a head for so many classes. */
export function backboneSpec(
  { record, positionGrid }: Pick<Backbone, 'record' | 'positionGrid'>,
  classes: number,
): NetworkSpec {
  const common = { architecture: record.architecture, classes };
  if (record.family === 'vit') return vitSpec({ ...vitConfigs[record.architecture], grid: positionGrid }, common);
  if (record.family === 'swin') {
    const { depths, heads, ...config } = swinConfigs[record.architecture];
    return { family: 'swin', ...common, ...config, depths: [...depths], heads: [...heads] };
  }
  if (record.family === 'convnext') {
    const { widths, depths, ...config } = convnextConfigs[record.architecture];
    return { family: 'convnext', ...common, ...config, widths: [...widths], depths: [...depths] };
  }
  const { depths, block } = resnetConfigs[record.architecture];
  return { family: 'resnet', ...common, depths: [...depths], block };
}

/**
 * Looks at what is asked for, without a download.
 * @throws UserError for an unknown network, a size that does not fit, and a weights file that is not there
 */
export function checkBackbone(options: BackboneOptions): void {
  describe(options);
  checkWeights(options.weights, options.model);
}

/**
 * The network with its weights. They are random only where that is asked for.
 * @throws UserError for an unknown network, and for weights that cannot be had or do not fit
 */
export async function openBackbone(options: BackboneOptions & WeightsOptions): Promise<OpenedBackbone> {
  const { model, weights, seed = 0, size, ...loading } = options;
  checkBackbone(options);
  const described = { ...describe(options), seed: weights === 'random' ? seed : undefined };
  const { parameters, source } = await loadBackbone({ ...loading, name: model, weights, size, seed }).catch(
    (error: unknown) => {
      // The message is written for a command's option.
      throw error instanceof UserError ? new UserError(error.message.replace('--weights FILE', 'weights=FILE')) : error;
    },
  );
  const origin = { source: source.kind === 'file' ? basename(weights) : source.kind, sha256: source.sha256 };
  return { ...described, ...taken(parameters, origin) };
}

/** The values of parameters, which are disposed. */
function taken(parameters: Parameters, origin: WeightsOrigin): Pick<OpenedBackbone, 'values' | 'weights'> {
  try {
    const weights = { ...origin, sha256: origin.sha256 ?? hashParameters(parameters) };
    return { values: exportParameters(parameters), weights };
  } finally {
    disposeParameters(parameters);
  }
}

export interface ClassifierOfBackbone {
  readonly classes: Classes;
  /** What brings images to its size; see `input`. */
  readonly input: ImageTransform;
  /**
   * In training, residual branches are left out at random, image by image: the share in the last block, rising evenly from 0 in the first
   * (timm's `drop_path_rate`). Of transformers and ConvNeXt; 0 by default.
   */
  readonly stochasticDepth?: number;
}

/**
 * The backbone with a new linear layer for the classes: all of it is trained from the backbone's weights on, unless
 * `freeze` says otherwise. The layer starts from the values of PyTorch's `nn.Linear`.
 * @throws UserError for a rate of stochastic depth that is none, or of a ResNet
 */
export function classifier(
  { title: name, table, values: initial, weights, width, spec: specOf }: OpenedBackbone,
  { classes, input, stochasticDepth = 0 }: ClassifierOfBackbone,
): Network {
  const { normalization } = input;
  const spec = specOf(countClasses(classes));
  if (!(stochasticDepth >= 0 && stochasticDepth < 1))
    throw new UserError(`stochasticDepth is ${stochasticDepth}, but must be at least 0 and below 1.`);
  if (stochasticDepth > 0 && spec.family === 'resnet')
    throw new UserError(
      `${name} has no branches that stochasticDepth could leave out: take a transformer or ConvNeXt.`,
    );
  const facts = { name, normalization, transform: input, initial, weights };
  const whole = libraryNetwork(spec, facts, stochasticDepth);
  const isOfHead = (parameter: string): boolean => !(parameter in table);
  const entries = Object.entries(whole.table).map(([parameter, given]) => {
    return [parameter, isOfHead(parameter) ? { ...given, initial: { uniformIn: width } } : given] as const;
  });
  return { ...whole, table: Object.fromEntries(entries) };
}
