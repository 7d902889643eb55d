/** Reads a dataset from beginning to end and says what is in it, and what somebody who trains on it should know. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { hashFile } from '../files';
import { splitNames, type Dataset, type Split, type SplitName } from './dataset';
import { checkNpz, type NpzOptions } from './npz';
import { openNpzDataset } from './npz-dataset';
import { datasetNames, findDataset } from './registry';
import { imageSizes, type DatasetRecord } from './registry-types';

/** What was found; `ok` unless bytes of the file have changed since it was written. */
export interface Verification {
  readonly ok: boolean;
  /** Short lines for people. */
  readonly lines: string[];
}

/**
 * Reads every image of a MedMNIST-style .npz once, compares all checksums, and counts classes, constant images and exact duplicates:
 * an image that is in train and in test makes the test too easy. Duplicates are told, but do not make a file wrong.
 * @throws UserError in one line where the file cannot be read as a dataset
 */
export async function verifyDataset(path: string, options: NpzOptions = {}): Promise<Verification> {
  const { members, damaged } = await checkNpz(path);
  const md5 = await hashFile(path, 'md5');
  const known = findByMd5(md5);
  const dataset = await openNpzDataset(path, known?.record, options);
  try {
    const images: KnownImages = new Map();
    const scans = splitNames.map((name) => scan(dataset, dataset.splits[name], images));
    const lines = [
      describeFile(path, dataset),
      known
        ? `MD5 ${md5}: ${known.record.title} ${known.size}×${known.size} of the registry`
        : `MD5 ${md5}: no file of the registry`,
      damaged.length === 0
        ? `CRC of ${members} arrays: all right`
        : `CRC of ${members} arrays: wrong in ${damaged.join(', ')}; copy or download the file again`,
      ...scans.flatMap((found) => describeSplit(dataset, found)),
      ...scans.flatMap(describeOddities),
    ];
    return { ok: damaged.length === 0, lines };
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

/** An image that is equal to an earlier one. */
interface Duplicate {
  readonly index: number;
  readonly earlier: number;
}

/** How many there are, and the first few of them. */
interface Some<T> {
  count: number;
  readonly first: T[];
}

interface Scan {
  readonly split: Split;
  /** How often each of the 256 values occurs. */
  readonly histogram: Float64Array;
  readonly constant: Some<number>;
  /** By the split that the earlier image is in: this one or one before it. */
  readonly duplicates: Map<SplitName, Some<Duplicate>>;
}

/** For each image seen so far, by hash, the first of its kind in each split. */
type KnownImages = Map<string, Partial<Record<SplitName, number>>>;

/** A batch of this many bytes is in memory at a time. */
const batchBytes = 1 << 23;

function scan({ height, width, channels }: Dataset, split: Split, known: KnownImages): Scan {
  const found: Scan = { split, histogram: new Float64Array(256), constant: none(), duplicates: new Map() };
  const imageBytes = height * width * channels;
  const batchSize = Math.max(1, Math.floor(batchBytes / imageBytes));
  const buffer = new Uint8Array(Math.min(batchSize, split.count) * imageBytes);
  for (let start = 0; start < split.count; start += batchSize) {
    const count = Math.min(batchSize, split.count - start);
    const indices = Array.from({ length: count }, (_, offset) => start + offset);
    split.readImages(indices, buffer);
    const batch = buffer.subarray(0, count * imageBytes);
    for (let at = 0; at < batch.length; at++) found.histogram[batch[at]]++;
    indices.forEach((index, position) => {
      const image = batch.subarray(position * imageBytes, (position + 1) * imageBytes);
      if (isConstant(image, channels)) add(found.constant, index);
      const occurrences = remembered(known, image);
      for (const [name, earlier] of Object.entries(occurrences) as [SplitName, number][]) {
        const duplicates = found.duplicates.get(name) ?? none<Duplicate>();
        found.duplicates.set(name, duplicates);
        add(duplicates, { index, earlier });
      }
      occurrences[split.name] ??= index;
    });
  }
  return found;
}

/** Whether all pixels have the same colour. */
function isConstant(image: Uint8Array, channels: number): boolean {
  for (let at = channels; at < image.length; at++) if (image[at] !== image[at - channels]) return false;
  return true;
}

function remembered(known: KnownImages, image: Uint8Array): Partial<Record<SplitName, number>> {
  const hash = createHash('sha256').update(image).digest('base64');
  const occurrences = known.get(hash) ?? {};
  known.set(hash, occurrences);
  return occurrences;
}

const shownExamples = 5;

function none<T>(): Some<T> {
  return { count: 0, first: [] };
}

function add<T>(some: Some<T>, item: T): void {
  some.count++;
  if (some.first.length < shownExamples) some.first.push(item);
}

function describeFile(path: string, { splits, height, width, channels, task, classNames }: Dataset): string {
  const total = splitNames.reduce((sum, name) => sum + splits[name].count, 0);
  const megabytes = (statSync(path).size / 1e6).toFixed(1);
  const colours = channels === 1 ? 'grey' : 'RGB';
  return `${basename(path)}: ${megabytes} MB, ${images(total)} of ${height}×${width} pixels, ${colours}; ${task}, ${classNames.length} classes`;
}

function describeSplit({ classNames }: Dataset, { split, histogram }: Scan): string[] {
  let values = 0;
  let sum = 0;
  histogram.forEach((count, value) => {
    values += count;
    sum += count * value;
  });
  const lowest = histogram.findIndex((count) => count > 0);
  const highest = 255 - [...histogram].reverse().findIndex((count) => count > 0);
  const counts = classCounts(split, classNames.length);
  return [
    `${split.name}: ${images(split.count)}, pixel values ${lowest} to ${highest}, mean ${(sum / values).toFixed(2)}`,
    `  ${classNames.map((name, label) => `${name}: ${counts[label]}`).join(', ')}`,
  ];
}

/** Images of each class; those with several labels count for each. */
function classCounts({ labels, labelWidth }: Split, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  labels.forEach((label, at) => {
    if (labelWidth === 1) counts[label]++;
    else counts[at % labelWidth] += label;
  });
  return counts;
}

function describeOddities({ split, constant, duplicates }: Scan): string[] {
  const { name } = split;
  const lines: string[] = [];
  if (constant.count > 0) {
    const which = `${constant.first.join(', ')}${more(constant)}`;
    lines.push(`${name}: ${images(constant.count)} of a single colour (index ${which})`);
  }
  for (const [other, { count, first }] of duplicates) {
    const pairs = first.map(({ index, earlier }) => `${index} = ${earlier}`).join(', ') + more({ count, first });
    lines.push(
      other === name
        ? `${name}: ${images(count)} equal to an earlier one (index ${pairs})`
        : `leak: ${images(count)} of ${name} also in ${other} (${name} = ${other} index: ${pairs})`,
    );
  }
  return lines.length > 0 ? lines : [`${name}: no constant image, no duplicate`];
}

function more({ count, first }: Some<unknown>): string {
  return count > first.length ? ', …' : '';
}

function images(count: number): string {
  return count === 1 ? '1 image' : `${count} images`;
}
