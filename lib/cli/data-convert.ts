/** `npm run data -- convert`: image files as an .npz of MedMNIST's layout. */
import { splitNames, type Dataset } from '../data/dataset';
import { writeNpz, type NpzArray } from '../data/npz-writer';
import { npyTexts } from '../tensor/npy';
import { UserError } from '../errors';

/** What a ZIP without extensions holds. */
const mostBytes = 2 ** 32 - 2 ** 20;

/**
 * Writes images and labels of the three splits, and the names of the classes: `train_images` N×H×W×3 (N×H×W where all are grey) and
 * `train_labels` N×1 (N×L) of uint8, and so on.
 * @throws UserError where the file would be too large
 */
export function writeDataset(dataset: Dataset, path: string): void {
  const { height, width, splits, classNames } = dataset;
  const imageBytes = height * width * dataset.channels;
  const total = splitNames.reduce((sum, name) => sum + splits[name].count * imageBytes, 0);
  if (total > mostBytes)
    throw new UserError(
      `${path} would have ${(total / 1e9).toFixed(1)} GB, but 4.2 at most can be written: choose a smaller --size.`,
    );
  const all = splitNames.map((name) => {
    const split = splits[name];
    const bytes = new Uint8Array(split.count * imageBytes);
    split.readImages(
      Array.from({ length: split.count }, (_, index) => index),
      bytes,
    );
    return { split, bytes };
  });
  const grey = all.every(({ bytes }) => dataset.channels === 1 || isGrey(bytes));
  const arrays: Record<string, NpzArray> = {};
  for (const { split, bytes } of all) {
    const { name, count, labels, labelWidth } = split;
    const values = grey && dataset.channels === 3 ? bytes.filter((_, at) => at % 3 === 0) : bytes;
    const shape = grey ? [count, height, width] : [count, height, width, 3];
    arrays[`${name}_images`] = { type: '|u1', shape, bytes: values };
    arrays[`${name}_labels`] = labelArray(labels, [count, labelWidth]);
  }
  arrays.class_names = { ...npyTexts(classNames), shape: [classNames.length] };
  writeNpz(path, arrays);
}

function isGrey(rgb: Uint8Array): boolean {
  for (let at = 0; at < rgb.length; at += 3) if (rgb[at] !== rgb[at + 1] || rgb[at] !== rgb[at + 2]) return false;
  return true;
}

/** As MedMNIST has them, in one byte, unless there are more classes than that. */
function labelArray(labels: Int32Array, shape: readonly number[]): NpzArray {
  if (labels.every((label) => label < 256)) return { type: '|u1', shape, bytes: Uint8Array.from(labels) };
  return { type: '<i4', shape, bytes: new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength) };
}
