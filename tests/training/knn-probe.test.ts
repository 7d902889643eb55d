import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../lib/random';
import { tf } from '../../lib/tf';
import type { TrainingEvent } from '../../lib/training/events';
import { openRows } from '../../lib/training/feature-rows';
import type { FeatureSets } from '../../lib/training/feature-set';
import { classProbabilities } from '../../lib/training/knn-probe';
import { nearestNeighbours, type NeighbourOptions, type Neighbours } from '../../lib/training/neighbours';
import { knnProbe, type KnnSettings } from '../../lib/training/knn-probe';
import type { ProbeControls, ProbeResult } from '../../lib/training/probe-result';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { exampleSets, onDisk, probesFixture, relabelled, setOf } from './probe-example';
import { withoutLeak } from './toy-features';

const sets = exampleSets(4);
const probe = (settings?: KnnSettings, controls?: ProbeControls, of: FeatureSets = sets) =>
  withoutLeak(() => knnProbe(of, settings, controls));

/** Neighbours of rows in memory. */
function find(
  train: Float32Array,
  queries: Float32Array,
  width: number,
  options: NeighbourOptions,
): Promise<Neighbours> {
  return withoutLeak(async () => {
    const rows = [train, queries].map((values) =>
      openRows(setOf(values, width, new Int32Array(values.length / width), 2)),
    );
    try {
      return await nearestNeighbours(rows[0], rows[1], options);
    } finally {
      for (const opened of rows) opened.dispose();
    }
  });
}

