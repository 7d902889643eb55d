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
import { tf } from '../../lib/tf';
import { sgd, withStepSchedule, type SgdOptions } from '../../lib/training/optimizers';
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
    for (const factor of [1, 0.5]) for (let step = 0; step < 3; step++) optimizer.step(new Map(), factor * schedule(optimizer.steps - step)); // prettier-ignore
    assertClose(rates, [1, 1 / 2, 1 / 3, 0.5 / 4, 0.5 / 5, 0.5 / 6], 1e-12, 'rates');
    // A recovered epoch starts over.
    optimizer.steps = 3;
    assert.equal(inner.steps, 3);
    optimizer.step(new Map(), schedule(3));
    assertClose(rates.slice(-1), [1 / 4], 1e-12, 'rate');
  });
});
