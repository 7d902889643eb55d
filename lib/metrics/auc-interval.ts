/**
 * Bootstrap intervals of MedMNIST's AUC over the test images, for one model or several seeds of one: every resample takes the same images
 * for all of them and averages their AUCs. Seeds themselves are not resampled, so an interval says how far another test set of this size
 * could move the mean of these trainings.
 */
import { UserError } from '../errors';
import { createRandom, type Random } from '../random';
import { meanAreaUnderRoc, type AbsentClass } from './auc';
import { checkConfidence } from './distributions';
import { mean, quantile, type Interval, type ResamplingOptions } from './intervals';
import { checkScored, column, type Scored } from './scores';

export interface AucInterval extends Interval {
  /** On the images as they are: the mean AUC over the seeds, or its difference. */
  readonly value: number;
  /** Resamples that lacked a label and were drawn again; multi-label tasks only. */
  readonly redrawn: number;
}

export interface AucResampling extends ResamplingOptions {
  /** What to do about classes without an AUC, as in `meanAreaUnderRoc`; `error` by default. */
  readonly absentClass?: AbsentClass;
}

/**
 * Mean AUC over the seeds and its percentile interval. Images are resampled within each class, so that none vanishes; those of a
 * multi-label task, which have no one class, all together. `predictions`: one a seed, of the same images. Reproducible: resample r draws
 * from the stream `createRandom(seed, 'auc-bootstrap', r)`. Throws a UserError where AUC is undefined or the truths differ.
 */
export function pooledAucInterval(predictions: readonly Scored[], options: AucResampling): AucInterval {
  return resampledInterval([predictions], options, ([auc]) => auc);
}

/** First − second in mean AUC, both on the same resampled images. The numbers of seeds may differ. */
export function pooledAucDifference(
  first: readonly Scored[],
  second: readonly Scored[],
  options: AucResampling,
): AucInterval {
  return resampledInterval([first, second], options, ([a, b]) => a - b);
}

function resampledInterval(
  methods: readonly (readonly Scored[])[],
  { seed, confidence = 0.95, resamples = 2000, absentClass }: AucResampling,
  statistic: (aucs: readonly number[]) => number,
): AucInterval {
  checkConfidence(confidence);
  if (!(resamples >= 1)) throw new UserError(`A bootstrap needs resamples; there are ${resamples}.`);
  const all = methods.flat();
  if (methods.some((predictions) => predictions.length === 0))
    throw new UserError('There are no predictions to resample.');
  checkSameImages(all);
  const value = statistic(
    methods.map((predictions) => mean(predictions.map((scored) => meanAreaUnderRoc({ ...scored, absentClass }).auc))),
  );

  const curves = methods.map((predictions) => predictions.map(sortedColumns));
  const draw = resampler(all[0]);
  const values = new Float64Array(resamples);
  let redrawn = 0;
  for (let resample = 0; resample < resamples; resample++) {
    const random = createRandom(seed, 'auc-bootstrap', resample);
    let result = NaN;
    for (let attempt = 0; Number.isNaN(result); attempt++) {
      if (attempt === mostAttempts) {
        throw new UserError(
          `${mostAttempts} resamples in a row lack a label: it has too few images for a bootstrap interval of the AUC.`,
        );
      }
      if (attempt > 0) redrawn++;
      const weights = draw(random);
      result = statistic(
        curves.map((seeds) => mean(seeds.map((columns) => mean(columns.map((one) => areaOf(one, weights)))))),
      );
    }
    values[resample] = result;
  }
  const tail = (1 - confidence) / 2;
  return { value, low: quantile(values, tail), high: quantile(values, 1 - tail), redrawn };
}

const mostAttempts = 100;

function checkSameImages(all: readonly Scored[]): void {
  const [{ task, truth, classes }] = all;
  all.forEach((scored, index) => {
    checkScored(scored);
    const same =
      scored.task === task &&
      scored.classes === classes &&
      scored.truth.length === truth.length &&
      Array.prototype.every.call(scored.truth, (label, at) => label === truth[at]);
    if (!same)
      throw new UserError(`Prediction ${index} has other labels than the first: all need the same test split.`);
  });
}

/** How often each image is in a resample. The array is reused. */
function resampler({ task, truth, classes }: Scored): (random: Random) => Uint32Array {
  const multiLabel = task === 'multi-label';
  const count = multiLabel ? truth.length / classes : truth.length;
  const strata = Array.from({ length: multiLabel ? 1 : classes }, (): number[] => []);
  for (let image = 0; image < count; image++) strata[multiLabel ? 0 : truth[image]].push(image);
  const weights = new Uint32Array(count);
  return (random) => {
    weights.fill(0);
    for (const images of strata)
      for (let draws = 0; draws < images.length; draws++) weights[images[random.integer(images.length)]]++;
    return weights;
  };
}

/** One class against the rest, sorted once by ascending score, so that a resample costs one pass. */
interface SortedColumn {
  readonly images: Int32Array;
  /** 1 for images of the class. */
  readonly positive: Uint8Array;
  /** 1 where the next score is a higher one. */
  readonly endsGroup: Uint8Array;
}

/** Those that have an AUC. */
function sortedColumns({ task, truth, scores, classes }: Scored): SortedColumn[] {
  const multiLabel = task === 'multi-label';
  const binary = task === 'binary-class';
  const columns = multiLabel ? classes : scores.length / truth.length;
  return Array.from({ length: binary ? 1 : classes }, (_, index) => {
    const values = column(scores, columns, binary ? columns - 1 : index);
    const images = Int32Array.from(values, (_value, image) => image).sort((a, b) => values[a] - values[b]);
    const isPositive = (image: number): boolean =>
      multiLabel ? truth[image * classes + index] === 1 : truth[image] === (binary ? 1 : index);
    return {
      images,
      positive: Uint8Array.from(images, (image) => (isPositive(image) ? 1 : 0)),
      endsGroup: Uint8Array.from(images, (image, at) => (values[image] === values[images[at + 1]] ? 0 : 1)),
    };
  }).filter(({ positive }) => positive.includes(0) && positive.includes(1));
}

/** The area with each image counted so often, equal scores half; NaN without a pair. Whole numbers up to the division. */
function areaOf({ images, positive, endsGroup }: SortedColumn, weights: Uint32Array): number {
  let doubledWins = 0;
  let positives = 0;
  let negatives = 0;
  let equalPositives = 0;
  let equalNegatives = 0;
  // No branch on the class, which a processor could not predict.
  for (let at = 0; at < images.length; at++) {
    const weight = weights[images[at]];
    const positiveWeight = weight * positive[at];
    equalPositives += positiveWeight;
    equalNegatives += weight - positiveWeight;
    if (endsGroup[at] === 0) continue;
    doubledWins += equalPositives * (2 * negatives + equalNegatives);
    positives += equalPositives;
    negatives += equalNegatives;
    equalPositives = 0;
    equalNegatives = 0;
  }
  return doubledWins / (2 * positives * negatives);
}
