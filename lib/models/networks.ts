/** The library's networks as values. */
import { halfNormalization, type Normalization, unitNormalization } from '../data/normalization';
import { UserError } from '../errors';
import { convnextConfigs } from './convnext';
import type { ImageTransform, Network } from './network';
import { linearHead } from './parameters';
import { linear as linearLayer } from './scope';
import { buildNetwork, type NetworkSpec } from './network-spec';
import { resnetConfigs, type ResnetName } from './resnet';
import { patchGrid, vitConfigs, type VitConfig } from './vit';

/** Names of classes, or how many there are. */
export type Classes = readonly string[] | number;

export interface ClassifierOptions {
  readonly classes: Classes;
  /** Of the images; [−1, 1] by default. */
  readonly normalization?: Normalization;
  /** Brings images to another size first, and has the normalisation then; see `input`. */
  readonly input?: ImageTransform;
}

export interface ResnetOptions extends ClassifierOptions {
  /** Channels of the first stage; 64 by default. With a quarter of them, a network has a sixteenth of the values. */
  readonly width?: number;
}

/** torchvision's ResNet-18 (He et al. 2016) from random weights; 11,180,616 trained values for 8 classes. */
export function resnet18(options: ResnetOptions): Network {
  return resnet('resnet18', 'ResNet-18', options);
}

/** torchvision's ResNet-50 from random weights; 23,524,424 trained values for 8 classes. */
export function resnet50(options: ResnetOptions): Network {
  return resnet('resnet50', 'ResNet-50', options);
}

function resnet(
  architecture: ResnetName,
  name: string,
  { classes, input, width, normalization = input?.normalization ?? halfNormalization }: ResnetOptions,
): Network {
  const { depths, block } = resnetConfigs[architecture];
  const spec = { architecture, classes: countClasses(classes), depths: [...depths], block, ...(width && { width }) };
  const title = width === undefined ? name : `${name}, ${width} channels`;
  return libraryNetwork({ family: 'resnet', ...spec }, { name: title, normalization, transform: input });
}

export interface VitOptions extends ClassifierOptions {
  /** Pixels a side of the images; by default those of `input`, or 224. */
  readonly size?: number;
  /** Pixels a side of a patch; 16 by default. */
  readonly patchSize?: number;
  /** Values a token; 192 by default. */
  readonly width?: number;
  /** Blocks; 12 by default. */
  readonly depth?: number;
  /** Of each block; 3 by default. */
  readonly heads?: number;
}

/**
 * A vision transformer (Dosovitskiy et al. 2021) from random weights; ViT-Tiny by default.
 * @throws UserError where patches do not divide the images
 */
export function vit(options: VitOptions): Network {
  const { classes, input, normalization = input?.normalization ?? halfNormalization } = options;
  const { size = input?.width ?? 224, patchSize = 16, width = 192, depth = 12, heads = 3 } = options;
  const shape = { ...vitConfigs.vit_tiny_patch16_224, patchSize, width, depth, heads };
  const spec = vitSpec(
    { ...shape, grid: patchGrid({ height: size, width: size }, shape) },
    { architecture: 'vit', classes: countClasses(classes) },
  );
  const name = `ViT ${depth}×${width}, patches of ${patchSize}`;
  return libraryNetwork(spec, { name, normalization, transform: input });
}

/** What a saved model says of a vision transformer. */
export function vitSpec(
  config: VitConfig,
  common: { readonly architecture: string; readonly classes: number },
): NetworkSpec {
  return { family: 'vit', ...common, ...vitShape(config) };
}

/** Its layers, without what is not there. */
export function vitShape({ grid, layerScale, ...config }: VitConfig) {
  const positions = grid === undefined ? {} : { grid: [...grid] as [number, number] };
  const scales = layerScale === undefined ? {} : { layerScale: [...layerScale] as [string, string] };
  return { ...config, ...positions, ...scales };
}

/** A network of the library as its spec has it; `facts` are what else is to be said of it. A rate of stochastic depth belongs to a training, not to what is saved. */
export function libraryNetwork(
  spec: NetworkSpec,
  facts: Pick<Network, 'name' | 'normalization'> & Partial<Network>,
  stochasticDepth = 0,
): Network {
  const { table, forward, layerOf, trainable } = buildNetwork(spec, stochasticDepth);
  const identity = stochasticDepth > 0 ? { config: { ...spec, stochasticDepth }, spec } : { config: spec };
  return { table, forward, layerOf, trainable, weights: { source: 'random' }, ...facts, ...identity };
}

