// The panel in which a model answers to images that a reader drops: TensorFlow.js, the model and the images stay in the page.
(() => {
  'use strict';
  const { tf, tryIt } = window;
  const panel = document.getElementById('try-it');
  const [input, answer, picture] = ['input', 'output', 'img'].map((name) => panel.querySelector(name));
  const { model, nodes, tensors, values } = JSON.parse(document.getElementById('try-it-model').textContent);

  /** ONNX's operators, on N×H×W×C. */
  const operators = {
    Add: ([first, second]) => tf.add(first, second),
    BatchNormalization: ([x, scale, offset, mean, variance], { epsilon }) =>
      tf.batchNorm(x, mean, variance, offset, scale, epsilon),
    Conv: ([x, filter], { strides, pads }) => tf.conv2d(x, filter, strides, pads[0]),
    Flatten: ([x]) => tf.reshape(x, [x.shape[0], -1]),
    GlobalAveragePool: ([x]) => tf.mean(x, [1, 2]),
    MatMul: ([first, second]) => tf.matMul(first, second),
    MaxPool: ([x], { kernel_shape: size, strides, pads }) => tf.maxPool(x, size, strides, pads[0]),
    Relu: ([x]) => tf.relu(x),
  };

  const bytes = Uint8Array.from(atob(values), (character) => character.charCodeAt(0));

  function read({ offset, type, shape }) {
    const count = shape.reduce((product, side) => product * side, 1);
    if (type === 'F32') return new Float32Array(bytes.buffer.slice(offset, offset + 4 * count));
    return Float32Array.from(new Uint16Array(bytes.buffer.slice(offset, offset + 2 * count)), (half) => {
      const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 0x1f, half & 0x3ff];
      return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
    });
  }

  let weights;

  /** Logits of one image: bytes of H×W×3. */
  async function logitsOf(pixels, { height, width }) {
    await tf.ready();
    weights ??= Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, tf.tensor(read(tensor), tensor.shape)]),
    );
    return tf.tidy(() => {
      const images = tf.tensor(Float32Array.from(pixels), [1, height, width, 3]);
      const found = { ...weights, images: tf.div(tf.sub(tf.div(images, 255), model.mean), model.std) };
      for (const { operator, inputs, output, attributes } of nodes)
        found[output] = operators[operator](
          inputs.map((name) => found[name]),
          attributes,
        );
      return [...found[nodes[nodes.length - 1].output].dataSync()];
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
