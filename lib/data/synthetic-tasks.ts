/**
 * Small procedural stand-ins for the four kinds of task in MedMNIST2D, for a first run without a download. They are drawings of this
 * project: useful to see a method work, not to judge it on patients.
 */
import { createHash } from 'node:crypto';
import { suggestion, UserError } from '../errors';
import { createRandom, type Random } from '../random';
import { splitNames, type Dataset, type Split, type SplitName, type Task } from './dataset';
import { drawCell, drawNodule, drawRetina, drawSigns, type DrawScene } from './synthetic-tasks/scenes';

interface SyntheticTask {
  readonly title: string;
  readonly task: Task;
  readonly channels: 1 | 3;
  readonly classNames: readonly string[];
  /** Of each class among the images; of a multi-label task, of each label. */
  readonly shares: readonly number[];
  readonly draw: DrawScene;
}

export const syntheticTasks = {
  'synthetic-multi-class': {
    title: 'Synthetic cells (multi-class)',
    task: 'multi-class',
    channels: 3,
    classNames: ['round', 'ringed', 'rod', 'lobed', 'notched'],
    shares: [0.3, 0.2, 0.2, 0.15, 0.15],
    draw: drawCell,
  },
  'synthetic-binary': {
    title: 'Synthetic nodules (binary)',
    task: 'binary-class',
    channels: 1,
    classNames: ['even outline', 'uneven outline'],
    shares: [0.6, 0.4],
    draw: drawNodule,
  },
  'synthetic-multi-label': {
    title: 'Synthetic signs (multi-label)',
    task: 'multi-label',
    channels: 1,
    classNames: ['disc', 'ring', 'line', 'haze', 'grains', 'level'],
    shares: [0.3, 0.25, 0.25, 0.2, 0.15, 0.1],
    draw: drawSigns,
  },
  'synthetic-ordinal': {
    title: 'Synthetic retinas (ordinal)',
    task: 'ordinal-regression',
    channels: 3,
    classNames: ['grade 0', 'grade 1', 'grade 2', 'grade 3', 'grade 4'],
    shares: [0.35, 0.2, 0.2, 0.15, 0.1],
    draw: drawRetina,
  },
} as const satisfies Record<string, SyntheticTask>;

export type SyntheticTaskName = keyof typeof syntheticTasks;

export const syntheticTaskCounts = { train: 480, val: 120, test: 240 } as const satisfies Record<SplitName, number>;

const defaultSize = 28;
const [smallestSize, largestSize] = [16, 512];
const drawingSeed = 7;

export function isSyntheticTask(name: string): name is SyntheticTaskName {
  return Object.hasOwn(syntheticTasks, name);
}

/** A process draws each once: who opens one reads it only. */
const opened = new Map<string, Dataset>();

/**
 * Draws a stand-in, in memory; it always has the same images, so that a grid's runs need to know no more than its name.
 * @throws UserError for a name that is none and a size out of range
 */
export function openSyntheticTask(name: string, { size = defaultSize }: { readonly size?: number } = {}): Dataset {
  const names = Object.keys(syntheticTasks);
  if (!isSyntheticTask(name))
    throw new UserError(
      `There is no drawn dataset "${name}"${suggestion(name, names) || '.'} There are ${names.join(', ')}.`,
    );
  if (!(Number.isInteger(size) && size >= smallestSize && size <= largestSize))
    throw new UserError(
      `size is ${size}; allowed for ${name} are whole numbers from ${smallestSize} to ${largestSize}.`,
    );
  const key = `${name} ${size}`;
  const dataset = opened.get(key) ?? drawDataset(name, size);
  opened.set(key, dataset);
  return dataset;
}

function drawDataset(name: SyntheticTaskName, size: number): Dataset {
  const kind: SyntheticTask = syntheticTasks[name];
  const hash = createHash('sha256').update(`${name} ${size}\n`);
  const drawn = splitNames.map((split) => {
    const { images, labels } = drawSplit(kind, name, split, size);
    hash.update(images).update(Uint8Array.from(labels));
    return [split, openSplit(split, images, labels, kind)] as const;
  });
  const { title, task, channels, classNames } = kind;
  return {
    name,
    title,
    height: size,
    width: size,
    channels,
    task,
    classNames,
    splits: Object.fromEntries(drawn) as Record<SplitName, Split>,
    sha256: hash.digest('hex'),
    synthetic: true,
    license: 'Apache-2.0 (made by this project)',
    citation: 'Procedural images made by this project; no patient, no device.',
    close: () => undefined,
  };
}

function drawSplit(kind: SyntheticTask, name: string, split: SplitName, size: number) {
  const count = syntheticTaskCounts[split];
  const labels = drawLabels(kind, count, createRandom(drawingSeed, name, 'labels', split));
  const labelWidth = labels.length / count;
  const imageBytes = size * size * kind.channels;
  const images = new Uint8Array(count * imageBytes);
  for (let index = 0; index < count; index++) {
    const ofImage = labels.subarray(index * labelWidth, (index + 1) * labelWidth);
    images.set(kind.draw(ofImage, size, createRandom(drawingSeed, name, split, index)), index * imageBytes);
  }
  return { images, labels };
}

/** Every split has exactly the shares, rounded, of each class or label: none is absent. */
function drawLabels({ task, shares }: SyntheticTask, count: number, random: Random): Int32Array {
  if (task === 'multi-label') {
    const labels = new Int32Array(count * shares.length);
    shares.forEach((share, label) => {
      for (const image of random.permutation(count).subarray(0, Math.round(share * count)))
        labels[image * shares.length + label] = 1;
    });
    return labels;
  }
  const ordered = shares.flatMap((share, label) => Array<number>(Math.round(share * count)).fill(label));
  return random.permutation(count).map((position) => ordered[position]);
}

function openSplit(name: SplitName, images: Uint8Array, labels: Int32Array, kind: SyntheticTask): Split {
  const count = syntheticTaskCounts[name];
  const imageBytes = images.length / count;
  return {
    name,
    count,
    labels,
    labelWidth: kind.task === 'multi-label' ? kind.classNames.length : 1,
    readImages(indices, target) {
      for (let position = 0; position < indices.length; position++) {
        const start = indices[position] * imageBytes;
        target.set(images.subarray(start, start + imageBytes), position * imageBytes);
      }
    },
  };
}
