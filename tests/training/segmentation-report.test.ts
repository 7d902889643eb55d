import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { SplitName } from '../../lib/data/dataset';
import type { SegmentationSplit } from '../../lib/data/segmentation-dataset';
import { calibrationErrorOfBins, poolBins, type ReliabilityBin } from '../../lib/metrics/calibration';
import { mean } from '../../lib/metrics/intervals';
import { borderBand, pixelReliabilityBins } from '../../lib/metrics/pixel-calibration';
import { addConvolution } from '../../lib/models/blocks';
import { createParameters, disposeParameters, importParameters, type ParameterSpec } from '../../lib/models/parameters';
import { convolution } from '../../lib/models/scope';
import { tf } from '../../lib/tf';
import { fastestPass } from '../../lib/training/fastest-pass';
import { reportSegmentation, type MaskCalibration, type ReportOptions } from '../../lib/training/segmentation-report';
import { imageSource } from '../../lib/training/segmentation-source';
import { scoreMasks } from '../../lib/training/segmentation-evaluation';
import { network } from '../../lib/models/network';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { noise } from '../noise';

interface GoldenCalibration {
  imageErrors: number[];
  imageBorderErrors: (number | null)[];
  bins: [count: number, confidence: number | null, accuracy: number | null][];
  borderBins: [count: number, confidence: number | null, accuracy: number | null][];
}
interface Golden {
  dice: number[];
  cleanedDice: number[];
  flippedDice: number[];
  nativeDice: number[];
  temperature: number;
  before: GoldenCalibration;
  after: GoldenCalibration;
}

const golden = JSON.parse(readFileSync(join(__dirname, '../fixtures/segmentation_report.json'), 'utf8')) as Golden;

const [height, width, area] = [12, 10, 120];
const native = { height: 2 * height + 1, width: 2 * width - 1 };

/** As in tests/fixtures/make_segmentation_report.py. */
function disc(index: number, rows: number, columns: number): Uint8Array {
  const scale = rows / height;
  return Uint8Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const distance = (row / scale - 5) ** 2 + (column / scale - 4 - 0.5 * index) ** 2;
    return index !== 6 && distance < (2.6 + 0.4 * index) ** 2 ? 1 : 0;
  });
}

function noiseImage(index: number): Uint8Array {
  const truth = disc(index, height, width);
  return Uint8Array.from(noise(10 + index, 3 * area), (value, at) =>
    Math.min(255, Math.floor(128 * (value + 1)) * 0.5 + 90 * truth[Math.floor(at / 3)]),
  );
}

function split(name: SplitName, first: number, count: number): SegmentationSplit {
  const fill = (indices: ArrayLike<number>, target: Uint8Array, of: (index: number) => Uint8Array): void =>
    Array.from(indices).forEach((index, at) => target.set(of(first + index), at * of(first).length));
  return {
    name,
    count,
    ids: Array.from({ length: count }, (_, index) => `${name}_${index}`),
    readImages: (indices, target) => fill(indices, target, noiseImage),
    readMasks: (indices, target) => fill(indices, target, (index) => disc(index, height, width)),
    nativeMask: (index) => ({ ...native, pixels: disc(first + index, native.height, native.width) }),
  };
}

const splits = { train: split('train', 0, 1), val: split('val', 0, 3), test: split('test', 3, 4) };
const normalization = { mean: [0.5, 0.5, 0.5], std: [1, 1, 1] } as const;
const sourceOf = (augmentation: { horizontalFlip?: number; verticalFlip?: number } = {}) =>
  imageSource({ dataset: { height, width }, splits, augmentation, seed: 1, normalization });

const table: Record<string, ParameterSpec> = {};
addConvolution(table, 'conv', [1, 3, 3, 3]);
const segmenter = network({
  name: 'convolution',
  table,
  forward: (images, scope) => convolution(images, scope.at('conv'), { padding: 1 }),
});

/** Without a tensor left behind. */
async function report(changes: Partial<ReportOptions> = {}) {
  const parameters = createParameters(table, 0);
  const weight = Float32Array.from(noise(1, 27), (value) => 0.8 * value + 0.2);
  importParameters(
    parameters,
    new Map([
      ['conv.weight', weight],
      ['conv.bias', Float32Array.of(0.3)],
    ]),
    'noise',
  );
  const before = tf.memory().numTensors;
  try {
    const flippedSource = (variant: number) =>
      sourceOf({ horizontalFlip: variant % 2, verticalFlip: variant >= 2 ? 1 : 0 });
    const options = { bandWidth: 2, batchSize: 3, flippedSource, scoreNativeSize: true, ...changes };
    const reported = await reportSegmentation(parameters, segmenter, sourceOf(), options);
    const tested = await scoreMasks(parameters, segmenter, sourceOf(), { split: 'test', batchSize: 50 });
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
    return { ...reported, tested };
  } finally {
    disposeParameters(parameters);
  }
}

const orNaN = (values: readonly (number | null)[]): number[] => values.map((value) => value ?? NaN);