/** How many classes a head has. @throws UserError for less than two */
export function countClasses(classes: Classes): number {
  const count = typeof classes === 'number' ? classes : classes.length;
  if (!(Number.isInteger(count) && count >= 2))
    throw new UserError(
      `classes is ${JSON.stringify(classes)}, but a classifier needs two or more: give their names or their number.`,
    );
  return count;
}

export interface SwinOptions extends ClassifierOptions {
  /** Pixels a side of a patch; 4 by default. */
  readonly patchSize?: number;
  /** Patches a side of a window; 7 by default. Each stage's map has to be a multiple of it. */
  readonly window?: number;
  /** Channels of the first stage; 96 by default. */
  readonly width?: number;
  /** Blocks of each stage; 2, 2, 6, 2 by default: 224 pixels a side. One stage, [2], is for 28. */
  readonly depths?: readonly number[];
  /** Of each stage; by default one for 32 channels. */
  readonly heads?: readonly number[];
}

/** A Swin transformer (Liu et al. 2021) from random weights; Swin-T by default, 27,525,506 trained values for 8 classes. */
export function swin(options: SwinOptions): Network {
  const { classes, input, normalization = input?.normalization ?? halfNormalization } = options;
  const { patchSize = 4, window = 7, width = 96, depths = [2, 2, 6, 2] } = options;
  const heads = options.heads ?? depths.map((_, stage) => Math.max(1, (width * 2 ** stage) / 32));
  const shape = { patchSize, window, width, depths: [...depths], heads: [...heads], normEpsilon: 1e-5 };
  const name = `Swin ${depths.join('-')}×${width}`;
  const spec = { family: 'swin', architecture: 'swin', classes: countClasses(classes), ...shape } as const;
  return libraryNetwork(spec, { name, normalization, transform: input });
}

export interface ConvnextOptions extends ClassifierOptions {
  /** Channels of each stage; 96, 192, 384, 768 by default. */
  readonly widths?: readonly number[];
  /** Blocks of each stage; 3, 3, 9, 3 by default. */
  readonly depths?: readonly number[];
}

/** A ConvNeXt (Liu et al. 2022) from random weights; ConvNeXt-Tiny by default, 27,826,280 trained values for 8 classes. */
export function convnext(options: ConvnextOptions): Network {
  const { classes, input, normalization = input?.normalization ?? halfNormalization } = options;
  const { patchSize, normEpsilon, ...tiny } = convnextConfigs.convnext_tiny;
  const { widths = tiny.widths, depths = tiny.depths } = options;
  if (widths.length !== depths.length)
    throw new UserError(`widths and depths are of ${widths.length} and ${depths.length} stages: give as many of both.`);
  const shape = { patchSize, widths: [...widths], depths: [...depths], normEpsilon };
  const spec = { family: 'convnext', architecture: 'convnext', classes: countClasses(classes), ...shape } as const;
  return libraryNetwork(spec, { name: `ConvNeXt ${depths.join('-')}×${widths[0]}`, normalization, transform: input });
}

export interface LinearOptions extends ClassifierOptions {
  /** Pixels a side of the images; by default those of `input`. */
  readonly size?: number;
}

/**
 * A line through the pixels, which every other network should beat: logistic regression. images: N×size×size×3 → N×classes.
 * @throws UserError without a size
 */
export function linear({
  classes,
  input,
  size = input?.width,
  normalization = input?.normalization ?? halfNormalization,
}: LinearOptions): Network {
  if (size === undefined) throw new UserError('linear needs the size of the images: linear({ classes, size: 28 }).');
  const values = size * size * 3;
  return {
    name: 'linear, of pixels',
    table: linearHead(values, countClasses(classes)),
    forward: (images, scope) => linearLayer(images.reshape([-1, values]), scope.at('head')),
    normalization,
    transform: input,
    weights: { source: 'random' },
    config: { architecture: 'linear', size },
  };
}

export interface UnetOptions {
  /** Channels of the finest level; each of the four coarser ones has twice as many. 32 by default: 7,763,041 values. */
  readonly width?: number;
  /** Of the images; [0, 1] by default. */
  readonly normalization?: Normalization;
}

/** U-Net (Ronneberger et al. 2015) with batch norm, for one mask, from random weights. images: N×H×W×3 → N×H×W×1. */
export function unet({ width = 32, normalization = unitNormalization }: UnetOptions = {}): Network {
  const widths = [1, 2, 4, 8, 16].map((times) => times * width);
  return libraryNetwork({ family: 'unet', architecture: 'unet', classes: 1, widths }, { name: 'U-Net', normalization });
}
