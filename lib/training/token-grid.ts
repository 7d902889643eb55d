/** DINOv2's linear evaluation: a grid of learning rates and of what the linear layer gets, of which the validation split takes one. */
import { lastBlocks } from '../models/last-tokens';
import type { FeatureSet, FeatureSets } from './feature-set';
import { linearProbeGrid, partOf } from './linear-probe';
import { firstLargest, type ProbeControls, type ProbeResult } from './probe-result';

/** Of Oquab et al. 2024, for batches of 256 images: with others, they grow and shrink along. */
const learningRatesOfDino = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1] as const;

export interface TokenGridSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  /** For batches of 256; DINOv2's 13 by default. */
  readonly learningRates?: readonly number[];
}

interface Selection {
  /** Class tokens of the last 1 or 4 blocks. */
  readonly blocks: number;
  readonly meanOfPatches: boolean;
}

const selections: readonly Selection[] = [false, true].flatMap((meanOfPatches) =>
  [1, lastBlocks].map((blocks) => ({ blocks, meanOfPatches })),
);

/**
 * Trains a linear layer with SGD (momentum 0.9, no decay, cosine) for each learning rate, on the class token of the
 * last block or of four, with and without the mean of the patches; selects by the validation accuracy, the first of
 * the best; that one's test scores are reported.
 * @param sets features of `lastTokens`
 */
export async function tokenGrid(
  sets: FeatureSets,
  { learningRates = learningRatesOfDino, ...common }: TokenGridSettings,
  controls: ProbeControls = {},
): Promise<ProbeResult> {
  const rates = learningRates.map((rate) => (rate * common.batchSize) / 256);
  const found: ProbeResult[] = [];
  for (const selection of selections) {
    const part = (set: FeatureSet): FeatureSet => selected(set, selection);
    const taken = { train: part(sets.train), val: part(sets.val), test: part(sets.test) };
    const settings = { ...common, learningRates: rates, weightDecays: [0], optimizer: 'sgd' as const };
    const onProgress = controls.onProgress && partOf(controls.onProgress, found.length, selections.length);
    found.push(await linearProbeGrid(taken, settings, { ...controls, onProgress }));
    if (found[found.length - 1].stopped) break;
  }
  const seconds = found.reduce((sum, one) => sum + one.seconds, 0);
  const best = firstLargest(found.map(({ bestValAccuracy = NaN }) => bestValAccuracy));
  const { bestEpoch, bestValAccuracy } = found[best];
  const { stopped } = found[found.length - 1];
  if (bestEpoch !== undefined && bestValAccuracy !== undefined && !stopped) {
    const epochs = selections.length * rates.length * common.epochs;
    const ofBest = { epoch: bestEpoch, metric: 'accuracy', value: bestValAccuracy };
    controls.onProgress?.({ kind: 'done', epochs, seconds, best: ofBest });
  }
  const { blocks, meanOfPatches } = selections[best];
  const hyperparameters = { ...found[best].hyperparameters, blocks, meanOfPatches: String(meanOfPatches) };
  // Its layer is of a part of the features: it is no head of the whole backbone.
  return { ...found[best], seconds, stopped, hyperparameters, heads: undefined };
}

/** Some of the columns of `lastTokens`. */
function selected(set: FeatureSet, { blocks, meanOfPatches }: Selection): FeatureSet {
  const channels = set.width / (lastBlocks + 1);
  const [from, to] = [(lastBlocks - blocks) * channels, (lastBlocks + (meanOfPatches ? 1 : 0)) * channels];
  const width = to - from;
  const readRows: FeatureSet['readRows'] = (indices, target) => {
    const whole = new Float32Array(indices.length * set.width);
    set.readRows(indices, whole);
    for (let row = 0; row < indices.length; row++)
      target.set(whole.subarray(row * set.width + from, row * set.width + to), row * width);
  };
  if (set.rows === undefined) return { ...set, width, readRows };
  const rows = new Float32Array(set.count * width);
  readRows(
    Int32Array.from({ length: set.count }, (_, index) => index),
    rows,
  );
  const readKept: FeatureSet['readRows'] = (indices, target) => {
    for (let row = 0; row < indices.length; row++)
      target.set(rows.subarray(indices[row] * width, (indices[row] + 1) * width), row * width);
  };
  return { ...set, width, rows, readRows: readKept };
}