function noise(count: number, ...labels: string[]): Float32Array {
  const random = createRandom(2, 'neighbours', ...labels);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** By comparing all pairs in float64. */
function findByHand(train: Float32Array, queries: Float32Array, width: number, k: number): Neighbours {
  const unit = (rows: Float32Array): number[][] =>
    Array.from({ length: rows.length / width }, (_, row) => {
      const values = [...rows.subarray(row * width, (row + 1) * width)];
      const length = Math.hypot(...values);
      return values.map((value) => value / length);
    });
  const candidates = unit(train);
  const best = unit(queries).map((query) =>
    candidates
      .map((candidate, index) => ({ index, cosine: candidate.reduce((sum, value, at) => sum + value * query[at], 0) }))
      .sort((a, b) => b.cosine - a.cosine || a.index - b.index)
      .slice(0, k),
  );
  const similarities = Float32Array.from(best.flat(), ({ cosine }) => cosine);
  return { k, similarities, indices: Int32Array.from(best.flat(), ({ index }) => index) };
}

describe('nearestNeighbours', () => {
  it('finds what comparing all pairs finds, whatever the blocks', async () => {
    const [train, queries] = [noise(90 * 5, 'train'), noise(31 * 5, 'queries')];
    for (const k of [1, 7, 90]) {
      const expected = findByHand(train, queries, 5, k);
      for (const cells of [undefined, 1, 90 * 4, 90 * 31]) {
        const { similarities, indices } = await find(train, queries, 5, { k, cells });
        assert.deepEqual(indices, expected.indices, `k ${k}, ${cells} cells`);
        assertClose(similarities, expected.similarities, 1e-6, 'similarities');
      }
    }
  });

  it('merges blocks of more training images than fit at once', async () => {
    const count = 65_536 + 3000;
    const [train, queries] = [noise(count * 3, 'many'), noise(4 * 3, 'few')];
    // The nearest of the first query lie in both blocks, two of them equally near; one is in the last row.
    queries.set([1, 0, 0]);
    for (const [position, row] of [70, 65_540, 5, 65_536, count - 1].entries())
      train.set([1, Math.max(0, position - 1) * 1e-3, 0], row * 3);
    const expected = findByHand(train, queries, 3, 40);
    const shares: number[] = [];
    const { indices, similarities } = await find(train, queries, 3, {
      k: 40,
      onProgress: (share) => void shares.push(share),
    });
    assertClose(similarities, expected.similarities, 1e-6, 'similarities');
    assert.deepEqual([...indices.subarray(0, 5)], [70, 65_540, 5, 65_536, count - 1]);
    assert.deepEqual(expected.indices.subarray(0, 5), indices.subarray(0, 5));
    for (let query = 0; query < 4; query++)
      assert.equal(new Set(indices.subarray(40 * query, 40 * query + 40)).size, 40, 'no image twice');
    assert.deepEqual(shares, [65_536 / count, 1]);
  });

  it('puts equally similar images in their order', async () => {
    const train = Float32Array.from([0, 1, 2, 0, 1, 0, -1, 0, 4, 0]);
    const { indices, similarities } = await find(train, Float32Array.from([3, 0]), 2, { k: 5 });
    assert.deepEqual([...indices], [1, 2, 4, 0, 3]);
    assert.deepEqual([...similarities], [1, 1, 1, 0, -1]);
  });

  it('takes a feature of zeros as equally far from everything', async () => {
    const { indices, similarities } = await find(
      Float32Array.from([0, 0, 1, 0, 0, 1]),
      Float32Array.from([0, 0, 0, 2]),
      2,
      { k: 3 },
    );
    assert.deepEqual([...similarities], [0, 0, 0, 1, 0, 0]);
    assert.deepEqual([...indices], [0, 1, 2, 2, 0, 1]);
  });

  it('leaves nothing behind where it fails', async () => {
    const onProgress = (): void => {
      throw new Error('on purpose');
    };
    await assert.rejects(find(noise(10, 'a'), noise(10, 'b'), 2, { k: 1, onProgress }), /on purpose/);
  });
});

describe('knnProbe', () => {
  for (const { classes, k, weighted, majority } of probesFixture.neighbours) {
    it(`has the votes of the fixture: ${classes} classes, k = ${k}`, async () => {
      for (const of of [exampleSets(classes), onDisk(exampleSets(classes))]) {
        const first = await probe({ k }, {}, of);
        assertClose(first.test?.probabilities ?? [], weighted, 1e-5, 'weighted');
        const second = await probe({ k, votes: 'majority' }, {}, of);
        assertClose(second.test?.probabilities ?? [], majority, 1e-12, 'majority');
      }
    });
  }

  it('reports like a training without epochs', async () => {
    const { history, bestEpoch, bestValAccuracy, stopped, seconds, test, testOfLast, model, hyperparameters } =
      await probe();
    assert.deepEqual([model, history, bestEpoch, stopped], ['kNN', [], undefined, false]);
    assert.ok(seconds > 0 && test && bestValAccuracy);
    assert.equal(testOfLast, test);
    assert.equal(test.epoch, 0);
    assert.deepEqual(hyperparameters, { k: 20, votes: 'weighted', temperature: 0.07 });
    const { probabilities } = test;
    for (let row = 0; row < 50; row++) {
      const sum = probabilities.subarray(4 * row, 4 * row + 4).reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(sum - 1) < 1e-12);
    }
    const majority = await probe({ votes: 'majority', k: 3 }, { model: 'neighbours' });
    assert.deepEqual([majority.model, majority.hyperparameters], ['neighbours', { k: 3, votes: 'majority' }]);
  });

  it('selects k on the validation split: the first of the best', async () => {
    const k = [1, 4, 3, 5, 9, 20, 60, 120];
    const single: ProbeResult[] = [];
    for (const value of k) single.push(await probe({ k: value }));
    const accuracies = single.map(({ bestValAccuracy }) => bestValAccuracy ?? NaN);
    const best = Math.max(...accuracies);
    const expected = k[accuracies.indexOf(best)];
    assert.ok(accuracies.filter((value) => value === best).length > 1, 'this test needs equals');
    assert.ok(new Set(accuracies).size > 2 && expected !== k[0]);
    const selected = await probe({ k });
    assert.equal(selected.hyperparameters.k, expected);
    assert.equal(selected.bestValAccuracy, best);
    assert.deepEqual(selected.test, single[k.indexOf(expected)].test);

    // Other truths of the test split change what is measured, not what is selected.
    const other = await probe({ k }, {}, relabelled(sets, 'test'));
    assert.equal(other.hyperparameters.k, expected);
    assert.deepEqual(other.test?.probabilities, selected.test?.probabilities);
    assert.notEqual(other.test?.accuracy, selected.test?.accuracy);
    assert.notEqual((await probe({ k }, {}, relabelled(sets, 'val'))).hyperparameters.k, expected);
  });

  it('reads the test split after the validation split', async () => {
    const reads: string[] = [];
    await probe(
      { k: [1, 3] },
      {},
      onDisk(sets, (split) => reads.push(split)),
    );
    assert.deepEqual(reads, ['train', 'val', 'train', 'test']);
  });

  it('gives equal votes to the lowest class', async () => {
    // Of a query's two neighbours, the nearer one is of class 2.
    const train = setOf(Float32Array.from([1, 0, 1, 0.1, -1, 0]), 2, [2, 1, 0], 3);
    const queries = setOf(Float32Array.from([1, 0]), 2, [1], 3);
    const tied: FeatureSets = { train, val: queries, test: queries };
    const majority = await probe({ k: 2, votes: 'majority' }, {}, tied);
    assert.deepEqual([...(majority.test?.probabilities ?? [])], [0, 0.5, 0.5]);
    assert.deepEqual([majority.test?.accuracy, majority.bestValAccuracy], [1, 1]);
    const weighted = await probe({ k: 2 }, {}, tied);
    assert.deepEqual([weighted.test?.accuracy, weighted.bestValAccuracy], [0, 0]);
  });

  it('weighs by temperature, however small', () => {
    const neighbours = { k: 3, similarities: Float32Array.from([0.5, 0.25, 0]), indices: Int32Array.from([0, 1, 2]) };
    const labels = { labels: Int32Array.from([1, 0, 0]), classes: 2 };
    const [a, b] = [Math.exp(-0.25 / 0.5), Math.exp(-0.5 / 0.5)];
    const total = 1 + a + b;
    const votes = classProbabilities(neighbours, labels, { k: 3, temperature: 0.5 });
    assertClose(votes, [(a + b) / total, 1 / total], 1e-12, 'votes');
    assert.deepEqual([...classProbabilities(neighbours, labels, { k: 3, temperature: 1e-6 })], [0, 1]);
    assertClose(
      classProbabilities(neighbours, labels, { k: 3, temperature: Infinity }),
      [2 / 3, 1 / 3],
      1e-12,
      'heads',
    );
    assert.deepEqual([...classProbabilities(neighbours, labels, { k: 2, temperature: Infinity })], [0.5, 0.5]);
  });

  it('tells how far it is, and can be stopped', async () => {
    const events: TrainingEvent[] = [];
    const onProgress = (event: TrainingEvent): void => void events.push(event);
    await probe({ k: 3 }, { onProgress });
    assert.deepEqual(
      events.map((event) => (event.kind === 'batch' ? `${event.step}/${event.steps}` : event.kind)),
      ['40/90', '90/90', 'done'],
    );
    events.length = 0;
    const stopped = await probe({ k: 3 }, { onProgress, signal: AbortSignal.abort() });
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['batch', 'stopped'],
    );
    assert.deepEqual(
      [stopped.stopped, stopped.test, stopped.testOfLast, stopped.bestValAccuracy],
      [true, undefined, undefined, undefined],
    );
  });

  it('says what it cannot take', async () => {
    const before = tf.memory().numTensors;
    const refused = (pattern: RegExp, settings: KnnSettings, of: FeatureSets = sets) =>
      assert.rejects(probe(settings, {}, of), userError(pattern));
    for (const k of [0, 121, 1.5, NaN, -3])
      await refused(new RegExp(`^k is ${k}, but must be a whole number from 1 to 120, the training images\\.$`), { k });
    await refused(/^k is 200, but/, { k: [1, 200, 0] });
    await refused(/^k is empty: at least one number is needed\.$/, { k: [] });
    for (const temperature of [0, -1, NaN])
      await refused(new RegExp(`^temperature is ${temperature}, but must be above 0\\.$`), { temperature });
    const { train, val, test } = sets;
    await refused(/^Probes are for one label an image/, {}, { train: { ...train, task: 'multi-label' }, val, test });
    const narrow = setOf(new Float32Array(4), 2, [0, 1], 4);
    await refused(
      /^The features of train have 6 values and 4 classes, those of test 2 and 4: extract them with the same network\.$/,
      {},
      { train, val, test: narrow },
    );
    await refused(/those of val 6 and 3/, {}, { train, val: { ...val, classes: 3 }, test });
    const none = setOf(new Float32Array(), 6, [], 4);
    await refused(/^The features of val are of no image/, {}, { train, val: none, test });
    assert.equal(tf.memory().numTensors, before);
  });
});
