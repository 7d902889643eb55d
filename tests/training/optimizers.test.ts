import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  sizeOf,
  type ParameterTable,
  type Parameters,
} from '../../lib/models/parameters';
import { createRandom } from '../../lib/random';
import { hasKernels } from '../../lib/tensor/native';
import { toPrecision } from '../../lib/tensor/precision';
import { createVariable, withRounded, type Variable } from '../../lib/tensor/variable';
import { tf, type Tensor } from '../../lib/tf';
import { adamW, composedUpdateAdamW, updateAdamW, type AdamWOptions } from '../../lib/training/optimizers';
import { assertClose } from '../close';
import { noise } from '../noise';

type Values = Record<string, number[]>;

interface Run {
  options: AdamWOptions;
  learningRates: number[];
  steps: Values[];
  slots: Values;
}

const { runs }: { runs: Run[] } = JSON.parse(readFileSync(join(__dirname, '../fixtures/optimizers.json'), 'utf8'));

const table: ParameterTable = {
  first: { shape: [3, 4], kind: 'vector', initial: 0 },
  second: { shape: [5], kind: 'vector', initial: 0 },
};
const names = Object.keys(table);

function initialParameters(): Parameters {
  const parameters = createParameters(table, 0);
  const values = names.map((name): [string, Float32Array] => {
    const random = createRandom(3, 'initial', name);
    return [name, Float32Array.from({ length: sizeOf(table[name].shape) }, () => 2 * random.uniform() - 1)];
  });
  importParameters(parameters, new Map(values), 'the test');
  return parameters;
}

/** As the fixture's script draws them: sizes from 1e-9 to 10, every fifth value zero. */
function gradientsOf(step: number): Map<string, Tensor> {
  return new Map(
    names.map((name) => {
      const { shape } = table[name];
      const random = createRandom(3, 'gradient', name, step);
      const values = Float32Array.from({ length: sizeOf(shape) }, (_, index) => {
        const value = (2 * random.uniform() - 1) * 10 ** (random.integer(11) - 9);
        return index % 5 === 4 ? 0 : value;
      });
      return [name, tf.tensor(values, [...shape])];
    }),
  );
}

function valuesOf(variable: Variable): Float32Array {
  return tf.tidy(() => variable.read().dataSync<'float32'>());
}

