/** `evaluate` and `visualize`: all runs of a folder, as a table and as pictures. */
import { join } from 'node:path';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';
import { makeFolder, writeFileAtomic } from '../../files';
import { mean } from '../../metrics/intervals';
import { contactSheet, encodePicture, samplePictures, spacedSamples } from './dinov3-overlays';
import type { Dinov3Point, Dinov3Run } from '../../studies/dinov3-segmentation/groups';
import { noEncoder } from '../../studies/dinov3-segmentation/parameters';
import type { StoredRuns } from './dinov3-runs';
import { alignColumns } from '../align-columns';

const columns = [
  'run',
  'arm',
  'network',
  'data',
  'seed',
  'images',
  'Dice',
  'Jaccard',
  'sensitivity',
  'HD95',
  'ECE',
  'cleaned',
  'trained',
  'all',
  'ms/image',
  'epochs',
  'first s',
  'later s',
];

/** Facts that have a column where runs differ in them: what two runs differ in is to be seen. */
const facts: Readonly<Record<string, (run: Dinov3Run) => string>> = {
  'on data': ({ row }) => String(row.dataSha256).slice(0, 8),
  'test images': ({ row }) => row.testImages,
  weights: ({ row }) => row.weights,
};

/** Settings that the table has anyway, or that are another's. */
const shownSettings = ['seed', 'epochs'];

function differingFacts(runs: readonly Dinov3Run[]): [title: string, of: (run: Dinov3Run) => string][] {
  const names = [...new Set(runs.flatMap(({ row }) => Object.keys(row.settings)))].filter(
    (name) => !shownSettings.includes(name),
  );
  const settings = names.map((name) => [name, ({ row }: Dinov3Run) => String(row.settings[name] ?? '')] as const);
  const all = [...Object.entries(facts), ...settings];
  // A setting of one network alone, such as the width of a decoder, is told where runs of that network differ in it.
  const differ = (of: (run: Dinov3Run) => string): boolean =>
    new Set(runs.map(of).filter((text) => text !== '')).size > 1;
  return all.filter(([, of]) => differ(of)).map(([title, of]) => [title, of]);
}

/**
 * One line a run: means over its test images, and seconds of the first epoch, with the maps, and of the later ones; before them, whatever
 * else runs differ in, such as the data, their splits and the size of the images.
 */
export function runTable(runs: readonly Dinov3Run[]): string {
  const extra = differingFacts(runs);
  const lines = runs.map((one) => {
    const { point, row, run } = one;
    const { history } = run;
    const number = (value: unknown, digits: number): string => Number(value).toFixed(digits);
    return [
      run.id,
      point.arm,
      networkName(point),
      `${Number((100 * point.fraction).toFixed(1))} %`,
      String(point.seed),
      String(row.trainImages),
      ...extra.map(([, of]) => of(one)),
      number(row.testDice, 4),
      number(row.testIou, 4),
      number(row.testSensitivity, 4),
      number(row.testHd95, 2),
      number(row.calibrationError, 4),
      number(row.testDiceCleaned, 4),
      millions(row.trainableParameters),
      millions(row.parameters),
      number(row.millisecondsPerImage, 1),
      `${run.bestEpoch} of ${history.length}`,
      number(history[0].seconds + Number(row.featureSeconds), 1),
      history.length === 1 ? '' : number(mean(history.slice(1).map(({ seconds }) => seconds)), 1),
    ];
  });
  const headings = [...columns.slice(0, 6), ...extra.map(([title]) => title), ...columns.slice(6)];
  const right = headings.map((_, index) => index).filter((index) => index > 2);
  return `${alignColumns([headings, ...lines], right)}\n`;
}

/** Such as `dino-unet dinov3_vits16`. */
export function networkName({ encoder }: Pick<Dinov3Point, 'encoder'>): string {
  return encoder === noEncoder ? 'unet' : `dino-unet ${encoder}`;
}

function millions(parameters: number): string {
  return `${(parameters / 1e6).toFixed(2)} M`;
}

/** What `evaluate` writes, for other programs. */
export function evaluationRecord({ finished, unfinished, problems }: StoredRuns) {
  return {
    runs: finished.map(({ point, row, run, test }) => ({
      id: run.id,
      point,
      row,
      scores: test.ids.map((id, image) => ({ id, ...test.scores[image] })),
    })),
    unfinished,
    problems,
  };
}

export interface PictureRequest {
  readonly runs: readonly Dinov3Run[];
  readonly samples: number;
  /** A folder for each run is made in it. */
  readonly folder: string;
  readonly open: (run: Dinov3Run) => Promise<SegmentationDataset>;
  /** Is told of each folder. */
  readonly onWritten: (path: string) => void;
  /** Is told of each run that was left out. */
  readonly onSkipped?: (message: string) => void;
}

/**
 * Writes `contact-sheet.png` and a picture of each sample for every run; the samples are the same for runs with the same test images. Runs
 * on other test images than the opened ones are left out.
 * @throws UserError where that are all
 */
export async function writePictures({
  runs,
  samples,
  folder,
  open,
  onWritten,
  onSkipped = () => undefined,
}: PictureRequest): Promise<void> {
  if (!(Number.isInteger(samples) && samples >= 1))
    throw new UserError(`--num-samples is ${samples}, but must be a whole number from 1.`);
  const skipped: string[] = [];
  for (const run of runs) {
    const alike = runs.filter(({ test }) => test.ids.join() === run.test.ids.join());
    const dataset = await open(run);
    try {
      if (dataset.splits.test.ids.join() !== run.test.ids.join()) {
        skipped.push(
          `Run ${run.run.id} has other test images than ${dataset.name} as it was opened: choose runs with --run ID, and open their data with --dataset, --split-seed, --group-by or --synthetic-images as in their training.`,
        );
        continue;
      }
      const pictures = samplePictures(run, dataset, spacedSamples(alike, samples));
      const target = join(folder, run.run.id);
      makeFolder(target);
      writeFileAtomic(join(target, 'contact-sheet.png'), await contactSheet(pictures));
      for (const { id, parts } of pictures) writeFileAtomic(join(target, `${id}.png`), await encodePicture(parts[1]));
      onWritten(target);
    } finally {
      dataset.close();
    }
  }
  if (skipped.length === runs.length) throw new UserError(skipped[0]);
  for (const message of skipped) onSkipped(message);
}
