/**
 * A trained model as a folder: `model.safetensors` with the published tensor names in PyTorch's layout, `model.json` with all that is
 * needed to use it, a card for readers, `splits.csv` where the images are files, and `model.onnx` where it was asked for.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';
import { csvOf } from '../csv';
import { UserError } from '../errors';
import { makeFolder, hashFile, isUnchanged, readRecord, recordText, temporarySibling, writeFileAtomic } from '../files';
import { initialParameters } from '../models/initial-values';
import type { Network } from '../models/network';
import { buildNetwork, networkSpecSchema } from '../models/network-spec';
import { libraryNetwork } from '../models/networks';
import { encodeGraph } from '../models/onnx/graph';
import { pythonNetwork } from '../models/python';
import { misfitError, type PublishedValues } from '../models/parameters';
import { checkedValues } from '../models/weights-file';
import { weightsNames } from '../models/weights-source';
import { findPath, lookUpPath, placeOf } from '../paths';
import { precisions } from '../precisions';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors';
import { resizedInput } from '../training/input-transforms';
import { modelCard } from './model-card';

export const modelFiles = {
  weights: 'model.safetensors',
  description: 'model.json',
  card: 'README.md',
  onnx: 'model.onnx',
  splits: 'splits.csv',
} as const;

const triple = z.tuple([z.number(), z.number(), z.number()]);
const side = z.int().min(1).max(100_000);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const scoreSchema = z.strictObject({
  value: z.number(),
  /** Of 95 %, where there is an interval. */
  low: z.number().optional(),
  high: z.number().optional(),
});

const descriptionSchema = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  task: z.enum(['multi-class', 'binary-class', 'multi-label', 'ordinal-regression', 'segmentation']),
  /** In the order of the outputs; of a segmentation what is in the mask. */
  classNames: z.array(z.string()).min(1),
  network: networkSpecSchema,
  /** What `timm.create_model` is given for a network with the same tensors; absent where timm has none. */
  timm: z
    .strictObject({
      name: z.string(),
      options: z.record(z.string(), z.union([z.number(), z.array(z.number())])),
    })
    .optional(),
  input: z.strictObject({
    /** Pixels that an image has when it is read: the shorter side resized bicubically and the centre cut out, or all of it stretched. */
    height: side,
    width: side,
    fit: z.enum(['cover', 'stretch']),
    /** What the network's own transform makes of that, if it has one: timm's for evaluation. */
    transform: z
      .strictObject({
        height: side,
        width: side,
        interpolation: z.enum(['bicubic', 'bilinear', 'nearest']),
        cropFraction: z.number().positive().max(1),
      })
      .optional(),
    /** Of values between 0 and 1. */
    mean: triple,
    std: triple,
  }),
  /** Directions in which training images were flipped, and in which predictions may be averaged. */
  flips: z.array(z.enum(['horizontal', 'vertical'])),
  /** What logits are to be divided by (Guo et al. 2017), fitted to the validation images. */
  temperature: z.number().positive().optional(),
  /** Which the network computes in. */
  precision: z.enum(precisions),
  recipe: z.record(z.string(), z.unknown()),
  scores: z.strictObject({ split: z.string(), images: z.int(), values: z.record(z.string(), scoreSchema) }).optional(),
  training: z.strictObject({
    id: z.string(),
    epoch: z.int(),
    which: z.enum(['best', 'last']),
    seconds: z.number(),
    /** Which the steps were computed in; the weights that are kept are float32. */
    precision: z.enum(precisions).optional(),
  }),
  data: z.strictObject({
    name: z.string(),
    sha256: z.string(),
    splits: z.record(z.string(), z.int()),
    synthetic: z.boolean(),
    license: z.string(),
  }),
  weights: z.strictObject({
    sha256,
    /** What the training started from. */
    origin: z.strictObject({ source: z.string(), sha256: z.string().optional() }),
  }),
  versions: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** What `model.json` says. */
export type ModelDescription = z.infer<typeof descriptionSchema>;

/** A model that lies on the disk. */
export interface SavedModel {
  readonly directory: string;
  readonly description: ModelDescription;
  readonly network: Network;
  /** Values in the published layout. */
  read(): PublishedValues;
}

/** The files of each split, relative to what was opened; of images with masks their ids. */
export type SplitFiles = Readonly<Record<string, readonly string[]>>;

export type ModelFormat = 'safetensors' | 'onnx';

/** The description without what follows from the weights' file. */
export type NewModel = Omit<ModelDescription, 'format' | 'timm' | 'weights'> & {
  readonly weights: Pick<ModelDescription['weights'], 'origin'>;
};

/**
 * Writes the folder, in place of an earlier one: a reader sees the old one, none for a moment, or the new one whole.
 * @param directory relative to the notebook, or to where the command was started
 * @param formats `onnx` adds a graph for images of the network's size
 * @param files whoever predicts on the test images needs to know which they are; none where images are no files
 * @throws UserError where the folder has other files than a model's
 */
