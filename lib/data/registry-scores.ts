import type { medmnist } from './registry-medmnist';
import type { PublishedScore } from './registry-types';

/**
 * Area under the curve and accuracy on the test split, from Table 3 of Yang et al. 2023: ResNets from random initialization, Adam,
 * 100 epochs, best validation area, mean of at least three runs. At 28 pixels with a 3×3 first convolution, at 224 as in torchvision.
 */
// prettier-ignore
const table3 = {
  //               ResNet-18, 28   ResNet-18, 224  ResNet-50, 28   ResNet-50, 224
  pathmnist:      [[0.983, 0.907], [0.989, 0.909], [0.990, 0.911], [0.989, 0.892]],
  chestmnist:     [[0.768, 0.947], [0.773, 0.947], [0.769, 0.947], [0.773, 0.948]],
  dermamnist:     [[0.917, 0.735], [0.920, 0.754], [0.913, 0.735], [0.912, 0.731]],
  octmnist:       [[0.943, 0.743], [0.958, 0.763], [0.952, 0.762], [0.958, 0.776]],
  pneumoniamnist: [[0.944, 0.854], [0.956, 0.864], [0.948, 0.854], [0.962, 0.884]],
  retinamnist:    [[0.717, 0.524], [0.710, 0.493], [0.726, 0.528], [0.716, 0.511]],
  breastmnist:    [[0.901, 0.863], [0.891, 0.833], [0.857, 0.812], [0.866, 0.842]],
  bloodmnist:     [[0.998, 0.958], [0.998, 0.963], [0.997, 0.956], [0.997, 0.950]],
  tissuemnist:    [[0.930, 0.676], [0.933, 0.681], [0.931, 0.680], [0.932, 0.680]],
  organamnist:    [[0.997, 0.935], [0.998, 0.951], [0.997, 0.935], [0.998, 0.947]],
  organcmnist:    [[0.992, 0.900], [0.994, 0.920], [0.992, 0.905], [0.993, 0.911]],
  organsmnist:    [[0.972, 0.782], [0.974, 0.778], [0.972, 0.770], [0.975, 0.785]],
} as const satisfies Readonly<Record<keyof typeof medmnist, readonly [Score, Score, Score, Score]>>;

type Score = readonly [auc: number, accuracy: number];

const columns = [
  { model: 'ResNet-18', size: 28 },
  { model: 'ResNet-18', size: 224 },
  { model: 'ResNet-50', size: 28 },
  { model: 'ResNet-50', size: 224 },
] as const;

/** The published test scores of a dataset, fractions. */
export function publishedScores(name: keyof typeof medmnist): readonly PublishedScore[] {
  return table3[name].map(([auc, accuracy], index) => ({ ...columns[index], auc, accuracy }));
}
