/** `evaluate` and `visualize`: all runs of a folder, as a table and as pictures. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';
import { writeFileAtomic } from '../../files';
import { mean } from '../../metrics/intervals';
import { contactSheet, encodePicture, samplePictures, spacedSamples } from '../../studies/dinov3-segmentation/overlays';
import type { Dinov3Configuration, Dinov3Run } from '../../studies/dinov3-segmentation/results';
import { rowOfRun } from '../../studies/dinov3-segmentation/rows';
import type { StoredRuns } from '../../studies/dinov3-segmentation/runs';
import { alignColumns } from '../align-columns';

const columns = ['run', 'arm', 'network', 'data', 'seed', 'images', 'Dice', 'Jaccard', 'sensitivity', 'HD95', 'ECE', 'cleaned', 'trained', 'all', 'ms/image', 'epochs', 'first s', 'later s']; // prettier-ignore

/** One line a run: means over its test images, and seconds of the first epoch, with the maps, and of the later ones. */
export function runTable(runs: readonly Dinov3Run[]): string {
  const lines = runs.map((run) => {
    const row = rowOfRun(run);
    const { configuration, result } = run;
    const number = (value: unknown, digits: number): string => Number(value).toFixed(digits);
    return [
      run.id,
      configuration.arm,
      networkName(configuration),
      `${Number((100 * configuration.fraction).toFixed(1))} %`,
      String(configuration.seed),
      String(result.trainImages),
      number(row.testDice, 4),
      number(row.testIou, 4),
      number(row.testSensitivity, 4),
      number(row.testHd95, 2),
      number(row.calibrationError, 4),
      number(row.testDiceCleaned, 4),
      millions(result.trainableParameters),
      millions(result.parameters),
      number(result.millisecondsPerImage, 1),
      `${result.selectedEpoch} of ${result.epochs}`,
      number(result.secondsPerEpoch[0], 1),
      result.epochs === 1 ? '' : number(mean(result.secondsPerEpoch.slice(1)), 1),
    ];
  });
  const right = columns.map((_, index) => index).filter((index) => index > 2);
  return `${alignColumns([columns, ...lines], right)}\n`;
}

/** Such as `dino-unet dinov3_vits16`. */
export function networkName({ model, encoder }: Dinov3Configuration): string {
  return model === 'unet' ? model : `${model} ${encoder}`;
}

function millions(parameters: number): string {
  return `${(parameters / 1e6).toFixed(2)} M`;
}

/** What `evaluate` writes, for other programs. */
export function evaluationRecord({ finished, unfinished, problems }: StoredRuns) {
  return {
    runs: finished.map((run) => ({ id: run.id, configuration: run.configuration, row: rowOfRun(run), scores: imageScores(run) })), // prettier-ignore
    unfinished: unfinished.map(({ id, configuration }) => ({ id, configuration })),
    problems,
  };
}

function imageScores({ result }: Dinov3Run) {
  return result.testIds.map((id, image) => ({ id, ...result.scores[image] }));
}

export interface PictureRequest {
  readonly runs: readonly Dinov3Run[];
  readonly samples: number;
  /** A folder for each run is made in it. */
  readonly folder: string;
  readonly open: (run: Dinov3Run) => Promise<SegmentationDataset>;
  /** Is told of each folder. */
  readonly onWritten: (path: string) => void;
}

/** Writes `contact-sheet.png` and a picture of each sample for every run; the samples are the same for runs with the same test images. */
export async function writePictures({ runs, samples, folder, open, onWritten }: PictureRequest): Promise<void> {
  if (!(Number.isInteger(samples) && samples >= 1))
    throw new UserError(`--num-samples is ${samples}, but must be a whole number from 1.`);
  for (const run of runs) {
    const alike = runs.filter(({ result }) => result.testIds.join() === run.result.testIds.join());
    const dataset = await open(run);
    try {
      const pictures = samplePictures(run, dataset, spacedSamples(alike, samples));
      const target = join(folder, run.id);
      mkdirSync(target, { recursive: true });
      writeFileAtomic(join(target, 'contact-sheet.png'), await contactSheet(pictures));
      for (const { id, parts } of pictures) writeFileAtomic(join(target, `${id}.png`), await encodePicture(parts[1]));
      onWritten(target);
    } finally {
      dataset.close();
    }
  }
}
