import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Task } from '../../lib/data/dataset';
import { pooledAucDifference, pooledAucInterval } from '../../lib/metrics/auc-interval';
import { fTail } from '../../lib/metrics/distributions';
import { rankMethods, studentizedRangeCritical } from '../../lib/metrics/method-ranks';
import type { Scored } from '../../lib/metrics/scores';
import { compareOverDatasets, compareSeeds, summarizeSeeds } from '../../lib/metrics/seed-comparison';
import { cohensDz, hedgesGz, rankBiserial } from '../../lib/metrics/significance';

type Pairs = [number, number][];

interface Fixture {
  effects: { name: string; first: number[]; second: number[]; hedgesGz: number; rankBiserial: number }[];
  seeds: number[];
  grid: {
    datasets: Record<
      string,
      {
        first: Pairs;
        second: Pairs;
        means: number[];
        deviations: number[];
        pairs: number[];
        pairedMeans: number[];
        t: number | string | null;
        pValue: number | null;
        adjusted: number | null;
      }
    >;
    wilcoxon: number;
    wilcoxonPValue: number;
  };
  ranks: {
    name: string;
    scores: number[][];
    meanRanks: number[];
    chiSquare: number | null;
    pValue?: number;
    criticalDifference: number;
  }[];
  ranges: { count: number; confidence: number; q: number }[];
  fTails: { x: number; numerator: number; denominator: number; pValue: number }[];
  aucs: {
    name: string;
    task: Task;
    classes: number;
    seed: number;
    resamples: number;
    truth: number[];
    first: number[][];
    second: number[][];
    auc: number;
    interval: [number, number];
    difference: number;
    differenceInterval: [number, number];
    redrawn: number;
  }[];
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/grid_statistics.json'), 'utf8'));

function assertClose(actual: number | undefined, expected: number, relative = 1e-12, what = 'value') {
  assert.ok(actual !== undefined, `${what} is undefined, expected ${expected}`);
  if (Object.is(actual, expected)) return;
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-3);
  assert.ok(error <= relative, `${what} is ${actual}, expected ${expected}, relative error ${error}`);
}

const seeds = fixture.seeds;
const names = ['ResNet-50', 'Swin-B'] as const;
const scores = (...values: number[]) => new Map(values.map((value, seed) => [seed, value]));

describe('effect sizes', () => {
  for (const { name, first, second, ...golden } of fixture.effects) {
    it(`agree with scipy: ${name}`, () => {
      assertClose(hedgesGz(first, second), golden.hedgesGz);
      assert.equal(rankBiserial(first, second), golden.rankBiserial);
      assertClose(hedgesGz(second, first), -golden.hedgesGz);
      assert.ok(Math.abs(hedgesGz(first, second)) < Math.abs(cohensDz(first, second)));
    });
  }

  it('are 0 for identical samples, infinite for a constant difference, and need three pairs', () => {
    assert.equal(hedgesGz([1, 2, 3], [1, 2, 3]), 0);
    assert.equal(rankBiserial([1, 2, 3], [1, 2, 3]), 0);
    assert.equal(hedgesGz([1, 2, 3], [2, 3, 4]), -Infinity);
    assert.equal(rankBiserial([1, 2, 3], [2, 3, 4]), -1);
    assert.throws(() => hedgesGz([1, 2], [2, 3]), { name: 'UserError', message: /at least 3 pairs/ });
  });
});

