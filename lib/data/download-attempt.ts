import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { readRecord, recordText, writeFileAtomic } from '../files';
import {
  checkAnswer,
  isEncoded,
  partSchema,
  requestHeaders,
  totalBytes,
  validatorOf,
  type PartState,
} from './download-answer';
import {
  describeFileError,
  describeNetworkError,
  diskFullError,
  freeBytes,
  TransferError,
  type Wanted,
} from './download-errors';

export interface AttemptOptions extends Wanted {
  /** Exact size, where it is known beforehand. */
  readonly bytes?: number;
  /** A checksum will be compared: then a file may be continued even if the server cannot say that it is still the same. */
  readonly hasChecksum: boolean;
  readonly signal?: AbortSignal;
  /** Longest time without a byte. */
  readonly timeoutMilliseconds: number;
  readonly fetch: typeof globalThis.fetch;
  /** Called with the size of the part file when the answer starts, and after every piece. */
  readonly onBytes: (received: number, total: number | undefined) => void;
}

export const partPath = (destination: string): string => `${destination}.part`;
const statePath = (destination: string): string => `${partPath(destination)}.json`;

/** Deletes what was received so far. */
export async function removePart(destination: string): Promise<void> {
  await rm(partPath(destination), { force: true });
  await rm(statePath(destination), { force: true });
}

/** Deletes the note beside the part file, once that has its final name. */
export async function removePartState(destination: string): Promise<void> {
  await rm(statePath(destination), { force: true });
}

/**
 * One request: fills the `.part` file from where it stands, or from zero where the server cannot continue or has another version.
 * Resolves with the number of bytes that were there before once the file is complete and flushed. Rejects with a TransferError, a
 * UserError (disk full, no right to write), or the signal's reason; the part file then stays for the next attempt.
 */
export async function receive(options: AttemptOptions): Promise<number> {
  const { destination, url, onBytes } = options;
  const { offset, state } = await resumePoint(options);
  if (offset > 0 && offset === (options.bytes ?? state?.total)) {
    onBytes(offset, offset);
    return offset;
  }

  const stall = createStallTimer(options.timeoutMilliseconds);
  const signal = options.signal === undefined ? stall.signal : AbortSignal.any([options.signal, stall.signal]);
  try {
    const response = await options.fetch(url, { headers: requestHeaders(offset, state), signal });
    const start = await checkAnswer(response, offset, state);
    if (start === 'over') {
      stall.stop();
      await removePart(destination);
      return await receive(options);
    }
    const total = totalBytes(response, start);
    if (options.bytes !== undefined && total !== undefined && total !== options.bytes) {
      await response.body?.cancel();
      throw new TransferError(`the server has a file of ${total} bytes, expected are ${options.bytes}`, 'never');
    }
    // In this order a crash leaves no bytes of one version with the note of another.
    if (start === 0) await removePart(destination);
    if (!isEncoded(response)) {
      writeFileAtomic(statePath(destination), recordText({ url, validator: validatorOf(response), total }));
    }
    await writeBody(response, start, total ?? options.bytes, options, stall.restart);
    return start;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (stall.signal.aborted) throw stall.signal.reason;
    throw await describeFileError(describeNetworkError(error, url), options);
  } finally {
    stall.stop();
  }
}

/** How much of the file is there and may be continued; what may not is deleted. */
async function resumePoint({
  destination,
  url,
  hasChecksum,
  bytes,
}: AttemptOptions): Promise<{ offset: number; state?: PartState }> {
  const offset = (await stat(partPath(destination)).catch(() => undefined))?.size ?? 0;
  if (offset === 0) return { offset };
  const state = readState(destination);
  const total = bytes ?? state?.total;
  const usable =
    state?.url === url && (state.validator !== undefined || hasChecksum) && (total === undefined || offset <= total);
  if (usable) return { offset, state };
  await removePart(destination);
  return { offset: 0 };
}

function readState(destination: string): PartState | undefined {
  return partSchema.safeParse(readRecord(statePath(destination))).data;
}

async function writeBody(
  response: Response,
  start: number,
  total: number | undefined,
  options: AttemptOptions,
  onPiece: () => void,
): Promise<void> {
  const { destination, url, onBytes } = options;
  const free = await freeBytes(dirname(destination));
  if (total !== undefined && free !== undefined && free < total - start) {
    await response.body?.cancel();
    throw diskFullError(options, total - start, free);
  }
  const file = await open(partPath(destination), 'a');
  try {
    let received = start;
    onBytes(received, total);
    const pieces: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
    for await (const piece of pieces) {
      onPiece();
      await file.appendFile(piece);
      received += piece.byteLength;
      onBytes(received, total);
      if (total !== undefined && received > total)
        throw new TransferError(`the file is longer than ${total} bytes`, 'never');
    }
    if (total !== undefined && received < total) {
      throw new TransferError(`${new URL(url).host} closed the connection after ${received} of ${total} bytes`, 'many');
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A signal that aborts with a TransferError when `restart` has not been called for some time. */
function createStallTimer(milliseconds: number): { signal: AbortSignal; restart: () => void; stop: () => void } {
  const controller = new AbortController();
  const expire = (): void =>
    controller.abort(new TransferError(`nothing arrived for ${Math.round(milliseconds / 100) / 10} s`, 'many'));
  const timer = setTimeout(expire, milliseconds);
  return { signal: controller.signal, restart: () => timer.refresh(), stop: () => clearTimeout(timer) };
}
