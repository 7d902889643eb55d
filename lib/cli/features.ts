/** `npm run features`: what a backbone makes of images, as an array. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { counted } from '../data/file-facts';
import { imageExtensions } from '../data/image-folder';
import { transformFor } from '../data/transform';
import { csvOf } from '../csv';
import { UserError } from '../errors';
import { checkWritable, writeFileAtomic } from '../files';
import { createBackbone, loadBackbone, type Backbone, type WeightsSource } from '../models/backbone';
import { disposeParameters } from '../models/parameters';
import { precisions, type Precision } from '../precisions';
import type { PlaneSize } from '../tensor/resample';
import { choice, readOptions, reportBroken, required, runCommand, type ExitCode } from './command';
import { showDownload } from './download-progress';
import { openFeatureInput, parseSplit, type FeatureInput, type InputPlace } from './features-input';
import { writeFeatures, type Output } from './features-run';
import { createProgressLine, type ProgressStream } from './progress-line';

/** What a test replaces. */
export interface FeaturesContext {
  readonly output?: ProgressStream;
  readonly progress?: ProgressStream;
}

const help = `npm run features -- --model MODEL --weights embedded|hub|random|FILE.safetensors --input INPUT --output FILE.npy

Writes what a model makes of images, float32, a row for each image in the input's order.

  --model MODEL         a model of the registry, such as vit_small_patch14_dinov2.lvd142m; its architecture's name is enough for
                        embedded and random weights and files
  --weights WEIGHTS     embedded (the project's own, of vit_mini_patch4), hub (published, downloaded once), random, or a .safetensors file, the index of a sharded one, or the
                        folder of either, such as a saved model's; names of timm, torchvision, transformers and Meta
  --input INPUT         FOLDER     its images (${imageExtensions.join(' ')}), by name
                        FILE.npz   MedMNIST-style; see --split
                        FILE.npy   uint8 N×H×W or N×H×W×3; or float32 N×H×W×3, normalised already
                        What is not normalised is resized, cropped and normalised as the model's record says (and timm does)
  --output FILE.npy     the pooled features, N×C, unless
  --tokens              all tokens after the final norm, N×T×C, or of a CNN or Swin the last feature map, N×H×W×C
  --logits              the classifier's output, N×classes
  --size N|HxW          image size of the model in pixels, other than its own
  --batch-size N        images that are computed at once, ${16} by default
  --precision PRECISION float32, or bfloat16: a vision transformer at nearly twice the speed; the output is float32
  --split SPLIT         of an .npz: train (by default), val or test
  --recursive           images in a folder's sub-folders, too
  --skip-broken         files of a folder that cannot be read are left out and listed at the end; the exit code is 2 then

Of a folder, FILE.csv beside the output says which file each row is of.

Examples
  npm run features -- --model vit_small_patch14_dinov2.lvd142m --weights hub --input photographs/ --output dino.npy
  npm run features -- --model resnet18 --weights model.safetensors --size 28 --input bloodmnist.npz --split test --output test.npy`;

