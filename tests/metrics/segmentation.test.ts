import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Mask } from '../../lib/data/mask';
import { intervalOverDraws } from '../../lib/metrics/interval-over-draws';
import { bootstrapInterval, mean, meanInterval } from '../../lib/metrics/intervals';
import { comparePaired, pairedDifferences } from '../../lib/metrics/paired-comparison';
import {
  countPixels,
  metricOfImages,
  scoresOfCounts,
  scoreSegmentation,
  segmentationMetrics,
} from '../../lib/metrics/segmentation';
import { summarizeSegmentation } from '../../lib/metrics/segmentation-summary';
import { wilcoxonSignedRank } from '../../lib/metrics/significance';
import { userError } from '../data/user-error';
import { maskOf, readFixture, type RunLengths } from './masks';

type Scores = Record<'dice' | 'jaccard' | 'sensitivity' | 'specificity' | 'accuracy' | 'thresholdJaccard', number>;

interface Fixture {
  pairs: {
    name: string;
    truth: RunLengths;
    prediction: RunLengths;
    surface: { hd95: number; defined: boolean };
    isic: Scores;
    epsilonInDenominator: Partial<Scores>;
    epsilonInBoth: Partial<Scores>;
  }[];
  isicMean: Scores;
}

const fixture = readFixture<Fixture>('segmentation_metrics.json');
const pairs = fixture.pairs.map((pair) => ({
  ...pair,
  truth: maskOf(pair.truth),
  prediction: maskOf(pair.prediction),
}));
const scores = pairs.map(({ truth, prediction }) => scoreSegmentation(truth, prediction));

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} is ${actual}, expected ${expected}`);
}

function assertScores(actual: Partial<Scores>, expected: Partial<Scores>): void {
  for (const [metric, value] of Object.entries(expected))
    assertClose(actual[metric as keyof Scores] ?? NaN, value, 1e-15, metric);
}

describe('scores of an image', () => {
  pairs.forEach(({ name, truth, prediction, isic, epsilonInDenominator, epsilonInBoth, surface }, index) => {
    it(`are the challenge's and the studies': ${name}`, () => {
      assertScores(scores[index], isic);
      assertClose(scores[index].hd95, surface.hd95, 1e-9, 'hd95');
      assert.equal(scores[index].hd95Defined, surface.defined);
      assertScores(scoreSegmentation(truth, prediction, { empty: 'epsilon-in-denominator' }), epsilonInDenominator);
      assertScores(scoreSegmentation(truth, prediction, { empty: 'epsilon-in-both' }), epsilonInBoth);
    });

    it(`do not change when truth and prediction are swapped: ${name}`, () => {
      const { dice, jaccard, thresholdJaccard, accuracy, hd95 } = scoreSegmentation(prediction, truth);
      const swapped = { ...scores[index], dice, jaccard, thresholdJaccard, accuracy, hd95 };
      assert.deepEqual(swapped, scores[index]);
    });
  });

  it('of two empty masks are 1, 0 or 1 as the convention says', () => {
    const counts = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 12 };
    assert.deepEqual(scoresOfCounts(counts), {
      dice: 1,
      jaccard: 1,
      sensitivity: 1,
      specificity: 1,
      accuracy: 1,
      thresholdJaccard: 1,
    });
    const { dice, jaccard, sensitivity, thresholdJaccard } = scoresOfCounts(counts, 'epsilon-in-denominator');
    assert.deepEqual([dice, jaccard, sensitivity, thresholdJaccard], [0, 0, 0, 0]);
    const both = scoresOfCounts(counts, 'epsilon-in-both');
    assert.deepEqual([both.dice, both.jaccard, both.sensitivity], [1, 1, 1]);
    // An empty truth has no sensitivity, whatever was predicted.
    const missed = { ...counts, falsePositives: 3 };
    assert.equal(scoresOfCounts(missed).sensitivity, 1);
    assert.equal(scoresOfCounts(missed).jaccard, 0);
    // A full truth has no specificity.
    const full = { truePositives: 7, falsePositives: 0, falseNegatives: 5, trueNegatives: 0 };
    assert.equal(scoresOfCounts(full).specificity, 1);
  });

  it('count 0 below a Jaccard of 0.65, and not at it', () => {
    const at = (truePositives: number) =>
      scoresOfCounts({ truePositives, falsePositives: 35, falseNegatives: 0, trueNegatives: 0 });
    assert.equal(at(65).thresholdJaccard, 0.65);
    assert.equal(at(64).thresholdJaccard, 0);
    assert.ok(at(64).jaccard > 0.64);
  });

  it('come from counts that add up to all pixels', () => {
    for (const { truth, prediction } of pairs) {
      const counts = countPixels(truth, prediction);
      const sum = counts.truePositives + counts.falsePositives + counts.falseNegatives + counts.trueNegatives;
      assert.equal(sum, truth.height * truth.width);
    }
  });

  it('need masks of one size', () => {
    const mask = (height: number, width: number): Mask => ({ pixels: new Uint8Array(height * width), height, width });
    assert.throws(() => countPixels(mask(2, 3), mask(3, 2)), userError(/prediction is 3×2 .* truth 2×3/));
    const wrong = { pixels: new Uint8Array(5), height: 2, width: 3 };
    assert.throws(() => countPixels(mask(2, 3), wrong), userError(/^The prediction has 5 pixels, but 2×3 are 6/));
  });
});

describe('scores of a split', () => {
  it('are means over images, with the number of images without an HD95', () => {
    const summary = summarizeSegmentation(scores, { seed: 3, resamples: 200 });
    for (const [metric, value] of Object.entries(fixture.isicMean))
      assertClose(summary.mean[metric as keyof Scores], value, 1e-15, metric);
    const expected = mean(fixture.pairs.map(({ surface }) => surface.hd95));
    assertClose(summary.mean.hd95, expected, 1e-9, 'hd95');
    assert.equal(summary.undefinedHd95, 3);
    assert.equal(summary.images, pairs.length);
  });

  it('do not depend on how the images were batched', () => {
    const whole = summarizeSegmentation(scores, { seed: 3, resamples: 10 }).mean;
    for (const size of [1, 4, 7, 50]) {
      const batches = Array.from({ length: Math.ceil(pairs.length / size) }, (_, index) =>
        pairs
          .slice(index * size, (index + 1) * size)
          .map(({ truth, prediction }) => scoreSegmentation(truth, prediction)),
      );
      assert.deepEqual(summarizeSegmentation(batches.flat(), { seed: 3, resamples: 10 }).mean, whole);
    }
  });

  it('have intervals over images that a seed repeats', () => {
    const options = { seed: 5, resamples: 150, confidence: 0.9 };
    const { interval } = summarizeSegmentation(scores, options);
    for (const metric of segmentationMetrics) {
      const values = metricOfImages(scores, metric);
      const statistic = (indices: Int32Array): number => mean(Array.from(indices, (index) => values[index]));
      const expected = bootstrapInterval({ ...options, count: values.length, statistic });
      assert.deepEqual(interval[metric], expected);
      assert.deepEqual(meanInterval(values, options), expected);
    }
    assert.notDeepEqual(summarizeSegmentation(scores, { ...options, seed: 6 }).interval, interval);
  });

  it('need an image', () => {
    assert.throws(() => summarizeSegmentation([], { seed: 1 }), userError(/no images that could be scored/));
  });
});

describe('paired comparison', () => {
  const first = [0.9, 0.8, 0.7, 0.6, 0.5, 0.9];
  const second = [0.8, 0.8, 0.9, 0.5, 0.4, 0.7];

  it('counts who is better on each image, and tests the differences', () => {
    const result = comparePaired([first], [second]);
    assert.deepEqual([result.wins, result.ties, result.losses], [4, 1, 1]);
    assert.equal(result.winRate, 4.5 / 6);
    assertClose(result.meanDifference, 0.3 / 6, 1e-15, 'difference');
    assert.deepEqual(result.wilcoxon, wilcoxonSignedRank(first, second));
    assert.ok(result.interval.low < result.meanDifference && result.meanDifference < result.interval.high);
    const distances = comparePaired([first], [second], { higherIsBetter: false });
    assert.deepEqual([distances.wins, distances.ties, distances.losses], [1, 1, 4]);
    assert.equal(distances.winRate, 1.5 / 6);
    const swapped = comparePaired([second], [first]);
    assert.equal(swapped.winRate + result.winRate, 1);
    assert.equal(swapped.meanDifference, -result.meanDifference);
  });

  it('takes draws in pairs: the interval is over both, who wins and the test are of their means', () => {
    const [a, b] = [
      [first, first.map((value) => value + 0.1)],
      [second, second.map((value) => value - 0.1)],
    ];
    const result = comparePaired(a, b);
    assertClose(result.meanDifference, 0.3 / 6 + 0.1, 1e-12, 'difference');
    const { low, high } = intervalOverDraws(pairedDifferences(a, b));
    assert.deepEqual([result.interval, result.draws], [{ low, high }, 2]);
    assert.ok(
      high - low > comparePaired([first], [second]).interval.high - comparePaired([first], [second]).interval.low,
    );
    assert.deepEqual([result.wins, result.ties, result.losses], [5, 0, 1]);
  });

  it('needs the same images', () => {
    assert.throws(() => comparePaired([[1, 2]], [[1]]), userError(/equally many on both sides/));
    assert.throws(
      () =>
        comparePaired(
          [[1, 2]],
          [
            [1, 2],
            [1, 2],
          ],
        ),
      userError(/in pairs, but there are 1 and 2/),
    );
  });
});
