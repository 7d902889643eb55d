import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attribute, executeMany, floatFromBytes } from '../../lib/tensor/native';
import { precisionOf, toPrecision } from '../../lib/tensor/precision';
import { createVariable, readVariables, type Variable } from '../../lib/tensor/variable';
import { tf, type Tensor } from '../../lib/tf';

const float32 = [attribute.type('T', 'float32')];
const mebibyte = 2 ** 20;

/** The updates in place that optimizers use. */
const updates: Record<string, (variable: Variable, other: Variable) => void> = {
  subtraction: ({ handle, shape }) =>
    tf.tidy(() => {
      executeMany('AssignSubVariableOp', [attribute.type('dtype', 'float32')], [handle, tf.fill([...shape], 0.5)], 0);
    }),
  'a step of Adam': ({ handle, shape }, other) =>
    tf.tidy(() => {
      const scalars = [0.9, 0.999, 0.1, 0.9, 0.999, 1e-8].map((value) => tf.scalar(value));
      const flags = [attribute.bool('use_locking', false), attribute.bool('use_nesterov', false)];
      const second = createVariable(tf.zeros([...shape]));
      const inputs = [handle, other.handle, second.handle, ...scalars, tf.ones([...shape])];
      executeMany('ResourceApplyAdam', [...float32, ...flags], inputs, 0);
      second.dispose();
    }),
  assignment: (variable) => tf.tidy(() => variable.assign(tf.fill([...variable.shape], 9))),
};

function valuesOf(variable: Variable): number[] {
  return tf.tidy(() => [...variable.read().dataSync()]);
}

function inTidy(make: () => Variable): Variable {
  let made: Variable | undefined;
  tf.tidy(() => {
    made = make();
  });
  assert.ok(made);
  return made;
}

/** Growth of the process's memory over `cycles` calls, after some that warm up the allocator. */
function residentGrowth(cycles: number, work: () => void): number {
  for (let cycle = 0; cycle < 50; cycle++) work();
  const before = process.memoryUsage().rss;
  for (let cycle = 0; cycle < cycles; cycle++) work();
  return process.memoryUsage().rss - before;
}

