/**
 * The small vision transformer of the tour: it stands in for the study's network where weights are random, so that a notebook takes a
 * minute. There are no published weights for it.
 */
import type { ImageExpectation } from '../data/transform';
import { vitBackboneForward, type Backbone } from '../models/architecture';
import { patchGrid, vitConfigs, vitParameters, type VitConfig } from '../models/vit';

/** Patches of 4×4 pixels, so that small images have as many tokens as large ones have in the study's networks. */
const base: VitConfig = { ...vitConfigs.vit_tiny_patch16_224, patchSize: 4, width: 96, depth: 4, heads: 3 };

export const tourVitName = 'vit_tour_patch4';

/** As ViT-Tiny's weights expect their images. */
export const tourVitExpectation: ImageExpectation = {
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  interpolation: 'bicubic',
  cropFraction: 0.9,
};

/** What the studies need of a vision transformer. */
export interface VitBackbone extends Pick<
  Backbone,
  'name' | 'table' | 'width' | 'inputSize' | 'prefixTokens' | 'forward'
> {
  /** Blocks. */
  readonly depth: number;
}

/**
 * The network for square images of a size.
 * @throws UserError where the patches do not divide it
 */
export function createTourVit(size: number): VitBackbone {
  const inputSize = { height: size, width: size };
  const grid = patchGrid(inputSize, base);
  const config: VitConfig = { ...base, grid };
  return {
    name: tourVitName,
    depth: config.depth,
    table: vitParameters(config, { classes: 0 }),
    width: config.width,
    inputSize,
    prefixTokens: 1,
    forward: vitBackboneForward(config),
  };
}
