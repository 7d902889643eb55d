/**
 * The small networks of the tours: a ResNet and a Swin transformer for images of 28 pixels, and vision transformers, with the forward
 * passes of the large ones.
 * There are no published weights of them.
 */
import type { NetworkSpec } from './network-spec';
import type { ParameterTable } from './parameters';
import { vitConfigs, vitParameters, type VitConfig } from './vit';

export const tourSpecs = {
  /** One block a stage, a quarter of the width. */
  resnet_tour(classes: number): NetworkSpec {
    const architecture = 'resnet_tour';
    return { family: 'resnet', architecture, classes, depths: [1, 1, 1, 1], block: 'basic', width: 16 };
  },
  /** Two blocks on patches of 4×4 pixels: one window has all of the image, and need not move. */
  swin_tour(classes: number): NetworkSpec {
    const shape = { patchSize: 4, window: 7, width: 64, depths: [2], heads: [2], normEpsilon: 1e-5 };
    return { family: 'swin', architecture: 'swin_tour', classes, ...shape };
  },
};

export type TourArchitecture = keyof typeof tourSpecs;

/** Smaller patches, so that a small image has as many as a large one has in a study. */
const vit: VitConfig = { ...vitConfigs.vit_small_patch16_dinov3, patchSize: 8 };

/** Of DINOv3's shape; as many blocks as its sizes have, so that the large one can be cut too. */
export const tourVits = {
  small: { ...vit, width: 48, heads: 3 },
  base: { ...vit, width: 64, heads: 4 },
  large: { ...vit, width: 64, heads: 4, depth: 24 },
} as const satisfies Record<string, VitConfig>;

/** Blocks of random weights that begin with a layer scale of 10⁻⁵ would all give the same map: here they have a say. */
export function tourVitParameters(config: VitConfig): ParameterTable {
  const table = vitParameters(config, { classes: 0 });
  return Object.fromEntries(
    Object.entries(table).map(([name, spec]) => [name, /\.gamma_\d$/.test(name) ? { ...spec, initial: 3 } : spec]),
  );
}