describe('a comparison over datasets', () => {
  const given = Object.fromEntries(
    Object.entries(fixture.grid.datasets).map(([dataset, { first, second }]) => [
      dataset,
      { first: new Map(first), second: new Map(second) },
    ]),
  );
  const compared = compareOverDatasets(given, { seeds, names });

  it('agrees with numpy, scipy and statsmodels on each dataset', () => {
    for (const row of compared.datasets) {
      const golden = fixture.grid.datasets[row.dataset];
      [row.first, row.second].forEach((summary, side) => {
        assertClose(summary.mean, golden.means[side], 1e-14, 'mean');
        assertClose(summary.deviation, golden.deviations[side], 1e-12, 'deviation');
        assertClose(row.pairedMeans[side], golden.pairedMeans[side], 1e-14, 'mean of the pairs');
      });
      assert.deepEqual(row.paired, golden.pairs);
      if (golden.pValue === null || golden.adjusted === null) {
        assert.equal(row.tTest, undefined);
        assert.equal(row.adjustedPValue, undefined);
        continue;
      }
      assertClose(row.tTest?.statistic, golden.t === 'inf' ? Infinity : Number(golden.t), 1e-12, 't');
      assertClose(row.tTest?.pValue, golden.pValue, 1e-12, 'p');
      assertClose(row.adjustedPValue, golden.adjusted, 1e-12, 'adjusted p');
      assert.equal(row.tTest?.degreesOfFreedom, golden.pairs.length - 1);
    }
  });

  it('agrees with scipy over the means of the datasets', () => {
    const { overall } = compared;
    assert.equal(overall?.datasets, 12);
    assert.equal(overall?.wilcoxon.statistic, fixture.grid.wilcoxon);
    assertClose(overall?.wilcoxon.pValue, fixture.grid.wilcoxonPValue, 1e-13);
    const signs = Object.values(fixture.grid.datasets).map(({ pairedMeans: [a, b] }) => Math.sign(a - b));
    assert.deepEqual(
      [overall?.wins, overall?.ties, overall?.losses],
      [1, 0, -1].map((sign) => signs.filter((one) => one === sign).length),
    );
  });

  it('names what is degenerate, and shows how many pairs there are', () => {
    const notes = Object.fromEntries(compared.datasets.map(({ dataset, notes: all }) => [dataset, all.join(' ')]));
    assert.equal(notes['dataset 0'], '');
    assert.equal(notes['dataset 3'], 'The samples are identical: there is no difference to test.');
    assert.match(notes['dataset 5'], /^All differences are equal up to rounding/);
    assert.equal(notes['dataset 7'], 'ResNet-50 lacks seed 1. Swin-B lacks seed 1, 4. 3 of 5 pairs are compared.');
    assert.equal(
      notes['dataset 9'],
      'ResNet-50 lacks seed 1, 3, 4. Swin-B lacks seed 0, 1, 4. 1 of 5 pairs are compared. A test needs at least two pairs.',
    );
    assert.deepEqual(compared.notes, ['p-values are adjusted for the 11 of 12 datasets that have a test.']);
    assert.equal(compared.datasets[3].cohensDz, 0);
    assert.equal(compared.datasets[5].hedgesGz, Infinity);
    assert.equal(compared.datasets[9].cohensDz, undefined);
  });

  it('has no number where nothing has run', () => {
    const none = compareOverDatasets({ blood: { first: scores(0.9), second: new Map() } }, { seeds, names });
    assert.equal(none.overall, undefined);
    assert.ok(Number.isNaN(none.datasets[0].meanDifference));
    assert.deepEqual([none.datasets[0].first.n, none.datasets[0].second.n], [1, 0]);
    assert.deepEqual(summarizeSeeds(new Map(), [1, 2]), { n: 0, mean: NaN, deviation: NaN, missing: [1, 2] });
  });

  it('pairs by seed, not by place', () => {
    const first = new Map([
      [2, 0.3],
      [0, 0.1],
      [1, 0.25],
    ]);
    const second = new Map([
      [0, 0.0],
      [1, 0.1],
      [2, 0.2],
    ]);
    const { meanDifference, paired } = compareSeeds(first, second, { seeds: [2, 1, 0], names });
    assertClose(meanDifference, 0.35 / 3, 1e-14);
    assert.deepEqual(paired, [0, 1, 2]);
  });

  it('refuses scores that are no numbers, and seeds nobody asked for', () => {
    assert.throws(() => summarizeSeeds(scores(0.5, NaN), seeds), { name: 'UserError', message: /^Score 1 is NaN/ });
    assert.throws(() => summarizeSeeds(new Map([[9, 0.5]]), seeds), {
      name: 'UserError',
      message: 'There is a score of seed 9; the seeds are 0, 1, 2, 3, 4.',
    });
  });
});

