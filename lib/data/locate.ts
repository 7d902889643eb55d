import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

import { hashFile, readRecord, recordText, writeFileAtomic } from '../files';
import { cacheDirectory as projectCache } from '../paths';
import { datasetFile, findDataset } from './registry';
import type { DatasetFile } from './registry-types';

export interface LocateOptions {
  /** Folder whose sub-folder `medmnist` holds this project's downloads; `data/cache` by default. */
  readonly cacheDirectory?: string;
  /** Folder of the Python package medmnist; `~/.medmnist` by default. */
  readonly medmnistRoot?: string;
}

export interface DatasetLocation {
  /** A file whose MD5 is right, or undefined where there is none. */
  readonly path: string | undefined;
  /** One line for each file that has the right name and the wrong content. */
  readonly warnings: readonly string[];
}

/** Where a file of the registry may be, in the order in which it is looked for. The first is where downloads go. */
export function candidatePaths(fileName: string, options: LocateOptions = {}): [download: string, medmnist: string] {
  const { medmnistRoot = join(homedir(), '.medmnist') } = options;
  return [join(downloadFolder(options), fileName), resolve(medmnistRoot, fileName)];
}

function downloadFolder({ cacheDirectory = projectCache }: LocateOptions): string {
  return resolve(cacheDirectory, 'medmnist');
}

/**
 * Looks for a dataset's file of the given size (28, 64, 128 or 224 pixels) on this machine: first among this project's downloads, then
 * among those of the Python package medmnist. A file with the wrong MD5 is passed over and named in `warnings`. Throws a UserError for
 * unknown names and sizes.
 */
export async function locateDataset(name: string, size: number, options: LocateOptions = {}): Promise<DatasetLocation> {
  return locateFile(datasetFile(findDataset(name), size), options);
}

/** As `locateDataset`, for an entry that is at hand. */
export async function locateFile(file: DatasetFile, options: LocateOptions = {}): Promise<DatasetLocation> {
  const warnings: string[] = [];
  const sidecar = sidecarPath(file, options);
  for (const path of candidatePaths(file.fileName, options)) {
    const md5 = await rememberedMd5(path, sidecar);
    if (md5 === undefined) continue;
    if (md5 === file.md5) return { path, warnings };
    warnings.push(`${path} is passed over: its MD5 is ${md5}, expected is ${file.md5}. Delete it or replace it.`);
  }
  return { path: undefined, warnings };
}

/** Notes the MD5 of a file that was just verified, so that `locateFile` does not hash it again. */
export async function rememberVerified(path: string, file: DatasetFile, options: LocateOptions = {}): Promise<void> {
  remember(path, await stat(path), file.md5, sidecarPath(file, options));
}

function sidecarPath(file: DatasetFile, options: LocateOptions): string {
  return join(downloadFolder(options), `${file.fileName}.verified.json`);
}

const entrySchema = z.object({ bytes: z.number(), modifiedMilliseconds: z.number(), md5: z.string() });
const verifiedSchema = z.record(z.string(), entrySchema);
type Verified = z.infer<typeof entrySchema>;

/**
 * MD5 of a file, or undefined where there is none. Hashing the larger files takes seconds to a minute, so the result is kept in
 * `sidecar` by path, and holds for as long as size and time of modification stay the same.
 */
async function rememberedMd5(path: string, sidecar: string): Promise<string | undefined> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || !status.isFile()) return undefined;
  const entry: Verified | undefined = readVerified(sidecar)[path];
  if (entry?.bytes === status.size && entry.modifiedMilliseconds === status.mtimeMs) return entry.md5;
  const md5 = await hashFile(path, 'md5');
  remember(path, status, md5, sidecar);
  return md5;
}

function remember(path: string, status: Stats, md5: string, sidecar: string): void {
  const entry: Verified = { bytes: status.size, modifiedMilliseconds: status.mtimeMs, md5 };
  try {
    writeFileAtomic(sidecar, recordText({ ...readVerified(sidecar), [path]: entry }, 2));
  } catch {
    // A cache that cannot be written is slower, not wrong.
  }
}

function readVerified(sidecar: string): Record<string, Verified> {
  return verifiedSchema.safeParse(readRecord(sidecar)).data ?? {};
}
