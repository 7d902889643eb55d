/** A matrix of features in an .npy file, read row by row where it lies. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { npyHeader } from '../tensor/npy';

export interface MatrixShape {
  /** Rows: images. */
  readonly count: number;
  /** Columns: values an image. */
  readonly width: number;
}

/** An open file. What was opened can be read to its `close`, even if the cache has deleted it meanwhile. */
export interface FeatureFile extends MatrixShape {
  readonly bytes: number;
  /** Copies the rows at `indices` into `target`, one after the other. */
  readRows(indices: ArrayLike<number>, target: Float32Array): void;
  readAll(): Float32Array;
  /** SHA-256 of the whole file. */
  hash(): Promise<string>;
  close(): void;
}

/** The header that such a file begins with. */
export function featureHeader({ count, width }: MatrixShape): Uint8Array {
  return npyHeader('<f4', [count, width]);
}

export function featureFileBytes(shape: MatrixShape): number {
  return featureHeader(shape).length + rowBytes(shape) * shape.count;
}

export function rowBytes({ width }: MatrixShape): number {
  return width * Float32Array.BYTES_PER_ELEMENT;
}

/** Opens a file that this project has written; undefined where it has not the header and size of such a matrix. */
export function openFeatureFile(path: string, { count, width }: MatrixShape): FeatureFile | undefined {
  const shape = { count, width };
  const header = featureHeader(shape);
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  const start = new Uint8Array(header.length);
  if (
    size !== featureFileBytes(shape) ||
    readSync(file, start) !== start.length ||
    !Buffer.from(header).equals(start)
  ) {
    closeSync(file);
    return undefined;
  }
  let open = true;

  return {
    ...shape,
    bytes: size,
    readRows(indices, target) {
      const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
      const size = rowBytes(shape);
      for (let position = 0; position < indices.length;) {
        // Neighbours are read at once: a pass in order takes one call a batch.
        let run = 1;
        while (position + run < indices.length && indices[position + run] === indices[position] + run) run++;
        const part = bytes.subarray(position * size, (position + run) * size);
        readFully(file, part, header.length + indices[position] * size, path);
        position += run;
      }
    },
    readAll() {
      const rows = new Float32Array(count * width);
      readFully(file, new Uint8Array(rows.buffer), header.length, path);
      return rows;
    },
    async hash() {
      const hash = createHash('sha256');
      const pieces = createReadStream(path, { fd: file, autoClose: false, start: 0, highWaterMark: 1 << 20 });
      for await (const piece of pieces) hash.update(piece as Buffer);
      return hash.digest('hex');
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}

/** Fills `target` from `offset` on. */
export function readFully(file: number, target: Uint8Array, offset: number, path: string): void {
  for (let read = 0; read < target.length;) {
    // Node refuses to read 2 GiB or more at once.
    const bytes = readSync(file, target, read, Math.min(target.length - read, 1 << 30), offset + read);
    if (bytes === 0) throw new Error(`${path} ends after ${offset + read} bytes.`);
    read += bytes;
  }
}
