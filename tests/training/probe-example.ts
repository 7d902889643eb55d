/** Features as tests/fixtures/make_probes.py draws them, and what it computes of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitNames, type SplitName } from '../../lib/data/dataset';
import { createRandom } from '../../lib/random';
import type { HistoryRow } from '../../lib/training/events';
import type { FeatureSet, FeatureSets } from '../../lib/training/feature-set';
import type { LinearProbeSettings } from '../../lib/training/linear-probe';

interface ProbesFixture {
  width: number;
  counts: Record<SplitName, number>;
  logistic: {
    classes: number;
    regularization: number;
    coefficients: number[];
    intercepts: number[];
    test: number[];
  }[];
  neighbours: { classes: number; k: number; weighted: number[]; majority: number[] }[];
  linear: {
    classes: number;
    settings: LinearProbeSettings;
    history: Omit<HistoryRow, 'epoch' | 'seconds'>[];
    bestEpoch: number;
    test: number[];
    testOfLast: number[];
  }[];
}

export const probesFixture: ProbesFixture = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/probes.json'), 'utf8'),
);

/** The fixture's features of three splits. */
export function exampleSets(classes: number): FeatureSets {
  const { width, counts } = probesFixture;
  const centres = normals(classes * width, 'centres', classes);
  const sets = splitNames.map((split): [SplitName, FeatureSet] => {
    const random = createRandom(8, 'labels', classes, split);
    const labels = Int32Array.from({ length: counts[split] }, () => random.integer(classes));
    const noise = normals(counts[split] * width, 'noise', classes, split);
    const rows = Float32Array.from(noise, (value, index) => {
      return centres[labels[Math.floor(index / width)] * width + (index % width)] + value;
    });
    return [split, setOf(rows, width, labels, classes)];
  });
  return Object.fromEntries(sets) as Record<SplitName, FeatureSet>;
}

function normals(count: number, ...labels: (string | number)[]): Float64Array {
  const random = createRandom(8, ...labels);
  return Float64Array.from({ length: count }, () => random.normal());
}

/** Features in memory. */
export function setOf(rows: Float32Array, width: number, labels: ArrayLike<number>, classes: number): FeatureSet {
  return {
    count: labels.length,
    width,
    rows,
    readRows: (indices, target) => copyRows(rows, width, indices, target),
    labels: Int32Array.from(labels),
    labelWidth: 1,
    task: classes === 2 ? 'binary-class' : 'multi-class',
    classes,
    close: () => undefined,
  };
}

/** The same features, but read row by row as from a disk; `read` is called whenever they are. */
export function onDisk(sets: FeatureSets, read: (split: SplitName) => void = () => undefined): FeatureSets {
  const away = splitNames.map((split): [SplitName, FeatureSet] => {
    const readRows: FeatureSet['readRows'] = (indices, target) => {
      read(split);
      sets[split].readRows(indices, target);
    };
    return [split, { ...sets[split], rows: undefined, readRows }];
  });
  return Object.fromEntries(away) as Record<SplitName, FeatureSet>;
}

/** The same sets with other labels in one of them: each class is the next one. */
export function relabelled(sets: FeatureSets, split: SplitName): FeatureSets {
  const { classes, labels } = sets[split];
  return { ...sets, [split]: { ...sets[split], labels: labels.map((label) => (label + 1) % classes) } };
}

function copyRows(rows: Float32Array, width: number, indices: ArrayLike<number>, target: Float32Array): void {
  for (let position = 0; position < indices.length; position++)
    target.set(rows.subarray(indices[position] * width, (indices[position] + 1) * width), position * width);
}
