/** What MedMNIST published of the second study's datasets. */
import { splitCounts, type DatasetReference, type SplitCounts } from '../../data/dataset-references';
import { datasetNames, findDataset } from '../../data/registry';
import type { PublishedScore } from '../../data/registry-types';
import { taskHeads } from './study';

/** The published test scores of the ResNet-50 that MedMNIST trained from scratch; undefined for other datasets and sizes. */
export function publishedTarget({ name, size }: Pick<DatasetReference, 'name' | 'size'>): PublishedScore | undefined {
  if (!datasetNames().includes(name)) return undefined;
  return findDataset(name).published.find((score) => score.model === 'ResNet-50' && score.size === size);
}

/**
 * One row a dataset: its task, what is learnt of it, whether it is mirrored in each arm, and the target. `files`: images of datasets that
 * are files.
 */
export function describeGridDatasets(datasets: readonly DatasetReference[], files: ReadonlyMap<string, SplitCounts>) {
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
