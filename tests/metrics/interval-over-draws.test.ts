import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rankCorrelation } from '../../lib/metrics/correlation';
import { studentCritical } from '../../lib/metrics/distributions';
import { intervalOverDraws, intervalTitle } from '../../lib/metrics/interval-over-draws';
import { mean } from '../../lib/metrics/intervals';
import { createRandom } from '../../lib/random';
import { userError } from '../data/user-error';
import { readFixture } from './masks';

interface Fixture {
  cases: { values: number[][]; confidence: number; mean: number; low: number; high: number }[];
  correlations: { first: number[]; second: number[]; correlation: number; low: number; high: number }[];
  critical: { confidence: number; degreesOfFreedom: number; t: number }[];
}

const fixture = readFixture<Fixture>('interval_over_draws.json');

function assertClose(actual: number, expected: number, relative: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${what} is ${actual}, expected ${expected}`);
}

/** Standard deviations of draws, of images, and of what a draw does to an image. */
interface Spread {
  readonly ofDraw: number;
  readonly ofImage: number;
  readonly rest: number;
}

/** The share of simulated studies whose interval has the true mean in it. */
function coverage(draws: number, { ofDraw, ofImage, rest }: Spread, { images = 30, studies = 1000 } = {}): number {
  const random = createRandom(1, 'coverage');
  const draw = (deviation: number, count: number): number[] =>
    Array.from({ length: count }, () => random.normal(0, deviation));
  let covered = 0;
  for (let study = 0; study < studies; study++) {
    const hardness = draw(ofImage, images);
    const values = draw(ofDraw, draws).map((shift) =>
      draw(rest, images).map((own, image) => shift + hardness[image] + own),
    );
    const { low, high } = intervalOverDraws(values);
    if (low <= 0 && 0 <= high) covered++;
  }
  return covered / studies;
}

describe('interval over draws and images', () => {
  it('agrees with an analysis of variance of statsmodels and critical values of scipy', () => {
    for (const { values, confidence, ...expected } of fixture.cases) {
      const { mean: center, low, high, draws } = intervalOverDraws(values, { confidence });
      assert.equal(draws, values.length);
      assertClose(center, expected.mean, 1e-13, 'mean');
      assertClose(low, expected.low, 1e-11, `low of ${draws}`);
      assertClose(high, expected.high, 1e-11, `high of ${draws}`);
    }
    for (const { confidence, degreesOfFreedom, t } of fixture.critical)
      assertClose(studentCritical(confidence, degreesOfFreedom), t, 1e-11, `t of ${degreesOfFreedom}, ${confidence}`);
  });

  for (const draws of [2, 3, 5, 10]) {
    it(`covers the truth in 93 to 97 % of simulated studies with ${draws} draws`, () => {
      const spreads = {
        'draws dominate': { ofDraw: 1, ofImage: 0.5, rest: 0.5 },
        'images dominate': { ofDraw: 0.01, ofImage: 1, rest: 0.1 },
      };
      for (const [name, spread] of Object.entries(spreads)) {
        const share = coverage(draws, spread);
        assert.ok(share >= 0.93 && share <= 0.97, `${name}: ${share}`);
      }
    });

    it(`is never short, and little too long, where neither dominates, with ${draws} draws`, () => {
      const spreads = {
        'draws and images': { ofDraw: 0.1 * Math.sqrt(draws), ofImage: 1, rest: 0.5 },
        'what a draw does to an image': { ofDraw: 0, ofImage: 0.1, rest: 1 },
      };
      for (const [name, spread] of Object.entries(spreads)) {
        const share = coverage(draws, spread);
        assert.ok(share >= 0.93 && share <= 0.985, `${name}: ${share}`);
      }
    });
  }

  it('is over images alone with one draw, and as wide with equal draws: what images share is not averaged away', () => {
    const random = createRandom(4, 'crossed');
    const images = Array.from({ length: 200 }, () => random.normal(0.8, 0.1));
    const one = intervalOverDraws([images]);
    assert.deepEqual([one.mean, one.draws], [mean(images), 1]);
    const equal = intervalOverDraws([images, images, images]);
    assertClose(equal.high - equal.low, one.high - one.low, 1e-9, 'width');
    const shifted = intervalOverDraws([-0.1, 0, 0.1].map((shift) => images.map((value) => value + shift)));
    assert.ok(shifted.high - shifted.low > 5 * (one.high - one.low));
    const bounded = intervalOverDraws(
      [
        [0.9, 0.8, 1],
        [0.9, 0.7, 0.9],
      ],
      { bounds: [0, 1] },
    );
    assert.ok(bounded.high === 1 && bounded.low > 0);
    assert.deepEqual(intervalOverDraws([[0.5, 0.5]]), { mean: 0.5, low: 0.5, high: 0.5, draws: 1 });
  });

  it('says what it covers', () => {
    assert.equal(intervalTitle(3, 'seeds'), '95 % interval over test images and 3 seeds');
    assert.equal(
      intervalTitle(1, 'seeds'),
      '95 % interval over test images; there is one seed, so that it says nothing of others',
    );
    assert.match(intervalTitle(1), /; there is one draw of the training images, so/);
  });

  it('says what is wrong', () => {
    const interval = (values: number[][]) => () => intervalOverDraws(values);
    assert.throws(interval([]), userError(/^There are no draws/));
    assert.throws(interval([[1]]), userError(/at least two; there is one\.$/));
    assert.throws(interval([[1, 2], [1]]), userError(/^Draw 1 has 1 images, but draw 0 has 2/));
    assert.throws(interval([[], []]), userError(/there are none/));
    assert.throws(
      interval([
        [1, 2],
        [1, NaN],
      ]),
      userError(/^Draw 1, image 1 is NaN/),
    );
    assert.throws(() => intervalOverDraws([[1, 2]], { confidence: 95 }), userError(/between 0 and 1/));
  });
});

describe('rank correlation', () => {
  it('agrees with scipy, and has the interval of Bonett and Wright', () => {
    for (const { first, second, ...expected } of fixture.correlations) {
      const { correlation, low, high } = rankCorrelation(first, second);
      assertClose(correlation, expected.correlation, 1e-12, 'correlation');
      assertClose(low, expected.low, 1e-11, 'low');
      assertClose(high, expected.high, 1e-11, 'high');
    }
  });

  it('is 1 of values in the same order, and nothing where one has no order', () => {
    assert.deepEqual(rankCorrelation([1, 2, 3, 9], [0, 4, 5, 6]), { correlation: 1, low: 1, high: 1 });
    assert.ok(Number.isNaN(rankCorrelation([1, 1, 1, 1], [0, 4, 5, 6]).correlation));
    assert.ok(Number.isNaN(rankCorrelation([1, 2, 3], [0, 5, 4]).low));
    assert.throws(() => rankCorrelation([1], [1, 2]), userError(/of pairs, but there are 1 and 2/));
  });
});
