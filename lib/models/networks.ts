/** The library's networks as values. */
import type { Normalization } from '../data/batches';
import { halfNormalization } from '../data/batches';
import { unitNormalization } from '../data/segmentation-batches';
import { UserError } from '../errors';
import type { Tensor2D } from '../tf';
import { resnetLayerOf } from './layers';
import type { Network } from './network';
import { resnetConfigs, resnetForward, resnetParameters, type ResnetName } from './resnet';
import { unetForward, unetParameters } from './unet';

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
  // prettier-ignore
  const config = resnetConfigs[architecture];
  return {
    name,
    table: resnetParameters(config, { classes: countClasses(classes) }),
    forward: (images, scope) => resnetForward(images, scope, config).logits as Tensor2D,
    normalization,
    weights: { source: 'random' },
    layerOf: resnetLayerOf(config),
    config: { architecture },
  };
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
  const config = { widths: [width, 2 * width, 4 * width, 8 * width, 16 * width] };
  return {
    name: 'U-Net',
    table: unetParameters(config),
    forward: (images, scope) => unetForward(images, scope, config).logits,
    normalization,
    weights: { source: 'random' },
    config: { architecture: 'unet', ...config },
  };
}
