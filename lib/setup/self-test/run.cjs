// `node run.cjs ADDON`: whether an addon computes what it should at the level that NOTEBOOKS_KERNELS names (`off`: whether TensorFlow
// computes at all). Ends with one line on standard error and code 1 where not, or by a signal: it is run in a process of its own.
'use strict';
const { convolutions } = require('./convolutions.cjs');
const { optimizers } = require('./optimizers.cjs');
const { transformers } = require('./transformers.cjs');

/** TensorFlow's numbers for types (tensorflow/core/framework/types.proto). */
const types = { float32: 1, int32: 3, bfloat16: 14, resource: 20 };

/** What the tests need of TensorFlow. @param {any} binding */
function tensorflow(binding) {
  const kinds = { int: 'INT', float: 'FLOAT', bool: 'BOOL', type: 'TYPE', shape: 'SHAPE', string: 'STRING' };
  const attribute = (/** @type {string} */ name, /** @type {[keyof kinds, unknown]} */ [kind, value]) => ({
    name,
    type: binding[`TF_ATTR_${kinds[kind]}`],
    value: kind === 'type' ? types[/** @type {keyof types} */ (value)] : value,
  });
  /** @param {string} op @param {Record<string, [string, unknown]>} attributes @param {any[]} inputs @param {number} outputs */
  const execute = (op, attributes, inputs, outputs) =>
    binding.executeOp(
      op,
      Object.entries(attributes).map(([name, value]) => attribute(name, /** @type {any} */ (value))),
      inputs.map(({ id }) => id),
      outputs,
    );
  /** @param {any} tensor @param {string} from @param {string} to */
  const cast = (tensor, from, to) =>
    execute('Cast', { SrcT: ['type', from], DstT: ['type', to], Truncate: ['bool', false] }, [tensor], 1)[0];
  /** @param {ArrayLike<number>} values @param {number[]} [shape] @param {string} [type] */
  const tensor = (values, shape = [values.length], type = 'float32') => {
    const made = { id: binding.createTensor(shape, types.float32, Float32Array.from(values)) };
    return type === 'float32' ? made : cast(made, 'float32', type);
  };
  /** @param {any} result @returns {number[]} */
  const values = (result) =>
    Array.from(
      binding.tensorDataSync((result.dtype === types.bfloat16 ? cast(result, 'bfloat16', 'float32') : result).id),
    );
  return { execute, tensor, values };
}

/** @param {ReturnType<typeof tensorflow>} tf */
function testTensorflow({ execute, tensor, values }) {
  const relu = values(execute('Relu', { T: ['type', 'float32'] }, [tensor([-1, 2])], 1)[0]);
  if (relu.join() !== '0,2') throw new Error(`Relu of -1 and 2 gives ${relu.join(' and ')}.`);
}

/** @param {string} addon */
function main(addon) {
  const loaded = { exports: /** @type {any} */ ({}) };
  process.dlopen(loaded, addon);
  const tf = tensorflow(loaded.exports);
  testTensorflow(tf);
  if (process.env.NOTEBOOKS_KERNELS === 'off') return;
  tf.execute('NotebookLevel', {}, [], 1); // tells what is wrong with NOTEBOOKS_KERNELS
  for (const [name, test] of Object.entries({ ...transformers, ...convolutions, ...optimizers })) {
    for (let shape = 0; shape < 3; shape++) {
      const difference = test(tf, shape);
      if (difference !== undefined) throw new Error(`${name} (shape ${shape + 1} of 3): ${difference}`);
    }
  }
}

try {
  main(process.argv[2]);
} catch (error) {
  // The binding's errors have TensorFlow's message on their last line.
  const lines = (error instanceof Error ? error.message : String(error)).trim().split('\n');
  console.error(lines[lines.length - 1].replace(/^Message: /, ''));
  process.exitCode = 1;
}
