/** How corrected fine-tuning goes where a cell does not say otherwise. */
import type { WeightsOrigin } from '../../models/network';
import { cutmix, mixup, randomErasing } from '../../training/augmentations';
import { crossEntropy } from '../../training/losses';
import type { Recipe } from '../../training/recipe';

export interface FineTuning {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** What remains of the rate a layer down. */
  readonly layerDecay: number;
  /** Parts of a recipe; none by default. */
  readonly regularization: Pick<Recipe, 'augment' | 'loss'>;
  readonly stochasticDepth: number;
}

/**
 * Of published weights the values with which MAE's code fine-tunes a ViT-B (5·10⁻⁴ for batches of 256, 0.05 and 0.65). The project's own
 * small network bears the study's rate, but for its lower layers; random weights have no lower layers to be kept. `regularization: 'mae'`
 * adds what that code does against learning images by heart in its 100 epochs, but for RandAugment.
 */
export function fineTuning(
  { weights: { source } }: { readonly weights: Pick<WeightsOrigin, 'source'> },
  settings: { readonly learningRate: number; readonly batchSize: number; readonly regularization?: string },
): FineTuning {
  const isPublished = source !== 'random' && source !== 'embedded';
  const isRegularized = settings.regularization === 'mae';
  return {
    learningRate: isPublished ? (2.5e-4 * settings.batchSize) / 128 : settings.learningRate,
    weightDecay: 0.05,
    layerDecay: source === 'random' ? 1 : 0.65,
    regularization: isRegularized
      ? {
          augment: [randomErasing({ probability: 0.25 }), mixup({ alpha: 0.8 }), cutmix({ alpha: 1 })],
          loss: crossEntropy({ labelSmoothing: 0.1 }),
        }
      : {},
    stochasticDepth: isRegularized ? 0.1 : 0,
  };
}
