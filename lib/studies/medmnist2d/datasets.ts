/** The datasets of the second study's grid: the registry's, drawn ones, and files of any name; and where their images are. */
import type { Dataset, SplitName, Task } from '../../data/dataset';
import { openDataset, syntheticBlood, type OpenOptions } from '../../data/open';
import { locateDataset } from '../../data/download';
import { datasetFile, datasetNames, findDataset } from '../../data/registry';
import { imageSizes, type PublishedScore } from '../../data/registry-types';
import { isSyntheticTask, openSyntheticTask, syntheticTaskCounts, syntheticTasks } from '../../data/synthetic-tasks';
import { UserError } from '../../errors';
import { areaUnderRocPerClass } from '../../metrics/auc';
import type { Scored } from '../../metrics/scores';
import { findPath } from '../../paths';
import { gridDatasetNames, taskHeads } from './study';

/** What the grid has to know of a dataset. */
export interface GridDataset {
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

/** A dataset of the registry, without opening it. @throws UserError for an unknown name or size */
export function registryGridDataset(name: string, size: number): GridDataset {
  const record = findDataset(name);
  const { task, horizontalFlip, classNames } = record;
  return { name, size, hash: datasetFile(record, size).md5, task, classes: classNames.length, horizontalFlip };
}

/** A stand-in at its own size, or a dataset of the registry. */
export function namedGridDataset(name: string, size: number): GridDataset {
  return isSyntheticTask(name)
    ? openGridDataset(openSyntheticTask(name), { horizontalFlip: true })
    : registryGridDataset(name, size);
}

/** A dataset that is open, as it is, mirrored only where the caller says so. */
export function openGridDataset(
  { name, height: size, sha256: hash, task, classNames }: Dataset,
  { horizontalFlip }: { readonly horizontalFlip: boolean },
): GridDataset {
  return { name, size, hash, task, classes: classNames.length, horizontalFlip };
}

/** The published test scores of the ResNet-50 that MedMNIST trained from scratch; undefined for other datasets and sizes. */
export function publishedTarget({ name, size }: Pick<GridDataset, 'name' | 'size'>): PublishedScore | undefined {
  if (!gridDatasetNames().includes(name)) return undefined;
  return findDataset(name).published.find((score) => score.model === 'ResNet-50' && score.size === size);
}

export type SplitCounts = Readonly<Record<SplitName, number>>;

/** Images of a dataset. Throws an Error for a file that `files` does not name. */
export function splitCounts({ name }: GridDataset, files: ReadonlyMap<string, SplitCounts>): SplitCounts {
  if (datasetNames().includes(name)) return findDataset(name).splits;
  const known = isSyntheticTask(name) ? syntheticTaskCounts : files.get(name);
  if (known === undefined) throw new Error(`How many images ${name} has was not told.`);
  return known;
}

/**
 * One row a dataset: its task, what is learnt of it, whether it is mirrored in each arm, and the target. `files`: images of datasets that
 * are files.
 */
export function describeGridDatasets(datasets: readonly GridDataset[], files: ReadonlyMap<string, SplitCounts>) {
  return datasets.map((dataset) => {
    const target = publishedTarget(dataset);
    return {
      dataset: dataset.name,
      task: dataset.task,
      outputs: dataset.classes,
      loss: taskHeads[dataset.task].loss,
      trainImages: splitCounts(dataset, files).train,
      mirroredAsPublished: true,
      mirroredCorrected: dataset.horizontalFlip,
      targetAuc: target?.auc ?? NaN,
      targetAccuracy: target?.accuracy ?? NaN,
    };
  });
}

/** As JSON it can be sent to another process, but for its functions. */
export interface GridDataSource extends OpenOptions {
  /** Paths of files, by the dataset's name; what is not among them is a name that `openDataset` knows. */
  readonly files?: Readonly<Record<string, string>>;
}

export const standIns = 'stand-ins';
export const allDatasets = 'all';

/**
 * The datasets that a list names, and where they are. Files are opened for it and closed again, nothing is downloaded.
 * @throws UserError for a name that is none, a file that cannot be used, and where the same images are named twice
 */
export async function findGridData(
  list: string,
  { size, syntheticImages }: { readonly size: number; readonly syntheticImages: number },
): Promise<{ readonly datasets: GridDataset[]; readonly source: GridDataSource }> {
  const names =
    list === standIns ? Object.keys(syntheticTasks) : list === allDatasets ? gridDatasetNames() : list.split(',');
  const isPath = (name: string): boolean =>
    !datasetNames().includes(name) && (name.includes('/') || name.endsWith('.npz'));
  const places = names.map((given) => (isPath(given) ? findPath(given) : given));
  const twice = places.find((place, at) => places.indexOf(place) !== at);
  if (twice !== undefined) throw new UserError(`datasets names ${twice} twice, but each may be there once only.`);
  const files: Record<string, string> = {};
  const datasets: GridDataset[] = [];
  for (const place of places) {
    if (!isPath(place) && place !== syntheticBlood) {
      datasets.push(namedGridDataset(place, size));
      continue;
    }
    const opened = await openDataset(place, { size, syntheticImages });
    try {
      checkUsable(opened);
      const name = isPath(place)
        ? shortName(
            place,
            places.filter((other) => other !== place),
          )
        : place;
      // Whether a mirrored image would carry a wrong label, nobody knows but who made the file.
      const dataset = openGridDataset({ ...opened, name }, { horizontalFlip: opened.synthetic });
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

/** A file's name, with as many folders before it as tell it from the other places and names. */
function shortName(path: string, others: readonly string[]): string {
  const parts = path.split('/').filter((part) => part !== '');
  for (let length = 1; length <= parts.length; length++) {
    const name = parts.slice(-length).join('/');
    if (![...others, ...datasetNames()].some((other) => other === name || other.endsWith(`/${name}`))) return name;
  }
  return path;
}

/** What would fail after the start. */
function checkUsable(dataset: Dataset): void {
  const { title, height, width } = dataset;
  if (height !== width)
    throw new UserError(
      `${title} has images of ${height}×${width} pixels, but the grid takes square ones: crop or pad them first.`,
    );
  checkGridSplits(dataset);
}

/**
 * Opens the dataset of a configuration, downloaded where it may be and is not there.
 * @throws UserError where it is not the data that the configuration was made for
 */
export async function openGridData(wanted: GridDataset, source: GridDataSource = {}): Promise<Dataset> {
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

function checkSame(wanted: GridDataset, { sha256, height, width, task, classNames }: Dataset, path: string): void {
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

/**
 * Refuses, before hours of training, splits of which the evaluator has no AUC.
 * @throws UserError that names the classes
 */
export function checkGridSplits({ title, task, classNames, splits }: Dataset): void {
  const classes = classNames.length;
  for (const name of ['val', 'test'] satisfies SplitName[]) {
    const { labels, count } = splits[name];
    const scores = new Float64Array(count * classes);
    const areas = areaUnderRocPerClass({ task, truth: labels, scores, classes });
    const without = [...areas.keys()].filter((index) => Number.isNaN(areas[index]));
    if (without.length === 0) continue;
    const names = task === 'binary-class' ? classNames : without.map((index) => classNames[index]);
    throw new UserError(
      `The AUC of ${title} is undefined on its ${name} split, where none or all of the images have ${names.join(' or ')}: use another split.`,
    );
  }
}

/** What a prediction is held against. */
export type TestLabels = Omit<Scored, 'scores'>;

/**
 * The labels of a dataset's test split; undefined where its file is not on this machine. Nothing is downloaded: labels do not depend on the
 * size of the images, so that any size will do.
 */
export async function readTestLabels(
  dataset: GridDataset,
  source: GridDataSource = {},
): Promise<TestLabels | undefined> {
  const size = await availableSize(dataset, source);
  if (size === undefined) return undefined;
  const wanted = size === dataset.size ? dataset : { ...dataset, size };
  const opened = await openGridData(wanted, source);
  try {
    return { task: opened.task, truth: opened.splits.test.labels.slice(), classes: opened.classNames.length };
  } finally {
    opened.close();
  }
}

async function availableSize({ name, size }: GridDataset, source: GridDataSource): Promise<number | undefined> {
  if (!datasetNames().includes(source.files?.[name] ?? name)) return size;
  for (const candidate of new Set([size, ...imageSizes])) {
    if ((await locateDataset(name, candidate, source)).path !== undefined) return candidate;
  }
  return undefined;
}