function assertBins(actual: readonly ReliabilityBin[], expected: GoldenCalibration['bins'], what: string): void {
  assert.deepEqual(
    actual.map(({ count }) => count),
    expected.map(([count]) => count),
    what,
  );
  assertNumbers(
    actual.map(({ confidence }) => confidence),
    orNaN(expected.map(([, confidence]) => confidence)),
    what,
  );
  assertNumbers(
    actual.map(({ accuracy }) => accuracy),
    orNaN(expected.map(([, , accuracy]) => accuracy)),
    what,
  );
}

function assertNumbers(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.deepEqual(actual.map(Number.isNaN), expected.map(Number.isNaN), what);
  const finite = (values: readonly number[]): number[] => values.filter((value) => !Number.isNaN(value));
  assertClose(finite(actual), finite(expected), 1e-5, what);
}

function assertCalibration(actual: MaskCalibration, expected: GoldenCalibration, what: string): void {
  assertNumbers(actual.imageErrors, expected.imageErrors, `${what}, images`);
  assertNumbers(actual.imageBorderErrors, orNaN(expected.imageBorderErrors), `${what}, bands`);
  assertBins(actual.bins, expected.bins, `${what}, bins`);
  assertBins(actual.borderBins, expected.borderBins, `${what}, bins of the bands`);
  assert.equal(actual.withoutBorder, 1);
}

describe('what is reported of a segmentation network', () => {
  it('agrees with PyTorch and scipy: scores, cleaned, over flips and at native size, temperature and calibration', async () => {
    const { scores, cleanedScores, flippedScores, nativeScores, temperature, before, after, ids } = await report();
    const dice = (of: typeof scores = []): number[] => of.map((image) => image.dice);
    assertClose(dice(scores), golden.dice, 1e-9, 'Dice');
    assertClose(dice(cleanedScores), golden.cleanedDice, 1e-9, 'cleaned');
    assertClose(dice(flippedScores), golden.flippedDice, 1e-9, 'flips');
    assertClose(dice(nativeScores), golden.nativeDice, 1e-9, 'native size');
    assertClose([temperature.temperature], [golden.temperature], 1e-5, 'temperature');
    assertCalibration(before, golden.before, 'before');
    assertCalibration(after, golden.after, 'after');
    assert.deepEqual(ids, splits.test.ids);
  });

  it('does not depend on the batch, and has what is asked for alone', async () => {
    const [whole, single] = [await report(), await report({ batchSize: 1 })];
    assert.deepEqual(single.scores, whole.scores);
    assert.deepEqual(single.flippedScores, whole.flippedScores);
    const plain = await report({ flippedSource: undefined, scoreNativeSize: false });
    assert.deepEqual([plain.flippedScores, plain.nativeScores], [undefined, undefined]);
    assert.deepEqual(plain.scores, whole.tested.scores);
  });

  it('hands on the logits of each test image, in the order of the split', async () => {
    const masks: number[] = [];
    const { tested } = await report({
      onLogits: (logits) => masks.push(...logits.map((logit) => (logit > 0 ? 1 : 0))),
    });
    assert.deepEqual(masks, [...tested.masks]);
  });

  it('counts where masks are empty by the convention that is given', async () => {
    // The last truth is empty, its prediction is not.
    const [isic, both] = [await report(), await report({ empty: 'epsilon-in-both' })];
    assert.equal(isic.scores[3].dice, 0);
    assert.ok(both.scores[3].dice > 0 && both.scores[3].dice < 1e-5);
  });

  it('ends where it is stopped', async () => {
    const controller = new AbortController();
    controller.abort(new Error('stopped'));
    await assert.rejects(report({ signal: controller.signal }), /stopped/);
  });
});

describe('bins of several images', () => {
  it('together are those of all their pixels; without any, there is nothing to pool', async () => {
    const logits: Float32Array[] = [];
    const { before } = await report({ onLogits: (values) => logits.push(values.slice()) });
    const images = logits.map((values, index) => ({
      truth: { height, width, pixels: disc(3 + index, height, width) },
      probabilities: values.map((logit) => 1 / (1 + Math.exp(-logit))),
    }));
    const errorOf = (...of: Parameters<typeof pixelReliabilityBins>): number =>
      calibrationErrorOfBins(pixelReliabilityBins(...of) ?? []);
    const error = mean(images.map((image) => errorOf(image)));
    const ofBorders = images.flatMap((image) => {
      const within = borderBand(image.truth, 2);
      return within === undefined ? [] : [errorOf(image, { within })];
    });
    const [borderError, withoutBorder] = [mean(ofBorders), images.length - ofBorders.length];
    assertClose(
      [before.error, before.borderError, before.withoutBorder],
      [error, borderError, withoutBorder],
      1e-12,
      'means',
    );
    assert.equal(
      before.bins.reduce((sum, { count }) => sum + count, 0),
      4 * area,
    );
    assert.deepEqual(poolBins([before.bins]), before.bins);
    assert.ok(Number.isNaN(calibrationErrorOfBins(before.bins.map((bin) => ({ ...bin, count: 0 })))));
    assert.throws(() => poolBins([]), userError(/^There are no bins/));
  });
});

describe('the fastest pass', () => {
  it('is that of several, after one that does not count, and leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    let passes = 0;
    const milliseconds = fastestPass(() => tf.scalar(passes++));
    assert.ok(milliseconds >= 0 && Number.isFinite(milliseconds));
    assert.equal(passes, 6);
    assert.equal(tf.memory().numTensors, before);
  });
});
