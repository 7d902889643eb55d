/** The masks that trained networks predicted of test images, read again from their folders. */
import { join } from 'node:path';
import type { Mask } from '../data/mask';
import { openNpyFile } from '../data/npy-file';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { UserError } from '../errors';
import type { MaskEvaluation, MaskReport } from './evaluate-masks';
import type { Run } from './train';

/** A training that was tested with a report, and its folder. */
export interface TestedRun {
  readonly directory: string;
  readonly run: Pick<Run, 'id'>;
  readonly test: Pick<MaskEvaluation, 'ids'> & { readonly report: Pick<MaskReport, 'probabilitiesFile'> };
}

/** The mask of each run on one test image, in the order of the runs. */
export interface RunMasks {
  read(index: number): Mask[];
  close(): void;
}

/**
 * Opens the test images' probabilities of several runs; masks are where a probability is above one half.
 * @throws UserError where runs were tested on other images than the dataset's
 */
export function openPredictedMasks(runs: readonly TestedRun[], dataset: SegmentationDataset): RunMasks {
  const { height, width, splits } = dataset;
  const wanted = splits.test.ids.join('\n');
  const other = runs.find(({ test }) => test.ids.join('\n') !== wanted);
  if (other !== undefined)
    throw new UserError(
      `Run ${other.run.id} was tested on other images than those of ${dataset.name}: show it with its own data.`,
    );
  const files = runs.map(openTestProbabilities);
  return {
    read: (index) =>
      files.map((file) => ({
        height,
        width,
        pixels: file.read(index).map((byte) => (byte > 127 ? 1 : 0)),
      })),
    close: () => files.forEach((file) => file.close()),
  };
}

export interface TestProbabilities {
  readonly ids: readonly string[];
  readonly height: number;
  readonly width: number;
  /** 255 · P(lesion) of one test image, height × width; its mask is where it is above 127. */
  read(index: number): Uint8Array;
  close(): void;
}

/** The probabilities of a run's test images, which stay on the disk until they are read. @throws UserError where the file does not fit */
export function openTestProbabilities({ directory, test }: TestedRun): TestProbabilities {
  const file = openNpyFile(join(directory, test.report.probabilitiesFile));
  const [count, height, width] = file.shape;
  if (file.type !== '|u1' || file.shape.length !== 3 || count !== test.ids.length) {
    file.close();
    throw new UserError(
      `${file.path} does not have the ${test.ids.length} test images of its run: delete the run's folder to run it again.`,
    );
  }
  return {
    ids: test.ids,
    height,
    width,
    read(index) {
      const bytes = new Uint8Array(height * width);
      file.readRows(index, 1, bytes);
      return bytes;
    },
    close: () => file.close(),
  };
}
