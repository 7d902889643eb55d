import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { suggestion, UserError } from '../errors';
import { cacheDirectory, findPath, lookUpPath, projectRoot } from '../paths';
import { splitNames, type Dataset, type SplitName } from './dataset';
import { ensureDataset, type EnsureOptions } from './download';
import { some } from './file-facts';
import { openNpzDataset } from './npz-dataset';
import { writeNpz, type NpzArray } from './npz-writer';
import { openImages, isTable, type ImagesOptions } from './open-images';
import { datasetNames, findDataset } from './registry';
import { isSyntheticTask, openSyntheticTask, syntheticTasks } from './synthetic-tasks';
import { renderBloodCell, syntheticBloodClasses, syntheticBloodCounts, syntheticBloodLabels } from './synthetic-blood';

export interface OpenOptions extends EnsureOptions, Partial<Pick<ImagesOptions, 'seed' | 'fractions' | 'groupBy'>> {
  /** Pixels a side, for sources that come in several sizes; of images in files, the size that they are resized to. 28 by default. */
  readonly size?: number;
  /** Training images that `synthetic-blood` makes; validation and test get their share of BloodMNIST's proportions. */
  readonly syntheticImages?: number;
  /** Told while image files are read. */
  readonly onPrepare?: ImagesOptions['onProgress'];
}

export const syntheticBlood = 'synthetic-blood';
const syntheticSeed = 7;

/**
 * Opens a dataset by registry name (downloaded if need be), `synthetic-blood`, a name of `syntheticTasks`, or the path of a MedMNIST-style
 * .npz, a folder of classes, or a CSV or TSV table of image files, relative to the notebook or to the project.
 * @throws UserError for a name or file that is none
 */
export async function openDataset(name: string, options: OpenOptions = {}): Promise<Dataset> {
  const dataset = await openSource(name, options);
  return { ...dataset, notes: [...(dataset.notes ?? []), ...absentClasses(dataset)] };
}

async function openSource(name: string, options: OpenOptions): Promise<Dataset> {
  const { size = 28, syntheticImages = syntheticBloodCounts.splits.train } = options;
  const cache = options.cacheDirectory ?? cacheDirectory;
  const npzOptions = { cacheDirectory: join(cache, 'unpacked') };
  checkGroups(name, options.groupBy);
  if (isSyntheticTask(name)) return openSyntheticTask(name, { size });
  if (name === syntheticBlood) return openSyntheticBlood(join(cache, 'synthetic'), size, syntheticImages);
  if (datasetNames().includes(name)) {
    const { path } = await ensureDataset(name, size, options);
    const record = findDataset(name);
    return openNpzDataset(path, { ...record, title: `${record.title} ${size}×${size}` }, npzOptions);
  }
  const extension = extname(name).toLowerCase();
  const isPath = name.includes('/') || name === '~' || isTable(name) || extension === '.npz';
  if (!isPath && lookUpPath(name).path === undefined) {
    const known = [syntheticBlood, ...Object.keys(syntheticTasks), ...datasetNames()];
    throw new UserError(
      `There is no dataset "${name}"${suggestion(name, known) || ':'} Known are ${known.join(', ')}, or give the path of a folder of classes, a CSV table or an .npz file.`,
    );
  }
  const path = findPath(name);
  if (!isTable(name) && !statSync(path).isDirectory()) return openNpzDataset(path, {}, npzOptions);
  const { seed, fractions, groupBy, signal, onPrepare: onProgress } = options;
  return openImages(path, { size, seed, fractions, groupBy, cacheDirectory: cache, signal, onProgress });
}

/** Only files have names that say whose they are. */
function checkGroups(name: string, groupBy: string | undefined): void {
  const known = [syntheticBlood, ...Object.keys(syntheticTasks), ...datasetNames()].includes(name);
  if (groupBy && (known || extname(name).toLowerCase() === '.npz'))
    throw new UserError(
      `groupBy is ${groupBy}, but ${name} has no file names to find groups in: give a folder or a table of image files.`,
    );
}

/** Classes that a split has no image of, and what that does, a line a split. */
export function absentClasses({ splits, classNames, task }: Dataset): string[] {
  return splitNames.flatMap((name) => {
    const { labels, labelWidth } = splits[name];
    const present = new Set<number>();
    labels.forEach((label, at) => {
      if (task !== 'multi-label') present.add(label);
      else if (label === 1) present.add(at % labelWidth);
    });
    const absent = classNames.filter((_, index) => !present.has(index));
    if (absent.length === 0) return [];
    const it = absent.length === 1 ? 'it' : 'them';
    const auc = present.size > 1 && task !== 'binary-class' ? 'AUC is over the other classes' : 'there is no AUC';
    const effect = {
      train: `nothing can be learned of ${it}`,
      val: `the choice of an epoch does not see ${it}`,
      test: `${auc}, and macro-F1 counts ${it} as 0`,
    }[name];
    return [`${name} has no image of ${some(absent)}: ${effect}`];
  });
}

/** Renders the images once into a folder of the cache, where they lie as an .npz like any other. */
async function openSyntheticBlood(folder: string, size: number, trainImages: number): Promise<Dataset> {
  const share = trainImages / syntheticBloodCounts.splits.train;
  const least = syntheticBloodClasses.length;
  const counts = Object.fromEntries(
    splitNames.map((split) => [split, Math.max(least, Math.round(syntheticBloodCounts.splits[split] * share))]),
  ) as Record<SplitName, number>;
  const path = join(folder, `${syntheticBlood}-${size}-${trainImages}-${syntheticVersion()}.npz`);
  if (!existsSync(path)) {
    const arrays: Record<string, NpzArray> = {};
    for (const split of splitNames) {
      const labels = syntheticBloodLabels({ count: counts[split], seed: syntheticSeed, split });
      const bytes = new Uint8Array(labels.length * size * size * 3);
      labels.forEach((classIndex, index) => {
        bytes.set(renderBloodCell({ classIndex, size, seed: syntheticSeed, split, index }), index * size * size * 3);
      });
      arrays[`${split}_images`] = { type: '|u1', shape: [labels.length, size, size, 3], bytes };
      arrays[`${split}_labels`] = { type: '|u1', shape: [labels.length, 1], bytes: Uint8Array.from(labels) };
    }
    writeNpz(path, arrays);
  }
  return openNpzDataset(path, {
    name: syntheticBlood,
    title: `Synthetic blood ${size}×${size}`,
    task: 'multi-class',
    classNames: syntheticBloodClasses,
    synthetic: true,
    license: 'Apache-2.0 (made by this project)',
    citation: 'Procedural images made by this project; no patient, no microscope.',
  });
}

/**
 * Opens data with one label an image.
 * @throws UserError for others
 */
export async function openLabelled(name: string, options: OpenOptions): Promise<Dataset> {
  const dataset = await openDataset(name, options);
  if (dataset.task !== 'multi-label') return dataset;
  dataset.close();
  throw new UserError(
    `${dataset.title} has several labels an image, but this notebook trains on one: choose another dataset.`,
  );
}

/** Part of the cached file's name: another generator, another file. */
function syntheticVersion(): string {
  const folder = join(projectRoot, 'lib', 'data', syntheticBlood);
  const sources = readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
  const hash = createHash('sha256');
  for (const source of [`${folder}.ts`, ...sources]) hash.update(readFileSync(source));
  return hash.digest('hex').slice(0, 10);
}
