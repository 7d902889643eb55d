import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  type ParameterTable,
} from '../../lib/models/parameters';
import { createRandom } from '../../lib/random';
import { hasKernels } from '../../lib/tensor/native';
import { createVariable } from '../../lib/tensor/variable';
import { tf, type Tensor } from '../../lib/tf';
import { composedUpdateSgd, sgd, updateSgd, withStepSchedule, type SgdOptions } from '../../lib/training/optimizers';
import { assertClose } from '../close';
import { drawn, drawnTensors } from './drawn';

type Values = Record<string, number[]>;

interface Run {
  options: SgdOptions;
  learningRates: number[];
  steps: Values[];
  slots: Values;
}

const { runs }: { runs: Run[] } = JSON.parse(readFileSync(join(__dirname, '../fixtures/sgd.json'), 'utf8'));

const table: ParameterTable = {
  first: { shape: [3, 4], kind: 'vector', initial: 0 },
  second: { shape: [5], kind: 'vector', initial: 0 },
};
const names = Object.keys(table);

function initialParameters() {
  const parameters = createParameters(table, 0);
  importParameters(parameters, drawn(table, 5, 'initial'), 'the test');
  return parameters;
}

describe('SGD', () => {
  for (const { options, learningRates, steps, slots } of runs) {
    it(`takes torch's ten steps: learning rate ${learningRates[0]} to ${learningRates[9]}, ${JSON.stringify(options)}`, () => {
      const before = tf.memory().numTensors;
      const parameters = initialParameters();
      const optimizer = sgd(parameters, names, options);
      steps.forEach((expected, step) => {
        tf.tidy(() => optimizer.step(drawnTensors(table, 5, 'gradient', step), learningRates[step]));
        assert.equal(optimizer.steps, step + 1);
        const values = exportParameters(parameters);
        for (const name of names)
          assertClose(values.get(name) ?? [], expected[name], 1e-6, `${name} after ${step + 1}`);
      });
      assert.deepEqual([...optimizer.slots.keys()].sort(), Object.keys(slots).sort());
      for (const [slot, variable] of optimizer.slots) {
        const values = tf.tidy(() => variable.read().dataSync());
        assertClose(values, slots[slot], 1e-6, slot);
      }
      optimizer.dispose();
      disposeParameters(parameters);
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('leaves gradients to the caller, and no tensor behind where one is missing', () => {
    const parameters = initialParameters();
    const optimizer = sgd(parameters, names, { momentum: 0.9, weightDecay: 0.1 });
    const gradients = drawnTensors(table, 5, 'gradient', 0);
    const before = tf.memory().numTensors;
    optimizer.step(gradients, 0.1);
    assert.ok([...gradients.values()].every((gradient) => !gradient.isDisposed));
    gradients.delete('second');
    assert.throws(() => optimizer.step(gradients, 0.1), { message: 'There is no gradient for "second".' });
    assert.equal(tf.memory().numTensors, before);
    assert.throws(() => sgd(parameters, names, { nesterov: true }), /needs a momentum/);
  });

  it('has settings by name', () => {
    const parameters = initialParameters();
    const initial = exportParameters(parameters);
    const gradients = drawnTensors(table, 5, 'gradient', 0);
    const settingsOf = (name: string) => (name === 'first' ? { learningRateScale: 0 } : { weightDecay: 0 });
    const optimizer = sgd(parameters, names, { weightDecay: 0.5, settingsOf });
    optimizer.step(gradients, 0.1);
    const after = exportParameters(parameters);
    assert.deepEqual(after.get('first'), initial.get('first'));
    const expected = Array.from(initial.get('second') ?? [], (value, index) => {
      return value - 0.1 * (gradients.get('second')?.dataSync()[index] ?? NaN);
    });
    assertClose(after.get('second') ?? [], expected, 1e-7, 'second');
    tf.dispose([...gradients.values()]);
    disposeParameters(parameters);
  });
});

describe('a step of SGD in one operation', { skip: !hasKernels }, () => {
  for (const momentum of [0, 0.9]) {
    for (const nesterov of momentum === 0 ? [false] : [false, true]) {
      for (const decay of [0, 1e-2]) {
        it(`is TensorFlow’s own operations, bit for bit: ${JSON.stringify({ momentum, nesterov, decay })}`, () => {
          const before = tf.memory().numTensors;
          const shapes = [1, 16, 17, 100_003].map((count) => [count]);
          const drawn = (...key: string[]): Tensor[] =>
            shapes.map(([count]) => {
              const random = createRandom(9, ...key, count);
              return tf.tensor1d(Float32Array.from({ length: count }, () => random.normal()));
            });
          const start = [drawn('weights'), ...(momentum === 0 ? [] : [drawn('velocities')])];
          const gradients = drawn('gradients');
          const update = (run: typeof updateSgd): Float32Array[] =>
            tf.tidy(() => {
              const variables = start.map((kind) => kind.map(createVariable));
              const [weights, ...slots] = variables.map((kind) => kind.map(({ handle }) => handle));
              const read = variables[0][3].read(); // stays as it is
              run({ weights, slots }, gradients, { rate: 0.03, decay, momentum, nesterov });
              assert.deepEqual(read.dataSync(), start[0][3].dataSync());
              const values = variables.flat().map((variable) => variable.read().dataSync<'float32'>());
              for (const variable of variables.flat()) variable.dispose();
              return values;
            });
          assert.deepEqual(update(updateSgd), update(composedUpdateSgd));
          tf.dispose([start, gradients]);
          assert.equal(tf.memory().numTensors, before);
        });
      }
    }
  }

  it('needs gradients of the weights’ sizes', () => {
    tf.tidy(() => {
      const variable = createVariable(tf.zeros([3]));
      const state = { weights: [variable.handle], slots: [] };
      const settings = { rate: 0.1, decay: 0, momentum: 0, nesterov: false };
      assert.throws(() => updateSgd(state, [tf.zeros([4])], settings), /A variable of 3 values .* gradient of 4/);
      variable.dispose();
    });
  });
});

describe('a schedule by steps', () => {
  it('goes on from the steps that were taken, and keeps the factor of a recovery', () => {
    const rates: number[] = [];
    const inner = {
      steps: 0,
      slots: new Map(),
      step(_: unknown, learningRate: number) {
        rates.push(learningRate);
        this.steps++;
      },
      dispose: () => undefined,
    };
    const schedule = (step: number): number => 1 / (step + 1);
    const optimizer = withStepSchedule(inner, schedule, 3);
    // As fit calls it: the schedule at the start of each epoch.
    for (const factor of [1, 0.5])
      for (let step = 0; step < 3; step++) optimizer.step(new Map(), factor * schedule(optimizer.steps - step));
    assertClose(rates, [1, 1 / 2, 1 / 3, 0.5 / 4, 0.5 / 5, 0.5 / 6], 1e-12, 'rates');
    // A recovered epoch starts over.
    optimizer.steps = 3;
    assert.equal(inner.steps, 3);
    optimizer.step(new Map(), schedule(3));
    assertClose(rates.slice(-1), [1 / 4], 1e-12, 'rate');
  });
});
