/**
 * Weights from the Hugging Face hub, in the cache that Python's libraries use. Not with the package @huggingface/hub (2.17.5): it asks
 * the hub even for a file that is there, cannot continue a download, compares no hash, reports no progress, and files a download under
 * the commit that last changed the file and without a note of the branch, where Python does not find it.
 */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { downloadFile } from '../data/download-file';
import { TransferError } from '../data/download-errors';
import type { DownloadEvent } from '../data/download-progress';
import { networkFetch } from '../data/network-fetch';
import { UserError } from '../errors';
import { hashFile } from '../files';
import { cacheDirectory } from '../paths';
import {
  addToCache,
  asSha256,
  blobPath,
  contentPath,
  findInCache,
  hashInName,
  hubCacheFolder,
  type Environment,
} from './hub-cache';
import { askHub, type HubRequestOptions } from './hub-request';
import type { PretrainedRecord } from './pretrained';

export type { DownloadEvent } from '../data/download-progress';
export type { Environment } from './hub-cache';

export interface WeightsOptions extends Omit<HubRequestOptions, 'token'> {
  /** Variables that decide, as in Python: HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE, HF_ENDPOINT, HF_TOKEN; the process's by default. */
  readonly environment?: Environment;
  /** Folder of files that were put there by hand, `<name>.safetensors`; `data/cache/weights` by default. */
  readonly weightsDirectory?: string;
  readonly onProgress?: (event: DownloadEvent) => void;
}

export interface WeightsFile {
  readonly path: string;
  /** In hexadecimal, of the file as it is now. */
  readonly sha256: string;
  /** False where the file was on this machine already. */
  readonly downloaded: boolean;
}

type Wanted = Pick<PretrainedRecord, 'name' | 'hub' | 'file' | 'url' | 'sha256'>;

/**
 * The weights file of a record: from the hub's cache or the folder of files put there by hand, without any request, or downloaded.
 * A download goes on where an earlier one stopped.
 * @throws UserError, one line with the address and the path for doing it by hand, where there is no way to the file, and where a file
 *   has the wrong SHA-256; the signal's reason on abort
 */
export async function ensureWeights(record: Wanted, options: WeightsOptions = {}): Promise<WeightsFile> {
  const { environment = process.env, weightsDirectory = join(cacheDirectory, 'weights') } = options;
  options.signal?.throwIfAborted();
  const cache = hubCacheFolder(environment);
  const byHand = resolve(weightsDirectory, `${record.name}.safetensors`);
  const cached = record.hub === undefined ? undefined : findInCache(cache, record.hub, record.file);
  if (cached !== undefined) return verified(cached, record.sha256 ?? hashInName(cached));
  if (existsSync(byHand)) return verified(byHand, record.sha256);
  if (record.hub === undefined) return ensureElsewhere(record, weightsDirectory, byHand, { ...options, environment });
  const repository = record.hub;
  const missing = (reason: string): UserError =>
    new UserError(
      `${record.file} of ${repository} is not on this machine and cannot be downloaded: ${reason}. Get it from ${record.url} ` +
        `and save it as ${byHand}, or give its path with --weights FILE.`,
    );
  if (isOn(environment.HF_HUB_OFFLINE)) throw missing('HF_HUB_OFFLINE is set');
  try {
    return await download({ ...record, hub: repository }, cache, { ...options, environment });
  } catch (error) {
    throw error instanceof TransferError ? missing(error.message) : error;
  }
}

/**
 * A file that is not on the hub, from where its authors keep it. PyTorch's files have the beginning of their SHA-256 in their name.
 * @throws UserError as `ensureWeights`
 */
async function ensureElsewhere(
  { name, url }: Wanted,
  folder: string,
  byHand: string,
  { environment, ...options }: WeightsOptions & { readonly environment: Environment },
): Promise<WeightsFile> {
  const destination = resolve(folder, basename(url));
  const known = existsSync(destination);
  if (!known && isOn(environment.HF_HUB_OFFLINE))
    throw new UserError(
      `${name} is not on this machine, and HF_HUB_OFFLINE is set: get ${url} and save it as ${destination} (or its tensors as ${byHand}), or give its path with --weights FILE.`,
    );
  const path = known ? destination : await downloadFile({ ...options, url, destination, title: basename(url) });
  const sha256 = await hashFile(path);
  const beginning = /-([0-9a-f]{8,})\.\w+$/.exec(url)?.[1] ?? '';
  if (!sha256.startsWith(beginning))
    throw new UserError(
      `${path} is damaged or another file: its SHA-256 is ${sha256}, which should begin with ${beginning}. Delete it and run the same command again.`,
    );
  return { path, sha256, downloaded: !known };
}

async function download(
  record: Wanted & { readonly hub: string },
  cache: string,
  { environment, onProgress, ...options }: WeightsOptions & { readonly environment: Environment },
): Promise<WeightsFile> {
  const { hub: repository, file } = record;
  const endpoint = (environment.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  const token = environment.HF_TOKEN?.trim();
  const { commit, etag, bytes } = await askHub(`${endpoint}/${repository}/resolve/main/${file}`, { ...options, token });
  const published = asSha256(etag);
  if (record.sha256 !== undefined && published !== undefined && record.sha256 !== published) {
    throw new TransferError(`the hub has another file, with SHA-256 ${published} instead of ${record.sha256}`, 'never');
  }
  const version = { repository, file, commit, etag };
  const sha256 = record.sha256 ?? published;
  let done: DownloadEvent | undefined;
  const blob = await downloadFile({
    // Of this commit, or a change on the hub in between would make a wrong hash.
    url: `${endpoint}/${repository}/resolve/${commit}/${file}`,
    destination: blobPath(cache, version),
    title: `${file} of ${repository}`,
    sha256,
    bytes,
    signal: options.signal,
    retryDelayMilliseconds: options.retryDelayMilliseconds,
    fetch: withToken(options.fetch ?? networkFetch, token),
    onProgress: (event) => (event.kind === 'done' ? (done = event) : onProgress?.(event)),
  });
  const measured = sha256 ?? (await hashFile(blob));
  const path = addToCache(cache, version);
  if (done?.kind === 'done') onProgress?.({ ...done, path });
  return { path, sha256: measured, downloaded: true };
}

/** Fetch itself keeps the token from other hosts when it is redirected. */
function withToken(fetch: typeof globalThis.fetch, token: string | undefined): typeof globalThis.fetch {
  if (!token) return fetch;
  return (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
}

async function verified(path: string, expected: string | undefined): Promise<WeightsFile> {
  const sha256 = await hashFile(path);
  if (expected !== undefined && sha256 !== expected) {
    throw new UserError(
      `${path} is damaged or another file: its SHA-256 is ${sha256}, expected is ${expected}. ` +
        `Delete ${contentPath(path)} and run the same command again.`,
    );
  }
  return { path, sha256, downloaded: false };
}

/** As Python reads a switch. */
function isOn(value: string | undefined): boolean {
  return value !== undefined && ['1', 'ON', 'YES', 'TRUE'].includes(value.toUpperCase());
}
