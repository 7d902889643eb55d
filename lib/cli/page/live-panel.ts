/** A panel for a page in which a small model answers to images that a reader drops: all that it needs is in the page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from '@tslab/typescript-for-tslab';
import { escapeHtml } from '../../display/html';
import { UserError } from '../../errors';
import { collectGraph } from '../../models/onnx/graph';
import { buildNetwork } from '../../models/network-spec';
import { projectRoot } from '../../paths';
import { inputSize, loadModel, type ModelDescription, type SavedModel } from '../../runs/saved-model';
import { narrowFloat16 } from '../../tensor/safetensors';

/** What the panel may add to a page, in bytes. */
export const panelLimit = 2_000_000;

/**
 * The panel as HTML, with TensorFlow.js on the processor, the model in float16 and the resizing that files go through everywhere here.
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
  const data = JSON.stringify(pageModel(model)).replaceAll('<', '\\u003c');
  const accuracy = scores?.values.accuracy?.value;
  const about = `${name} tells ${classNames.length} classes apart${accuracy === undefined ? '' : `, on ${scores?.images} test images with an accuracy of ${accuracy.toFixed(3)}`}.`;
  const html = `<section class="try-it prose" id="try-it" hidden>
<style>${own('try-it.css')}</style>
<h2 id="try-it-yourself">Try it</h2>
<p>Drop an image here, or choose one. ${escapeHtml(about)} It answers in this page: the image goes nowhere. <strong>Not for clinical use.</strong></p>
<div class="drop"><label>Image <input type="file" accept="image/*"></label><img hidden alt=""><output></output></div>
<script type="application/json" id="try-it-model">${data}</script>
${[library('tfjs-core', 'tf-core'), library('tfjs-backend-cpu', 'tf-backend-cpu'), resizing(), own('try-it.js')].map((code) => `<script>${escapeScript(code)}</script>`).join('\n')}
</section>`;
  if (html.length > panelLimit)
    throw new UserError(
      `${directory} makes a page ${(html.length / 1e6).toFixed(1)} MB larger, but ${panelLimit / 1e6} MB are the most: train a network of at most some 600,000 values, such as resnet18({ classes, width: 8 }) or vit({ classes, size: 28, patchSize: 4, width: 96, depth: 4 }).`,
    );
  return html;
}

/** What the script reads of a tensor: its place among the bytes. */
interface PlacedTensor {
  readonly offset: number;
  readonly type: 'F16' | 'F32';
  readonly shape: readonly number[];
}

function pageModel({ description, read }: SavedModel) {
  const { table, graph } = buildNetwork(description.network);
  const published = read();
  const weights = { table, read: (name: string): Float32Array => published.get(name) as Float32Array };
  const { nodes, tensors } = collectGraph(weights, (g) => graph(g, inputSize(description)));
  const parts: Buffer[] = [];
  let offset = 0;
  const placed: Record<string, PlacedTensor> = {};
  for (const [name, tensor] of tensors) {
    const { shape, values } = channelsLast(tensor.shape, Float32Array.from(tensor.values, Number));
    // Matrices and filters are nearly all of it; what is added to or divided by keeps its digits.
    const type = shape.length > 1 ? 'F16' : 'F32';
    const { buffer, byteOffset, byteLength } = type === 'F16' ? narrowFloat16(values) : values;
    placed[name] = { offset, type, shape };
    parts.push(Buffer.from(buffer, byteOffset, byteLength));
    offset += byteLength;
  }
  const steps = nodes.map(({ operator, inputs, outputs, attributes }) => {
    const plain = Object.entries(attributes).map(([key, value]) => [
      key,
      typeof value === 'object' && 'float' in value ? value.float : value,
    ]);
    return { operator, inputs, outputs, attributes: Object.fromEntries(plain) as object };
  });
  return {
    model: aboutModel(description),
    nodes: steps,
    tensors: placed,
    values: Buffer.concat(parts).toString('base64'),
  };
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
  const turned = Float32Array.from(values, (_, at) => {
    const [output, input, position] = [
      at % outputs,
      Math.floor(at / outputs) % inputs,
      Math.floor(at / (outputs * inputs)),
    ];
    return values[(output * inputs + input) * place + position];
  });
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

function library(name: string, file: string): string {
  return readFileSync(require.resolve(`@tensorflow/${name}/dist/${file}.es2017.min.js`), 'utf8').replace(
    /^\/\/# sourceMappingURL.*$/m,
    '',
  );
}

function own(file: string): string {
  return readFileSync(join(projectRoot, 'lib', 'blog', file), 'utf8');
}

/** No text of a script ends it. */
function escapeScript(text: string): string {
  return text.replace(/<\/(?=script)/gi, '<\\/').replace(/<!--/g, '<\\!--');
}
