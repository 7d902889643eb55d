/** What `npm run score` computes: the scores of every pair of masks of two folders, or what keeps them from being scored. */
import { decoderFailed, inOrder } from '../data/image-workers';
import { counted, some } from '../data/file-facts';
import { matchMasks, type MaskPair } from '../data/mask-files';
import { usualReading, type MaskFile } from '../data/mask-values';
import { startProcesses, type Threads } from '../data/threads';
import { UserError } from '../errors';
import { scoreSegmentation, type SegmentationScores } from '../metrics/segmentation';

export interface ScoredImage extends SegmentationScores {
  readonly id: string;
  /** HD95 as a share of the image's diagonal. */
  readonly hd95OfDiagonal: number;
}

export interface ScoredFolders {
  /** In the order of the truth's file names. */
  readonly images: readonly ScoredImage[];
  /** What cannot be scored, a line each; then the images are not all there. */
  readonly problems: readonly string[];
  /** What should be said beside the scores, a line each. */
  readonly notes: readonly string[];
}

export interface ScoreFoldersOptions {
  readonly truth: string;
  readonly prediction: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Pairs that are decoded while one is scored. */
const ahead = 3;

/** Scores all masks at their own size. Throws a UserError where a folder is not there or has no images. */
export async function scoreFolders({ truth, prediction, onProgress }: ScoreFoldersOptions): Promise<ScoredFolders> {
  const { pairs, problems: unmatched, unused } = await matchMasks(truth, prediction);
  const problems = [...unmatched];
  const images: ScoredImage[] = [];
  const readings = new Map<string, string[]>();
  let done = 0;
  const decoder = startProcesses<string, MaskFile>('mask-worker.ts', decoderFailed, 1);
  try {
    for await (const read of inOrder(pairs, (pair) => readPair(pair, decoder), ahead)) {
      onProgress?.(++done, pairs.length);
      problems.push(...read.problems);
      for (const { path, reading } of read.files)
        if (reading !== usualReading) readings.set(reading, [...(readings.get(reading) ?? []), path]);
      if (read.problems.length > 0) continue;
      const [{ mask: expected }, { mask: predicted }] = read.files;
      const scores = scoreSegmentation(expected, predicted);
      const hd95OfDiagonal = scores.hd95 / Math.sqrt(expected.height ** 2 + expected.width ** 2);
      images.push({ id: read.id, ...scores, hd95OfDiagonal });
    }
  } finally {
    await decoder.close();
  }
  return { images, problems, notes: [...unusedNote(unused), ...readingNotes(readings)] };
}

interface ReadPair {
  readonly id: string;
  /** Truth and prediction; fewer where there are problems. */
  readonly files: readonly (MaskFile & { readonly path: string })[];
  readonly problems: readonly string[];
}

async function readPair({ id, truth, prediction }: MaskPair, decoder: Threads<string, MaskFile>): Promise<ReadPair> {
  const results = await Promise.allSettled(
    [truth, prediction].map(async (path) => ({ path, ...(await decoder.run(path)) })),
  );
  const files = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const problems = results.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (!(result.reason instanceof UserError)) throw result.reason;
    return [`${id}: ${result.reason.message}`];
  });
  if (problems.length === 0) {
    const [expected, predicted] = files.map(({ mask }) => `${mask.height}×${mask.width}`);
    if (expected !== predicted)
      problems.push(
        `${id}: ${prediction} is ${predicted}, but ${truth} is ${expected} pixels large (height×width): resize the prediction to the truth's size.`,
      );
  }
  return { id, files, problems };
}

function unusedNote(unused: readonly string[]): string[] {
  if (unused.length === 0) return [];
  return [`${counted(unused.length, 'prediction')} without a truth left out, the first ${unused[0]}.`];
}

/** Which values of the masks were taken for foreground, where they are not the usual ones. */
function readingNotes(readings: ReadonlyMap<string, readonly string[]>): string[] {
  const kinds = [...readings].map(
    ([reading, paths]) => `${counted(paths.length, 'mask')} of ${reading} (the first is ${paths[0]})`,
  );
  return kinds.length === 0 ? [] : [`Masks by value: ${some(kinds)}.`];
}
