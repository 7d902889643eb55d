/** Image files decoded and resized once, in a folder of the cache. `index.json` is written last: without it, the folder counts as empty. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { makeFolder, hashFileNow, isUnchanged, readRecord, recordText, writeFileAtomic } from '../files';
import type { PlaneSize } from '../tensor/resample';
import { halfNormalization } from './normalization';
import { hashFiles } from './file-hashes';
import { acquireLock } from './file-lock';
import type { PreparedImages } from './image-worker';
import { inOrder, startImageDecoders } from './image-workers';
import type { PreparationProgress } from './isic-store';
import { createNpyWriter, openNpyFile, type NpyFile } from './npy-file';
import { keepWithinLimit, markUsed } from './prepared-data';
import { transformFor } from './transform';

const rowSchema = z.strictObject({
  sha256: z.string(),
  /** Of the file. */
  height: z.int(),
  width: z.int(),
  facts: z.strictObject({ orientation: z.int(), pages: z.int(), dark: z.boolean() }).optional(),
  /** Why it cannot be used. */
  broken: z.string().optional(),
});
/** `images`: the SHA-256 of `images.npy`. */
const indexSchema = z.strictObject({ version: z.literal(2), images: z.string(), rows: z.array(rowSchema) });
const imagesFile = 'images.npy';
const indexFile = 'index.json';
export type ImageRow = z.infer<typeof rowSchema>;

export interface ImageStore {
  /** In the order of the paths. */
  readonly rows: readonly ImageRow[];
  /** Copies images into `target`, height × width × 3 bytes each. */
  readImages(rows: readonly number[], target: Uint8Array): void;
  close(): void;
}

export interface ImageStoreOptions {
  readonly size: PlaneSize;
  readonly cacheDirectory: string;
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
}

/** Part of the key, and of a dataset's identity: another way of decoding or resizing, other pixels. */
export const imagePreparation = 'upright, shorter side resized bicubically as Pillow 13 does, centre';

/**
 * The images of files at one size: from the cache where the contents of all are the same, else decoded now. The shorter side is resized to
 * the size and the centre cut out, as timm does for evaluation; an image that has the size stays as it is.
 */
export async function imageStore(
  source: string,
  paths: readonly string[],
  options: ImageStoreOptions,
): Promise<ImageStore> {
  const { size, cacheDirectory, onProgress, signal } = options;
  const parent = join(cacheDirectory, 'images');
  const memory = join(parent, `checksums-${sha256(source).slice(0, 16)}.json`);
  const report = (done: number, total: number): void => onProgress?.({ phase: 'checksums', done, total });
  const hashes = await hashFiles(paths, { memory, onProgress: report, signal });
  const key = sha256(JSON.stringify([imagePreparation, size.height, size.width, ...hashes])).slice(0, 32);
  const folder = join(parent, key);
  const found = openImageStore(folder, hashes, size);
  if (found !== undefined) return found;
  const lock = await acquireLock(`${folder}.lock`, { signal });
  try {
    const meanwhile = openImageStore(folder, hashes, size);
    if (meanwhile !== undefined) return meanwhile;
    await decodeAll(folder, paths, hashes, options);
    keepWithinLimit(cacheDirectory, folder);
    const store = openImageStore(folder, hashes, size);
    if (store === undefined) throw new Error(`${folder} was written, but cannot be read.`);
    return store;
  } finally {
    lock.release();
  }
}

async function decodeAll(
  folder: string,
  paths: readonly string[],
  hashes: readonly string[],
  { size, onProgress, signal }: ImageStoreOptions,
): Promise<void> {
  const { height, width } = size;
  const transform = transformFor({ ...halfNormalization, interpolation: 'bicubic', cropFraction: 1 }, size);
  rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  const writer = createNpyWriter(join(folder, imagesFile), '|u1', [paths.length, height, width, 3]);
  const workers = startImageDecoders();
  const prepare = async (path: string): Promise<PreparedImages | string> => {
    try {
      return await workers.run({ path, transform });
    } catch (error) {
      if (error instanceof UserError) return error.message.replace(/\.$/, '');
      throw error;
    }
  };
  try {
    const rows: ImageRow[] = [];
    for await (const image of inOrder(paths, prepare, 4 * workers.count)) {
      signal?.throwIfAborted();
      const hash = hashes[rows.length];
      if (typeof image === 'string') rows.push({ sha256: hash, height: 0, width: 0, broken: image });
      else
        rows.push({ sha256: hash, height: image.from?.height ?? 0, width: image.from?.width ?? 0, facts: image.facts });
      writer.append(typeof image === 'string' ? new Uint8Array(height * width * 3) : image.bytes);
      onProgress?.({ phase: 'images', done: rows.length, total: paths.length });
    }
    writer.finish();
    const images = hashFileNow(join(folder, imagesFile));
    writeFileAtomic(join(folder, indexFile), recordText({ version: 2, images, rows }));
  } finally {
    writer.abort();
    await workers.close();
  }
}

/** Undefined where there is none, or only a part of one. */
function openImageStore(
  folder: string,
  hashes: readonly string[],
  { height, width }: PlaneSize,
): ImageStore | undefined {
  const index = indexSchema.safeParse(readRecord(join(folder, indexFile)));
  if (!index.success || !isUnchanged(join(folder, imagesFile), index.data.images)) return undefined;
  const { rows } = index.data;
  if (rows.some((row, at) => row.sha256 !== hashes[at])) return undefined;
  const file = openImages(join(folder, imagesFile));
  if (file === undefined) return undefined;
  if (file.shape.join() !== [hashes.length, height, width, 3].join()) {
    file.close();
    return undefined;
  }
  markUsed(folder);
  const bytes = height * width * 3;
  return {
    rows,
    readImages(wanted, target) {
      for (let at = 0; at < wanted.length;) {
        // Neighbours are read at once: evaluation in order takes few calls.
        let run = 1;
        while (at + run < wanted.length && wanted[at + run] === wanted[at] + run) run++;
        file.readRows(wanted[at], run, target.subarray(at * bytes, (at + run) * bytes));
        at += run;
      }
    },
    close: () => file.close(),
  };
}

function openImages(path: string): NpyFile | undefined {
  try {
    return openNpyFile(path);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
