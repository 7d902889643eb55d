import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { normalCritical, normalTwoSided, studentCritical, studentTwoSided } from '../../lib/metrics/distributions';
import {
  bootstrapInterval,
  foldInterval,
  mean,
  quantile,
  sampleDeviation,
  wilsonInterval,
} from '../../lib/metrics/intervals';
import { cohensDz, holmAdjust, pairedTTest, wilcoxonSignedRank } from '../../lib/metrics/significance';
import { createRandom } from '../../lib/random';

/** Infinite values and NaN are texts in the file. */
type JsonNumber = number | string;

interface Fixture {
  pairs: {
    name: string;
    first: number[];
    second: number[];
    t: JsonNumber;
    tPValue: JsonNumber;
    effect: JsonNumber;
    wilcoxon: number;
    wilcoxonPValue: number;
  }[];
  student: { t: number; degreesOfFreedom: number; pValue: number }[];
  normal: { z: number; pValue: number }[];
  critical: { confidence: number; z: number }[];
  holm: { pValues: number[]; adjusted: number[] }[];
  wilson: { successes: number; count: number; confidence: number; low: number; high: number }[];
  summary: {
    values: number[];
    mean: number;
    sampleDeviation: number;
    quantiles: { fraction: number; value: number }[];
  };
  bootstrap: { seed: number; resamples: number; low: number; high: number; scipyLow: number; scipyHigh: number };
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/significance.json'), 'utf8'));

function assertClose(actual: number, expected: number, relative: number, what = 'value') {
  if (Object.is(actual, expected)) return;
  const error = Math.abs(actual - expected) / Math.abs(expected);
  assert.ok(error <= relative, `${what} is ${actual}, expected ${expected}, relative error ${error}`);
}

describe('distributions', () => {
  it("have Student's t to 2e-13, to 2e-12 with 100 000 degrees of freedom", () => {
    for (const { t, degreesOfFreedom, pValue } of fixture.student) {
      const tolerance = degreesOfFreedom > 10_000 ? 2e-12 : 2e-13;
      assertClose(studentTwoSided(t, degreesOfFreedom), pValue, tolerance, `t ${t}, ${degreesOfFreedom} degrees`);
      assert.equal(studentTwoSided(-t, degreesOfFreedom), studentTwoSided(t, degreesOfFreedom));
    }
    assert.equal(studentTwoSided(0, 5), 1);
    assert.equal(studentTwoSided(-Infinity, 5), 0);
    assert.ok(Number.isNaN(studentTwoSided(NaN, 5)));
  });

  it('have the normal tail to 5e-15, also where it is 1e-268', () => {
    for (const { z, pValue } of fixture.normal) assertClose(normalTwoSided(z), pValue, 5e-15, `z ${z}`);
  });

  it('invert the normal distribution', () => {
    for (const { confidence, z } of fixture.critical)
      assertClose(normalCritical(confidence), z, 1e-14, `${confidence}`);
    assert.throws(() => normalCritical(95), {
      name: 'UserError',
      message: 'The confidence level is 95; it must be between 0 and 1, such as 0.95.',
    });
  });
});

describe('paired tests', () => {
  for (const golden of fixture.pairs) {
    it(`agree with scipy: ${golden.name}`, () => {
      const { first, second } = golden;
      const t = pairedTTest(first, second);
      assert.equal(t.degreesOfFreedom, first.length - 1);
      if (golden.name === 'identical') {
        assert.equal(golden.tPValue, 'nan');
        assert.equal(t.statistic, 0);
        assert.equal(t.pValue, 1);
        assert.match(t.note ?? '', /identical/);
        assert.equal(cohensDz(first, second), 0);
      } else if (golden.name === 'constant up to rounding') {
        // t is what rounding left over, here and in scipy.
        assert.ok(t.statistic > 1e15 && t.pValue < 1e-40);
        assert.match(t.note ?? '', /equal up to rounding/);
      } else {
        assertClose(t.statistic, Number(golden.t === 'inf' ? Infinity : golden.t), 1e-12, 't');
        assertClose(t.pValue, Number(golden.tPValue), 1e-12, 'p');
        assertClose(cohensDz(first, second), golden.effect === 'inf' ? Infinity : Number(golden.effect), 1e-12, 'dz');
        assert.equal(t.note !== undefined, golden.t === 'inf');
      }
      const wilcoxon = wilcoxonSignedRank(first, second);
      assert.equal(wilcoxon.statistic, golden.wilcoxon);
      assertClose(wilcoxon.pValue, golden.wilcoxonPValue, 1e-13, 'Wilcoxon p');
      assert.equal(wilcoxon.note !== undefined, golden.name === 'identical');
    });
  }

  it('have infinite t both ways for a constant difference', () => {
    assert.equal(pairedTTest([1, 2, 3], [2, 3, 4]).statistic, -Infinity);
    assert.equal(pairedTTest([1, 2, 3], [2, 3, 4]).pValue, 0);
    // The mean of three times 0.1 is not 0.1 in float64.
    assert.equal(pairedTTest([0.1, 0.1, 0.1], [0, 0, 0]).statistic, Infinity);
    assert.equal(cohensDz([0.1, 0.1, 0.1], [0, 0, 0]), Infinity);
  });

  it('change sign, but not p, when the sides are swapped', () => {
    const { first, second } = fixture.pairs[fixture.pairs.length - 1];
    const forward = pairedTTest(first, second);
    const backward = pairedTTest(second, first);
    assert.equal(forward.statistic, -backward.statistic);
    assert.equal(forward.pValue, backward.pValue);
    assert.deepEqual(wilcoxonSignedRank(first, second), wilcoxonSignedRank(second, first));
  });

  it("are Wilcoxon's over all signs, counted one by one", () => {
    const random = createRandom(3, 'signs');
    for (let trial = 0; trial < 20; trial++) {
      const count = 3 + random.integer(8);
      const differences = Array.from({ length: count }, () => random.integer(9) - 4);
      const sizes = differences.filter((value) => value !== 0).map(Math.abs);
      if (sizes.length === 0) continue;
      const rank = (size: number) =>
        sizes.filter((other) => other < size).length + (sizes.filter((other) => other === size).length + 1) / 2;
      const total = sizes.reduce((sum, size) => sum + rank(size), 0);
      const { statistic, pValue } = wilcoxonSignedRank(differences, new Float64Array(count));
      let asExtreme = 0;
      for (let signs = 0; signs < 2 ** sizes.length; signs++) {
        const plus = sizes.reduce((sum, size, index) => sum + ((signs >> index) & 1 ? rank(size) : 0), 0);
        if (Math.min(plus, total - plus) <= statistic) asExtreme++;
      }
      // A sum in the exact middle belongs to both tails.
      assert.equal(pValue, statistic === total / 2 ? 1 : asExtreme / 2 ** sizes.length);
    }
  });

  it('say what is wrong', () => {
    assert.throws(() => pairedTTest([1], [2]), {
      name: 'UserError',
      message: 'The test needs at least 2 pairs of values; there are 1 and 1.',
    });
    assert.throws(() => cohensDz([1, 2], [2]), {
      message: 'Paired values need equally many on both sides; there are 2 and 1.',
    });
    assert.throws(() => wilcoxonSignedRank([], []), { message: /at least one pair of values/ });
    assert.throws(() => pairedTTest([1, NaN], [2, 3]), { message: /^First value 1 is NaN/ });
  });
});

describe('adjustment for several tests', () => {
  it("is Holm's, as in statsmodels", () => {
    for (const { pValues, adjusted } of fixture.holm) {
      holmAdjust(pValues).forEach((value, index) => assertClose(value, adjusted[index], 1e-15));
    }
    assert.equal(holmAdjust([]).length, 0);
    assert.throws(() => holmAdjust([0.1, NaN]), { name: 'UserError', message: 'p-value 1 is NaN.' });
  });
});

describe('summaries and intervals', () => {
  const { values } = fixture.summary;

  it('agree with numpy', () => {
    assertClose(mean(values), fixture.summary.mean, 1e-15);
    assertClose(sampleDeviation(values), fixture.summary.sampleDeviation, 1e-15);
    for (const { fraction, value } of fixture.summary.quantiles) assertClose(quantile(values, fraction), value, 1e-15);
    assert.ok(Number.isNaN(sampleDeviation([1])));
    assert.throws(() => mean([]), { name: 'UserError', message: 'There is no mean of no values.' });
    assert.throws(() => quantile([], 0.5), { message: 'There is no quantile of no values.' });
  });

  it("are Wilson's, as in statsmodels", () => {
    for (const { successes, count, confidence, low, high } of fixture.wilson) {
      const interval = wilsonInterval(successes, count, confidence);
      assert.ok(Math.abs(interval.low - low) < 1e-15 && Math.abs(interval.high - high) < 1e-15);
    }
    assert.deepEqual(wilsonInterval(1, 2), wilsonInterval(1, 2, 0.95));
    assert.throws(() => wilsonInterval(3, 2), { name: 'UserError', message: '3 of 2 is no proportion.' });
  });

  it('bootstrap as an independent program with the same random numbers does', () => {
    const { seed, resamples, low, high, scipyLow, scipyHigh } = fixture.bootstrap;
    const statistic = (indices: Int32Array) => mean(Array.from(indices, (index) => values[index]));
    const interval = bootstrapInterval({ count: values.length, statistic, seed, resamples });
    assert.deepEqual(bootstrapInterval({ count: 1, statistic, seed, resamples }), { low: NaN, high: NaN });
    assertClose(interval.low, low, 1e-14);
    assertClose(interval.high, high, 1e-14);
    assert.deepEqual(bootstrapInterval({ count: values.length, statistic, seed, resamples }), interval);
    assert.notDeepEqual(bootstrapInterval({ count: values.length, statistic, seed: seed + 1, resamples }), interval);
    // Other random numbers: the ends of 4000 resamples are known to about a twentieth of the standard error.
    const many = bootstrapInterval({ count: values.length, statistic, seed, resamples: 4000 });
    const standardError = sampleDeviation(values) / Math.sqrt(values.length);
    assert.ok(Math.abs(many.low - scipyLow) < standardError / 6);
    assert.ok(Math.abs(many.high - scipyHigh) < standardError / 6);
  });

  it('bootstrap wider for a higher confidence', () => {
    const statistic = (indices: Int32Array) => values[indices[0]];
    const wide = bootstrapInterval({ count: 40, statistic, seed: 1, confidence: 0.99 });
    const narrow = bootstrapInterval({ count: 40, statistic, seed: 1, confidence: 0.5 });
    assert.ok(wide.low < narrow.low && narrow.high < wide.high);
  });

  it('do not bootstrap what is undefined', () => {
    assert.throws(() => bootstrapInterval({ count: 3, statistic: () => NaN, seed: 1, resamples: 5 }), {
      name: 'UserError',
      message: 'The statistic of resample 0 is NaN, not a number.',
    });
    assert.throws(() => bootstrapInterval({ count: 0, statistic: () => 1, seed: 1 }), {
      message: 'A bootstrap needs images and resamples; there are 0 and 2000.',
    });
  });
});

describe('the mean over folds', () => {
  it('has Student’s critical values (scipy.stats.t.ppf)', () => {
    const expected = [
      [0.95, 1, 12.706204736174705],
      [0.95, 4, 2.7764451051977934],
      [0.99, 9, 3.249835541592126],
    ];
    for (const [confidence, freedom, t] of expected)
      assertClose(studentCritical(confidence, freedom), t, 1e-12, `${freedom}`);
  });

  it('has an interval with the variance times 1/k + 1/(k − 1)', () => {
    const { low, high } = foldInterval([0.9, 0.92, 0.88, 0.94, 0.91]);
    const margin = 2.7764451051977934 * sampleDeviation([0.9, 0.92, 0.88, 0.94, 0.91]) * Math.sqrt(1 / 5 + 1 / 4);
    assertClose(low, 0.91 - margin, 1e-12, 'low');
    assertClose(high, 0.91 + margin, 1e-12, 'high');
    assert.throws(() => foldInterval([0.9]), /two or more/);
  });
});
