/** Where the images of the second study's grid are, in whichever process a run of it ends up. */
import type { Dataset, SplitName } from '../../data/dataset';
import { openDataset, type OpenOptions } from '../../data/open';
import { datasetNames } from '../../data/registry';
import { UserError } from '../../errors';
import { areaUnderRocPerClass } from '../../metrics/auc';
import type { GridDataset } from './grid-datasets';

/** As JSON it can be sent to another process, but for its functions. */
export interface GridDataSource extends OpenOptions {
  /** Paths of files, by the dataset's name; what is not among them is a name that `openDataset` knows. */
  readonly files?: Readonly<Record<string, string>>;
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
