import { downloadFile, type DownloadOptions } from './download-file';
import { candidatePaths, locateFile, rememberVerified, type LocateOptions } from './locate';
import { datasetFile, findDataset } from './registry';
import type { DatasetFile } from './registry-types';

export { downloadFile, type DownloadOptions } from './download-file';
export type { DownloadEvent, DownloadState } from './download-progress';
export { locateDataset, type DatasetLocation, type LocateOptions } from './locate';

/** Where the file is, and how the download of a missing one is done. */
export type EnsureOptions = LocateOptions &
  Pick<
    DownloadOptions,
    'onProgress' | 'signal' | 'retries' | 'retryDelayMilliseconds' | 'timeoutMilliseconds' | 'fetch'
  >;

export interface EnsuredDataset {
  readonly path: string;
  /** False where the file was on this machine already. */
  readonly downloaded: boolean;
  readonly warnings: readonly string[];
}

/**
 * The file of a dataset at the given size (28, 64, 128 or 224 pixels), downloaded where it is not on this machine yet. Throws a
 * UserError for unknown names and sizes and where the download fails.
 */
export async function ensureDataset(name: string, size: number, options: EnsureOptions = {}): Promise<EnsuredDataset> {
  const record = findDataset(name);
  return ensureFile(datasetFile(record, size), `${record.title} ${size}×${size}`, options);
}

/** As `ensureDataset`, for a file that is at hand; `title` is for messages. */
export async function ensureFile(
  file: DatasetFile,
  title: string,
  options: EnsureOptions = {},
): Promise<EnsuredDataset> {
  const { path, warnings } = await locateFile(file, options);
  if (path !== undefined) return { path, downloaded: false, warnings };
  const [destination] = candidatePaths(file.fileName, options);
  const { url, md5, bytes } = file;
  await downloadFile({ ...options, url, md5, bytes, destination, title });
  await rememberVerified(destination, file, options);
  return { path: destination, downloaded: true, warnings };
}
