/**
 * Decoded and resized images with their masks, in a folder of the cache, so that nothing is decoded twice. `index.json` is written last:
 * without it, the folder counts as empty.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, hashFileNow, isUnchanged, readRecord, recordText, writeFileAtomic } from '../files';
import type { PlaneSize } from '../tensor/resample';
import type { SplitName } from './dataset';
import type { Mask } from './mask';
import { decodeRuns } from './mask-runs';
import { createNpyWriter, openNpyFile, type NpyFile } from './npy-file';
import { brokenKinds, type BrokenKind, type SegmentationSplit } from './segmentation-dataset';

const factsSchema = z.strictObject({
  reading: z.string(),
  orientations: z.tuple([z.int(), z.int()]),
  dark: z.boolean(),
  pages: z.int(),
});

const indexSchema = z.strictObject({
  version: z.literal(2),
  /** SHA-256 of the other files. */
  files: z.strictObject({ images: z.string(), masks: z.string(), runs: z.string() }),
  height: z.int(),
  width: z.int(),
  sha256: z.string(),
  rows: z.array(
    z.strictObject({
      id: z.string(),
      /** Size of the files, and how many numbers of `runs.npy` are its mask's. */
      height: z.int(),
      width: z.int(),
      runs: z.int(),
      /** What its files say of themselves (`pair-notes.ts`). */
      facts: factsSchema.optional(),
      broken: z
        .strictObject({ kind: z.enum(Object.keys(brokenKinds) as [BrokenKind, ...BrokenKind[]]), reason: z.string() })
        .optional(),
    }),
  ),
});
type StoreIndex = z.infer<typeof indexSchema>;
export type StoredRow = StoreIndex['rows'][number];

const fileNames = { index: 'index.json', images: 'images.npy', masks: 'masks.npy', runs: 'runs.npy' } as const;
const arrayNames = ['images', 'masks', 'runs'] as const;
type ArrayName = (typeof arrayNames)[number];

/** What a row holds; a broken one has zeros for bytes. */
export interface RowContent {
  readonly row: Omit<StoredRow, 'runs'>;
  /** Height × width × 3 and height × width at the store's size. */
  readonly image?: Uint8Array;
  readonly mask?: Uint8Array;
  readonly runs?: Uint32Array;
}

export interface StoreWriter {
  append(content: RowContent): void;
  /** @param sha256 of what the rows were made from */
  finish(sha256: string): void;
  /** Does nothing after `finish`. */
  abort(): void;
}

/** Begins a store for so many images; whatever was in the folder is deleted. One writer at a time. */
export function createStore(folder: string, count: number, { height, width }: PlaneSize): StoreWriter {
  rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  const images = createNpyWriter(join(folder, fileNames.images), '|u1', [count, height, width, 3]);
  const masks = createNpyWriter(join(folder, fileNames.masks), '|u1', [count, height, width]);
  const rows: StoredRow[] = [];
  const allRuns: Uint32Array[] = [];
  return {
    append({ row, image, mask, runs = new Uint32Array(0) }) {
      images.append(image ?? new Uint8Array(height * width * 3));
      masks.append(mask ?? new Uint8Array(height * width));
      rows.push({ ...row, runs: runs.length });
      allRuns.push(runs);
    },
    finish(sha256) {
      images.finish();
      masks.finish();
      const total = rows.reduce((sum, row) => sum + row.runs, 0);
      const writer = createNpyWriter(join(folder, fileNames.runs), '<u4', [total]);
      for (const runs of allRuns) writer.append(runs);
      writer.finish();
      const hashOf = (name: ArrayName): string => hashFileNow(join(folder, fileNames[name]));
      const files = { images: hashOf('images'), masks: hashOf('masks'), runs: hashOf('runs') };
      const index: StoreIndex = { version: 2, files, height, width, sha256, rows };
      writeFileAtomic(join(folder, fileNames.index), recordText(index));
    },
    abort() {
      images.abort();
      masks.abort();
    },
  };
}

export interface SegmentationStore {
  readonly sha256: string;
  readonly rows: readonly StoredRow[];
  /** The images with these ids as a split. */
  split(name: SplitName, ids: readonly string[]): SegmentationSplit;
  close(): void;
}

/** Opens a store; undefined where there is none, or only a part of one. */
export function openStore(folder: string): SegmentationStore | undefined {
  const index = indexSchema.safeParse(readRecord(join(folder, fileNames.index))).data;
  if (index === undefined) return undefined;
  if (arrayNames.some((name) => !isUnchanged(join(folder, fileNames[name]), index.files[name]))) return undefined;
  const { height, width, rows } = index;
  const files = openFiles(folder);
  if (files === undefined) return undefined;
  const { images, masks, runs } = files;
  const close = (): void => [images, masks, runs].forEach((file) => file.close());
  const starts = [0];
  for (const row of rows) starts.push(starts[starts.length - 1] + row.runs);
  const shapes = [
    [images, [rows.length, height, width, 3]],
    [masks, [rows.length, height, width]],
    [runs, [starts[rows.length]]],
  ] as const;
  if (shapes.some(([file, shape]) => file.shape.join() !== shape.join())) {
    close();
    return undefined;
  }
  const rowOf = new Map(rows.map(({ id }, row) => [id, row]));

  function nativeMask(row: number): Mask {
    const bytes = new Uint8Array(4 * rows[row].runs);
    runs.readRows(starts[row], rows[row].runs, bytes);
    return decodeRuns(new Uint32Array(bytes.buffer), rows[row].height, rows[row].width);
  }

  return {
    sha256: index.sha256,
    rows,
    close,
    split(name, ids) {
      const ofSplit = ids.map((id) => {
        const row = rowOf.get(id);
        if (row === undefined) throw new Error(`${folder} has no image "${id}".`);
        return row;
      });
      return {
        name,
        count: ids.length,
        ids,
        readImages: (indices, target) => readRows(images, height * width * 3, ofSplit, indices, target),
        readMasks: (indices, target) => readRows(masks, height * width, ofSplit, indices, target),
        nativeMask: (index) => nativeMask(ofSplit[index]),
      };
    },
  };
}

function readRows(
  file: NpyFile,
  bytes: number,
  rows: readonly number[],
  indices: ArrayLike<number>,
  target: Uint8Array,
): void {
  for (let position = 0; position < indices.length; position++)
    file.readRows(rows[indices[position]], 1, target.subarray(position * bytes, (position + 1) * bytes));
}

function openFiles(folder: string): Record<ArrayName, NpyFile> | undefined {
  const opened: NpyFile[] = [];
  try {
    for (const name of arrayNames) opened.push(openNpyFile(join(folder, fileNames[name])));
    const [images, masks, runs] = opened;
    return { images, masks, runs };
  } catch {
    for (const file of opened) file.close();
    return undefined;
  }
}