const options = {
  model: { type: 'string' },
  weights: { type: 'string' },
  input: { type: 'string' },
  output: { type: 'string' },
  tokens: { type: 'boolean' },
  logits: { type: 'boolean' },
  size: { type: 'string' },
  'batch-size': { type: 'string', default: '16' },
  precision: { type: 'string', default: 'float32' },
  split: { type: 'string' },
  recursive: { type: 'boolean' },
  'skip-broken': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

interface Request {
  readonly model: string;
  readonly weights: string;
  readonly place: InputPlace;
  readonly output: string;
  readonly kind: Output;
  readonly size: PlaneSize | undefined;
  readonly batchSize: number;
  readonly precision: Precision;
}

/** The command `npm run features`. Throws a UserError for anything that is misspelt, missing or does not fit together. */
export async function main(args: string[], context: FeaturesContext = {}): Promise<ExitCode> {
  const output = context.output ?? process.stdout;
  const values = readOptions(args, options, { command: 'features', help, output });
  if (values === undefined) return 0;
  const request = readRequest(values);
  const input = await openFeatureInput(request.place);
  try {
    return await run(request, input, output, context.progress ?? process.stderr);
  } finally {
    input.close();
  }
}

type Values = NonNullable<ReturnType<typeof readOptions<typeof options>>>;

/** Everything that can be checked without reading a file. */
function readRequest(values: Values): Request {
  const model = required(values.model, 'model', 'resnet18');
  createBackbone(model); // refuses an unknown name
  const weights = required(values.weights, 'weights', 'hub');
  const path = required(values.input, 'input', 'photographs/');
  const output = required(values.output, 'output', 'features.npy');
  if (!output.toLowerCase().endsWith('.npy')) throw new UserError(`--output is "${output}", but must end in .npy.`);
  if (existsSync(output) && statSync(output).isDirectory()) throw new UserError(`--output ${output} is a folder.`);
  if (resolve(output) === resolve(path)) throw new UserError(`--output and --input are the same file, ${path}.`);
  if (values.tokens === true && values.logits === true)
    throw new UserError('--tokens and --logits are two outputs: give one of them, and run the other on its own.');
  return {
    model,
    weights,
    place: {
      path,
      split: parseSplit(values.split),
      recursive: values.recursive === true,
      skipBroken: values['skip-broken'] === true,
    },
    output,
    kind: values.tokens === true ? 'map' : values.logits === true ? 'logits' : 'pooled',
    size: values.size === undefined ? undefined : parseSize(values.size),
    batchSize: parseBatchSize(values['batch-size']),
    precision: choice('precision', values.precision, precisions),
  };
}

function parseSize(text: string): PlaneSize {
  const match = /^([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?$/i.exec(text);
  if (match === null)
    throw new UserError(`--size is "${text}", but must be a number of pixels such as 224, or two such as 224x256.`);
  return { height: Number(match[1]), width: Number(match[2] ?? match[1]) };
}

function parseBatchSize(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new UserError(`--batch-size is "${text}", but must be a whole number from 1.`);
  return Number(text);
}

async function run(
  request: Request,
  input: FeatureInput,
  output: ProgressStream,
  stream: ProgressStream,
): Promise<ExitCode> {
  const { model, weights, kind, batchSize, precision } = request;
  const size = inputSize(request, input);
  checkWritable(resolve(request.output));
  const { record, inputSize: modelSize } = createBackbone(model, { size });
  const line = createProgressLine(stream);
  const images = input.begin({ transform: transformFor(record, modelSize), batchSize });
  try {
    line.update(`${model}: loading`);
    const loaded = await loadBackbone({
      name: model,
      weights,
      size,
      keepHead: kind === 'logits',
      precision,
      onProgress: (event) => showDownload(event, model, line),
    });
    try {
      const { shape, seconds } = await writeFeatures(loaded, images.batches, {
        path: request.output,
        count: input.count,
        output: kind,
        onProgress: (text) => line.update(`${model}: ${text}`),
      });
      line.clear();
      for (const note of images.notes()) line.print(note);
      output.write(`${request.output}: float32, ${shape.join('×')}; ${describe(loaded.backbone, loaded.source)}\n`);
      output.write(
        `${counted(shape[0], 'image')} in ${seconds.toFixed(2)} s, ${(shape[0] / seconds).toFixed(2)} images/s (without loading the model)\n`,
      );
      if (images.files !== undefined) {
        const index = request.output.replace(/\.npy$/i, '.csv');
        writeFileAtomic(
          index,
          csvOf(
            ['row', 'file'],
            images.files.map((file, row) => [row, file]),
          ),
        );
        output.write(`${index}: the file of each row\n`);
      }
      return reportBroken(images.broken, output);
    } finally {
      disposeParameters(loaded.parameters);
    }
  } finally {
    line.clear();
    await images.close();
  }
}

/** Images that are normalised already decide on the size, unless the model has one of its own. */
function inputSize({ model, size, place }: Request, { fixedSize }: FeatureInput): PlaneSize | undefined {
  if (fixedSize === undefined) return size;
  const { positionGrid, inputSize: modelSize } = createBackbone(model, { size });
  const expected = size ?? (positionGrid === undefined ? fixedSize : modelSize);
  if (expected.height === fixedSize.height && expected.width === fixedSize.width) return expected;
  throw new UserError(
    `${place.path} has normalised images of ${shown(fixedSize)}, but ${model} runs at ${shown(expected)}: give --size ${fixedSize.height}x${fixedSize.width}, or images as uint8, which are resized.`,
  );
}

function shown({ height, width }: PlaneSize): string {
  return `${height}×${width}`;
}

function describe({ name, inputSize: size }: Backbone, { kind, file }: WeightsSource): string {
  const weights = {
    embedded: 'the project’s own weights',
    hub: 'published weights',
    random: 'random weights',
    file: file ?? 'weights of a file',
  }[kind];
  return `${name} at ${shown(size)}, ${weights}`;
}

if (require.main === module) runCommand(main);