describe('AdamW', () => {
  for (const { options, learningRates, steps, slots } of runs) {
    const what = `learning rate ${learningRates[0]} to ${learningRates[9]}, ${JSON.stringify(options)}`;
    it(`takes torch's ten steps: ${what}`, () => {
      const before = tf.memory().numTensors;
      const parameters = initialParameters();
      const optimizer = adamW(parameters, names, options);
      assert.equal(optimizer.steps, 0);
      steps.forEach((expected, step) => {
        const initial = exportParameters(parameters);
        const previous = step === 0 ? initial : new Map(Object.entries(steps[step - 1]));
        tf.tidy(() => optimizer.step(gradientsOf(step), learningRates[step]));
        assert.equal(optimizer.steps, step + 1);
        const after = exportParameters(parameters);
        for (const name of names) {
          const moved = (from: ArrayLike<number>, to: ArrayLike<number>) =>
            Array.from(to, (value, index) => value - from[index]);
          const [actual, golden] = [after.get(name) ?? [], expected[name]];
          assertClose(actual, golden, 1e-6, `${name} after step ${step + 1}`);
          // The step itself, which float32 weights show only to their last digit.
          const change = moved(previous.get(name) ?? [], golden);
          const rounding = 3e-7 / Math.max(...change.map(Math.abs));
          assertClose(moved(initial.get(name) ?? [], actual), change, 2e-5 + rounding, `step ${step + 1} of ${name}`);
        }
      });
      assert.deepEqual([...optimizer.slots.keys()].sort(), Object.keys(slots).sort());
      for (const [slot, variable] of optimizer.slots) {
        const [actual, golden] = [valuesOf(variable), slots[slot]];
        // Each value by itself, since they are of very different sizes. TensorFlow takes 1 − β₂ in float32.
        golden.forEach((value, index) => assertClose([actual[index]], [value], 3e-5, `${slot}[${index}]`));
      }
      optimizer.dispose();
      disposeParameters(parameters);
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('updates the given names only, and leaves gradients to the caller', () => {
    const parameters = initialParameters();
    const initial = exportParameters(parameters);
    const optimizer = adamW(parameters, ['second']);
    assert.deepEqual([...optimizer.slots.keys()], ['firstMoment/second', 'secondMoment/second']);
    const gradients = gradientsOf(0);
    const before = tf.memory().numTensors;
    optimizer.step(gradients, 0.1);
    assert.equal(tf.memory().numTensors, before);
    const after = exportParameters(parameters);
    assert.deepEqual(after.get('first'), initial.get('first'));
    assert.notDeepEqual(after.get('second'), initial.get('second'));
    assert.ok([...gradients.values()].every((gradient) => !gradient.isDisposed));
    tf.dispose([...gradients.values()]);
    optimizer.dispose();
    disposeParameters(parameters);
  });

  it('misses a gradient by name', () => {
    const parameters = initialParameters();
    const optimizer = adamW(parameters, names);
    const gradients = gradientsOf(0);
    const before = tf.memory().numTensors;
    assert.throws(() => optimizer.step(new Map([['first', gradients.get('first') as Tensor]]), 0.1), {
      message: 'There is no gradient for "second".',
    });
    assert.equal(tf.memory().numTensors, before);
    tf.dispose([...gradients.values()]);
    optimizer.dispose();
    disposeParameters(parameters);
  });
});

describe('a step of AdamW in one operation', { skip: !hasKernels }, () => {
  it('by a gradient in bfloat16 writes the rounded weights along, as TensorFlow’s own operations', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const count = [1003];
      const start = [1, 2, 3].map((stream) =>
        tf.tensor1d(Float32Array.from(noise(stream, 1003), (value) => Math.abs(value))),
      );
      const gradient = toPrecision(tf.tensor1d(Float32Array.from(noise(4, 1003))), 'bfloat16');
      const settings = { rate: 1e-2, decay: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, corrections: [0.19, 0.002] };
      const update = (run: typeof updateAdamW): Tensor[] => {
        const [weight, first, second] = start.map(createVariable);
        const { rounded = weight, ...mixed } = withRounded(weight);
        const read = rounded.read(); // stays as it is
        const [weights, copies] = [[mixed.handle], [rounded.handle]];
        run({ weights, slots: [[first.handle], [second.handle]], rounded: copies }, [gradient], settings);
        assert.deepEqual(read.dataSync(), toPrecision(start[0], 'bfloat16').dataSync());
        const values = [mixed.read(), rounded.read()];
        assert.deepEqual(values[1].dataSync(), toPrecision(values[0], 'bfloat16').dataSync());
        for (const variable of [weight, first, second, rounded]) variable.dispose();
        return values;
      };
      const [actual, expected] = [update(updateAdamW), update(composedUpdateAdamW)];
      assert.deepEqual(actual[0].shape, count);
      assertClose(actual[0].dataSync(), expected[0].dataSync(), 1e-5, 'weights');
    });
    assert.equal(tf.memory().numTensors, before);
  });

  for (const decay of [0, 3e-4]) {
    it(`equals TensorFlow’s own operations with a decay of ${decay}, for any number of values`, () => {
      const before = tf.memory().numTensors;
      for (const count of [1, 16, 1000, 100_003]) {
        const random = createRandom(8, count);
        // Two weights at once, the second of other values.
        const draw = (low: number): Tensor[] =>
          [1, 2].map((factor) =>
            tf.tensor1d(Float32Array.from({ length: count }, () => factor * (low + random.uniform()))),
          );
        const start = [draw(-0.5), draw(-0.5), draw(0)];
        const gradients = draw(-0.5);
        const update = (run: typeof updateAdamW): Float32Array[] =>
          tf.tidy(() => {
            const variables = start.map((kind) => kind.map(createVariable));
            const [weights, ...slots] = variables.map((kind) => kind.map(({ handle }) => handle));
            const settings = { rate: 1e-2, decay, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, corrections: [0.19, 0.002] };
            const read = variables[0][1].read(); // stays as it is
            run({ weights, slots }, gradients, settings);
            assert.deepEqual(read.dataSync(), start[0][1].dataSync());
            const values = variables.flat().map((variable) => variable.read().dataSync<'float32'>());
            for (const variable of variables.flat()) variable.dispose();
            return values;
          });
        const [actual, expected] = [update(updateAdamW), update(composedUpdateAdamW)];
        // TensorFlow's takes 1 − β₂ᵗ from β₂ᵗ in float32, which leaves five digits of it.
        actual.forEach((values, index) =>
          assertClose(values, expected[index], 1e-5, `${count} values, state ${index}`),
        );
        tf.dispose([start, gradients]);
      }
      assert.equal(tf.memory().numTensors, before);
    });
  }
});
