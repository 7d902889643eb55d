import { UserError } from '../errors';
import { confusionMatrix } from './classification';

/**
 * Cohen's kappa with quadratic weights (Cohen 1968), for grades that have an order: 1 − Σ w·observed / Σ w·expected over pairs of grades,
 * w = (i − j)². 1 is agreement, 0 what independent gradings with the same frequencies reach. The distance between two grades is that of
 * their numbers; scikit-learn's `cohen_kappa_score(…, weights='quadratic')` needs `labels=range(grades)` for that, or it closes the gap
 * that an unused grade leaves. Throws a UserError where both sides know one and the same grade only.
 */
export function quadraticWeightedKappa(truth: ArrayLike<number>, predicted: ArrayLike<number>, grades: number): number {
  const counts = confusionMatrix(truth, predicted, grades);
  const ofTruth = new Float64Array(grades);
  const ofPrediction = new Float64Array(grades);
  counts.forEach((count, index) => {
    ofTruth[Math.floor(index / grades)] += count;
    ofPrediction[index % grades] += count;
  });
  let observed = 0;
  let expected = 0; // times the number of images, so that both sums are whole numbers
  counts.forEach((count, index) => {
    const [row, column] = [Math.floor(index / grades), index % grades];
    const weight = (row - column) ** 2;
    observed += weight * count;
    expected += weight * ofTruth[row] * ofPrediction[column];
  });
  if (expected === 0) {
    throw new UserError(
      `Kappa is undefined: all ${truth.length} images have grade ${truth[0]}, in the truth and in the prediction.`,
    );
  }
  return 1 - (observed * truth.length) / expected;
}
