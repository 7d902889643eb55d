import assert from 'node:assert/strict';
import { it } from 'node:test';
import { intervalOverDraws } from '../../lib/metrics/interval-over-draws';
import type { ClassifierEvaluation } from '../../lib/runs/evaluate';
import { overSeeds, seedRows } from '../../lib/workbench/over-seeds';

const labels = Uint8Array.from([0, 1, 0, 1]);

/** A test on four images of two classes; `right`: which of them the network has right. */
function test(right: readonly (0 | 1)[]): ClassifierEvaluation {
  const probabilities = Float64Array.from(
    right.flatMap((is, image) => {
      const ofFirst = (labels[image] === 0) === (is === 1) ? 0.9 : 0.1;
      return [ofFirst, 1 - ofFirst];
    }),
  );
  return { probabilities, classNames: ['a', 'b'], macroF1: 0.5 } as unknown as ClassifierEvaluation;
}

it('tells networks and their differences over seeds and images', () => {
  const tests = new Map([
    ['small', [test([1, 0, 0, 1]), test([1, 0, 1, 1])]],
    ['large', [test([1, 1, 0, 1]), test([1, 1, 1, 1])]],
  ]);
  const [small, large, difference] = seedRows(tests, labels);
  // Unbounded, it would reach to 1.046, which no difference of accuracies can be.
  const { low } = intervalOverDraws([
    [0, 1, 0, 0],
    [0, 1, 0, 0],
  ]);
  assert.deepEqual([small.accuracy, small.lowest, small.highest], ['0.625', 0.5, 0.75]);
  assert.equal(large.accuracy, '0.875');
  assert.deepEqual([difference.network, difference.accuracy], ['large − small', '+0.250']);
  assert.equal(difference.interval, `−${Math.abs(low).toFixed(3)} – 1.000`);
  const labelled = { ...test([1, 1, 1, 1]), probabilities: Float64Array.from([0.9, 0.9, 0.9, 0.9]) };
  const [half] = seedRows(new Map([['several labels', [labelled, labelled]]]), [1, 0, 0, 1]);
  assert.equal(half.accuracy, '0.500');
});

it('says that one seed tells of no other, and trains with each of several', async () => {
  const data = { title: 'images', splits: { test: { labels } } } as unknown as Parameters<typeof overSeeds>[0];
  const seen: number[] = [];
  const task = async (seed: number) => {
    seen.push(seed);
    return { only: seen.length > 3 ? undefined : test([1, 0, 0, 1]) };
  };
  assert.match(String((await overSeeds(data, { seed: 7, seeds: 1 }, task))?.text), /One seed/);
  assert.match(String((await overSeeds(data, { seed: 7, seeds: 3 }, task))?.text), /0\.500/);
  assert.deepEqual(seen, [7, 8, 9]);
  assert.equal(await overSeeds(data, { seed: 7, seeds: 2 }, task), undefined); // stopped
});
