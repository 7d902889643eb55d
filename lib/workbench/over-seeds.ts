/**
 * What a cell calls to train with several seeds: how much of a score, and of a difference, is the chance in training.
 */
import type { Dataset } from '../data/dataset';
import { formatInterval } from '../display/format';
import type { Displayable } from '../display/mime';
import { status } from '../display/status';
import { table } from '../display/tables';
import { intervalOverDraws, intervalTitle, type Estimate } from '../metrics/interval-over-draws';
import { mean } from '../metrics/intervals';
import { pairedDifferences } from '../metrics/paired-comparison';
import { predictedLabels } from '../metrics/scores';
import type { ClassifierEvaluation } from '../runs/evaluate';
import { signed } from './claims';

export interface OverSeedsOptions {
  /** The first one. */
  readonly seed: number;
  /** 1 leaves it out. */
  readonly seeds: number;
}

type Evaluations = Readonly<Record<string, ClassifierEvaluation | undefined>>;

/**
 * Trains and tests with each seed: the mean accuracy of each network over seeds, and of each network but the first what
 * it has more than the one before, image by image, with intervals over test images and seeds. What was trained before
 * is there at once; a stopped one continues with the same cell.
 * @param task what is trained with a seed, and its scores on the test images of `data`, by the network's name
 */
export async function overSeeds(
  data: Pick<Dataset, 'title' | 'splits'>,
  { seed: first, seeds }: OverSeedsOptions,
  task: (seed: number) => Promise<Evaluations>,
): Promise<Displayable | undefined> {
  if (seeds === 1)
    return status(
      'One seed: nothing is known of others. With seeds = 5, each network is trained five times, and there are intervals over seeds.',
      { kind: 'info' },
    );
  const tests = new Map<string, ClassifierEvaluation[]>();
  for (let seed = first; seed < first + seeds; seed++)
    for (const [network, test] of Object.entries(await task(seed))) {
      if (test === undefined) return undefined;
      tests.set(network, [...(tests.get(network) ?? []), test]);
    }
  return table(seedRows(tests, data.splits.test.labels), {
    caption: `Accuracy on the test images of ${data.title}, means; ${intervalTitle(seeds, 'seeds')}`,
  });
}

/** Networks first, then differences. */
export function seedRows(tests: ReadonlyMap<string, readonly ClassifierEvaluation[]>, labels: ArrayLike<number>) {
  const names = [...tests.keys()];
  const right = new Map([...tests].map(([name, own]) => [name, own.map((test) => shareRight(test, labels))]));
  const of = (name: string): Float64Array[] => right.get(name) ?? [];
  const row = (network: string, accuracy: string, estimate: Estimate, values: readonly number[], macroF1: number) => {
    const range = { lowest: Math.min(...values), highest: Math.max(...values) };
    return { network, accuracy, interval: formatInterval(estimate), ...range, macroF1 };
  };
  const scores = names.map((name) => {
    const estimate = intervalOverDraws(of(name), { bounds: [0, 1] });
    const macroF1 = mean((tests.get(name) ?? []).map((test) => test.macroF1));
    return row(name, estimate.mean.toFixed(3), estimate, of(name).map(mean), macroF1);
  });
  const differences = names.slice(1).map((name, at) => {
    const paired = pairedDifferences(of(name), of(names[at]));
    const estimate = intervalOverDraws(paired, { bounds: [-1, 1] });
    return row(`${name} − ${names[at]}`, signed(estimate.mean), estimate, paired.map(mean), NaN);
  });
  return [...scores, ...differences];
}

/** Of each image, the share of its labels that are right: 0 or 1 where it has one class. */
function shareRight({ probabilities, classNames }: ClassifierEvaluation, labels: ArrayLike<number>): Float64Array {
  const classes = classNames.length;
  const images = probabilities.length / classes;
  const width = labels.length / images;
  const task = width === 1 ? 'multi-class' : 'multi-label';
  const predicted = predictedLabels({ task, truth: labels, scores: probabilities, classes });
  const isRight = (at: number): number => Number(predicted[at] === labels[at]);
  return Float64Array.from({ length: images }, (_, image) =>
    mean(Array.from({ length: width }, (_, at) => isRight(image * width + at))),
  );
}
