/** A panel for a page in which a small model answers to images that a reader drops: all that it needs is in the page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, deflateRawSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import * as ts from '@tslab/typescript-for-tslab';
import { normalizedImages } from '../../data/batches';
import { drawProcedural } from '../../data/procedural-images';
import { transformBatch } from '../../data/transform';
import { escapeHtml } from '../../display/html';
import { UserError } from '../../errors';
import { initialParameters } from '../../models/initial-values';
import { collectGraph } from '../../models/onnx/graph';
import { buildNetwork } from '../../models/network-spec';
import { countParameters, disposeParameters, readParameters, type PublishedValues } from '../../models/parameters';
import { createScope } from '../../models/scope';
import { projectRoot } from '../../paths';
import { inputSize, loadModel, type ModelDescription, type SavedModel } from '../../runs/saved-model';
import { readResult } from '../../tensor/read';
import { narrowFloat16 } from '../../tensor/safetensors';
import { tf } from '../../tf';

/** What the panel may add to a page, in bytes. */
export const panelLimit = 2_000_000;

/** Steps that matrices and filters can be rounded to, as shares of their root mean square. */
const roundings: readonly number[] = Array.from({ length: 14 }, (_, at) => 0.04 + at / 50);

/** Rounded to fewer bits a value, a network is another one; not even tried, as packing takes seconds. */
const leastBits = 2;

/** Drawn images on which it is measured how far probabilities move. */
const measuredImages = 48;

/**
 * The panel as HTML, with TensorFlow.js on the processor, the model, and the resizing that files go through everywhere here. The model is in
 * float16, or where that is too large rounded as finely as there is room; then the panel says how far probabilities move.
 * @param directory a model's folder, as `saveModel` writes it
 * @throws UserError for a model of another kind, or one that is too large
 */
export function livePanel(directory: string): string {
  const model = loadModel(directory);
  const { name, task, classNames, scores, network } = model.description;
  if (!['multi-class', 'binary-class', 'ordinal-regression'].includes(task))
    throw new UserError(`${directory} is a model for ${task}: a page can have one that tells classes apart.`);
  if (network.family !== 'resnet' && network.family !== 'vit')
    throw new UserError(`${directory} is a ${network.family}: a page can have a ResNet or a vision transformer.`);
  const tooLarge = (bytes: number): UserError =>
    new UserError(
      `${directory} makes a page ${(bytes / 1e6).toFixed(1)} MB larger, but ${panelLimit / 1e6} MB are the most: train a network of at most some three million values, such as resnet18({ classes, width: 16 }) or the project's own vision transformer, vit_mini_patch4.`,
    );
  const count = countParameters(model.network);
  if (count * leastBits > panelLimit * 8) throw tooLarge(count * 2);
  const accuracy = scores?.values.accuracy?.value;
  const about = `${name} tells ${classNames.length} classes apart${accuracy === undefined ? '' : `, on ${scores?.images} test images with an accuracy of ${accuracy.toFixed(3)}`}.`;
  const scripts = [tensorflow(), resizing(), own('try-it.js')];
  const panel = ({ page }: Packed, remark = ''): string => `<section class="try-it prose" id="try-it" hidden>
<style>${own('try-it.css')}</style>
<h2 id="try-it-yourself">Try it</h2>
<p>Drop an image here, or choose one. ${escapeHtml(about)}${remark} It answers in this page: the image goes nowhere. <strong>Not for clinical use.</strong></p>
<div class="drop"><label>Image <input type="file" accept="image/*"></label><img hidden alt=""><output></output></div>
<script type="application/json" id="try-it-model">${JSON.stringify(page).replaceAll('<', '\\u003c')}</script>
${scripts.map((code) => `<script>${escapeScript(code)}</script>`).join('\n')}
</section>`;
  const whole = panel(packModel(model));
  if (whole.length <= panelLimit) return whole;
  const roundedTo = (at: number): Packed => packModel(model, roundings[at]);
  const isSmall = (at: number): boolean => panel(roundedTo(at)).length <= panelLimit - longestRemark;
  let [coarse, fine] = [roundings.length - 1, -1];
  if (isSmall(coarse)) {
    while (coarse - fine > 1) {
      const middle = (coarse + fine) >> 1;
      if (isSmall(middle)) coarse = middle;
      else fine = middle;
    }
    const packed = roundedTo(coarse);
    const { mean, most } = movesOf(model, packed.values);
    return panel(
      packed,
      ` So that it fits, its weights are rounded: on ${measuredImages} drawn images, its probabilities moved by ${mean.toFixed(3)} in the mean, and by ${most.toFixed(3)} at most.`,
    );
  }
  throw tooLarge(whole.length);
}

