/** Datasets by what a grid of runs has to know of them: found by a list of names and paths, and opened again where they are the same. */
import { UserError } from '../errors';
import { findPath } from '../paths';
import type { Dataset, SplitName, Task } from './dataset';
import { locateDataset } from './locate';
import { openDataset, syntheticBlood, type OpenOptions } from './open';
import { isTable } from './open-images';
import { datasetFile, datasetNames, findDataset } from './registry';
import { imageSizes } from './registry-types';
import { isSyntheticTask, openSyntheticTask, syntheticTaskCounts, syntheticTasks } from './synthetic-tasks';

/** One dataset at one size. */
export interface DatasetReference {
  /** Registry name, the name of a drawn one, or the file's name, with folders where two have the same. */
  readonly name: string;
  /** Pixels a side of its images. */
  readonly size: number;
  /** MD5 of the registry's file, or SHA-256 of the data. */
  readonly hash: string;
  readonly task: Task;
  readonly classes: number;
  /** False where a mirrored image would carry a wrong label. */
  readonly horizontalFlip: boolean;
}

/** A stand-in at its own size, or a dataset of the registry, without opening it. @throws UserError for an unknown name or size */
export function namedReference(name: string, size: number): DatasetReference {
  if (isSyntheticTask(name)) return referenceTo(openSyntheticTask(name), { horizontalFlip: true });
  const record = findDataset(name);
  const { task, horizontalFlip, classNames } = record;
  return { name, size, hash: datasetFile(record, size).md5, task, classes: classNames.length, horizontalFlip };
}

/** A dataset that is open, as it is, mirrored only where the caller says so. */
export function referenceTo(
  { name, height: size, sha256: hash, task, classNames }: Dataset,
  { horizontalFlip }: { readonly horizontalFlip: boolean },
): DatasetReference {
  return { name, size, hash, task, classes: classNames.length, horizontalFlip };
}

export type SplitCounts = Readonly<Record<SplitName, number>>;

/** Images of a dataset. Throws an Error for a file that `files` does not name. */
export function splitCounts({ name }: DatasetReference, files: ReadonlyMap<string, SplitCounts>): SplitCounts {
  if (datasetNames().includes(name)) return findDataset(name).splits;
  const known = isSyntheticTask(name) ? syntheticTaskCounts : files.get(name);
  if (known === undefined) throw new Error(`How many images ${name} has was not told.`);
  return known;
}

/** As JSON it can be sent to another process, but for its functions. */
export interface DatasetSource extends OpenOptions {
  /** Paths of files, by the dataset's name; what is not among them is a name that `openDataset` knows. */
  readonly files?: Readonly<Record<string, string>>;
}

export const standIns = 'stand-ins';
export const allDatasets = 'all';

/**
 * The datasets that a list names (`stand-ins`, `all` of the registry, or names and paths with commas between them), and where they are.
 * Files are opened for it and closed again, nothing is downloaded.
 * @param options.check refuses an open file that is of no use
 * @throws UserError for a name that is none, a file that cannot be used, and where the same images are named twice
 */
export async function findDatasets(
  list: string,
  { size, syntheticImages, check }: FindOptions,
): Promise<{ readonly datasets: DatasetReference[]; readonly source: DatasetSource }> {
  const names =
    list === standIns ? Object.keys(syntheticTasks) : list === allDatasets ? datasetNames() : list.split(',');
  const isPath = (name: string): boolean =>
    !datasetNames().includes(name) && (name.includes('/') || name.endsWith('.npz') || isTable(name));
  const places = names.map((given) => (isPath(given) ? findPath(given) : given));
  const twice = places.find((place, at) => places.indexOf(place) !== at);
  if (twice !== undefined) throw new UserError(`datasets names ${twice} twice, but each may be there once only.`);
  const files: Record<string, string> = {};
  const datasets: DatasetReference[] = [];
  for (const place of places) {
    if (!isPath(place) && place !== syntheticBlood) {
      datasets.push(namedReference(place, size));
      continue;
    }
    const opened = await openDataset(place, { size, syntheticImages });
    try {
      checkSquare(opened);
      check?.(opened);
      const others = places.filter((other) => other !== place);
      const name = isPath(place) ? shortName(place, others) : place;
      // Whether a mirrored image would carry a wrong label, nobody knows but who made the file.
      const dataset = referenceTo({ ...opened, name }, { horizontalFlip: opened.synthetic });
      const same = datasets.find(({ hash }) => hash === dataset.hash);
      if (same) throw new UserError(`${place} has the same images as ${same.name}: each may be there once only.`);
      files[name] = place;
      datasets.push(dataset);
    } finally {
      opened.close();
    }
  }
  return { datasets, source: { files, syntheticImages } };
}

