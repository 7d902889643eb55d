/** `npm run score`: how well masks agree with the truth. */
import { counted } from '../data/file-facts';
import { UserError } from '../errors';
import { mean, meanInterval, type Interval } from '../metrics/intervals';
import type { SegmentationMetric } from '../metrics/segmentation';
import { summarizeSegmentation } from '../metrics/segmentation-summary';
import { alignColumns } from './align-columns';
import { readOptions, required, runCommand } from './command';
import { createProgressLine, type ProgressStream } from './progress-line';
import { scoreFolders, type ScoredImage } from './score-folders';

/** What a test replaces. */
export interface ScoreContext {
  readonly output?: ProgressStream;
  readonly progress?: ProgressStream;
}

const help = `npm run score -- --truth FOLDER --prediction FOLDER [--json]

Scores masks as the ISIC challenges do: each image at its own size, then means over images, with 95 % intervals (bootstrap over images).

  --truth FOLDER       ID_segmentation.png, ID_mask.png or ID.png, for each image one
  --prediction FOLDER  one of these or ID_pred.png, of the truth's size
  --json               one JSON object: images, mean, interval, undefinedHd95

Masks are .png, .jpg, .jpeg or .bmp. Foreground is what is not black where there is one other value (0 and 1, 0 and 255, a palette of
two), else what is above 128 of 255; a shape in the transparency counts as one. Two empty masks agree: all scores are 1, and HD95 0. Where
only one is empty, HD95 is undefined, and the image's diagonal counts for it.

  dice, jaccard, sensitivity, specificity, accuracy   of the pixels
  thresholdJaccard   Jaccard, or 0 where it is below 0.65
  hd95               95th percentile of the distances between the edges, in pixels: the larger of the two directions

Examples
  npm run score -- --truth ISIC2018_Task1_Test_GroundTruth --prediction predictions
  npm run --silent score -- --truth masks --prediction predictions --json > scores.json`;

const options = {
  truth: { type: 'string' },
  prediction: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Of the bootstrap: the same masks have the same intervals. */
const seed = 0;

/** What takes no longer needs no progress line. */
const quietMilliseconds = 1000;

/** The command `npm run score`. Throws a UserError for what is misspelt or missing, and where a mask cannot be scored. */
export async function main(args: string[], context: ScoreContext = {}): Promise<void> {
  const { output = process.stdout, progress = process.stderr } = context;
  const values = readOptions(args, options, { command: 'score', help, output });
  if (values === undefined) return;
  const truth = required(values.truth, 'truth', 'masks/');
  const prediction = required(values.prediction, 'prediction', 'predicted/');

  const line = createProgressLine(progress);
  const started = performance.now();
  const onProgress = (done: number, total: number): void => {
    if (performance.now() - started > quietMilliseconds) line.update(`${done} of ${counted(total, 'image')}`);
  };
  const { images, problems, notes } = await scoreFolders({ truth, prediction, onProgress }).finally(() => line.clear());
  for (const text of [...problems, ...notes]) line.print(text);
  if (problems.length > 0)
    throw new UserError(`Nothing is scored because of the ${counted(problems.length, 'problem')} above.`);
  const report = summarize(images);
  output.write(values.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report));
}

type ReportedMetric = SegmentationMetric | 'hd95OfDiagonal';

interface Report {
  readonly images: readonly Omit<ScoredImage, 'hd95OfDiagonal'>[];
  readonly mean: Readonly<Record<ReportedMetric, number>>;
  /** 95 %, over images; null in JSON of one image, which says nothing of others. */
  readonly interval: Readonly<Record<ReportedMetric, Interval>>;
  readonly undefinedHd95: number;
}

function summarize(images: readonly ScoredImage[]): Report {
  const summary = summarizeSegmentation(images, { seed });
  const ofDiagonal = images.map(({ hd95OfDiagonal }) => hd95OfDiagonal);
  return {
    // eslint-disable-next-line @typescript-eslint/no-unused-vars -- left out: it follows from hd95 and the image's size
    images: images.map(({ hd95OfDiagonal, ...image }) => image),
    mean: { ...summary.mean, hd95OfDiagonal: mean(ofDiagonal) },
    interval: { ...summary.interval, hd95OfDiagonal: meanInterval(ofDiagonal, { seed }) },
    undefinedHd95: summary.undefinedHd95,
  };
}

const rows: readonly (readonly [metric: ReportedMetric, label: string, digits: number, factor?: number])[] = [
  ['dice', 'Dice', 4],
  ['jaccard', 'Jaccard', 4],
  ['thresholdJaccard', 'threshold Jaccard', 4],
  ['sensitivity', 'sensitivity', 4],
  ['specificity', 'specificity', 4],
  ['accuracy', 'accuracy', 4],
  ['hd95', 'HD95, pixels', 2],
  ['hd95OfDiagonal', 'HD95, % of diagonal', 2, 100],
];

/** How many of the worst images are listed. */
const worstCount = 5;

function describe({ images, mean: means, interval, undefinedHd95 }: Report): string {
  const table = rows.map(([metric, label, digits, factor = 1]) => {
    const show = (value: number): string => (factor * value).toFixed(digits);
    const { low, high } = interval[metric];
    return [label, show(means[metric]), images.length === 1 ? 'none of one' : `${show(low)} to ${show(high)}`];
  });
  const worst = [...images]
    .sort((first, second) => first.jaccard - second.jaccard || second.hd95 - first.hd95)
    .slice(0, worstCount)
    .map(({ id, jaccard, dice, hd95, hd95Defined }) => [
      id,
      jaccard.toFixed(4),
      dice.toFixed(4),
      hd95Defined ? hd95.toFixed(2) : 'undefined',
    ]);
  const undefinedLine =
    undefinedHd95 === 0
      ? []
      : [
          `HD95 is undefined in ${counted(undefinedHd95, 'image')}, where one mask is empty: the diagonal counts for it.`,
        ];
  return [
    alignColumns([[counted(images.length, 'image'), 'mean', '95 % interval'], ...table], [1, 2]),
    ...undefinedLine,
    '',
    alignColumns([['lowest Jaccard', 'Jaccard', 'Dice', 'HD95'], ...worst], [1, 2, 3]),
    '',
  ].join('\n');
}

if (require.main === module) runCommand(main);
