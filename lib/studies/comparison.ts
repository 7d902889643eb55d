import { DataFrame } from 'danfojs-node';
import type { Dataset } from '../data/dataset';
import { wilsonInterval } from '../metrics/intervals';
import type { ClassificationRow, Results } from './results';

/** A figure of a study, for the same data only. */
export interface PublishedResult {
  readonly model: string;
  /** Registry name. */
  readonly dataset: string;
  /** Pixels a side: the same study at another size is another experiment. */
  readonly size: number;
  readonly testAccuracy: number;
  readonly testMacroF1: number;
}

/**
 * The comparison table of a notebook: a row for each arm of each training, with a 95 % interval over the test images (Wilson), and the
 * study's own figures where the data are the study's.
 */
export function comparisonRows(
  all: readonly Results[],
  published: readonly PublishedResult[],
  dataset: Dataset,
): DataFrame {
  const images = dataset.splits.test.count;
  const ours = all.flatMap(({ results }) =>
    (results as unknown as ClassificationRow[]).map((row) => ourRow(row, images)),
  );
  const theirs = published
    .filter((row) => row.dataset === dataset.name && row.size === dataset.height)
    .map(publishedRow);
  return new DataFrame([...theirs, ...ours]);
}

function ourRow(row: ClassificationRow, images: number) {
  const { low, high } = wilsonInterval(Math.round(row.testAccuracy * images), images);
  const { epochs, batchSize, learningRate, weightDecay, seed } = row.settings;
  return {
    model: row.model,
    arm: row.arm,
    testAccuracy: row.testAccuracy,
    interval: `${low.toFixed(3)} – ${high.toFixed(3)}`,
    testMacroF1: row.testMacroF1,
    testAuc: row.testAuc ?? NaN,
    bestValAccuracy: row.bestValAccuracy,
    epochs: Number(epochs),
    batchSize: Number(batchSize),
    learningRate: Number(learningRate),
    weightDecay: Number(weightDecay),
    seed: Number(seed),
    seconds: row.seconds,
  };
}

/** The study tells its settings in its text; what it does not report stays empty. */
function publishedRow({ model, testAccuracy, testMacroF1 }: PublishedResult) {
  const unknown = {
    testAuc: NaN,
    bestValAccuracy: NaN,
    epochs: 20,
    batchSize: 128,
    learningRate: 1e-3,
    weightDecay: 1e-5,
    seed: 42,
    seconds: NaN,
  };
  return { model: `${model} (the study)`, arm: 'as-published', testAccuracy, interval: '', testMacroF1, ...unknown };
}
