// Operations of transformers, and their gradients.
'use strict';
const {
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
} = require('./values.cjs');

/** @param {number} z */
function normalDistribution(z) {
  let term = z;
  let series = z;
  for (let n = 1; n < 120; n++) {
    term *= (-z * z) / (2 * n);
    series += term / (2 * n + 1);
  }
  return 0.5 + series / Math.sqrt(2 * Math.PI);
}

/** @param {number} width */
const layerNormOf =
  (width) => (/** @type {number[]} */ x, /** @type {number[]} */ scale, /** @type {number[]} */ offset) => {
    const statistics = times(x.length / width, (row) => {
      const own = x.slice(row * width, (row + 1) * width);
      const mean = sum(own) / width;
      return [mean, 1 / Math.sqrt(sum(own.map((value) => (value - mean) ** 2)) / width + epsilon)];
    });
    return map(width)(
      x,
      (value, row, at) => (value - statistics[row][0]) * statistics[row][1] * scale[at] + offset[at],
    );
  };

/** @param {number} width */
const biasGeluOf = (width) => (/** @type {number[]} */ x, /** @type {number[]} */ bias) =>
  map(width)(x, (value, _row, at) => (value + bias[at]) * normalDistribution(value + bias[at]));

/** @type {Record<string, (tf: any, shape: number) => string | undefined>} */
const transformers = {
  layerNorm(tf, shape) {
    const { rows, width } = shapes[shape];
    const [x, scale, offset, weights] = [
      noise(rows * width),
      positive(width, 2),
      noise(width, 3),
      noise(rows * width, 4),
    ];
    const f = layerNormOf(width);
    const run = (/** @type {string} */ type) => {
      const inputs = [tf.tensor(x, [rows, width], type), tf.tensor(scale), tf.tensor(offset)];
      return tf.execute('NotebookLayerNorm', { T: ['type', type], epsilon: ['float', epsilon] }, inputs, 3);
    };
    const [, mean, inverse] = run('float32');
    const gradientsIn = (/** @type {string} */ type) => {
      const given = [weights, x].map((values) => tf.tensor(values, [rows, width], type));
      const inputs = [...given, tf.tensor(scale), mean, inverse];
      return tf.execute('NotebookLayerNormGrad', { T: ['type', type] }, inputs, 3).map(tf.values);
    };
    const gradients = gradientsIn('float32');
    return (
      inBothTypes(tf, (type, tolerance) => differs(type, tf.values(run(type)[0]), f(x, scale, offset), tolerance)) ??
      bfloat16Differs(gradientsIn) ??
      gradientDiffers(f, [x, scale, offset], weights, { x: gradients[0], scale: gradients[1], offset: gradients[2] })
    );
  },
  biasGelu(tf, shape) {
    const { rows, width } = shapes[shape];
    const [x, bias, weights] = [noise(rows * width), noise(width, 2), noise(rows * width, 3)];
    const f = biasGeluOf(width);
    const run = (/** @type {string} */ type) =>
      tf.execute('NotebookBiasGelu', { T: ['type', type] }, [tf.tensor(x, [rows, width], type), tf.tensor(bias)], 1)[0];
    const gradientsIn = (/** @type {string} */ type) => {
      const inputs = [...[weights, x].map((values) => tf.tensor(values, [rows, width], type)), tf.tensor(bias)];
      return tf.execute('NotebookBiasGeluGrad', { T: ['type', type] }, inputs, 2).map(tf.values);
    };
    const gradients = gradientsIn('float32');
    return (
      inBothTypes(tf, (type, tolerance) => differs(type, tf.values(run(type)), f(x, bias), tolerance)) ??
      bfloat16Differs(gradientsIn) ??
      gradientDiffers(f, [x, bias], weights, { x: gradients[0], bias: gradients[1] })
    );
  },
  sumRows(tf, shape) {
    const { rows, width } = shapes[shape];
    const x = noise(rows * width);
    const wanted = times(width, (at) => sum(times(rows, (row) => x[row * width + at])));
    return inBothTypes(tf, (type) => {
      const [sums] = tf.execute('NotebookSumRows', { T: ['type', type] }, [tf.tensor(x, [rows, width], type)], 1);
      return differs(type, tf.values(sums), wanted); // in float32 whatever goes in
    });
  },
  biasResidual(tf, shape) {
    const { rows, width } = shapes[shape];
    const [residual, x, bias, weights] = [
      noise(rows * width),
      noise(rows * width, 2),
      noise(width, 3),
      noise(rows * width, 4),
    ];
    const scale = shape === 0 ? [] : positive(width, 5);
    const f = (/** @type {number[]} */ x, /** @type {number[]} */ bias, /** @type {number[]} */ scale) =>
      map(width)(x, (value, row, at) => residual[row * width + at] + (value + bias[at]) * (scale[at] ?? 1));
    const run = (/** @type {string} */ type) => {
      const inputs = [
        ...[residual, x].map((values) => tf.tensor(values, [rows, width], type)),
        tf.tensor(bias),
        tf.tensor(scale),
      ];
      return tf.values(tf.execute('NotebookBiasResidual', { T: ['type', type] }, inputs, 1)[0]);
    };
    const difference = inBothTypes(tf, (type, tolerance) => differs(type, run(type), f(x, bias, scale), tolerance));
    if (difference !== undefined || scale.length === 0) return difference;
    const gradientsIn = (/** @type {string} */ type) => {
      const given = [weights, x].map((values) => tf.tensor(values, [rows, width], type));
      const inputs = [...given, tf.tensor(bias), tf.tensor(scale)];
      return tf.execute('NotebookBiasResidualGrad', { T: ['type', type] }, inputs, 3).map(tf.values);
    };
    const gradients = gradientsIn('float32');
    const found = { x: gradients[0], bias: gradients[1], scale: gradients[2] };
    return bfloat16Differs(gradientsIn) ?? gradientDiffers(f, [x, bias, scale], weights, found);
  },
  attention(tf, shape) {
    const [images, tokens, heads, width, rotated] = [
      [1, 3, 2, 8, 0],
      [1, 70, 1, 16, 66],
      [2, 20, 1, 64, 16],
    ][shape];
    const channels = heads * width;
    const bias = shape === 0 ? [] : noise(3 * channels, 2);
    const [sine, cosine] = [Math.sin, Math.cos].map((turn) =>
      times(rotated * width, (at) => turn((at % (width / 2)) + at / width)),
    );
    const [qkv, weights] = [noise(images * tokens * 3 * channels), noise(images * tokens * channels, 3)];
    const f = attentionOf({ images, tokens, heads, width, rotated, bias, sine, cosine });
    const sizes = { heads: ['int', heads], tokens: ['int', tokens] };
    const tables = [bias, sine, cosine].map((values) => tf.tensor(values));
    const given = (/** @type {string} */ type) => tf.tensor(qkv, [images * tokens, 3 * channels], type);
    const run = (/** @type {string} */ type) =>
      tf.execute('NotebookAttention', { T: ['type', type], ...sizes }, [given(type), ...tables], 2);
    const gradientIn = (/** @type {string} */ type) => {
      const outputGradient = tf.tensor(weights, [images * tokens, channels], type);
      const inputs = [outputGradient, given(type), ...tables, ...run(type)];
      return tf.execute('NotebookAttentionGrad', { T: ['type', type], ...sizes }, inputs, 1).map(tf.values);
    };
    const [gradient] = gradientIn('float32');
    return (
      inBothTypes(tf, (type, tolerance) => differs(type, tf.values(run(type)[0]), f(qkv), tolerance)) ??
      bfloat16Differs(gradientIn) ??
      gradientDiffers(f, [qkv], weights, { qkv: gradient })
    );
  },
};

