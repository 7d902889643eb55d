/** The datasets of the second study's grid: the registry's, stand-ins, and files of any name. */
import type { Dataset, SplitName, Task } from '../../data/dataset';
import { datasetFile, datasetNames, findDataset } from '../../data/registry';
import { imageSizes, type PublishedScore } from '../../data/registry-types';
import { isSyntheticTask, openSyntheticTask, syntheticTaskCounts } from '../../data/synthetic-tasks';
import { gridDatasetNames, taskHeads } from '../medmnist2d';

/** What the grid has to know of a dataset. */
export interface GridDataset {
  /** Registry name, `synthetic-blood`, or the file's name. */
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

/** A dataset that is open: the registry's facts where it is one of its, else as it is, mirrored only where the caller says so. */
export function openGridDataset(dataset: Dataset, { horizontalFlip }: { horizontalFlip: boolean }): GridDataset {
  const { name, height: size, sha256: hash, task, classNames } = dataset;
  const known = gridDatasetNames().includes(name);
  if (known && (imageSizes as readonly number[]).includes(size)) return registryGridDataset(name, size);
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
