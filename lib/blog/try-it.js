// The panel in which a model answers to images that a reader drops: TensorFlow.js, the model and the images stay in the page.
(() => {
  'use strict';
  const { tf, tryIt } = window;
  const panel = document.getElementById('try-it');
  const [input, answer, picture] = ['input', 'output', 'img'].map((name) => panel.querySelector(name));
  const { model, nodes, tensors, values, size } = JSON.parse(document.getElementById('try-it-model').textContent);

  const numbers = (x) => Array.from(x.dataSync());
  const axisOf = (x, axis) => (axis < 0 ? x.rank + axis : axis);
  const perChannel = (x) => tf.reshape(x, [1, -1, 1, 1]);
  // TensorFlow.js's layers of images have the channels last, ONNX's after the first axis.
  const channelsLast = (x, run) => tf.transpose(run(tf.transpose(x, [0, 2, 3, 1])), [0, 3, 1, 2]);

  /** ONNX's operators, as far as classifiers need them. */
  const operators = {
    Add: ([first, second]) => tf.add(first, second),
    BatchNormalization: ([x, ...parts], { epsilon }) => {
      const [scale, offset, mean, variance] = parts.map(perChannel);
      return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))), scale), offset);
    },
    Concat: (parts, { axis }) => tf.concat(parts, axisOf(parts[0], axis)),
    Conv: ([x, filter, bias], { strides, pads }) => {
      const output = channelsLast(x, (images) => tf.conv2d(images, filter, strides, pads[0]));
      return bias === undefined ? output : tf.add(output, perChannel(bias));
    },
    Erf: ([x]) => tf.erf(x),
    Expand: ([x, shape]) => tf.add(x, tf.zeros(numbers(shape))),
    Flatten: ([x]) => tf.reshape(x, [x.shape[0], -1]),
    GlobalAveragePool: ([x]) => tf.mean(x, [2, 3], true),
    LayerNormalization: ([x, scale, offset], { epsilon }) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))), scale), offset);
    },
    MatMul: ([first, second]) => tf.matMul(first, second),
    MaxPool: ([x], { kernel_shape: size, strides, pads }) =>
      channelsLast(x, (images) => tf.maxPool(images, size, strides, pads[0])),
    Mul: ([first, second]) => tf.mul(first, second),
    Neg: ([x]) => tf.neg(x),
    ReduceMean: ([x], { axes, keepdims }) => tf.mean(x, axes, keepdims === 1),
    Relu: ([x]) => tf.relu(x),
    Reshape: ([x, shape]) =>
      tf.reshape(
        x,
        numbers(shape).map((side, axis) => side || x.shape[axis]),
      ),
    Shape: ([x], { start, end }) => tf.tensor(x.shape.slice(start, end)),
    Slice: ([x, ...ends]) => {
      const [from, to, axis] = ends.map((each) => numbers(each)[0]);
      return tf.slice(
        x,
        x.shape.map((_, at) => (at === axis ? from : 0)),
        x.shape.map((side, at) => (at === axis ? to - from : side)),
      );
    },
    Softmax: ([x]) => tf.softmax(x),
    Split: ([x], { axis }, outputs) => tf.split(x, outputs, axisOf(x, axis)),
    Squeeze: ([x, axes]) => tf.squeeze(x, numbers(axes)),
    Transpose: ([x], { perm }) => tf.transpose(x, perm),
  };

  function unpacked() {
    // Five characters are four bytes: the codes from 40 on, without "<" and "\\".
    const packed = new DataView(new ArrayBuffer((values.length / 5) * 4));
    for (let at = 0; at < values.length; at += 5) {
      let word = 0;
      for (let next = at; next < at + 5; next++) {
        const code = values.charCodeAt(next);
        word = word * 85 + code - 40 - (code > 60) - (code > 92);
      }
      packed.setUint32((at / 5) * 4, word);
    }
    return new Response(
      new Blob([packed.buffer.slice(0, size)]).stream().pipeThrough(new DecompressionStream('deflate-raw')),
    ).arrayBuffer();
  }

  function read(bytes, { offset, type, shape, step }) {
    const count = shape.reduce((product, side) => product * side, 1);
    if (type === 'F32') return new Float32Array(bytes, offset, count);
    if (type === 'I8') return Float32Array.from(new Int8Array(bytes, offset, count), (whole) => whole * step);
    return Float32Array.from(new Uint16Array(bytes, offset, count), (half) => {
      const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 0x1f, half & 0x3ff];
      return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
    });
  }

  async function load() {
    const [bytes] = await Promise.all([unpacked(), tf.ready()]);
    return Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, tf.tensor(read(bytes, tensor), tensor.shape)]),
    );
  }
  let weights;

  /** Logits of one image: bytes of H×W×3. */
  async function logitsOf(pixels, { height, width }) {
    const loaded = await (weights ??= load());
    return tf.tidy(() => {
      const pictures = tf.tensor(Float32Array.from(pixels), [1, height, width, 3]);
      const images = tf.transpose(tf.div(tf.sub(tf.div(pictures, 255), model.mean), model.std), [0, 3, 1, 2]);
      const found = { ...loaded, images };
      for (const { operator, inputs, outputs, attributes } of nodes) {
        const given = inputs.map((name) => found[name]);
        const results = [operators[operator](given, attributes, outputs.length)].flat();
        outputs.forEach((name, at) => (found[name] = results[at]));
      }
      return numbers(found[nodes[nodes.length - 1].outputs[0]]);
    });
  }

  function softmax(logits) {
    const largest = Math.max(...logits);
    const parts = logits.map((logit) => Math.exp(logit - largest));
    const sum = parts.reduce((total, part) => total + part, 0);
    return parts.map((part) => part / sum);
  }

  /** Upright, as bytes of H×W×3. */
  async function pixelsOf(file) {
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    const { height, width } = bitmap;
    const context = Object.assign(document.createElement('canvas'), { height, width }).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const colours = context.getImageData(0, 0, width, height).data;
    const pixels = Uint8Array.from(
      { length: height * width * 3 },
      (_, at) => colours[Math.floor(at / 3) * 4 + (at % 3)],
    );
    return { pixels, height, width };
  }

  function transformed({ pixels, height, width }, transform) {
    const { height: tall, width: wide } = transform;
    return { pixels: tryIt.transformBatch(pixels, [1, height, width, 3], transform), height: tall, width: wide };
  }

  async function show(file) {
    answer.textContent = '…';
    try {
      const prepared = model.transforms.reduce(transformed, await pixelsOf(file));
      const logits = await logitsOf(prepared.pixels, prepared);
      const [probabilities, calibrated] = [logits, logits.map((logit) => logit / model.temperature)].map(softmax);
      const order = probabilities.map((_, index) => index).sort((a, b) => probabilities[b] - probabilities[a]);
      const table = document.createElement('table');
      const row = (tag, cells) => {
        const line = table.insertRow();
        for (const text of cells) line.append(Object.assign(document.createElement(tag), { textContent: text }));
        return line;
      };
      row('th', ['Class', 'Probability', 'Calibrated']);
      for (const index of order) {
        const line = row('td', [
          model.classNames[index],
          probabilities[index].toFixed(3),
          calibrated[index].toFixed(3),
        ]);
        Object.assign(line.dataset, { class: model.classNames[index], probability: probabilities[index] });
      }
      URL.revokeObjectURL(picture.src);
      Object.assign(picture, { src: URL.createObjectURL(file), alt: file.name, hidden: false });
      answer.replaceChildren(table);
    } catch {
      answer.textContent = `${file.name} cannot be read as an image: take a PNG or a JPEG.`;
    }
  }

  input.addEventListener('change', () => input.files.length > 0 && show(input.files[0]));
  panel.addEventListener('dragover', (event) => event.preventDefault());
  panel.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) show(event.dataTransfer.files[0]);
  });
  panel.hidden = false;
})();
