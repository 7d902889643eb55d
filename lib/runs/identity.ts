/**
 * What a training is: everything that its result depends on but the code of the library, as data. Two trainings of the same identity are
 * the same training; what two differ in is in their identities.
 */
import { splitNames } from '../data/dataset';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import type { Network } from '../models/network';
import type { PrecisionSetting } from '../precisions';
import { choosePrecision } from '../tensor/chosen-precision';
import type { Precision } from '../precisions';
import type { Recipe } from '../training/recipe';
import type { TrainingData } from '../training/train-network';
import { shortHash } from './results';

/** JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface TrainingIdentity {
  readonly network: Json;
  readonly recipe: Json;
  readonly data: Json;
  readonly precision: Precision;
}

export function trainingIdentity(
  network: Network,
  data: TrainingData,
  { precision, ...recipe }: Recipe,
): TrainingIdentity {
  return {
    network: networkIdentity(network),
    recipe: identityOf(recipe),
    data: dataIdentity(data),
    precision: choosePrecision(precision),
  };
}

/** Settings with the precision that they choose, which is left out where it is float32: it was not named before there was a choice. */
export function settingsIdentity<T extends object>({
  precision,
  ...settings
}: T & { readonly precision?: PrecisionSetting }): Json {
  const chosen = choosePrecision(precision);
  return identityOf(chosen === 'float32' ? settings : { ...settings, precision: chosen });
}

/** Parameters are told by their names and shapes, values by their hash, functions of one's own by their name and text. */
export function networkIdentity({ name, table, weights, transform, normalization, trainable, config }: Network): Json {
  const shapes = Object.entries(table).map(([parameter, { shape, kind, initial }]) => [
    parameter,
    shape,
    kind,
    initial,
  ]);
  const trained = trainable === undefined ? 'all' : Object.keys(table).filter(trainable);
  return {
    name,
    table: shortHash(shapes),
    weights: weights.sha256 ?? weights.source,
    input: transform?.key ?? 'as it is',
    normalization: identityOf(normalization),
    trained: typeof trained === 'string' ? trained : shortHash(trained),
    config: identityOf(config),
  };
}

/** Content and splits, and the size that images are read at. */
export function dataIdentity(data: TrainingData): Json {
  const { sha256, height, width } = data;
  return { sha256, size: `${height}×${width}`, ...('origins' in data ? { splits: splitsHash(data) } : {}) };
}

/** Stands for which images are in which split, in their order. */
export function splitsHash({ splits }: Pick<SegmentationDataset, 'splits'>): string {
  return shortHash(splitNames.map((name) => splits[name].ids));
}

/**
 * A value as JSON: what is undefined is left out, a function of one's own is its name and the hash of its text, and a part of the library
 * its name and options, or its key, which say what its functions do.
 */
export function identityOf(value: unknown): Json {
  if (typeof value === 'function') return { function: value.name, text: shortHash(String(value)) };
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return value as Json;
  if (Array.isArray(value)) return value.map(identityOf);
  if ('key' in value && 'apply' in value) return String(value.key);
  if (ArrayBuffer.isView(value)) return shortHash([...(value as Float32Array)]);
  const isPart = 'name' in value && 'options' in value;
  const entries = Object.entries(value).filter(
    ([, item]) => item !== undefined && !(isPart && typeof item === 'function'),
  );
  return Object.fromEntries(entries.map(([name, item]) => [name, identityOf(item)]));
}

/** An identity as settings of a row, by their own names, such as `weightDecay`; functions by theirs. */
export function settingsOf(recipe: Json): Record<string, string | number> {
  const settings: Record<string, string | number> = {};
  const visit = (path: string, item: Json): void => {
    if (Array.isArray(item)) {
      settings[path] = item.length === 0 ? 'none' : item.map(partText).join(', ');
    } else if (isObject(item) && 'name' in item && 'options' in item) {
      settings[path] = partName(item);
      for (const [name, option] of Object.entries(item.options as object)) visit(name, option as Json);
    } else if (isObject(item) && 'function' in item) {
      settings[path] = partText(item);
    } else if (isObject(item)) {
      for (const [name, inner] of Object.entries(item)) visit(name, inner);
    } else settings[path] = typeof item === 'number' ? item : typeof item === 'string' ? item : JSON.stringify(item);
  };
  for (const [name, item] of Object.entries(recipe as object)) visit(name, item as Json);
  return settings;
}

function partName({ name }: { readonly [name: string]: Json }): string {
  return typeof name === 'string' ? name : JSON.stringify(name);
}

/** Such as `flip (horizontal, 0.5)`. */
function partText(item: Json): string {
  if (!isObject(item)) return typeof item === 'string' ? item : JSON.stringify(item);
  const { function: own, name, options } = item;
  if (typeof own === 'string') return own;
  if (typeof name !== 'string' || options === undefined) return JSON.stringify(item);
  const texts = Object.values(options as object).map((option: Json) => partText(option));
  return texts.length === 0 ? name : `${name} (${texts.join(', ')})`;
}

function isObject(item: Json): item is { readonly [name: string]: Json } {
  return typeof item === 'object' && item !== null && !Array.isArray(item);
}
