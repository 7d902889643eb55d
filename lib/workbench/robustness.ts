/** What a cell shows of a classifier on images that are worse than those that it was trained on. */
import { corrupt, corruptionKinds } from '../data/corrupt';
import type { CorruptionKind } from '../data/corruptions';
import type { Dataset } from '../data/dataset';
import type { Displayable } from '../display/mime';
import { table } from '../display/tables';
import { mean } from '../metrics/intervals';
import { evaluateClassifier } from '../runs/evaluate';
import type { ModelWithWeights, TrainedModel } from '../runs/train';
import { asTrained, scoring } from './training';

export interface RobustnessOptions {
  /** All by default. */
  readonly kinds?: readonly CorruptionKind[];
  /** 1, the mildest, to 5; all by default. */
  readonly severities?: readonly number[];
  readonly seed?: number;
}

/**
 * Accuracy on the test images as they are and made worse in MedMNIST-C's ways: a row a kind, a column a severity, the mean over severities,
 * and how much of the accuracy that costs. Undefined of a training that was stopped, and where the stop button ends it: scores are kept.
 */
export async function robustness(
  given: ModelWithWeights | undefined,
  data: Dataset,
  { kinds = corruptionKinds, severities = [1, 2, 3, 4, 5], seed = 0 }: RobustnessOptions = {},
): Promise<Displayable | undefined> {
  if (given === undefined) return undefined;
  const model = asTrained(given, data);
  const found = await scoring(model, 'worsened test', (signal) =>
    robustnessRows(model, data, { kinds, severities, seed }, signal),
  );
  return (
    found &&
    table(found, {
      caption: `Accuracy of ${model.network.name} on ${data.splits.test.count} test images made worse in MedMNIST-C’s ways, by severity`,
      worst: { cost: 'highest' },
      headings: { cost: 'Lost' },
    })
  );
}

/** The images as they are first. */
export async function robustnessRows(
  model: TrainedModel,
  data: Dataset,
  { kinds, severities, seed }: Required<RobustnessOptions>,
  signal?: AbortSignal,
): Promise<Record<string, string | number>[]> {
  const accuracyOf = async (images: Dataset): Promise<number> =>
    (await evaluateClassifier(model, images, { signal })).accuracy;
  const clean = await accuracyOf(data);
  const row = (images: string, accuracies: readonly number[], own: { mean: number; cost: number }) => {
    const columns: [string, number][] = severities.map((severity, at) => [
      `severity ${severity}`,
      accuracies[at] ?? NaN,
    ]);
    return { images, ...Object.fromEntries(columns), ...own };
  };
  const rows = [row('as they are', [], { mean: clean, cost: NaN })];
  for (const kind of kinds) {
    const accuracies: number[] = [];
    for (const severity of severities) accuracies.push(await accuracyOf(await corrupt(data, { kind, severity, seed })));
    const own = { mean: mean(accuracies), cost: clean - mean(accuracies) };
    rows.push(row(kind.replaceAll('_', ' '), accuracies, own));
  }
  return rows;
}
