import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createRandom } from '../lib/random';

interface Stream {
  name: [number, ...(string | number)[]];
  words: number[];
  integers: number[];
  normals: number[];
  permutation: number[];
}

const { streams }: { streams: Stream[] } = JSON.parse(readFileSync(join(__dirname, 'fixtures/random.json'), 'utf8'));

function draw(count: number, next: () => number): Float64Array {
  return Float64Array.from({ length: count }, next);
}

/** Pearson's chi-square statistic of equally likely values 0 … cells − 1. */
function chiSquare(values: ArrayLike<number>, cells: number): number {
  const counts = new Float64Array(cells);
  for (let index = 0; index < values.length; index++) counts[values[index]]++;
  const expected = values.length / cells;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Five standard deviations above the mean of a chi-square distribution with cells − 1 degrees of freedom. */
function chiSquareLimit(cells: number): number {
  return cells - 1 + 5 * Math.sqrt(2 * (cells - 1));
}

function correlation(first: Float64Array, second: Float64Array): number {
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [mean(first), mean(second)];
  let [both, ofFirst, ofSecond] = [0, 0, 0];
  for (let index = 0; index < first.length; index++) {
    both += (first[index] - a) * (second[index] - b);
    ofFirst += (first[index] - a) ** 2;
    ofSecond += (second[index] - b) ** 2;
  }
  return both / Math.sqrt(ofFirst * ofSecond);
}

describe('random numbers', () => {
  for (const { name, words, integers, normals, permutation } of streams) {
    it(`are those of the reference generator for ${JSON.stringify(name)}`, () => {
      const uniform = createRandom(...name);
      assert.deepEqual(
        [...draw(words.length, uniform.uniform)],
        [...Float64Array.from(words, (word) => word / 2 ** 32)],
      );
      const whole = createRandom(...name);
      assert.deepEqual([...draw(integers.length, () => whole.integer(10))], integers);
      const normal = createRandom(...name);
      for (const expected of normals) {
        // The last digit of logarithm and cosine is the platform's.
        assert.ok(Math.abs(normal.normal() - expected) < 1e-14);
      }
      assert.deepEqual([...createRandom(...name).permutation(permutation.length)], permutation);
    });
  }

  it('repeat for the same name and differ for every other one', () => {
    const names: [number, ...(string | number)[]][] = [
      [42],
      [43],
      [42, 'shuffle'],
      [42, 'shuffle', 0],
      [42, 'shuffle', 1],
      [42, 'shuffle', '1'],
      [42, 'shuffle1'],
      [42, 'augment', 1],
    ];
    const firsts = names.map((name) => {
      const sequence = [...draw(8, createRandom(...name).uniform)];
      assert.deepEqual(sequence, [...draw(8, createRandom(...name).uniform)]);
      return sequence.join(' ');
    });
    assert.equal(new Set(firsts).size, names.length);
  });

  it('of one stream do not depend on what others draw', () => {
    const alone = createRandom(5, 'a');
    const expected = draw(20, alone.uniform);
    const [first, second] = [createRandom(5, 'a'), createRandom(5, 'b')];
    const mixed = draw(20, () => {
      second.normal();
      return first.uniform();
    });
    assert.deepEqual(mixed, expected);
  });

  it('of neighbouring labels and seeds are uncorrelated', () => {
    const count = 4000;
    const reference = draw(count, createRandom(1, 'epoch', 1).uniform);
    for (const other of [createRandom(1, 'epoch', 2), createRandom(2, 'epoch', 1), createRandom(1, 'epoch', 11)]) {
      assert.ok(Math.abs(correlation(reference, draw(count, other.uniform))) < 5 / Math.sqrt(count));
    }
    // The first numbers of many streams, as one epoch after the other draws them.
    let label = 0;
    const firsts = draw(10_000, () => Math.floor(createRandom(42, 'shuffle', label++).uniform() * 50));
    assert.ok(chiSquare(firsts, 50) < chiSquareLimit(50));
  });

  it('are uniform in [0, 1)', () => {
    const values = draw(100_000, createRandom(9).uniform);
    assert.ok(values.every((value) => value >= 0 && value < 1));
    const cells = values.map((value) => Math.floor(value * 100));
    assert.ok(chiSquare(cells, 100) < chiSquareLimit(100));
    // Too even would be wrong as well.
    assert.ok(chiSquare(cells, 100) > 99 - 5 * Math.sqrt(198));
    const lag = correlation(values.subarray(0, -1), values.subarray(1));
    assert.ok(Math.abs(lag) < 5 / Math.sqrt(values.length));
    const lowBits = values.map((value) => (value * 2 ** 32) % 8);
    assert.ok(chiSquare(lowBits, 8) < chiSquareLimit(8));
  });

  it('are whole numbers below the limit, all equally often', () => {
    const random = createRandom(9, 'integers');
    for (const limit of [1, 2, 7, 1000]) {
      const values = draw(50_000, () => random.integer(limit));
      assert.ok(values.every((value) => Number.isInteger(value) && value >= 0 && value < limit));
      assert.ok(chiSquare(values, limit) <= chiSquareLimit(limit));
    }
  });

  it('are normal with the given mean and deviation', () => {
    const count = 100_000;
    const random = createRandom(9, 'normals');
    const values = draw(count, () => random.normal(3, 2));
    const moment = (power: number) => values.reduce((sum, value) => sum + ((value - 3) / 2) ** power, 0) / count;
    // Five standard errors of the first four moments of a standard normal.
    assert.ok(Math.abs(moment(1)) < 5 / Math.sqrt(count));
    assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt(2 / count));
    assert.ok(Math.abs(moment(3)) < 5 * Math.sqrt(15 / count));
    assert.ok(Math.abs(moment(4) - 3) < 5 * Math.sqrt(96 / count));
    assert.equal(createRandom(9).normal(7, 0), 7);
  });

  it('permute: every number once, every place as likely', () => {
    assert.deepEqual(createRandom(1).permutation(0), new Int32Array(0));
    assert.deepEqual(createRandom(1).permutation(1), Int32Array.of(0));
    const order = createRandom(1).permutation(5000);
    assert.deepEqual(
      order.slice().sort(),
      Int32Array.from({ length: 5000 }, (_, index) => index),
    );
    assert.notDeepEqual(order, order.slice().sort());
    // All 24 orders of four.
    const random = createRandom(2);
    const orders = draw(24_000, () => {
      const [a, b, c, d] = random.permutation(4);
      return a * 6 + (b - Number(b > a)) * 2 + Number(c > d);
    });
    assert.ok(chiSquare(orders, 24) < chiSquareLimit(24));
  });
});
