// Operations on parameters.
'use strict';
const { noise, positive, differs } = require('./values.cjs');

const sizes = [[5], [64, 1], [83, 1024, 3]]; // of the parameters of each shape

/** A variable with these values. @param {any} tf @param {number[]} values @param {string} type */
function variable(tf, values, type = 'float32') {
  const attributes = { dtype: ['type', type], shape: ['shape', [values.length]], container: ['string', ''] };
  // The name under which TensorFlow makes a resource that lives as long as its handle.
  const name = { shared_name: ['string', 'cd2c89b7-88b7-44c8-ad83-06c2a9158347'] };
  const [handle] = tf.execute('VarHandleOp', { ...attributes, ...name }, [], 1);
  tf.execute('AssignVariableOp', { dtype: ['type', type] }, [handle, tf.tensor(values, [values.length], type)], 0);
  return handle;
}

/** @param {any} tf @param {any[]} variables @param {number[][]} wanted @param {string} type */
function variablesDiffer(tf, variables, wanted, type = 'float32') {
  const attributes = { N: ['int', variables.length], T: ['type', type] };
  const read = tf.execute('NotebookReadVariables', attributes, variables, variables.length);
  const tolerance = type === 'float32' ? undefined : 0.01;
  return wanted
    .map((values, at) => differs(`variable ${at}`, tf.values(read[at]), values, tolerance))
    .find((found) => found);
}

/**
 * An update by gradients of each type, in bfloat16 with a copy of the weights that it writes as well.
 * @param {any} tf @param {string} op @param {{ settings: number[], gradients: number[][] }} given
 * @param {number[][]} before the weights, then what is accumulated @param {number[][]} after
 */
function updateDiffers(tf, op, { settings, gradients }, before, after) {
  const { length } = gradients;
  for (const type of ['float32', 'bfloat16']) {
    const variables = before.map((values) => variable(tf, values));
    const copies = type === 'float32' ? [] : before.slice(0, length).map((values) => variable(tf, values, type));
    const given = gradients.map((values) => tf.tensor(values, [values.length], type));
    const counts = { N: ['int', length], slots: ['int', before.length - length], copies: ['int', copies.length] };
    tf.execute(op, { ...counts, T: ['type', type] }, [...variables, ...copies, tf.tensor(settings), ...given], 0);
    const difference =
      variablesDiffer(tf, variables, after) ??
      (copies.length > 0 ? variablesDiffer(tf, copies, after.slice(0, length), type) : undefined);
    if (difference !== undefined) return `${type}: ${difference}`;
  }
}

/** @type {Record<string, (tf: any, shape: number) => string | undefined>} */
const optimizers = {
  adamW(tf, shape) {
    const counts = sizes[shape];
    const [weights, firsts, gradients] = [1, 2, 3].map((seed) => counts.map((count) => noise(count, seed)));
    const seconds = counts.map((count) => positive(count, 4));
    const [keep, beta1, beta2, epsilon, rate, root] = [0.99, 0.9, 0.999, 1e-8, 0.01, 1.5];
    const settings = [keep, beta1, beta2, epsilon, rate, root];
    const m = firsts.map((values, n) => values.map((value, at) => value * beta1 + gradients[n][at] * (1 - beta1)));
    const v = seconds.map((values, n) =>
      values.map((value, at) => value * beta2 + gradients[n][at] ** 2 * (1 - beta2)),
    );
    const w = weights.map((values, n) =>
      values.map((value, at) => value * keep - (rate * m[n][at]) / (Math.sqrt(v[n][at]) * root + epsilon)),
    );
    return updateDiffers(
      tf,
      'NotebookAdamW',
      { settings, gradients },
      [...weights, ...firsts, ...seconds],
      [...w, ...m, ...v],
    );
  },
  sgd(tf, shape) {
    const counts = sizes[shape];
    const [weights, velocities, gradients] = [1, 2, 3].map((seed) => counts.map((count) => noise(count, seed)));
    const [rate, decay, momentum, nesterov] = [0.1, 0.01, 0.9, shape === 2 ? 1 : 0];
    const kept = shape === 0 ? [] : velocities;
    const settings = [rate, decay, momentum, nesterov];
    const decayed = gradients.map((values, n) => values.map((value, at) => value + decay * weights[n][at]));
    const v = kept.map((values, n) => values.map((value, at) => value * momentum + decayed[n][at]));
    const change = (/** @type {number} */ n, /** @type {number} */ at) =>
      kept.length === 0 ? decayed[n][at] : nesterov ? decayed[n][at] + momentum * v[n][at] : v[n][at];
    const w = weights.map((values, n) => values.map((value, at) => value - rate * change(n, at)));
    return updateDiffers(tf, 'NotebookSgd', { settings, gradients }, [...weights, ...kept], [...w, ...v]);
  },
};

module.exports = { optimizers };
