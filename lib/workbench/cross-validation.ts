/** What a cell calls to test every image once, each by a network that has not seen it. */
import { foldOf, segmentationFoldOf } from '../data/folds';
import type { Dataset } from '../data/dataset';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { formatInterval } from '../display/format';
import type { Displayable } from '../display/mime';
import { status } from '../display/status';
import { table } from '../display/tables';
import { UserError } from '../errors';
import { foldInterval, mean } from '../metrics/intervals';
import type { ClassifierEvaluation } from '../runs/evaluate';
import type { MaskEvaluation } from '../runs/evaluate-masks';

type Evaluation = ClassifierEvaluation | MaskEvaluation;
type Evaluations = Readonly<Record<string, Evaluation | undefined>>;

export interface CrossValidationOptions {
  /** 1 leaves it out. */
  readonly folds: number;
  /** Draws the folds. */
  readonly seed: number;
  readonly caption?: string;
}

interface FoldRow {
  readonly network: string;
  readonly fold: string;
  readonly testImages: number;
  readonly scores: Readonly<Record<string, number>>;
}

/**
 * Trains and tests once for each of so many parts of the images, which are divided anew: by class, and never parting a group. A row a fold,
 * and for each network the mean with its interval. What was trained before is there at once; a stopped one continues with the same cell.
 * @param task what is trained on a fold's `train` and `val`, and its scores on the fold's `test`, by the network's name
 */
export async function crossValidation<D extends Dataset | SegmentationDataset>(
  data: D,
  { folds, seed, caption = `Cross-validation: each image of ${data.title} tested once` }: CrossValidationOptions,
  task: (fold: D, index: number) => Promise<Evaluations>,
): Promise<Displayable | undefined> {
  if (folds === 1)
    return status(
      'Cross-validation is left out: folds is 1. With folds = 5, five networks are trained, and each image is tested once.',
      { kind: 'info' },
    );
  const rows: FoldRow[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const options = { folds, fold, seed };
    const part = ('task' in data ? foldOf(data, options) : segmentationFoldOf(data, options)) as D;
    for (const [network, evaluation] of Object.entries(await task(part, fold))) {
      if (evaluation === undefined) return undefined;
      if (evaluation.split !== 'test')
        throw new UserError(
          `${network} was scored on ${evaluation.split}: cross-validation takes scores of each fold's test images.`,
        );
      rows.push({
        network,
        fold: `${fold + 1} of ${folds}`,
        testImages: evaluation.images,
        scores: scoresOf(evaluation),
      });
    }
  }
  return table(crossValidationRows(rows), {
    caption: `${caption}. Interval: 95 % of the mean over folds, by Student’s t with Nadeau and Bengio’s correction for what folds share`,
  });
}

function scoresOf(evaluation: Evaluation): Readonly<Record<string, number>> {
  if ('mean' in evaluation)
    return { dice: evaluation.mean.dice, jaccard: evaluation.mean.jaccard, hd95: evaluation.mean.hd95 };
  return { accuracy: evaluation.accuracy, macroF1: evaluation.macroF1, auc: evaluation.auc ?? NaN };
}

/** A row a fold, network by network, and after those of each network their mean, with an interval of the first score. */
export function crossValidationRows(rows: readonly FoldRow[]): Record<string, string | number>[] {
  return [...new Set(rows.map(({ network }) => network))].flatMap((network) => {
    const own = rows.filter((row) => row.network === network);
    const names = Object.keys(own[0].scores);
    const of = (name: string): number[] => own.map(({ scores }) => scores[name]);
    const means = Object.fromEntries(names.map((name) => [name, mean(of(name))]));
    const testImages = own.reduce((sum, row) => sum + row.testImages, 0);
    const interval = `${names[0]} ${formatInterval(foldInterval(of(names[0])))}`;
    return [
      ...own.map(({ scores, ...row }) => ({ ...row, ...scores, interval: '' })),
      { network, fold: 'mean', testImages, ...means, interval },
    ];
  });
}
