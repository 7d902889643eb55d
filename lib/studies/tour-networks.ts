/**
 * The small networks of the second study's tour: a ResNet and a Swin transformer with the forward passes of the large ones, for images of
 * 28 pixels. There are no published weights of them.
 */
import { resnetForward, resnetParameters, type ResnetConfig } from '../models/resnet';
import type { ParameterTable } from '../models/parameters';
import type { Scope } from '../models/scope';
import { swinForward, swinParameters, type SwinConfig } from '../models/swin';
import type { Tensor2D, Tensor4D } from '../tf';

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
