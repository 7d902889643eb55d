// Operations between convolutions, and their gradients.
'use strict';
const {
  noise,
  positive,
  times,
  sum,
  map,
  differs,
  gradientDiffers,
  bfloat16Differs,
  shapes,
  epsilon,
} = require('./values.cjs');

const relu = (/** @type {number} */ value) => Math.max(0, value);

/** @type {Record<string, (tf: any, shape: number) => string | undefined>} */
const convolutions = {
  channelAffine(tf, shape) {
    const { rows, width } = shapes[shape];
    const [x, scale, offset] = [noise(rows * width), noise(width, 2), noise(width, 3)];
    const residual = shape === 1 ? noise(rows * width, 4) : [];
    const run = (/** @type {string} */ type) => {
      const vectors = [scale, offset].map((values) => tf.tensor(values));
      const inputs = [tf.tensor(x, [rows, width], type), ...vectors, tf.tensor(residual, [residual.length], type)];
      return tf.execute('NotebookChannelAffine', { T: ['type', type], relu: ['bool', true] }, inputs, 1).map(tf.values);
    };
    const wanted = map(width)(x, (value, row, at) =>
      relu(value * scale[at] + offset[at] + (residual[row * width + at] ?? 0)),
    );
    return differs('output', run('float32')[0], wanted) ?? bfloat16Differs(run);
  },
  batchNorm(tf, shape) {
    const { rows, width } = shapes[shape];
    const isFirst = shape === 0; // neither a shortcut nor ReLU
    const [x, scale, offset, mean, variance, weights] = [
      noise(rows * width),
      positive(width, 2),
      noise(width, 3),
      noise(width, 4),
      positive(width, 5),
      noise(rows * width, 6),
    ];
    const residual = shape === 1 ? noise(rows * width, 7) : [];
    const statistics = (/** @type {number[]} */ x) =>
      times(width, (column) => {
        const own = x.filter((_, at) => at % width === column);
        const average = sum(own) / rows;
        return { average, spread: sum(own.map((value) => (value - average) ** 2)) / rows };
      });
    const normalized = (
      /** @type {number[]} */ x,
      /** @type {number[]} */ scale,
      /** @type {number[]} */ offset,
      residual = /** @type {number[]} */ ([]),
    ) => {
      const found = statistics(x);
      return map(width)(x, (value, row, at) => {
        const { average, spread } = found[at];
        const sum =
          ((value - average) / Math.sqrt(spread + epsilon)) * scale[at] +
          offset[at] +
          (residual[row * width + at] ?? 0);
        return isFirst ? sum : relu(sum);
      });
    };
    const run = (/** @type {string} */ type) => {
      const T = ['type', type];
      const wide = (/** @type {number[]} */ values) => tf.tensor(values, values.length ? [rows, width] : [0], type);
      const given = [wide(x), tf.tensor(scale), tf.tensor(offset)];
      const attributes = { T, epsilon: ['float', epsilon], momentum: ['float', 0.1], relu: ['bool', !isFirst] };
      const inputs = [...given, tf.tensor(mean), tf.tensor(variance), wide(residual)];
      const [output, newMean, newVariance, ...own] = tf.execute('NotebookBatchNorm', attributes, inputs, 5);
      const plain = tf.execute('NotebookNormalize', { T, relu: attributes.relu }, [...given, ...own], 1);
      const forGradient = [wide(weights), ...given, ...own, output];
      const gradients = tf.execute(
        'NotebookBatchNormGrad',
        { T, relu: attributes.relu, residual: ['bool', shape === 1] },
        forGradient,
        4,
      );
      return [output, ...plain, newMean, newVariance, ...gradients].map(tf.values);
    };
    const [output, plain, newMean, newVariance, ...gradients] = run('float32');
    const found = statistics(x);
    const running = (/** @type {number[]} */ before, /** @type {number[]} */ batch) =>
      before.map((value, at) => 0.9 * value + 0.1 * batch[at]);
    return (
      differs('output', output, normalized(x, scale, offset, residual)) ??
      differs('normalized', plain, normalized(x, scale, offset)) ??
      differs(
        'mean',
        newMean,
        running(
          mean,
          found.map(({ average }) => average),
        ),
      ) ??
      differs(
        'variance',
        newVariance,
        running(
          variance,
          found.map(({ spread }) => (spread * rows) / (rows - 1)),
        ),
      ) ??
      bfloat16Differs(run) ??
      gradientDiffers(normalized, [x, scale, offset, residual], weights, {
        x: gradients[0],
        scale: gradients[1],
        offset: gradients[2],
        ...(shape === 1 && { residual: gradients[3] }),
      })
    );
  },
  maxPool(tf, shape) {
    const [images, height, width, channels, size, stride, padding] = [
      [1, 4, 6, 5, 2, 2, 0],
      [2, 7, 7, 64, 3, 2, 1],
      [1, 9, 5, 83, 3, 1, 1],
    ][shape];
    const [newHeight, newWidth] = [height, width].map((side) => Math.floor((side + 2 * padding - size) / stride) + 1);
    // No two alike within a window, so that the gradient is one.
    const x = noise(images * height * width * channels).map((value, at) => value + ((at * 0.618) % 1) / 100);
    const weights = noise(images * newHeight * newWidth * channels, 2);
    const f = (/** @type {number[]} */ x) =>
      times(images * newHeight * newWidth * channels, (index) => {
        const [channel, place] = [index % channels, Math.floor(index / channels)];
        const [column, row] = [place % newWidth, Math.floor(place / newWidth) % newHeight];
        const image = Math.floor(place / newWidth / newHeight);
        let largest = -Infinity;
        for (let at = 0; at < size * size; at++) {
          const [y, across] = [row * stride - padding + Math.floor(at / size), column * stride - padding + (at % size)];
          if (y < 0 || y >= height || across < 0 || across >= width) continue;
          largest = Math.max(largest, x[((image * height + y) * width + across) * channels + channel]);
        }
        return largest;
      });
    const window = { size: ['int', size], stride: ['int', stride], padding: ['int', padding] };
    const sizes = { ...window, height: ['int', height], width: ['int', width] };
    const run = (/** @type {string} */ type, /** @type {number[]} */ x) => {
      const given = tf.tensor(x, [images, height, width, channels], type);
      const [output, winner] = tf.execute('NotebookMaxPool', { T: ['type', type], ...window }, [given], 2);
      const inputs = [tf.tensor(weights, [images, newHeight, newWidth, channels], type), winner];
      return [output, ...tf.execute('NotebookMaxPoolGrad', { T: ['type', type], ...sizes }, inputs, 1)].map(tf.values);
    };
    const [output, gradient] = run('float32', x);
    const exact = noise(images * height * width * channels);
    return (
      differs('output', output, f(x)) ??
      bfloat16Differs((type) => run(type, exact)) ??
      gradientDiffers(f, [x], weights, { x: gradient }, 1e-6)
    );
  },
  filterGradient(tf, shape) {
    const [images, height, width, channels, filters, taps, stride, padding] = [
      [2, 3, 4, 16, 32, 3, 1, 1],
      [3, 5, 4, 32, 32, 3, 2, 1],
      [1, 2, 3, 16, 64, 1, 1, 0],
    ][shape];
    const [newHeight, newWidth] = [height, width].map((side) => Math.floor((side + 2 * padding - taps) / stride) + 1);
    const x = noise(images * height * width * channels);
    const outputGradient = noise(images * newHeight * newWidth * filters, 2);
    const wanted = times(taps * taps * channels * filters, (index) => {
      const [filter, channel] = [index % filters, Math.floor(index / filters) % channels];
      const tap = Math.floor(index / filters / channels);
      return sum(
        times(images * newHeight * newWidth, (place) => {
          const [column, row] = [place % newWidth, Math.floor(place / newWidth) % newHeight];
          const image = Math.floor(place / newWidth / newHeight);
          const [y, across] = [
            row * stride - padding + Math.floor(tap / taps),
            column * stride - padding + (tap % taps),
          ];
          if (y < 0 || y >= height || across < 0 || across >= width) return 0;
          const value = x[((image * height + y) * width + across) * channels + channel];
          return value * outputGradient[place * filters + filter];
        }),
      );
    });
    const run = (/** @type {string} */ type) => {
      const inputs = [
        tf.tensor(x, [images, height, width, channels], type),
        tf.tensor(outputGradient, [images, newHeight, newWidth, filters], type),
      ];
      const window = { rows: ['int', taps], columns: ['int', taps], stride: ['int', stride] };
      const attributes = { T: ['type', type], ...window, top: ['int', padding], left: ['int', padding] };
      return tf.execute('NotebookFilterGradient', attributes, inputs, 1).map(tf.values);
    };
    return differs('gradient', run('float32')[0], wanted) ?? bfloat16Differs(run);
  },
};

module.exports = { convolutions };
