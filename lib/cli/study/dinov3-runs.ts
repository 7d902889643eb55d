/** The runs of the fourth study in a folder, for commands: each is trained once, by whichever process claims it, and found again. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, readRecord, recordText, writeFileAtomic } from '../../files';
import { readNumbers, withNumbers } from '../../runs/evaluate-masks';
import { trainGrid, type GridEvent, type GridOptions } from '../../runs/grid';
import { trainingIdentity } from '../../runs/identity';
import { saveModel } from '../../runs/save-model';
import { modelFiles } from '../../runs/saved-model';
import { trainingOverview } from '../../runs/train';
import { workOf, type Dinov3Resources } from '../../studies/dinov3-segmentation/arms';
import { arms } from '../../runs/arms';
import { reportedRuns } from '../../runs/mask-groups';
import type { Dinov3Point, Dinov3Run } from '../../studies/dinov3-segmentation/groups';

/** In a run's folder: which it is, and what came of it. */
const runFile = 'run.json';

const pointSchema = z.strictObject({
  arm: z.enum(arms),
  encoder: z.string(),
  fraction: z.number(),
  seed: z.int(),
});

const runSchema = z.object({
  study: z.literal('dinov3-segmentation'),
  point: pointSchema,
  /** Absent while it is not finished. */
  finished: z
    .object({
      row: z.custom<Dinov3Run['row']>(
        (row) => z.looseObject({ trainingKey: z.string(), testDice: z.number() }).safeParse(row).success,
      ),
      run: z.custom<Dinov3Run['run']>(
        (run) => z.looseObject({ id: z.string(), history: z.array(z.looseObject({})) }).safeParse(run).success,
      ),
      test: z.custom<Dinov3Run['test']>(
        (test) =>
          z
            .looseObject({ ids: z.array(z.string()), scores: z.array(z.looseObject({})), report: z.looseObject({}) })
            .safeParse(test).success,
      ),
    })
    .optional(),
});

/** What a folder holds, whoever put it there. */
export interface StoredRuns {
  readonly finished: readonly Dinov3Run[];
  readonly unfinished: readonly { readonly id: string; readonly point: Dinov3Point }[];
  /** One line for each folder that cannot be read; the others count. */
  readonly problems: readonly string[];
}

/** All runs in a folder, by arm, network, fraction and seed. */
export function readStoredRuns(folder: string): StoredRuns {
  const finished: Dinov3Run[] = [];
  const unfinished: { id: string; point: Dinov3Point }[] = [];
  const problems: string[] = [];
  for (const id of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const directory = join(folder, id);
    const path = join(directory, runFile);
    if (!existsSync(path)) continue;
    const read = runSchema.safeParse(readJson(path));
    if (!read.success) problems.push(`${path} is damaged: delete its folder to run it again.`);
    else if (read.data.finished === undefined) unfinished.push({ id, point: read.data.point });
    else finished.push({ point: read.data.point, directory, ...read.data.finished });
  }
  const ordered = <T extends { readonly point: Dinov3Point }>(runs: T[]): T[] =>
    runs.sort((a, b) => comparePoints(a.point, b.point));
  return { finished: ordered(finished), unfinished: ordered(unfinished), problems };
}

function readJson(path: string): unknown {
  const record = readRecord(path);
  return record && readNumbers(JSON.stringify(record));
}

/** The U-Net's name, `none`, comes after no encoder's: it is put first. */
function comparePoints(a: Dinov3Point, b: Dinov3Point): number {
  const text = ({ arm, encoder }: Dinov3Point): string => `${arm}|${encoder === 'none' ? '' : encoder}`;
  if (text(a) !== text(b)) return text(a) < text(b) ? -1 : 1;
  return a.fraction - b.fraction || a.seed - b.seed;
}

export type RunEvent = GridEvent<Dinov3Point>;

/** In a run's folder: what `loadModel` and `npm run predict` take. */
const modelFolder = 'model';

/**
 * Trains and tests the runs that are neither finished nor being trained by another process, and keeps their models where that is wanted;
 * undefined where they were stopped.
 */
export async function trainDinov3Runs(
  points: readonly Dinov3Point[],
  resources: Dinov3Resources,
  { folder, keepModels = false, onPoint, ...options }: GridOptions<Dinov3Point> & { readonly keepModels?: boolean },
): Promise<Dinov3Run[] | undefined> {
  const write = (directory: string, point: Dinov3Point, finished?: Pick<Dinov3Run, 'row' | 'run' | 'test'>): void => {
    makeFolder(directory);
    const record = JSON.parse(withNumbers({ study: 'dinov3-segmentation', point, finished })) as object;
    writeFileAtomic(join(directory, runFile), recordText(record));
  };
  const trained = await trainGrid(points, (point) => workOf(point, resources), {
    ...({ keepWeights: true, mapsOf: 'all' } as const),
    ...options,
    folder,
    onPoint(event) {
      if (event.kind === 'started') write(event.directory, event.point);
      onPoint?.(event);
    },
    async onRun(trained) {
      const [{ directory, point, row, run, test }] = reportedRuns([trained]);
      write(directory, point, { row, run, test });
      const target = join(directory, modelFolder);
      if (keepModels && !existsSync(join(target, modelFiles.description)))
        await saveModel(trained.run, trained.data, target, { signal: options.signal });
    },
  });
  return trained && reportedRuns(trained);
}

/** Runs that were begun by a process that is gone, and not finished. */
export function begunRuns(
  points: readonly Dinov3Point[],
  resources: Dinov3Resources,
  folder: string,
): { readonly id: string; readonly point: Dinov3Point }[] {
  return points.flatMap((point) => {
    const { network, data, recipe } = workOf(point, resources);
    const [missing] = trainingOverview(folder, [trainingIdentity(network, data, recipe)]).missing;
    return missing?.started === true ? [{ id: missing.id, point }] : [];
  });
}
