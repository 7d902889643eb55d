/** Features on their way to disk: what is there survives a kill, and the next attempt goes on behind it. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, named, readRecord, recordText, writeFileAtomic, writeWhole } from '../files';
import { featureHeader, readFully, rowBytes, type MatrixShape } from './feature-file';

export const featureFileName = 'features.npy';
export const progressFileName = 'progress.json';

const progressSchema = z.strictObject({
  version: z.literal(1),
  of: z.string(),
  count: z.int(),
  width: z.int(),
  /** Time spent so far. */
  seconds: z.number(),
  /** Rows that are on the disk, in the order in which they were written, with the hash of their bytes. */
  chunks: z.array(z.strictObject({ rows: z.int().min(1), sha256: z.string() })),
});
export type FeatureProgress = z.infer<typeof progressSchema>;

export interface FeatureWriter {
  /** Rows that are written, those of earlier attempts included. */
  readonly finished: number;
  /** Writes whole rows; every few seconds, all up to here is made safe from a kill. */
  append(rows: Float32Array): void;
  /** Makes all rows up to here safe now. */
  save(): void;
  /** After the last row: hash of the file, and the time that it took in all. */
  finish(): { readonly sha256: string; readonly seconds: number };
  close(): void;
}

export interface WriterOptions {
  /** What the features are of, for a listing. */
  readonly of: string;
  /** Between two saves; 5 by default. */
  readonly saveEverySeconds?: number;
}

/** Begins a matrix in a folder of its own, or goes on behind the last whole chunk of an earlier attempt. One writer at a time. */
export function openFeatureWriter(folder: string, shape: MatrixShape, options: WriterOptions): FeatureWriter {
  const { of, saveEverySeconds = 5 } = options;
  const { count, width } = shape;
  makeFolder(folder);
  // What a kill has left of a progress that was being written.
  for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  const path = join(folder, featureFileName);
  const file = openSync(path, existsSync(path) ? 'r+' : 'w+');
  const header = featureHeader(shape);
  const whole = createHash('sha256').update(header);
  named(path, () => writeWhole(file, header, 0));

  const earlier = readProgress(folder);
  const fits = earlier?.count === count && earlier.width === width;
  const chunks: FeatureProgress['chunks'] = [];
  let finished = 0;
  const offsetOf = (row: number): number => header.length + row * rowBytes(shape);
  for (const chunk of fits ? earlier.chunks : []) {
    if (finished + chunk.rows > count) break;
    const bytes = readChunk(file, offsetOf(finished), chunk.rows * rowBytes(shape), path);
    if (bytes === undefined || sha256(bytes) !== chunk.sha256) break;
    whole.update(bytes);
    chunks.push(chunk);
    finished += chunk.rows;
  }
  named(path, () => ftruncateSync(file, offsetOf(finished)));

  let secondsBefore = finished > 0 ? (earlier?.seconds ?? 0) : 0;
  let since = performance.now();
  let chunkHash = createHash('sha256');
  let chunkRows = 0;
  const save = (): void => {
    if (chunkRows === 0) return;
    named(path, () => fsyncSync(file));
    chunks.push({ rows: chunkRows, sha256: chunkHash.digest('hex') });
    const now = performance.now();
    secondsBefore += (now - since) / 1000;
    since = now;
    chunkHash = createHash('sha256');
    chunkRows = 0;
    const progress: FeatureProgress = { version: 1, of, count, width, seconds: secondsBefore, chunks };
    writeFileAtomic(join(folder, progressFileName), recordText(progress));
  };

  return {
    get finished() {
      return finished;
    },
    append(rows) {
      const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
      const added = rows.length / width;
      if (!Number.isInteger(added) || finished + added > count) {
        throw new Error(`${rows.length} values are no rows of ${width}, or too many behind ${finished} of ${count}.`);
      }
      named(path, () => writeWhole(file, bytes, offsetOf(finished)));
      whole.update(bytes);
      chunkHash.update(bytes);
      finished += added;
      chunkRows += added;
      if (performance.now() - since >= 1000 * saveEverySeconds) save();
    },
    save,
    finish() {
      if (finished !== count) throw new Error(`Only ${finished} of ${count} rows are written.`);
      save();
      return { sha256: whole.digest('hex'), seconds: secondsBefore };
    },
    close: () => closeSync(file),
  };
}

/** What an unfinished extraction has reached; undefined where there is none, or its record is damaged. */
export function readProgress(folder: string): FeatureProgress | undefined {
  return progressSchema.safeParse(readRecord(join(folder, progressFileName))).data;
}

function readChunk(file: number, offset: number, length: number, path: string): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  try {
    readFully(file, bytes, offset, path);
    return bytes;
  } catch {
    return undefined; // shorter than its record says
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
