import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errorCode, UserError } from '../errors';
import { withPath } from '../files';
import { proxyVariable } from './network-fetch';

/** How often an attempt that failed may be repeated: a few times where the machine looks offline. */
export type Retry = 'never' | 'few' | 'many';

/** An attempt that failed for a reason outside this machine's files. The message is a clause without a full stop. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  constructor(
    message: string,
    readonly retry: Retry,
    /** What the server asked for. */
    readonly waitMilliseconds?: number,
  ) {
    super(message);
  }
}

/** What is wanted and where it goes, for messages. */
export interface Wanted {
  /** For example `BloodMNIST 28×28`. */
  readonly title: string;
  readonly url: string;
  /** Absolute. */
  readonly destination: string;
}

const unreachable: Readonly<Record<string, string>> = {
  ENOTFOUND: 'cannot be found, this machine may be offline',
  EAI_AGAIN: 'cannot be found, this machine may be offline',
  ENETUNREACH: 'cannot be reached, this machine may be offline',
  EHOSTUNREACH: 'cannot be reached',
  ECONNREFUSED: 'refuses the connection',
};

const interrupted: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'does not answer',
};

/** What a failed fetch, or a body that ended early, means. Anything that is not about the network is returned as it is. */
export function describeNetworkError(error: unknown, url: string): unknown {
  // Fetch throws a TypeError with the reason as its cause, and another one for a body that breaks off.
  if (!(error instanceof TypeError) || !/^(fetch failed|terminated)/.test(error.message)) return error;
  const code = errorCode(error.cause) ?? errorCode(error);
  const { host } = new URL(url);
  const refusal = /Proxy response \((\d+)\)/.exec(causes(error));
  if (refusal !== null) {
    const wanted = refusal[1] === '407' ? ' (it wants a name and a password: http://NAME:PASSWORD@HOST:PORT)' : '';
    return new TransferError(`the proxy of ${proxyVariable(url)} answered ${refusal[1]}${wanted}`, 'never');
  }
  if (code !== undefined && code in unreachable) {
    return new TransferError(`${host} ${unreachable[code]} (${code})${proxyHint(url)}`, 'few');
  }
  if (code !== undefined && /CERT|SIGNATURE|ISSUER/.test(code)) {
    return new TransferError(
      `the certificate of ${host} is not trusted (${code}); a company’s own are named by NODE_EXTRA_CA_CERTS=/path/to/ca.pem`,
      'never',
    );
  }
  const reason = code === undefined ? error.message : code;
  return new TransferError(`${host} ${interrupted[reason] ?? 'closed the connection'} (${reason})`, 'many');
}

/** What led to an error, and to that, in one text. */
function causes({ cause }: Error): string {
  return cause instanceof Error ? `${cause.message}\n${causes(cause)}` : '';
}

function proxyHint(url: string): string {
  const name = proxyVariable(url);
  return name === undefined ? '' : `; ${name} names a proxy`;
}

/** One line: what was wanted, why it failed, where to get it by hand and where to put it. */
export function unreachableError(wanted: Wanted, reason: string): UserError {
  return new UserError(
    `Could not download ${wanted.title}: ${reason}. ` +
      `Open ${wanted.url} in a browser and save the file as ${wanted.destination}, or run the same command again later.`,
  );
}

/** A file that could not be written, as a UserError where the reason is a full disk or a missing right; else the error itself. */
export async function describeFileError(error: unknown, wanted: Wanted): Promise<unknown> {
  const code = errorCode(error);
  const folder = dirname(wanted.destination);
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFullError(wanted, undefined, await freeBytes(folder));
  if (code !== undefined && ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) {
    return new UserError(
      `Could not write ${wanted.title} to ${folder} (${code}): it has to be a folder in which you may create files.`,
    );
  }
  return error instanceof Error && 'syscall' in error && !('path' in error)
    ? withPath(error, wanted.destination)
    : error;
}

export function diskFullError(wanted: Wanted, missingBytes: number | undefined, free: number | undefined): UserError {
  const needed = missingBytes === undefined ? '' : `, ${formatBytes(missingBytes)} more are needed`;
  const available = free === undefined ? '' : ` and ${formatBytes(free)} are free`;
  return new UserError(
    `The disk is full: ${wanted.title} goes to ${wanted.destination}${needed}${available}. ` +
      'Make room and run the same command again; it continues where it stopped.',
  );
}

/** Bytes that this user can still write to a folder, or undefined where the file system does not say. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** `35.5 MB`, in powers of 1000 like file managers. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
