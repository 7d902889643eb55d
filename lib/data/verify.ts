/** Reads data with labels from beginning to end and says what is in them, and what somebody who trains on them should know. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { hashFile } from '../files';
import { splitNames, type Dataset } from './dataset';
import { counted, some } from './file-facts';
import { groupingHint } from './groups';
import { checkNpz, type NpzOptions } from './npz';
import { openNpzDataset } from './npz-dataset';
import { absentClasses } from './open';
import { openImages, type ImagesOptions } from './open-images';
import { datasetNames, findDataset } from './registry';
import { imageSizes, type DatasetRecord } from './registry-types';
import { scanDataset, type Verification } from './verify-scan';

/**
 * Reads every image of a MedMNIST-style .npz once, compares all checksums, and counts classes, constant images and images that are there
 * twice: one that is in train and in test makes the test too easy. These are told, but do not make a file wrong.
 * @throws UserError in one line where the file cannot be read as a dataset
 */
export async function verifyDataset(path: string, options: NpzOptions = {}): Promise<Verification> {
  const { members, damaged } = await checkNpz(path);
  if (damaged.length > 0) {
    const line = `CRC of ${members} arrays: wrong in ${damaged.join(', ')}; copy or download the file again`;
    return { ok: false, lines: [line], tables: [] };
  }
  const md5 = await hashFile(path, 'md5');
  const known = findByMd5(md5);
  const dataset = await openNpzDataset(path, known?.record, options);
  try {
    const found = scanDataset(dataset);
    const lines = [
      `${basename(path)}: ${(statSync(path).size / 1e6).toFixed(1)} MB, ${describeWhole(dataset)}`,
      known
        ? `MD5 ${md5}: ${known.record.title} ${known.size}×${known.size} of the registry`
        : `MD5 ${md5}: no file of the registry`,
      `CRC of ${members} arrays: all right`,
      ...(dataset.notes ?? []),
      ...absentClasses(dataset),
      ...found.lines,
    ];
    return { ...found, ok: true, lines };
  } finally {
    dataset.close();
  }
}

/** Pixels a side at which image files are compared. */
const comparedSize = 64;
const shownSizes = 12;

/**
 * Decodes every image of a folder of classes or of a table once, lists what cannot be read, and counts as `verifyDataset` does. A broken
 * file makes a folder wrong, though it is used without it.
 * @throws UserError in one line where there are no labelled images
 */
export async function verifyImages(path: string, options: Omit<ImagesOptions, 'size'>): Promise<Verification> {
  const dataset = await openImages(path, { ...options, size: comparedSize });
  try {
    const found = scanDataset(dataset);
    const { broken = [], fileSizes } = dataset;
    const sizes = [...fileSizes].sort(([, first], [, second]) => second - first);
    const names = splitNames.flatMap((name) => dataset.splits[name].names ?? []);
    const grouped = splitNames.some((name) => dataset.splits[name].groups !== undefined);
    const hint = grouped ? undefined : groupingHint(names);
    const notes = (dataset.notes ?? []).filter((note) => !note.startsWith('resized to') && note !== hint);
    const lines = [
      `${basename(path)}: ${describeWhole(dataset)}`,
      `sizes: ${some(sizes.map(([size, count]) => `${size}: ${count}`))}`,
      ...notes,
      ...(hint === undefined ? [] : [hint]),
      ...absentClasses(dataset),
      ...found.lines,
      broken.length === 0 ? 'broken: none' : `broken: ${counted(broken.length, 'file')}`,
      ...broken.map(({ name, reason }) => `  ${name}: ${reason}`),
    ];
    const sizesCaption =
      sizes.length > shownSizes
        ? `Sizes of the files: the ${shownSizes} most frequent of ${sizes.length}`
        : 'Sizes of the files';
    const tables = [
      ...(broken.length === 0 ? [] : [{ caption: 'Files that cannot be read', rows: broken }]),
      { caption: sizesCaption, rows: sizes.slice(0, shownSizes).map(([size, count]) => ({ size, images: count })) },
      ...found.tables,
    ];
    return { ...found, ok: broken.length === 0, lines, tables };
  } finally {
    dataset.close();
  }
}

function findByMd5(md5: string): { record: DatasetRecord; size: number } | undefined {
  for (const record of datasetNames().map(findDataset)) {
    const size = imageSizes.find((candidate) => record.files[candidate].md5 === md5);
    if (size !== undefined) return { record, size };
  }
  return undefined;
}

function describeWhole({ splits, height, width, channels, task, classNames }: Dataset): string {
  const total = splitNames.reduce((sum, name) => sum + splits[name].count, 0);
  const inFiles = splits.train.names !== undefined;
  const pixels = inFiles ? '' : ` of ${height}×${width} pixels, ${channels === 1 ? 'grey' : 'RGB'}`;
  return `${counted(total, 'image')}${pixels}; ${task}, ${classNames.length} classes`;
}