describe('a variable', () => {
  it('is read with others at once, of either precision, in their order', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const values = [tf.tensor1d([1, 2]), tf.tensor2d([[3, 4, 5]]), tf.scalar(6), tf.tensor1d([7])];
      const given = values.map((value, index) => toPrecision(value, index === 1 ? 'bfloat16' : 'float32'));
      const variables = given.map(createVariable);
      const read = readVariables(variables);
      assert.deepEqual(read.map(precisionOf), ['float32', 'bfloat16', 'float32', 'float32']);
      assert.deepEqual(
        read.map(({ shape }) => shape),
        values.map(({ shape }) => shape),
      );
      for (const variable of variables) {
        variable.assign(toPrecision(tf.zeros([...variable.shape]), variable.precision));
        variable.dispose();
      }
      // What was read never changes.
      read.forEach((value, index) =>
        assert.deepEqual(toPrecision(value, 'float32').dataSync(), values[index].dataSync()),
      );
    });
    assert.deepEqual(readVariables([]), []);
    assert.equal(tf.memory().numTensors, before);
  });

  for (const [name, update] of Object.entries(updates)) {
    it(`never changes what was read before: ${name}`, () => {
      const before = tf.memory().numTensors;
      const initial = tf.tensor1d([1, 2, 3]);
      const zeros = tf.zeros([3]);
      const [variable, other] = [createVariable(initial), createVariable(zeros)];
      const first = variable.read();
      const alias = variable.read();
      update(variable, other);
      const second = variable.read();
      update(variable, other);

      for (const tensor of [initial, first, alias]) assert.deepEqual([...tensor.dataSync()], [1, 2, 3]);
      const [once, twice] = [[...second.dataSync()], valuesOf(variable)];
      assert.notDeepEqual(once, [1, 2, 3]);
      if (name !== 'assignment') assert.notDeepEqual(twice, once);
      assert.deepEqual([...zeros.dataSync()], [0, 0, 0]);

      tf.dispose([initial, zeros, first, alias, second]);
      variable.dispose();
      other.dispose();
      assert.equal(tf.memory().numTensors, before);
    });

    it(`does not change the tensor that it was given: ${name}`, () => {
      const zeros = tf.zeros([2]);
      const [variable, other] = [createVariable(zeros), createVariable(zeros)];
      const value = tf.tensor1d([4, 5]);
      variable.assign(value);
      update(variable, other);
      assert.deepEqual([...value.dataSync()], [4, 5]);
      assert.notDeepEqual(valuesOf(variable), [4, 5]);
      // What was put back is as safe as what was put in.
      variable.assign(value);
      assert.deepEqual(valuesOf(variable), [4, 5]);
      update(variable, other);
      assert.deepEqual([...value.dataSync()], [4, 5]);
      tf.dispose([zeros, value]);
      variable.dispose();
      other.dispose();
    });
  }

  it('is its own: two variables of one tensor do not meet', () => {
    const value = tf.tensor1d([1, 2]);
    const [one, other] = [createVariable(value), createVariable(value)];
    updates.subtraction(one, other);
    assert.deepEqual(valuesOf(one), [0.5, 1.5]);
    assert.deepEqual(valuesOf(other), [1, 2]);
    value.dispose();
    one.dispose();
    other.dispose();
  });

  it('keeps its shape', () => {
    tf.tidy(() => {
      const variable = createVariable(tf.zeros([2, 3]));
      assert.deepEqual(variable.shape, [2, 3]);
      for (const shape of [[3, 2], [6], [2, 3, 1], []])
        assert.throws(() => variable.assign(tf.zeros(shape)), /A variable keeps its shape/);
      assert.deepEqual(variable.read().shape, [2, 3]);
      assert.deepEqual(valuesOf(variable), [0, 0, 0, 0, 0, 0]);
      variable.dispose();

      const scalar = createVariable(tf.scalar(3));
      assert.deepEqual(scalar.read().shape, []);
      scalar.dispose();
    });
  });

  it('outlives the tidy that it was made in; what is read in a tidy does not', () => {
    const before = tf.memory().numTensors;
    const variable = inTidy(() => createVariable(tf.ones([4])));
    let read: Tensor | undefined;
    tf.tidy(() => {
      read = variable.read();
    });
    assert.ok(read?.isDisposed);
    assert.deepEqual(valuesOf(variable), [1, 1, 1, 1]);
    assert.equal(tf.memory().numTensors, before + 1);
    variable.dispose();
    assert.equal(tf.memory().numTensors, before);
    assert.throws(() => variable.read());
  });

  it('gives its memory back: a thousand of a mebibyte each', () => {
    const value = tf.ones([mebibyte / 4]);
    const growth = residentGrowth(1000, () => {
      const variable = createVariable(value);
      tf.tidy(() => {
        const read = variable.read();
        updates.subtraction(variable, variable); // copies, since it is being read
        read.dispose();
      });
      variable.dispose();
    });
    assert.ok(growth < 100 * mebibyte, `${Math.round(growth / mebibyte)} MiB more`);
    value.dispose();
  });
});

describe('bytes', () => {
  it('become float32 of the same values and shape, and are not looked at again', () => {
    const before = tf.memory().numTensors;
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const tensor = floatFromBytes(bytes, [2, 16, 8, 1]);
    assert.equal(tensor.dtype, 'float32');
    assert.deepEqual(tensor.shape, [2, 16, 8, 1]);
    const expected = [...bytes];
    bytes.fill(7);
    assert.deepEqual([...tensor.dataSync()], expected);
    const doubled = tf.tidy(() => tensor.mul(2).reshape([256]));
    assert.deepEqual([...doubled.dataSync()], [...expected.map((value) => 2 * value)]);
    assert.equal(tf.memory().numTensors, before + 2);
    tf.dispose([tensor, doubled]);
    assert.equal(tf.memory().numTensors, before);
  });

  it('may be a part of a larger buffer', () => {
    const bytes = new Uint8Array([0, 0, 10, 20, 30, 0]).subarray(2, 5);
    const tensor = floatFromBytes(bytes, [3]);
    assert.deepEqual([...tensor.dataSync()], [10, 20, 30]);
    tensor.dispose();
  });

  it('do not fit another number of values', () => {
    const before = tf.memory().numTensors;
    assert.throws(() => floatFromBytes(new Uint8Array(3), [2, 2]));
    assert.equal(tf.memory().numTensors, before);
  });

  it('give their memory back: five hundred times a mebibyte', () => {
    const bytes = new Uint8Array(mebibyte);
    const growth = residentGrowth(500, () => floatFromBytes(bytes, [mebibyte]).dispose());
    assert.ok(growth < 100 * mebibyte, `${Math.round(growth / mebibyte)} MiB more`);
  });
});