const longestRemark = 200;

/** What the script reads of a tensor: its place among the bytes. */
interface PlacedTensor {
  readonly offset: number;
  readonly type: 'I8' | 'F16' | 'F32';
  readonly shape: readonly number[];
  /** What whole numbers are multiplied by. */
  readonly step?: number;
}

interface Packed {
  /** What the script reads. */
  readonly page: object;
  /** What the page's network computes with, by the published names. */
  readonly values: PublishedValues;
}

function packModel({ description, network: { table: own }, read }: SavedModel, share?: number): Packed {
  const { table, graph } = buildNetwork(description.network);
  const published = read();
  const steps = new Map<string, number>();
  if (share !== undefined)
    for (const [name, values] of published)
      if (own[name].shape.length > 1 && values.length >= leastRounded) steps.set(name, stepFor(values, share));
  const weights = { table, read: (name: string): Float32Array => published.get(name) as Float32Array };
  const { nodes, tensors } = collectGraph(weights, (g) => graph(g, inputSize(description)));
  const parts: Uint8Array[] = [];
  let offset = 0;
  const placed: Record<string, PlacedTensor> = {};
  for (const [name, tensor] of tensors) {
    const { shape, values } = channelsLast(
      tensor.shape,
      tensor.values instanceof Float32Array ? tensor.values : Float32Array.from(tensor.values, Number),
    );
    const step = steps.get(name.replace(/\.T$/, ''));
    const { type, stored } = storedAs(values, shape, { step, isRounded: share !== undefined });
    placed[name] = { offset, type, shape, step };
    // The next one begins at a multiple of four bytes.
    const bytes = new Uint8Array(Math.ceil(stored.byteLength / 4) * 4);
    bytes.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
    parts.push(bytes);
    offset += bytes.length;
  }
  const operations = nodes.map(({ operator, inputs, outputs, attributes }) => {
    const plain = Object.entries(attributes).map(([key, value]) => [
      key,
      typeof value === 'object' && 'float' in value ? value.float : value,
    ]);
    return { operator, inputs, outputs, attributes: Object.fromEntries(plain) as object };
  });
  // Huffman's codes alone: weights have no repetitions to look for.
  const packed = deflateRawSync(Buffer.concat(parts), { strategy: constants.Z_HUFFMAN_ONLY });
  return {
    page: {
      model: aboutModel(description),
      nodes: operations,
      tensors: placed,
      values: asText(packed),
      size: packed.length,
    },
    values: new Map([...published].map(([name, values]) => [name, rounded(values, steps.get(name))])),
  };
}

/** Matrices and filters are nearly all of it; what is added to or divided by keeps its digits where there is room. */
function storedAs(
  values: Float32Array,
  shape: readonly number[],
  { step, isRounded }: { step?: number; isRounded: boolean },
) {
  if (step !== undefined)
    return { type: 'I8', stored: new Int8Array(values.map((value) => Math.round(value / step))) } as const;
  return shape.length > 1 || isRounded
    ? ({ type: 'F16', stored: narrowFloat16(values) } as const)
    : ({ type: 'F32', stored: values } as const);
}

/** Five characters for four bytes, of which none means anything in JSON, in HTML or where text is replaced. */
function asText(bytes: Buffer): string {
  const digits = Array.from({ length: 87 }, (_, at) => 40 + at).filter(
    (code) => !/[<\\]/.test(String.fromCharCode(code)),
  );
  const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const text = Buffer.alloc((padded.length / 4) * 5);
  for (let word = 0; 4 * word < padded.length; word++) {
    let rest = padded.readUInt32BE(4 * word);
    for (let place = 4; place >= 0; place--) {
      text[5 * word + place] = digits[rest % 85];
      rest = Math.floor(rest / 85);
    }
  }
  return text.toString('latin1');
}

