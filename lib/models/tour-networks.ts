/**
 * The small networks of the tours: a ResNet and a Swin transformer with the forward passes of the large ones, for images of 28 pixels.
 * There are no published weights of them.
 */
import type { Tensor2D, Tensor4D } from '../tf';
import type { ParameterTable } from './parameters';
import { resnetForward, resnetParameters, type ResnetConfig } from './resnet';
import type { Scope } from './scope';
import { swinForward, swinParameters, type SwinConfig } from './swin';

/** One block a stage, a quarter of the width. */
const resnet: ResnetConfig = { depths: [1, 1, 1, 1], block: 'basic', width: 16 };

/** Two blocks on patches of 4×4 pixels: one window has all of the image, and need not move. */
const swin: SwinConfig = { patchSize: 4, window: 7, width: 64, depths: [2], heads: [2], normEpsilon: 1e-5 };

interface TourNetwork {
  table(classes: number): ParameterTable;
  /** images: N×28×28×3, normalised → N×classes. */
  forward(images: Tensor4D, scope: Scope): Tensor2D;
}

export const tourArchitectures = {
  resnet_tour: {
    table: (classes) => resnetParameters(resnet, { classes }),
    forward: (images, scope) => resnetForward(images, scope, resnet).logits as Tensor2D,
  },
  swin_tour: {
    table: (classes) => swinParameters(swin, { classes }),
    forward: (images, scope) => swinForward(images, scope, swin).logits as Tensor2D,
  },
} as const satisfies Record<string, TourNetwork>;

export type TourArchitecture = keyof typeof tourArchitectures;