interface FindOptions {
  readonly size: number;
  readonly syntheticImages: number;
  readonly check?: (dataset: Dataset) => void;
}

/** A file's name, with as many folders before it as tell it from the other places and names. */
function shortName(path: string, others: readonly string[]): string {
  const parts = path.split('/').filter((part) => part !== '');
  for (let length = 1; length <= parts.length; length++) {
    const name = parts.slice(-length).join('/');
    if (![...others, ...datasetNames()].some((other) => other === name || other.endsWith(`/${name}`))) return name;
  }
  return path;
}

function checkSquare({ title, height, width }: Dataset): void {
  if (height !== width)
    throw new UserError(
      `${title} has images of ${height}×${width} pixels, but the grid takes square ones: crop or pad them first.`,
    );
}

/**
 * Opens a dataset, downloaded where it may be and is not there.
 * @throws UserError where it is not the data that the reference was made to
 */
export async function openReference(wanted: DatasetReference, source: DatasetSource = {}): Promise<Dataset> {
  const { files = {}, ...options } = source;
  const path = files[wanted.name] ?? wanted.name;
  const dataset = await openDataset(path, { ...options, size: wanted.size });
  try {
    checkSame(wanted, dataset, path);
    return dataset;
  } catch (error) {
    dataset.close();
    throw error;
  }
}

/** Those of the datasets whose images are on this machine, open, and how many images each has; nothing is downloaded. */
export async function openPresent(
  datasets: readonly DatasetReference[],
  source: DatasetSource,
): Promise<{ readonly images: readonly Dataset[]; readonly counts: ReadonlyMap<string, SplitCounts> }> {
  const images: Dataset[] = [];
  for (const dataset of datasets) {
    const { name, size } = dataset;
    const here = !datasetNames().includes(name) || (await locateDataset(name, size)).path !== undefined;
    if (here) images.push({ ...(await openReference(dataset, source)), name });
  }
  const counts = images.map(({ name, splits: { train, val, test } }) => {
    return [name, { train: train.count, val: val.count, test: test.count }] as const;
  });
  return { images, counts: new Map(counts) };
}

function checkSame(wanted: DatasetReference, { sha256, height, width, task, classNames }: Dataset, path: string): void {
  // A file of the registry has been compared by its MD5 when it was found.
  const ofRegistry = datasetNames().includes(path);
  if (!ofRegistry && sha256 !== wanted.hash) {
    throw new UserError(
      `${path} has the SHA-256 ${sha256}, but the grid was made for ${wanted.name} with ${wanted.hash}: give that file.`,
    );
  }
  const found = `${task}, ${classNames.length} classes, ${height}×${width}`;
  const expected = `${wanted.task}, ${wanted.classes} classes, ${wanted.size}×${wanted.size}`;
  if (found !== expected) throw new UserError(`${path} is ${found}, but the grid was made for ${expected}.`);
}

/** What a prediction is held against. */
export interface TestLabels {
  readonly task: Task;
  readonly truth: ArrayLike<number>;
  readonly classes: number;
}

/**
 * The labels of a dataset's test split; undefined where its file is not on this machine. Nothing is downloaded: labels do not depend on the
 * size of the images, so that any size will do.
 */
export async function readTestLabels(
  dataset: DatasetReference,
  source: DatasetSource = {},
): Promise<TestLabels | undefined> {
  const size = await availableSize(dataset, source);
  if (size === undefined) return undefined;
  const opened = await openReference(size === dataset.size ? dataset : { ...dataset, size }, source);
  try {
    return { task: opened.task, truth: opened.splits.test.labels.slice(), classes: opened.classNames.length };
  } finally {
    opened.close();
  }
}

/** The wanted size, or else any other; undefined where there is none on this machine. */
async function availableSize({ name, size }: DatasetReference, source: DatasetSource): Promise<number | undefined> {
  if (!datasetNames().includes(source.files?.[name] ?? name)) return size;
  for (const candidate of new Set([size, ...imageSizes]))
    if ((await locateDataset(name, candidate, source)).path !== undefined) return candidate;
  return undefined;
}
