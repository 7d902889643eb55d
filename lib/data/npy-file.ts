/** NumPy's .npy files, read and written piece by piece: neither has to fit into memory. */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../errors';
import { makeFolder, temporarySibling } from '../files';
import { longestNpyHeader, npyHeader, npyTypes, parseNpyHeader, type NpyHeader, type NpyType } from '../tensor/npy';

/** An array that is read along its first axis. */
export interface RowReader extends Pick<NpyHeader, 'type' | 'shape'> {
  /** Copies the bytes of rows `start` … `start + count − 1` to the beginning of `target`. */
  readRows(start: number, count: number, target: Uint8Array): void;
}

export interface NpyFile extends RowReader {
  readonly path: string;
  close(): void;
}

/** Node reads and writes less than 2 GiB at once. */
const largestPiece = 1 << 30;

/**
 * Opens an .npy file, which stays open until `close`.
 * @throws UserError where it is missing, truncated, or no array of numbers
 */
export function openNpyFile(path: string): NpyFile {
  const descriptor = openFile(path);
  try {
    const { size } = fstatSync(descriptor);
    const start = new Uint8Array(Math.min(size, longestNpyHeader));
    readFully(descriptor, start, 0, path);
    const { type, shape, dataOffset } = parseNpyHeader(start, path);
    const rows = shape.length === 0 ? 1 : shape[0];
    const bytesPerRow = rowBytes(type, shape);
    if (dataOffset + rows * bytesPerRow !== size) {
      throw new UserError(
        `${path} has ${size - dataOffset} bytes of values, but its shape (${shape.join(', ')}) needs ${rows * bytesPerRow}: copy it again.`,
      );
    }
    return {
      path,
      type,
      shape,
      readRows(first, count, target) {
        if (first < 0 || first + count > rows)
          throw new RangeError(`${path} has ${rows} rows, so there is no row ${first + count - 1}.`);
        const part = target.subarray(0, count * bytesPerRow);
        if (part.length < count * bytesPerRow)
          throw new RangeError(`${count} rows of ${path} need ${count * bytesPerRow} bytes, not ${target.length}.`);
        readFully(descriptor, part, dataOffset + first * bytesPerRow, path);
      },
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw asUserError(error, path, 'read');
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw asUserError(error, path, 'read');
  }
}

function rowBytes(type: NpyType, shape: readonly number[]): number {
  return shape.slice(1).reduce((product, size) => product * size, npyTypes[type].bytes);
}

function readFully(descriptor: number, target: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < target.length;) {
    const read = readSync(descriptor, target, done, Math.min(target.length - done, largestPiece), position + done);
    if (read === 0) throw new UserError(`${path} ends too early: the file is truncated; copy it again.`);
    done += read;
  }
}

/** An .npy file in the making. Until `finish`, there is nothing at its path, or what was there before. */
export interface NpyWriter {
  /** Adds values in the array's order, in little-endian bytes: a typed array of the writer's type, or its bytes. */
  append(values: ArrayBufferView): void;
  /** Puts the file in its place. Throws where values are missing. `rows`: of the first axis, where it became shorter than was said. */
  finish(rows?: number): void;
  /** Gives up; nothing is left behind. Does nothing after `finish`. */
  abort(): void;
}

/**
 * Begins an .npy file of this shape. Values go straight to a file beside it, which is gone if the process ends before `finish`.
 * @throws UserError where the file cannot be written
 */
export function createNpyWriter(path: string, type: NpyType, shape: readonly number[]): NpyWriter {
  const bytesOf = (size: readonly number[]): number =>
    size.reduce((product, axis) => product * axis, npyTypes[type].bytes);
  const expected = bytesOf(shape);
  const temporary = temporarySibling(path);
  let written = 0;
  let descriptor: number | undefined;

  function abort(): void {
    if (descriptor === undefined) return;
    closeSync(descriptor);
    descriptor = undefined;
    rmSync(temporary, { force: true });
    process.removeListener('exit', abort);
  }

  /** Whatever fails on the disk leaves nothing behind. */
  function onDisk<T>(action: (file: number) => T): T {
    if (descriptor === undefined) throw new Error(`${path} is closed already.`);
    try {
      return action(descriptor);
    } catch (error) {
      abort();
      throw asUserError(error, path, 'written');
    }
  }

  function write(bytes: Uint8Array): void {
    onDisk((file) => {
      for (let done = 0; done < bytes.length;)
        done += writeSync(file, bytes, done, Math.min(bytes.length - done, largestPiece));
    });
  }

  try {
    makeFolder(dirname(path));
    descriptor = openSync(temporary, 'wx');
  } catch (error) {
    throw asUserError(error, path, 'written');
  }
  process.on('exit', abort);
  const header = npyHeader(type, shape);
  write(header);

  return {
    append(values) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      if (written + bytes.length > expected)
        throw new RangeError(`${path} has room for ${expected} bytes, not for ${written + bytes.length}.`);
      write(bytes);
      written += bytes.length;
    },
    finish(rows = shape[0]) {
      const whole = [rows, ...shape.slice(1)];
      if (written !== bytesOf(whole))
        throw new RangeError(
          `${path} has ${written} bytes of values, but needs ${bytesOf(whole)} for ${whole.join('×')}.`,
        );
      onDisk((file) => {
        if (rows !== shape[0]) writeSync(file, npyHeader(type, whole, header.length), 0, header.length, 0);
        fsyncSync(file);
        renameSync(temporary, path);
      });
      abort(); // closes the file; there is no temporary one any more
    },
    abort,
  };
}

/** Errors of the file system as one line; others as they are. */
function asUserError(error: unknown, path: string, what: 'read' | 'written'): unknown {
  if (!(error instanceof Error)) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  if (code === 'ENOENT' && what === 'read') return new UserError(`There is no file ${path}: check the path.`);
  return new UserError(
    `${path} cannot be ${what} (${code ?? error.message}): check the path, its rights and the disk.`,
  );
}