export async function writeModel(
  directory: string,
  model: NewModel,
  values: PublishedValues,
  formats: readonly ModelFormat[] = [],
  files?: SplitFiles,
): Promise<SavedModel> {
  const target = placeOf(directory);
  bringBack(target);
  if (existsSync(target) && !existsSync(join(target, modelFiles.description)))
    throw new UserError(`${directory} is there already and is no model's folder: give another name.`);
  const { table, graph } = buildNetwork(model.network);
  const temporary = temporarySibling(target);
  makeFolder(temporary);
  try {
    const tensors = Object.entries(table).map(
      ([name, { shape }]) => [name, { shape, values: values.get(name) as Float32Array }] as const,
    );
    writeSafetensors(join(temporary, modelFiles.weights), new Map(tensors), { format: 'pt' });
    const hash = await hashFile(join(temporary, modelFiles.weights));
    const weights = { ...model.weights, sha256: hash };
    const description = descriptionSchema.parse({
      format: 1,
      ...model,
      weights,
      timm: pythonNetwork(model.network, inputSize(model)),
    });
    if (formats.includes('onnx')) {
      const size = inputSize(description);
      const { classes } = model.network;
      const file = {
        size,
        outputName: 'logits',
        outputShape: model.task === 'segmentation' ? [classes, size.height, size.width] : [classes],
        metadata: { classNames: JSON.stringify(model.classNames), input: JSON.stringify(description.input) },
      };
      const read = (name: string): Float32Array => values.get(name) as Float32Array;
      writeFileAtomic(
        join(temporary, modelFiles.onnx),
        encodeGraph({ table, read }, file, (g) => graph(g, size)),
      );
    }
    if (files !== undefined) {
      const rows = Object.entries(files).flatMap(([split, names]) => names.map((name) => [name, split]));
      writeFileAtomic(join(temporary, modelFiles.splits), csvOf(['file', 'split'], rows));
    }
    const has = { onnx: formats.includes('onnx'), splits: files !== undefined };
    writeFileAtomic(join(temporary, modelFiles.card), modelCard(description, has));
    writeFileAtomic(join(temporary, modelFiles.description), recordText(description, 2));
    const old = earlier(target);
    if (existsSync(target)) {
      rmSync(old, { recursive: true, force: true });
      renameSync(target, old);
    }
    renameSync(temporary, target);
    rmSync(old, { recursive: true, force: true });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return loadModel(target);
}

/** Where the model is for the moment in which another one takes its place. */
function earlier(target: string): string {
  return join(dirname(target), `.${basename(target)}.earlier`);
}

/** A process that was killed in that moment has left no model. */
function bringBack(target: string): void {
  if (!existsSync(target) && existsSync(earlier(target))) renameSync(earlier(target), target);
}

/** Pixels that the network sees. */
export function inputSize({ input }: Pick<ModelDescription, 'input'>): { height: number; width: number } {
  const { height, width } = input.transform ?? input;
  return { height, width };
}

/**
 * A model of a folder. Its weights are read when they are wanted; they are checked against the network's names and shapes now.
 * @param given relative to the notebook, where `saveModel` writes, or to where the command was started; or else to the project
 * @throws UserError where the folder is no model's, damaged, or of a newer version of the project
 */
export function loadModel(given: string): SavedModel {
  lookUpPath(given).tried.forEach(bringBack);
  const directory = findPath(given);
  const path = join(directory, modelFiles.description);
  if (!existsSync(path))
    throw new UserError(
      `${given} is no model's folder: it has no ${modelFiles.description}. Give a folder that saveModel wrote.`,
    );
  const description = parseDescription(path);
  const { input, network: spec, name, weights } = description;
  const normalization = { mean: input.mean, std: input.std };
  const expected = input.transform && { ...normalization, ...input.transform };
  const network = libraryNetwork(spec, {
    name,
    normalization,
    ...(expected && { transform: resizedInput(expected, expected) }),
    weights: { source: basename(directory), sha256: weights.sha256 },
  });
  const file = join(directory, modelFiles.weights);
  const read = (): PublishedValues => {
    if (!isUnchanged(file, weights.sha256))
      throw new UserError(`${file} is damaged, or of another model: save or copy the model again.`);
    return readValues(file);
  };
  checkTensors(file, network);
  const initial: Network['initial'] = (table, seed) => initialParameters(table, seed, read());
  // As the last expression of a cell, it would show all that it consists of.
  const shown = { [inspect.custom]: () => `${name}, in ${directory}` };
  return { directory, description, network: { ...network, initial }, read, ...shown };
}

/**
 * What is said of a kept model, where weights are given as the path of its folder or of its weights.
 * @throws UserError where that is damaged
 */
export function describeWeights(weights: string): ModelDescription | undefined {
  const { path = '' } = weightsNames.includes(weights) ? {} : lookUpPath(weights);
  const file = join(basename(path) === modelFiles.weights ? dirname(path) : path, modelFiles.description);
  return path !== '' && existsSync(file) ? parseDescription(file) : undefined;
}

function parseDescription(path: string): ModelDescription {
  const parsed = readRecord(path);
  if (parsed === undefined)
    throw new UserError(
      `${path} is damaged: save or copy the model again. (Whoever changed it on purpose deletes its "checksum".)`,
    );
  const result = descriptionSchema.safeParse(parsed);
  if (result.success) return result.data;
  const { path: at, message } = result.error.issues[0];
  throw new UserError(`${path} is damaged or of another version of this project: ${at.join('.') || 'it'}: ${message}.`);
}

function checkTensors(path: string, { table }: Network): void {
  const file = openSafetensors(path);
  try {
    const { tensors } = file;
    const names = Object.keys(table);
    const misfit = misfitError(path, {
      missing: names.filter((name) => !tensors.has(name)),
      extra: [...tensors.keys()].filter((name) => !Object.hasOwn(table, name)),
      misshapen: names.filter(
        (name) => (tensors.get(name)?.shape ?? table[name].shape).join() !== table[name].shape.join(),
      ),
    });
    if (misfit !== undefined) throw misfit;
  } finally {
    file.close();
  }
}

function readValues(path: string): PublishedValues {
  const file = openSafetensors(path);
  try {
    return new Map([...file.tensors].map(([name, tensor]) => [name, checkedValues(tensor.read(), name, path)]));
  } finally {
    file.close();
  }
}
