// What the tests of the operations share: values, and how results are held against plain loops in double precision.
'use strict';

/** Values about 0 that bfloat16 holds exactly, the same every time. @param {number} count @param {number} [seed] */
function noise(count, seed = 1) {
  let state = seed * 7919 + count;
  const next = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  return Array.from({ length: count }, () => Math.round((next() + next() + next() - 1.5) * 128) / 64);
}

/** @template T @param {number} count @param {(index: number) => T} value @returns {T[]} */
const times = (count, value) => Array.from({ length: count }, (_, index) => value(index));
/** @param {number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);
/** Positive, for scales and variances. @param {number} count @param {number} seed */
const positive = (count, seed) => noise(count, seed).map((value) => 1 + Math.abs(value) / 2);

/**
 * The first difference that is more than rounding, as a sentence.
 * @param {string} what @param {number[]} got @param {number[]} wanted @param {number} [tolerance] of the largest value
 */
function differs(what, got, wanted, tolerance = 2e-5) {
  if (got.length !== wanted.length) return `${what} has ${got.length} values and not ${wanted.length}.`;
  const allowed = tolerance * Math.max(1e-3, ...wanted.map(Math.abs));
  const index = wanted.findIndex((value, at) => !(Math.abs(got[at] - value) <= allowed));
  return index < 0 ? undefined : `${what}[${index}] is ${got[index]} and not ${wanted[index]}.`;
}

/**
 * The gradient of Σ weights · f against differences, at some positions of each input.
 * @param {(...inputs: number[][]) => number[]} f @param {number[][]} inputs @param {number[]} weights
 * @param {Record<string, number[]>} gradients by name, in the order of the inputs
 */
function gradientDiffers(f, inputs, weights, gradients, step = 1e-4) {
  const value = (/** @type {number[][]} */ given) => sum(f(...given).map((one, at) => one * weights[at]));
  for (const [input, [name, gradient]] of Object.entries(gradients).entries()) {
    const { length } = inputs[input];
    if (gradient.length !== length) return `${name} has ${gradient.length} values and not ${length}.`;
    const positions = [...new Set(times(20, (index) => Math.floor((index * length) / 20)))];
    const wanted = positions.map((position) => {
      const moved = (/** @type {number} */ by) =>
        inputs.map((one, at) => (at === input ? one.map((x, index) => (index === position ? x + by : x)) : one));
      return (value(moved(step)) - value(moved(-step))) / (2 * step);
    });
    const got = positions.map((position) => gradient[position]);
    const difference = differs(`${name} at ${positions.length} places`, got, wanted, 1e-4);
    if (difference !== undefined) return difference;
  }
}

const shapes = [
  { rows: 3, width: 5 },
  { rows: 40, width: 64 },
  { rows: 17, width: 83 },
];
const epsilon = 1e-5;

/** By columns of x: rows × width. @param {number} width @returns {(x: number[], f: (value: number, row: number, column: number) => number) => number[]} */
const map = (width) => (x, f) => x.map((value, at) => f(value, Math.floor(at / width), at % width));

/** @param {any} tf @param {(type: string, tolerance: number) => string | undefined} test */
const inBothTypes = (tf, test) => test('float32', 2e-5) ?? test('bfloat16', 0.02);

/**
 * What an operation gives in bfloat16, against the same in float32: values that bfloat16 holds exactly go in, and only rounding differs.
 * @param {(type: string) => number[][]} run
 */
function bfloat16Differs(run) {
  const [wanted, got] = ['float32', 'bfloat16'].map(run);
  return wanted.map((values, at) => differs(`result ${at} in bfloat16`, got[at], values, 0.02)).find((found) => found);
}

module.exports = {
  noise,
  positive,
  times,
  sum,
  map,
  differs,
  gradientDiffers,
  inBothTypes,
  bfloat16Differs,
  shapes,
  epsilon,
};