describe('ranks of methods', () => {
  const named = (rows: number[][]) => Object.fromEntries(rows.map((row, index) => [`method ${index}`, row]));

  for (const golden of fixture.ranks) {
    it(`agree with scipy: ${golden.name}`, () => {
      const ranked = rankMethods(named(golden.scores));
      for (const { name, meanRank } of ranked.methods) {
        assertClose(meanRank, golden.meanRanks[Number(name.slice('method '.length))], 1e-14);
      }
      assert.deepEqual(
        ranked.methods.map(({ meanRank }) => meanRank),
        golden.meanRanks.slice().sort((a, b) => a - b),
      );
      if (golden.chiSquare !== null) assertClose(ranked.chiSquare, golden.chiSquare, 1e-12);
      if (golden.pValue !== undefined) assertClose(ranked.pValue, golden.pValue, 1e-10);
      assertClose(ranked.criticalDifference, golden.criticalDifference, 1e-9);
    });
  }

  it('have the groups that the critical difference does not tell apart', () => {
    const { groups, methods, criticalDifference } = rankMethods(named(fixture.ranks[0].scores));
    const rankOf = new Map(methods.map(({ name, meanRank }) => [name, meanRank]));
    const together = (a: string, b: string) => groups.some((group) => group.includes(a) && group.includes(b));
    for (const a of rankOf.keys()) {
      for (const b of rankOf.keys()) {
        if (a === b) continue;
        const distance = Math.abs((rankOf.get(a) ?? NaN) - (rankOf.get(b) ?? NaN));
        assert.equal(together(a, b), distance <= criticalDifference, `${a} and ${b}`);
      }
    }
    assert.ok(groups.length >= 2);
  });

  it('may count low scores as good', () => {
    const ranked = rankMethods({ a: [1, 2, 3], b: [2, 3, 4] }, { higherIsBetter: false });
    assert.deepEqual(
      ranked.methods.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('name what is degenerate', () => {
    const equal = rankMethods({ a: [1, 2], b: [1, 2], c: [1, 2] });
    assert.deepEqual([equal.chiSquare, equal.pValue], [0, 1]);
    assert.match(equal.note ?? '', /All methods are equal/);
    assert.deepEqual(equal.groups, [['a', 'b', 'c']]);
    const unanimous = rankMethods({ a: [1, 2, 3], b: [0, 1, 2], c: [-1, 0, 1] });
    assert.equal(unanimous.pValue, 0);
    assert.match(unanimous.note ?? '', /rank the methods alike/);
    assert.throws(() => rankMethods({ a: [1, 2] }), { name: 'UserError', message: /there are 1 and 2/ });
    assert.throws(() => rankMethods({ a: [1, 2], b: [1] }), {
      name: 'UserError',
      message: /^b has 1 scores, but a has 2/,
    });
    assert.throws(() => rankMethods({ a: [1, 2], b: [1, NaN] }), { name: 'UserError', message: /^b, score 1 is NaN/ });
  });

  it('use quantiles of the studentized range and tails of F as scipy has them', () => {
    for (const { count, confidence, q } of fixture.ranges) {
      assertClose(studentizedRangeCritical(count, confidence), q, 1e-9, `${count} values at ${confidence}`);
    }
    for (const { x, numerator, denominator, pValue } of fixture.fTails) {
      const actual = fTail(x, numerator, denominator);
      assert.ok(
        Math.abs(actual - pValue) <= 1e-11 * pValue,
        `F ${x} (${numerator}, ${denominator}): ${actual}, ${pValue}`,
      );
    }
    assert.equal(fTail(Infinity, 2, 3), 0);
  });
});

describe('bootstrap intervals of the AUC', () => {
  for (const golden of fixture.aucs) {
    const { task, classes, seed, resamples } = golden;
    const scored = (all: number[][]) =>
      all.map((values): Scored => ({ task, classes, truth: golden.truth, scores: Float64Array.from(values) }));

    it(`agree with scikit-learn on the same resamples: ${golden.name}`, () => {
      const pooled = pooledAucInterval(scored(golden.first), { seed, resamples });
      assertClose(pooled.value, golden.auc, 1e-13);
      assertClose(pooled.low, golden.interval[0], 1e-13);
      assertClose(pooled.high, golden.interval[1], 1e-13);
      assert.equal(pooled.redrawn, golden.redrawn);
      const difference = pooledAucDifference(scored(golden.first), scored(golden.second), { seed, resamples });
      assertClose(difference.value, golden.difference, 1e-12);
      assertClose(difference.low, golden.differenceInterval[0], 1e-12);
      assertClose(difference.high, golden.differenceInterval[1], 1e-12);
    });
  }

  const binary = (truth: number[], ...values: number[]): Scored => ({
    task: 'binary-class',
    classes: 2,
    truth,
    scores: Float64Array.from(values),
  });

  it('of a method and itself are nothing', () => {
    const one = [binary([0, 1, 0, 1, 1], 0.1, 0.4, 0.5, 0.6, 0.3)];
    const { value, low, high } = pooledAucDifference(one, one, { seed: 1, resamples: 20 });
    assert.deepEqual([value, low, high], [0, 0, 0]);
  });

  it('leave out classes without images on request, as the AUC does', () => {
    const truth = [0, 1, 0, 1, 1, 0];
    const scores = [0.1, 0.4, 0.5, 0.6, 0.3, 0.2].flatMap((value) => [1 - value, value, 0]);
    const lacking: Scored = { task: 'multi-class', classes: 3, truth, scores: Float64Array.from(scores) };
    const whole: Scored = { ...lacking, classes: 2, scores: lacking.scores.filter((_, at) => at % 3 < 2) };
    const options = { seed: 1, resamples: 20 };
    assert.deepEqual(
      pooledAucInterval([lacking], { ...options, absentClass: 'skip' }),
      pooledAucInterval([whole], options),
    );
    assert.throws(() => pooledAucInterval([lacking], options), { name: 'UserError', message: /for class 2/ });
  });

  it('say what is wrong', () => {
    const one = binary([0, 1], 0.1, 0.4);
    const options = { seed: 1, resamples: 20 };
    assert.throws(() => pooledAucInterval([], options), { name: 'UserError', message: /no predictions/ });
    assert.throws(() => pooledAucInterval([one, binary([1, 0], 0.1, 0.4)], options), {
      name: 'UserError',
      message: 'Prediction 1 has other labels than the first: all need the same test split.',
    });
    assert.throws(() => pooledAucInterval([binary([1, 1], 0.1, 0.4)], options), {
      name: 'UserError',
      message: /undefined/,
    });
    assert.throws(() => pooledAucInterval([one], { ...options, resamples: 0 }), {
      name: 'UserError',
      message: /resamples/,
    });
    // Each of the twelve labels has an image of its own: nearly every resample lacks one.
    const truth = Array.from({ length: 144 }, (_, index) => (index % 13 === 0 ? 1 : 0));
    const rare: Scored = { task: 'multi-label', classes: 12, truth, scores: new Float64Array(144) };
    assert.throws(() => pooledAucInterval([rare], options), {
      name: 'UserError',
      message: '100 resamples in a row lack a label: it has too few images for a bootstrap interval of the AUC.',
    });
  });
});
