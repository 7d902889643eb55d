import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { UserError } from '../errors';
import { hashFile } from '../files';
import { partPath, receive, removePart, removePartState } from './download-attempt';
import { describeFileError, TransferError, unreachableError, type Wanted } from './download-errors';
import { createReporter, type DownloadEvent, type Reporter } from './download-progress';
import { acquireLock } from './file-lock';
import { networkFetch } from './network-fetch';

export interface DownloadOptions {
  readonly url: string;
  readonly destination: string;
  /** How to call the file in messages; its name by default. */
  readonly title?: string;
  /** Expected checksums in hexadecimal; each that is given is compared. */
  readonly md5?: string;
  readonly sha256?: string;
  /** Exact size. */
  readonly bytes?: number;
  /** At most ten times a second while bytes arrive. */
  readonly onProgress?: (event: DownloadEvent) => void;
  /** Aborting keeps what was received for the next call. */
  readonly signal?: AbortSignal;
  /** Attempts after the first one that may fail in a row without a new byte; 5 by default. */
  readonly retries?: number;
  /** Pause before the second attempt; doubled each time up to a minute, then shortened by up to half at random. */
  readonly retryDelayMilliseconds?: number;
  /** Longest time without a byte before an attempt counts as failed; 30 s by default. */
  readonly timeoutMilliseconds?: number;
  readonly fetch?: typeof globalThis.fetch;
}

const longestDelayMilliseconds = 60_000;
/** Where the machine looks offline, waiting rarely helps and the person at the keyboard wants to know soon. */
const offlineRetries = 2;

/**
 * Downloads a file and resolves with its absolute path. Nothing is requested where the destination is there already and has the
 * expected size and checksum (any content will do where none is given). The bytes go to `<destination>.part`, which a later call
 * continues, and the destination appears only when complete, verified and flushed. Of several processes that want the same file one
 * downloads and the others wait for it. A file of wrong size or checksum is deleted.
 *
 * Throws a UserError (one line, with the address and the path for doing it by hand) where the download is impossible, and the
 * signal's reason on abort.
 */
export async function downloadFile(options: DownloadOptions): Promise<string> {
  const destination = resolve(options.destination);
  const wanted: Wanted = { title: options.title ?? basename(destination), url: options.url, destination };
  options.signal?.throwIfAborted();
  if (await isComplete(destination, options)) return finish(destination, options);
  try {
    await mkdir(dirname(destination), { recursive: true });
    const lock = await acquireLock(`${destination}.lock`, {
      signal: options.signal,
      onWait: (holder) => options.onProgress?.({ kind: 'wait', pid: holder?.pid, received: 0, bytesPerSecond: 0 }),
    });
    try {
      if (!(await isComplete(destination, options))) await transfer(wanted, options);
      return await finish(destination, options);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw await describeFileError(error, wanted);
  }
}

async function finish(path: string, { onProgress }: DownloadOptions): Promise<string> {
  const { size } = await stat(path);
  onProgress?.({ kind: 'done', path, received: size, total: size, bytesPerSecond: 0 });
  return path;
}

/** Whether a file is there with the expected size and checksums. */
async function isComplete(path: string, expected: DownloadOptions): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || !status.isFile()) return false;
  return (await findMismatch(path, expected)) === undefined;
}

/** The first property of a file that is not as expected. */
async function findMismatch(path: string, { bytes, md5, sha256 }: DownloadOptions): Promise<Mismatch | undefined> {
  const { size } = await stat(path);
  if (bytes !== undefined && bytes !== size)
    return { what: 'size', expected: `${bytes} bytes`, found: `${size} bytes` };
  for (const [what, algorithm, expected] of [
    ['MD5', 'md5', md5],
    ['SHA-256', 'sha256', sha256],
  ] as const) {
    if (expected === undefined) continue;
    const found = await hashFile(path, algorithm);
    if (found !== expected.toLowerCase()) return { what, expected, found };
  }
  return undefined;
}

interface Mismatch {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

async function transfer(wanted: Wanted, options: DownloadOptions): Promise<void> {
  const { destination } = wanted;
  const report = createReporter(options.onProgress);
  for (let first = true; ; first = false) {
    const continuedFrom = await receiveWithRetries(wanted, options, report);
    report.send({ kind: 'verify' });
    const mismatch = await findMismatch(partPath(destination), options);
    if (mismatch === undefined) break;
    await removePart(destination);
    // The bytes of an earlier attempt may be at fault: of another version, or lost when the machine stopped before they were flushed.
    if (first && continuedFrom > 0) continue;
    throw new UserError(
      `${wanted.title} from ${wanted.url} has the wrong ${mismatch.what}: expected ${mismatch.expected}, found ${mismatch.found}. ` +
        'The file was deleted; run the same command again, and if that does not help, the file has changed at its source.',
    );
  }
  await rename(partPath(destination), destination);
  await removePartState(destination);
}

/** Repeats attempts until the part file is complete. Resolves with the number of bytes that the last one found there. */
async function receiveWithRetries(wanted: Wanted, options: DownloadOptions, report: Reporter): Promise<number> {
  const { retries = 5, timeoutMilliseconds = 30_000, signal } = options;
  let failures = 0;
  let furthest = 0;
  for (;;) {
    const before = furthest;
    let started = false;
    const onBytes = (received: number, total: number | undefined): void => {
      report.update(received, total, !started);
      if (started) report.sendProgress();
      else report.send({ kind: 'start', url: wanted.url, destination: wanted.destination });
      started = true;
      furthest = Math.max(furthest, received);
    };
    try {
      return await receive({
        ...wanted,
        bytes: options.bytes,
        hasChecksum: options.md5 !== undefined || options.sha256 !== undefined,
        signal,
        timeoutMilliseconds,
        fetch: options.fetch ?? networkFetch,
        onBytes,
      });
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      // An attempt that got further than any before is no reason to give up: large files over bad lines need many.
      failures = furthest > before ? 1 : failures + 1;
      const allowed = { never: 0, few: Math.min(retries, offlineRetries), many: retries }[error.retry];
      if (failures > allowed) throw unreachableError(wanted, error.message);
      const delayMilliseconds = Math.min(
        error.waitMilliseconds ?? backOff(failures, options.retryDelayMilliseconds ?? 500),
        longestDelayMilliseconds,
      );
      report.send({ kind: 'retry', attempt: failures, reason: error.message, delayMilliseconds });
      await sleep(delayMilliseconds, undefined, { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}

function backOff(failures: number, firstMilliseconds: number): number {
  return Math.round(firstMilliseconds * 2 ** (failures - 1) * (1 - Math.random() / 2));
}