/** @param {any} shape */
function attentionOf({ images, tokens, heads, width, rotated, bias, sine, cosine }) {
  const channels = heads * width;
  return (/** @type {number[]} */ qkv) => {
    const output = new Array(images * tokens * channels);
    for (let unit = 0; unit < images * heads; unit++) {
      const [image, head] = [Math.floor(unit / heads), unit % heads];
      const rows = (/** @type {number} */ part) =>
        times(tokens, (token) => {
          const first = part * channels + head * width;
          const row = times(
            width,
            (at) => qkv[(image * tokens + token) * 3 * channels + first + at] + (bias[first + at] ?? 0),
          );
          const patch = token - (tokens - rotated);
          if (part === 2 || patch < 0) return row;
          const half = width / 2;
          const other = (/** @type {number} */ at) => (at < half ? -row[at + half] : row[at - half]);
          return row.map((value, at) => value * cosine[patch * width + at] + other(at) * sine[patch * width + at]);
        });
      const [q, k, v] = [rows(0), rows(1), rows(2)];
      q.forEach((query, token) => {
        const scores = k.map((key) => Math.exp(sum(key.map((value, at) => value * query[at])) / Math.sqrt(width)));
        const total = sum(scores);
        for (let at = 0; at < width; at++)
          output[(image * tokens + token) * channels + head * width + at] = sum(
            v.map((value, other) => (value[at] * scores[other]) / total),
          );
      });
    }
    return output;
  };
}

module.exports = { transformers };