/** So many values are worth rounding. */
const leastRounded = 1000;

/** A share of the root mean square, and never so small that the largest value does not fit into a byte. */
function stepFor(values: Float32Array, share: number): number {
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Math.max(share * Math.sqrt(square), largest / 127) || 1;
}

function rounded(values: Float32Array, step?: number): Float32Array {
  return step === undefined ? values : values.map((value) => Math.round(value / step) * step);
}

/** How far probabilities move on drawn images where the network computes with other values. */
function movesOf({ description, network, read }: SavedModel, others: PublishedValues): { mean: number; most: number } {
  const { height, width } = inputSize(description);
  const { mean, std } = description.input;
  const size = Math.min(512, Math.max(48, height, width));
  const drawn = Array.from({ length: measuredImages }, (_, index) => drawProcedural({ seed: 0, index, size }));
  const transform = { height, width, interpolation: 'bicubic', cropFraction: 1, normalization: { mean, std } } as const;
  const pixels = transformBatch(Buffer.concat(drawn), [measuredImages, size, size, 3], transform);
  const [before, after] = [read(), others].map((values) => {
    const parameters = initialParameters(network.table, 0, values);
    try {
      return readResult(() => {
        const images = normalizedImages(pixels, [measuredImages, height, width, 3], transform.normalization);
        return tf.softmax(network.forward(images, createScope(readParameters(parameters))));
      });
    } finally {
      disposeParameters(parameters);
    }
  });
  const moves = before.map((value, at) => Math.abs(value - after[at]));
  const sum = moves.reduce((total, move) => total + move, 0);
  return { mean: sum / moves.length, most: Math.max(...moves) };
}

function aboutModel({ classNames, temperature = 1, input }: ModelDescription) {
  const { height, width, mean, std, transform } = input;
  const file = { height, width, interpolation: 'bicubic', cropFraction: 1 };
  return { classNames, temperature, mean, std, transforms: transform === undefined ? [file] : [file, transform] };
}

/** Filters as H×W×I×O, as TensorFlow.js takes them; ONNX has O×I×H×W. */
function channelsLast(
  shape: readonly number[],
  values: Float32Array,
): { shape: readonly number[]; values: Float32Array } {
  if (shape.length !== 4) return { shape, values };
  const [outputs, inputs, height, width] = shape;
  const place = height * width;
  const turned = new Float32Array(values.length);
  let at = 0;
  for (let position = 0; position < place; position++)
    for (let input = 0; input < inputs; input++)
      for (let output = 0; output < outputs; output++)
        turned[at++] = values[(output * inputs + input) * place + position];
  return { shape: [height, width, inputs, outputs], values: turned };
}

/** Files of this project that a page uses as they are, as `window.tryIt`. */
function resizing(): string {
  const module = (path: string): string => {
    const text = readFileSync(join(projectRoot, 'lib', path), 'utf8');
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2020 },
    });
    return `((exports, require) => {\n${outputText}\n})`;
  };
  return `window.tryIt = {};\n{\nconst resample = {};\n${module('tensor/resample-bytes.ts')}(resample);\n${module('data/transform.ts')}(window.tryIt, () => resample);\n}`;
}

/** What the panel needs of TensorFlow.js, as `window.tf`. */
function tensorflow(): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(projectRoot, 'lib', 'blog', 'try-it-tensorflow.mjs')],
    ...{ bundle: true, minify: true, write: false, logLevel: 'silent' },
    ...{ format: 'iife', globalName: 'tf', platform: 'browser', target: 'es2020' },
  });
  return outputFiles[0].text;
}

function own(file: string): string {
  return readFileSync(join(projectRoot, 'lib', 'blog', file), 'utf8');
}

/** No text of a script ends it. */
function escapeScript(text: string): string {
  return text.replace(/<\/(?=script)/gi, '<\\/').replace(/<!--/g, '<\\!--');
}
