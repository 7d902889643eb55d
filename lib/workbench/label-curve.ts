/** How many labels a way of classifying needs: its test accuracy from a few training images of each class on. */
import type { Dataset, SplitName } from '../data/dataset';
import { fewLabelled, takeFew } from '../data/few-labels';
import type { FigureDisplay } from '../display/figure';
import { lineComparison } from '../display/line-chart';
import { interruptible } from '../interrupt';
import { mean } from '../metrics/intervals';
import { evaluateClassifier } from '../runs/evaluate';
import type { Run } from '../runs/train';
import type { Features } from '../training/backbone-features';
import { featureSet, type FeatureSet, type FeatureSets } from '../training/feature-set';
import { logisticRegression, type LogisticSettings } from '../training/logistic-regression';

export interface LabelBudget {
  /** Training images of each class. */
  readonly perClass: readonly number[];
  /** Each chooses other images. */
  readonly seeds: readonly number[];
}

/** Test accuracies at a number of images a class, one a seed. */
export interface LabelPoint {
  readonly perClass: number;
  readonly accuracies: readonly number[];
}

/** Penalties that few labels ask for; the validation images choose. */
const usual: LogisticSettings = { regularizations: [0.01, 1, 100], maxIterations: 60, tolerance: 1e-3 };

/** Logistic regression on frozen features of a few training images; undefined where there are no features. */
export async function labelCurve(
  from: Pick<Features, 'kept'> | { readonly kept: { readonly sets: FeatureSets } } | undefined,
  { perClass, seeds }: LabelBudget,
  settings: LogisticSettings = usual,
): Promise<LabelPoint[] | undefined> {
  if (from?.kept === undefined) return undefined;
  const { sets } = from.kept;
  return points({ perClass, seeds }, async (few) => {
    const train = rowsAt(sets.train, fewLabelled(sets.train, few));
    return (await logisticRegression({ ...sets, train }, settings)).test?.accuracy;
  });
}

/** Of a network that is trained on few images: validating after eight would take longer than training. */
const imagesOfEpoch = 80;

/**
 * A network that is trained on a few images: `train` trains it on the data that it is given, which have no other training images. An epoch
 * has 80 at least: fewer come several times each.
 */
export function trainedLabelCurve(
  data: Dataset,
  budget: LabelBudget,
  train: (few: Dataset, seed: number) => Promise<Run>,
): Promise<LabelPoint[] | undefined> {
  return points(budget, async (few) => {
    const { best } = await train(takeFew(data, { ...few, atLeast: imagesOfEpoch }), few.seed);
    return best && (await interruptible((signal) => evaluateClassifier(best, data, { signal }))).accuracy;
  });
}

/** Undefined where one of the trainings was stopped. */
async function points(
  { perClass, seeds }: LabelBudget,
  accuracyOf: (few: { perClass: number; seed: number }) => Promise<number | undefined>,
): Promise<LabelPoint[] | undefined> {
  const found: LabelPoint[] = [];
  for (const count of perClass) {
    const accuracies: number[] = [];
    for (const seed of seeds) {
      const accuracy = await accuracyOf({ perClass: count, seed });
      if (accuracy === undefined) return undefined;
      accuracies.push(accuracy);
    }
    found.push({ perClass: count, accuracies });
  }
  return found;
}

function rowsAt(set: FeatureSet, indices: Int32Array): FeatureSet {
  const rows = new Float32Array(indices.length * set.width);
  set.readRows(indices, rows);
  const labels = Int32Array.from(indices, (index) => set.labels[index]);
  const readRows: FeatureSet['readRows'] = (positions, target) => {
    for (let at = 0; at < positions.length; at++) {
      const start = positions[at] * set.width;
      target.set(rows.subarray(start, start + set.width), at * set.width);
    }
  };
  return { ...set, count: indices.length, rows, readRows, labels, close: () => undefined };
}

/** The pixels themselves in place of features, from −1 to 1: what a network is to be better than. */
export function pixelFeatures(data: Dataset): { readonly kept: { readonly sets: FeatureSets } } {
  const width = data.height * data.width * data.channels;
  const of = (split: SplitName): FeatureSet => {
    const { count, readImages } = data.splits[split];
    const bytes = new Uint8Array(count * width);
    readImages(
      Array.from({ length: count }, (_, index) => index),
      bytes,
    );
    return featureSet(
      data,
      split,
      width,
      Float32Array.from(bytes, (value) => value / 127.5 - 1),
    );
  };
  return { kept: { sets: { train: of('train'), val: of('val'), test: of('test') } } };
}

/** One line each; error bars reach from the lowest to the highest seed. Curves that were stopped are left out. */
export function labelChart(curves: Readonly<Record<string, readonly LabelPoint[] | undefined>>): FigureDisplay {
  const drawn = Object.entries(curves).flatMap(([name, curve]) => (curve === undefined ? [] : { name, curve }));
  const series = drawn.map(({ name, curve }) => ({
    name,
    points: curve.map(({ perClass, accuracies }) => {
      const interval = [Math.min(...accuracies), Math.max(...accuracies)] as const;
      return { x: perClass, y: mean(accuracies), interval };
    }),
  }));
  const seeds = Math.max(1, ...drawn.flatMap(({ curve }) => curve.map(({ accuracies }) => accuracies.length)));
  return lineComparison(
    {
      series,
      title: 'Accuracy on the test images, by labels',
      xTitle: 'Labelled training images of each class',
      yTitle: 'Accuracy',
      intervalTitle: `the lowest and the highest of ${seeds} seeds, which choose the images`,
    },
    { label: `Test accuracy by the number of labelled images: ${Object.keys(curves).join(', ')}` },
  );
}
