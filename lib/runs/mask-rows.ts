/** The rows of segmentation networks among results, and what they are together: means over draws of images or over seeds. */
import { mean } from '../metrics/intervals';
import { differingSettings } from './differing-settings';
import type { Results, SegmentationRow } from './results';
import { grouped } from '../grouped';

/** Those of segmentation networks. */
export function maskRows(all: readonly Results[]): SegmentationRow[] {
  const rows = all.flatMap(({ results }) => results.filter(isMaskRow));
  // A training that several runs of a notebook have in common counts once.
  return [...new Map(rows.map((row) => [`${row.trainingKey} ${row.arm}`, row])).values()];
}

function isMaskRow(row: Results['results'][number]): row is SegmentationRow {
  return typeof row.testDice === 'number' && typeof row.trainImages === 'number' && typeof row.settings === 'object';
}

/** What rows differ in that are one of several draws of the same training. */
const drawn = ['seed'];
/** Settings with a column of their own. */
const shown = ['epochs', 'learningRate', ...drawn];

/**
 * One row for what was trained alike: means over draws and seeds. What sets it apart from other trainings of the same network on as many
 * images stands in `changed`, empty where that is nothing.
 */
export function comparisonOfMasks(rows: readonly SegmentationRow[]) {
  const groups = grouped(rows, keyOf);
  const changes = new Map(differingSettings(rows, placeOf, shown).map((settings, at) => [rows[at], settings]));
  return [...groups.values()].map((group) => {
    const [first] = group;
    const of = (metric: 'bestValDice' | 'testIou' | 'testDice' | 'testSensitivity' | 'testHd95' | 'seconds'): number =>
      mean(group.map((row) => row[metric]));
    return {
      model: titleOf(first),
      weights: first.weights,
      protocol: first.protocol,
      arm: first.arm,
      trainImages: first.trainImages,
      draws: group.length,
      testIou: of('testIou'),
      testDice: of('testDice'),
      testSensitivity: of('testSensitivity'),
      testHd95: of('testHd95'),
      bestValDice: of('bestValDice'),
      changed: [...(changes.get(first) ?? []), ...differingFacts(first, rows)].join(', '),
      epochs: Number(first.settings.epochs),
      learningRate: Number(first.settings.learningRate),
      seconds: of('seconds'),
    };
  });
}

/** A study's own name for what was trained, where it has one. */
function titleOf({ series, model }: SegmentationRow): string {
  return typeof series === 'string' ? series : model;
}

/** Rows of one place are to be told apart. */
function placeOf(row: SegmentationRow): string {
  return JSON.stringify([titleOf(row), row.arm, row.trainImages]);
}

/** Everything that two rows differ in but the draw, the tested images and the size of their masks among it. */
function keyOf(row: SegmentationRow): string {
  const { weights, weightsSha256, protocol, valImages, testImages, dataSha256, settings } = row;
  const isDrawn = (name: string): boolean => drawn.includes(name);
  const kept = Object.entries(settings)
    .filter(([name]) => !isDrawn(name))
    .sort();
  return JSON.stringify([placeOf(row), weights, weightsSha256, protocol, valImages, testImages, dataSha256, kept]);
}

/** In what a row differs from others of its place beside its settings. */
function differingFacts(row: SegmentationRow, rows: readonly SegmentationRow[]): string[] {
  const alike = rows.filter((other) => placeOf(other) === placeOf(row));
  return (['weights', 'valImages', 'testImages'] as const)
    .filter((name) => alike.some((other) => other[name] !== row[name]))
    .map((name) => `${name} ${row[name]}`);
}

/** Rows that were tested on just these images at this size: only their scores can be held against each other, HD95 in pixels above all. */
export function comparableRows(
  rows: readonly SegmentationRow[],
  { testImages, imageSize }: { readonly testImages: string; readonly imageSize: number },
): SegmentationRow[] {
  return rows.filter((row) => row.testImages === testImages && row.settings.imageSize === imageSize);
}
