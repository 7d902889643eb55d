import type { Dataset } from '../data/dataset';
import { wilsonInterval } from '../metrics/intervals';
import { differingSettings } from './differing-settings';
import { classificationRows, type ClassificationRow, type Results } from './results';

/** A figure of a study, for the same data only. */
export interface PublishedResult {
  readonly model: string;
  /** Registry name. */
  readonly dataset: string;
  /** Pixels a side: the same study at another size is another experiment. */
  readonly size: number;
  readonly testAccuracy: number;
  readonly testMacroF1: number;
  /** How the network was trained, where a study did so in several ways. */
  readonly protocol?: ClassificationRow['protocol'];
}

/** Names first, then scores, then settings. */
export interface ComparisonRow {
  readonly model: string;
  readonly arm: string;
  readonly bestValAccuracy: number;
  readonly [column: string]: string | number;
}

/**
 * The comparison table of a notebook: a row for each arm of each training, with a 95 % interval over the test images (Wilson), and the
 * study's own figures where the data are the study's. Where networks were pretrained, or only a part of them trained, it says whose weights
 * they had, what was trained, and how many values that are.
 */
export function comparisonRows(
  all: readonly Results[],
  published: readonly PublishedResult[],
  dataset: Dataset,
): ComparisonRow[] {
  const rows = classificationRows(all);
  const theirs = publishedFor(published, dataset);
  const isTransfer = [...rows, ...theirs].some(({ protocol = 'scratch' }) => protocol !== 'scratch');
  const changes = changedSettings(rows);
  const isChanged = changes.some((text) => text !== '');
  const columns = (
    row: ReturnType<typeof ourRow> | ReturnType<typeof publishedRow>,
    how: object,
    changed: string,
  ): ComparisonRow => {
    const { model, arm, testAccuracy, interval, testMacroF1, testAuc, bestValAccuracy, seconds, ...settings } = row;
    const scores = { testAccuracy, interval, testMacroF1, testAuc, bestValAccuracy };
    return {
      model,
      arm,
      ...scores,
      ...(isTransfer ? how : {}),
      ...settings,
      ...(isChanged ? { changed } : {}),
      seconds,
    };
  };
  return [
    ...theirs.map((result) => {
      const how = { weights: 'hub', protocol: result.protocol ?? 'scratch', trainableParameters: NaN };
      return columns(publishedRow(result), how, '');
    }),
    ...rows.map((row, index) => {
      const { weights, trainableParameters, protocol, settings } = row;
      const how = { weights, protocol: protocolTitle(protocol, settings), trainableParameters };
      return columns(ourRow(row, dataset.splits.test.count), how, changes[index]);
    }),
  ];
}

function protocolTitle(protocol: ClassificationRow['protocol'], { probe }: ClassificationRow['settings']): string {
  return probe === undefined ? protocol : String(probe);
}

/** Settings with a column of their own. */
const shownSettings = ['epochs', 'batchSize', 'learningRate', 'weightDecay', 'seed'];

/**
 * Of each row, what sets it apart from others of the same network and arm beside what has a column, as text; empty where that is nothing.
 * @param known further settings that have a column, or need none
 */
export function changedSettings(
  rows: readonly Pick<ClassificationRow, 'model' | 'protocol' | 'arm' | 'settings'>[],
  known: readonly string[] = [],
): string[] {
  const kindOf = ({ model, protocol, arm }: (typeof rows)[number]): string => JSON.stringify([model, protocol, arm]);
  return differingSettings(rows, kindOf, [...shownSettings, ...known]).map((names) => names.join(', '));
}

function publishedFor(published: readonly PublishedResult[], dataset: Dataset): PublishedResult[] {
  return published.filter((row) => row.dataset === dataset.name && row.size === dataset.height);
}

/** An accuracy's 95 % interval over the test images (Wilson), in words. */
export function accuracyInterval(accuracy: number, images: number): string {
  const { low, high } = wilsonInterval(Math.round(accuracy * images), images);
  return `${low.toFixed(3)} – ${high.toFixed(3)}`;
}

function ourRow(row: ClassificationRow, images: number) {
  const { epochs, batchSize, learningRate, weightDecay, seed } = row.settings;
  return {
    model: row.model,
    arm: row.arm,
    testAccuracy: row.testAccuracy,
    interval: accuracyInterval(row.testAccuracy, images),
    testMacroF1: row.testMacroF1,
    testAuc: row.testAuc ?? NaN,
    bestValAccuracy: row.bestValAccuracy ?? NaN,
    epochs: Number(epochs ?? NaN),
    batchSize: Number(batchSize ?? NaN),
    learningRate: Number(learningRate ?? NaN),
    weightDecay: Number(weightDecay ?? NaN),
    seed: Number(seed ?? NaN),
    seconds: row.seconds,
  };
}

/** The study tells its settings in its text; what it does not report stays empty. */
function publishedRow({ model, testAccuracy, testMacroF1 }: PublishedResult) {
  const unknown = {
    testAuc: NaN,
    bestValAccuracy: NaN,
    epochs: 20,
    batchSize: 128,
    learningRate: 1e-3,
    weightDecay: 1e-5,
    seed: 42,
    seconds: NaN,
  };
  return { model: `${model} (the study)`, arm: 'as-published', testAccuracy, interval: '', testMacroF1, ...unknown };
}
