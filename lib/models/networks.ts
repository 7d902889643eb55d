/** The library's networks as values. */
import type { Normalization } from '../data/batches';
import { halfNormalization } from '../data/batches';
import { unitNormalization } from '../data/segmentation-batches';
import { UserError } from '../errors';
import type { Network } from './network';
import { buildNetwork, type NetworkSpec } from './network-spec';
import { resnetConfigs, type ResnetName } from './resnet';

/** Names of classes, or how many there are. */
export type Classes = readonly string[] | number;

export interface ClassifierOptions {
  readonly classes: Classes;
  /** Of the images; [−1, 1] by default. */
  readonly normalization?: Normalization;
}

/** torchvision's ResNet-18 (He et al. 2016) from random weights; 11,180,616 trained values for 8 classes. */
export function resnet18(options: ClassifierOptions): Network {
  return resnet('resnet18', 'ResNet-18', options);
}

/** torchvision's ResNet-50 from random weights; 23,524,424 trained values for 8 classes. */
export function resnet50(options: ClassifierOptions): Network {
  return resnet('resnet50', 'ResNet-50', options);
}

function resnet(
  architecture: ResnetName,
  name: string,
  { classes, normalization = halfNormalization }: ClassifierOptions,
): Network {
  const { depths, block } = resnetConfigs[architecture];
  const spec = { architecture, classes: countClasses(classes), depths: [...depths], block };
  return libraryNetwork({ family: 'resnet', ...spec }, { name, normalization });
}

/** A network of the library as its spec has it; `facts` are what else is to be said of it. */
export function libraryNetwork(
  spec: NetworkSpec,
  facts: Pick<Network, 'name' | 'normalization'> & Partial<Network>,
): Network {
  const { table, forward, layerOf } = buildNetwork(spec);
  return { table, forward, layerOf, weights: { source: 'random' }, ...facts, config: spec };
}

/** How many classes a head has. @throws UserError for less than two */
export function countClasses(classes: Classes): number {
  const count = typeof classes === 'number' ? classes : classes.length;
  if (!(Number.isInteger(count) && count >= 2))
    throw new UserError(`classes is ${JSON.stringify(classes)}, but a classifier needs two or more: give their names or their number.`); // prettier-ignore
  return count;
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
