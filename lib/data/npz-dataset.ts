import { basename } from 'node:path';
import { UserError } from '../errors';
import { splitNames, type Dataset, type Split, type SplitName, type Task } from './dataset';
import { npyTypes, toInt32 } from '../tensor/npy';
import { hashNpz, openNpz, type NpzFile, type NpzMember, type NpzOptions } from './npz';

/** What is known of a dataset beside its file; without it, classes and task are read off the labels. */
export interface DatasetDescription {
  readonly name?: string;
  readonly title?: string;
  readonly task?: Task;
  readonly classNames?: readonly string[];
  readonly synthetic?: boolean;
  readonly license?: string;
  readonly citation?: string;
}

const layoutHelp =
  'a MedMNIST-style file has train_images, train_labels, val_images, val_labels, test_images and test_labels';

/**
 * Opens a MedMNIST-style .npz: for each of train, val and test, images N×H×W or N×H×W×C of uint8 and labels N, N×1 or N×L.
 * @throws UserError in one line where arrays are missing, empty, of another type or size, or labels are out of range
 */
export async function openNpzDataset(
  path: string,
  description: DatasetDescription = {},
  options: NpzOptions = {},
): Promise<Dataset> {
  const only = splitNames.flatMap((name) => [`${name}_images`, `${name}_labels`]);
  const file = await openNpz(path, { ...options, only, texts: nameMembers });
  try {
    const { sha256, damaged: all } = await hashNpz(path);
    const damaged = all.filter((name) => [...only, ...nameMembers].includes(name.replace(/\.npy$/, '')));
    if (damaged.length > 0)
      throw new UserError(`${path} is damaged (the CRC of ${damaged.join(', ')} is wrong): copy or download it again.`);
    const found = Object.fromEntries(splitNames.map((name) => [name, splitArrays(file, name)])) as SplitsOfArrays;
    const { height, width, channels, labelWidth: columns } = commonShape(path, found);
    const oneHot = description.task === undefined && columns > 1 && isOneHot(found);
    const arrays = oneHot ? classesOfRows(found) : found;
    const labelWidth = oneHot ? 1 : columns;
    const given = description.classNames ?? nameMembers.map((name) => file.texts.get(name)).find((names) => names);
    const task = description.task ?? guessTask(arrays, labelWidth, oneHot ? columns : given?.length);
    const names = oneHot && given === undefined ? numberedNames('class', columns) : given;
    const classNames = names ?? guessClassNames(path, arrays, task, labelWidth);
    checkLabels(path, arrays, task, classNames, labelWidth);
    const splits = Object.fromEntries(
      splitNames.map((name) => [name, openSplit(name, arrays[name], height * width * channels)]),
    ) as Record<SplitName, Split>;
    return {
      name: description.name ?? basename(path),
      title: description.title ?? basename(path),
      height,
      width,
      channels,
      task,
      classNames,
      splits,
      sha256,
      notes: oneHot ? [`labels: each row of ${columns} columns has one 1, so they are taken as classes`] : [],
      synthetic: description.synthetic ?? false,
      license: description.license ?? 'not stated',
      citation: description.citation ?? basename(path),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** What the names of the classes may be called. */
const nameMembers = ['class_names', 'label_names', 'classes'];

type SplitsOfArrays = Record<SplitName, SplitArrays>;

interface SplitArrays {
  readonly images: NpzMember;
  readonly labels: Int32Array;
  readonly labelWidth: number;
}

function splitArrays(file: NpzFile, name: SplitName): SplitArrays {
  const find = (key: string): NpzMember => {
    const found = file.members.get(key);
    if (found === undefined) throw new UserError(`${file.path} has no array "${key}": ${layoutHelp}.`);
    return found;
  };
  const images = find(`${name}_images`);
  const labels = find(`${name}_labels`);
  const advice = imageAdvice(images);
  if (images.type !== '|u1' || (images.shape.length !== 3 && images.shape.length !== 4) || advice !== '') {
    throw new UserError(
      `"${name}_images" in ${file.path} is ${images.type} of shape (${images.shape.join(', ')}); images are uint8 of shape N×H×W or N×H×W×C${advice}.`,
    );
  }
  if (labels.shape.length !== 1 && labels.shape.length !== 2) {
    throw new UserError(
      `"${name}_labels" in ${file.path} has shape (${labels.shape.join(', ')}); labels are N, N×1 or N×L${labels.shape.length > 2 ? ': "labels = labels.reshape(len(labels), -1)"' : ''}.`,
    );
  }
  if (images.shape[0] === 0)
    throw new UserError(`The split "${name}" of ${file.path} is empty: every split needs at least one image.`);
  if (images.shape[0] !== labels.shape[0]) {
    const turned = labels.shape[1] === images.shape[0] ? ': turn them with "labels = labels.T"' : '';
    throw new UserError(
      `The split "${name}" of ${file.path} has ${images.shape[0]} images but ${labels.shape[0]} labels${turned}.`,
    );
  }
  const labelWidth = labels.shape[1] ?? 1;
  if (labelWidth === 0)
    throw new UserError(`"${name}_labels" in ${file.path} has no columns; labels are N, N×1 or N×L.`);
  const bytes = new Uint8Array(labels.shape[0] * labelWidth * npyTypes[labels.type].bytes);
  labels.readRows(0, labels.shape[0], bytes);
  return { images, labels: toInt32(bytes, labels.type, `"${name}_labels" in ${file.path}`), labelWidth };
}

/** The line of NumPy that makes images of what is there, where it is known. */
function imageAdvice({ type, shape }: NpzMember): string {
  const [, first, , last] = shape;
  const line = (what: string, code: string): string => `: ${what} "images = ${code}"`;
  if (shape.length === 5) return line('volumes; their middle slices are', 'images[:, images.shape[1] // 2]');
  if (shape.length === 4 && ![1, 3].includes(last)) {
    if ([1, 3].includes(first))
      return line('the channels come first; they go last with', 'images.transpose(0, 2, 3, 1)');
    if (last === 4) return line('there are 4 channels; without the transparency they are', 'images[..., :3]');
    if (last > 4) return line('volumes, as MedMNIST3D has; their middle slices are', 'images[:, images.shape[1] // 2]');
  }
  if (type === '|b1') return line('as bytes they are', '(images * 255).astype(numpy.uint8)');
  if (type === '<u2') return line('as bytes they are', '(images >> 8).astype(numpy.uint8)');
  if (type === '<f4' || type === '<f8')
    return `${line('values from 0 to 1 become bytes with', 'numpy.rint(images * 255).astype(numpy.uint8)')}, values from 0 to 255 without "* 255"`;
  return '';
}

/** Whether every row of every split has one 1 and else 0. */
function isOneHot(arrays: SplitsOfArrays): boolean {
  return splitNames.every((name) => {
    const { labels, labelWidth } = arrays[name];
    for (let start = 0; start < labels.length; start += labelWidth) {
      const row = labels.subarray(start, start + labelWidth);
      if (row.some((value) => value !== 0 && value !== 1) || row.reduce((sum, value) => sum + value, 0) !== 1)
        return false;
    }
    return true;
  });
}

function classesOfRows(arrays: SplitsOfArrays): SplitsOfArrays {
  const parts = splitNames.map((name) => {
    const { images, labels, labelWidth } = arrays[name];
    const classes = Int32Array.from(
      { length: labels.length / labelWidth },
      (_, row) => labels.indexOf(1, row * labelWidth) % labelWidth,
    );
    return [name, { images, labels: classes, labelWidth: 1 }];
  });
  return Object.fromEntries(parts) as SplitsOfArrays;
}

function numberedNames(noun: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${noun} ${index}`);
}

function commonShape(path: string, arrays: SplitsOfArrays) {
  const [, height, width, channels = 1] = arrays.train.images.shape;
  const { labelWidth } = arrays.train;
  for (const name of splitNames) {
    const shape = arrays[name].images.shape;
    if (
      shape[1] !== height ||
      shape[2] !== width ||
      (shape[3] ?? 1) !== channels ||
      arrays[name].labelWidth !== labelWidth
    ) {
      throw new UserError(
        `The splits of ${path} differ: train has images of ${[height, width, channels].join('×')} and ${labelWidth} label(s), ${name} ${[shape[1], shape[2], shape[3] ?? 1].join('×')} and ${arrays[name].labelWidth}.`,
      );
    }
  }
  if (channels !== 1 && channels !== 3)
    throw new UserError(`The images of ${path} have ${channels} channels; 1 (grey) or 3 (RGB) can be used.`);
  if (height === 0 || width === 0)
    throw new UserError(`The images of ${path} are ${height}×${width}: there is nothing in them.`);
  return { height, width, channels, labelWidth };
}

/** @param named how many classes there are, where that is said */
function guessTask({ train }: SplitsOfArrays, labelWidth: number, named: number | undefined): Task {
  if (labelWidth > 1) return 'multi-label';
  return (named ?? largest(train.labels) + 1) === 2 ? 'binary-class' : 'multi-class';
}

const renumbering =
  'number them anew with "names, labels = numpy.unique(labels, return_inverse=True)" over the labels of all splits, and save names as class_names';

/** Classes are numbered from 0 without gaps; a gap means that a label is out of range. */
function guessClassNames(path: string, { train }: SplitsOfArrays, task: Task, labelWidth: number): string[] {
  if (task === 'multi-label') return numberedNames('label', labelWidth);
  const present = [...new Set(train.labels)].sort((a, b) => a - b);
  if (present[0] < 0)
    throw new UserError(
      `A label of ${path} is out of range: train_labels has ${present[0]}, but classes are numbered from 0: ${renumbering}.`,
    );
  const highest = present[present.length - 1];
  const gap = present.findIndex((label, index) => label !== index);
  if (gap >= 0) {
    throw new UserError(
      `A label of ${path} is out of range: train_labels goes up to ${highest}, but no image has label ${gap}; classes are numbered from 0 without gaps: ${renumbering}.`,
    );
  }
  return present.map((label) => `class ${label}`);
}

function checkLabels(
  path: string,
  arrays: SplitsOfArrays,
  task: Task,
  classNames: readonly string[],
  labelWidth: number,
): void {
  if (task === 'multi-label' && classNames.length !== labelWidth)
    throw new UserError(
      `${path} has ${labelWidth} columns of labels, but the names of ${classNames.length}: one name a column is needed.`,
    );
  const classes = task === 'multi-label' ? 2 : classNames.length;
  if (classes < 2)
    throw new UserError(`All train labels of ${path} are ${arrays.train.labels[0]}: at least two classes are needed.`);
  for (const name of splitNames) {
    const wrong = arrays[name].labels.find((label) => label < 0 || label >= classes);
    if (wrong !== undefined) {
      throw new UserError(
        `A label of ${path} is out of range: ${name}_labels has ${wrong}, but the classes are 0 to ${classes - 1}.`,
      );
    }
  }
}

function openSplit(name: SplitName, { images, labels, labelWidth }: SplitArrays, imageBytes: number): Split {
  return {
    name,
    count: images.shape[0],
    labels,
    labelWidth,
    readImages(indices, target) {
      for (let position = 0; position < indices.length;) {
        // Neighbours in the file are read at once: evaluation in order takes one call a batch.
        let run = 1;
        while (position + run < indices.length && indices[position + run] === indices[position] + run) run++;
        images.readRows(indices[position], run, target, position * imageBytes);
        position += run;
      }
    },
  };
}

function largest(values: Int32Array): number {
  return values.reduce((best, value) => Math.max(best, value), -1);
}
