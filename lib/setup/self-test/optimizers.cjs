// Operations on parameters.
'use strict';
const { noise, positive, differs } = require('./values.cjs');

const sizes = [[5], [64, 1], [83, 1024, 3]]; // of the parameters of each shape

/** A variable with these values. @param {any} tf @param {number[]} values */
function variable(tf, values) {
  const attributes = { dtype: ['type', 'float32'], shape: ['shape', [values.length]], container: ['string', ''] };
  // The name under which TensorFlow makes a resource that lives as long as its handle.
  const name = { shared_name: ['string', 'cd2c89b7-88b7-44c8-ad83-06c2a9158347'] };
  const [handle] = tf.execute('VarHandleOp', { ...attributes, ...name }, [], 1);
  tf.execute('AssignVariableOp', { dtype: ['type', 'float32'] }, [handle, tf.tensor(values)], 0);
  return handle;
}

/** @param {any} tf @param {any[]} variables @param {number[][]} wanted */
function variablesDiffer(tf, variables, wanted) {
  const attributes = { N: ['int', variables.length], T: ['type', 'float32'] };
  const read = tf.execute('NotebookReadVariables', attributes, variables, variables.length);
  return wanted.map((values, at) => differs(`variable ${at}`, tf.values(read[at]), values)).find((found) => found);
}

/** @type {Record<string, (tf: any, shape: number) => string | undefined>} */
const optimizers = {
  adamW(tf, shape) {
    const counts = sizes[shape];
    const [weights, firsts, gradients] = [1, 2, 3].map((seed) => counts.map((count) => noise(count, seed)));
    const seconds = counts.map((count) => positive(count, 4));
    const [keep, beta1, beta2, epsilon, rate, root] = [0.99, 0.9, 0.999, 1e-8, 0.01, 1.5];
    const variables = [...weights, ...firsts, ...seconds].map((values) => variable(tf, values));
    const inputs = [
      ...variables,
      tf.tensor([keep, beta1, beta2, epsilon, rate, root]),
      ...gradients.map((values) => tf.tensor(values)),
    ];
    tf.execute('NotebookAdamW', { N: ['int', counts.length] }, inputs, 0);
    const m = firsts.map((values, n) => values.map((value, at) => value * beta1 + gradients[n][at] * (1 - beta1)));
    const v = seconds.map((values, n) =>
      values.map((value, at) => value * beta2 + gradients[n][at] ** 2 * (1 - beta2)),
    );
    const w = weights.map((values, n) =>
      values.map((value, at) => value * keep - (rate * m[n][at]) / (Math.sqrt(v[n][at]) * root + epsilon)),
    );
    return variablesDiffer(tf, variables, [...w, ...m, ...v]);
  },
  sgd(tf, shape) {
    const counts = sizes[shape];
    const [weights, velocities, gradients] = [1, 2, 3].map((seed) => counts.map((count) => noise(count, seed)));
    const [rate, decay, momentum, nesterov] = [0.1, 0.01, 0.9, shape === 2 ? 1 : 0];
    const kept = shape === 0 ? [] : velocities;
    const variables = [...weights, ...kept].map((values) => variable(tf, values));
    const inputs = [
      ...variables,
      tf.tensor([rate, decay, momentum, nesterov]),
      ...gradients.map((values) => tf.tensor(values)),
    ];
    tf.execute('NotebookSgd', { N: ['int', counts.length], M: ['int', kept.length] }, inputs, 0);
    const decayed = gradients.map((values, n) => values.map((value, at) => value + decay * weights[n][at]));
    const v = kept.map((values, n) => values.map((value, at) => value * momentum + decayed[n][at]));
    const change = (/** @type {number} */ n, /** @type {number} */ at) =>
      kept.length === 0 ? decayed[n][at] : nesterov ? decayed[n][at] + momentum * v[n][at] : v[n][at];
    const w = weights.map((values, n) => values.map((value, at) => value - rate * change(n, at)));
    return variablesDiffer(tf, variables, [...w, ...v]);
  },
};

module.exports = { optimizers };
