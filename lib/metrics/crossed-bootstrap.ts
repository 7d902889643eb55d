import { UserError } from '../errors';
import { createRandom } from '../random';
import { checkConfidence } from './distributions';
import { mean, meanInterval, quantile, type Interval, type ResamplingOptions } from './intervals';
import { checkFinite } from './scores';

export interface CrossedBootstrapOptions extends ResamplingOptions {
  /** Draws × images: what a model trained on draw d of the training images (or with seed d) scores on test image i. */
  readonly values: readonly ArrayLike<number>[];
}

/**
 * Percentile bootstrap interval of the mean over draws and images. Draws and images are resampled independently of each other, and each
 * resampled draw is seen on the same resampled images: all models share one test set, so that an image is hard or easy for all
 * of them (the pigeonhole bootstrap of Owen 2007). Resampling images for each draw anew would take their effect for noise that averages out.
 * For a comparison of two methods over the same draws and images, `values` are the differences.
 * Reproducible: resample r takes draws, then images, from the stream `createRandom(seed, 'crossed-bootstrap', r)`.
 * @throws UserError for fewer than two draws, rows of different lengths, and values that are not finite
 */
export function crossedBootstrapInterval(options: CrossedBootstrapOptions): Interval & { readonly mean: number } {
  const { values, seed, confidence = 0.95, resamples = 2000 } = options;
  checkConfidence(confidence);
  checkTable(values);
  if (!(resamples >= 1)) throw new UserError(`A bootstrap needs resamples; there are ${resamples}.`);
  const [draws, images] = [values.length, values[0].length];
  const means = new Float64Array(resamples);
  const ofImage = new Float64Array(images);
  for (let resample = 0; resample < resamples; resample++) {
    const random = createRandom(seed, 'crossed-bootstrap', resample);
    ofImage.fill(0);
    for (let draw = 0; draw < draws; draw++) {
      const row = values[random.integer(draws)];
      for (let image = 0; image < images; image++) ofImage[image] += row[image];
    }
    let sum = 0;
    for (let image = 0; image < images; image++) sum += ofImage[random.integer(images)];
    means[resample] = sum / (draws * images);
  }
  const tail = (1 - confidence) / 2;
  return { mean: mean(values.map(mean)), low: quantile(means, tail), high: quantile(means, 1 - tail) };
}

/**
 * The mean of `values`, draws × images, and its interval over draws and images; over images alone where there is one draw.
 * @throws UserError where there are none, or where they do not fit together
 */
export function intervalOverDraws(options: CrossedBootstrapOptions): Interval & { readonly mean: number } {
  const { values, ...resampling } = options;
  if (values.length !== 1) return crossedBootstrapInterval(options);
  return { mean: mean(values[0]), ...meanInterval(values[0], resampling) };
}

function checkTable(values: readonly ArrayLike<number>[]): void {
  if (values.length < 2)
    throw new UserError(
      `Draws are resampled, so at least two are needed; there is ${values.length === 0 ? 'none' : 'one'}. Of one, take bootstrapInterval over its images.`,
    );
  const images = values[0].length;
  if (images === 0) throw new UserError('There are no images to resample.');
  values.forEach((row, draw) => {
    if (row.length !== images)
      throw new UserError(
        `Draw ${draw} has ${row.length} images, but draw 0 has ${images}: all need the same test set.`,
      );
    checkFinite(row, `Draw ${draw}, image`);
  });
}
