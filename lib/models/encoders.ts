/** Encoders as values: what makes a feature map of an image, with its weights. Nothing of them is on the device until they are used. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Normalization } from '../data/normalization';
import { UserError } from '../errors';
import type { Precision } from '../precisions';
import { tf, type Tensor4D } from '../tf';
import { vitConfigAt } from './architecture';
import { loadBackbone } from './backbone';
import { encodeBlockMaps, encodeMap, type BlockSelection, type EncodeOptions } from './feature-maps';
import type { DownloadEvent } from './hub';
import { initialParameters } from './initial-values';
import { isVitMatrix, roundMatrices } from './low-precision';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  type ParameterTable,
  type Parameters,
  type PublishedValues,
} from './parameters';
import type { EncoderDecoderSpec } from './encoder-decoder';
import type { WeightsOrigin } from './network';
import { vitShape } from './networks';
import type { Scope } from './scope';
import { patchGrid, vitParameters, type VitConfig, type VitName } from './vit';

/** Weights in the published layout, and where they come from. */
export interface Weights {
  readonly values: PublishedValues;
  readonly origin: Required<WeightsOrigin>;
}

/** A vision transformer with its weights, for images of one size. */
export interface Vit {
  /** As in results. */
  readonly name: string;
  /** For tables and figures. */
  readonly title: string;
  readonly config: VitConfig;
  readonly table: ParameterTable;
  readonly weights: Weights;
  /** Of the images that the weights were made with. */
  readonly normalization: Normalization;
  /** What its matrices are computed in where it is frozen. */
  readonly precision: Precision;
  /** Of the images, in pixels a side. */
  readonly size: number;
}

/** What a saved model says of an encoder. */
type EncoderSpec = Pick<EncoderDecoderSpec, 'encoder'> & {
  readonly maps: Omit<EncoderDecoderSpec['maps'], 'precision'>;
};

/** What makes a feature map of an image. */
export interface Encoder {
  readonly name: string;
  readonly title: string;
  readonly table: ParameterTable;
  readonly weights: Weights;
  /** What images go through before. */
  readonly normalization: Normalization;
  readonly precision: Precision;
  /** Of its map. */
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** Everything beside weights, size and precision that its map depends on. */
  readonly options: object;
  /** What a saved model says of it. */
  readonly spec: EncoderSpec;
  /** images: N×H×W×3, normalised → N×rows×columns×channels. */
  encode(images: Tensor4D, scope: Scope): Tensor4D;
}

export interface VitRequest {
  readonly name: string;
  readonly title: string;
  /** Of the registry, or one of its own, which has random weights only. */
  readonly architecture: VitName | VitConfig;
  /** The registry's name of its weights. */
  readonly pretrained?: string;
  /** Names, shapes and initial values, where they are not the architecture's. */
  readonly table?: ParameterTable;
  readonly normalization: Normalization;
  /** hub, random, or the path of a file. */
  readonly weights: string;
  /** Pixels a side. */
  readonly imageSize: number;
  /** Of random weights. */
  readonly seed: number;
  /** float32 by default; bfloat16 is for frozen encoders. */
  readonly precision?: Precision;
  /** Only its first blocks; all by default. */
  readonly depth?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: DownloadEvent) => void;
}

/**
 * A vision transformer with its weights. They are random only where that is asked for.
 * @throws UserError for a file that cannot be had, by its name, and for a size that patches do not divide
 */
export async function openVit(request: VitRequest): Promise<Vit> {
  const { name, title, architecture, pretrained, weights, imageSize, seed, normalization, depth, signal, onProgress } =
    request;
  const size = { height: imageSize, width: imageSize };
  patchGrid(size, vitConfigAt(architecture, size)); // refuses a size that does not fit
  const whole = vitConfigAt(architecture, size);
  const config = depth === undefined ? whole : { ...whole, depth };
  const facts = {
    name,
    title,
    config,
    normalization,
    precision: request.precision ?? 'float32',
    size: imageSize,
  } as const;
  if (weights === 'random') {
    const table = request.table ?? vitParameters(config, { classes: 0 });
    const parameters = createParameters(table, seed);
    return { ...facts, table, weights: takeWeights(parameters, { source: weights }) };
  }
  if (pretrained === undefined) throw new UserError(`${name} has random weights only: give weights=random.`);
  const loading = loadBackbone({ name: pretrained, weights, size: imageSize, depth, seed, signal, onProgress });
  const { backbone, parameters, source } = await loading.catch((error: unknown) => {
    // The message is written for a command's option.
    throw error instanceof UserError ? new UserError(error.message.replace('--weights FILE', 'weights=FILE')) : error;
  });
  const origin = { source: source.kind === 'file' ? basename(weights) : source.kind, sha256: source.sha256 };
  return { ...facts, table: backbone.table, weights: takeWeights(parameters, origin) };
}

function takeWeights(parameters: Parameters, { source, sha256 }: WeightsOrigin): Weights {
  try {
    const values = exportParameters(parameters);
    return { values, origin: { source, sha256: sha256 ?? hashValues(values) } };
  } finally {
    disposeParameters(parameters);
  }
}

/** SHA-256 over names and values, in hexadecimal. */
export function hashValues(values: PublishedValues): string {
  const hash = createHash('sha256');
  for (const [name, numbers] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, numbers.length]));
    hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  }
  return hash.digest('hex');
}

/** The patch tokens after the last block and the final norm as a map: N×H/P×W/P×C for patches of P×P. */
export function lastMap(vit: Vit, options: EncodeOptions = {}): Encoder {
  const { config } = vit;
  const encode: Encoder['encode'] = (images, scope) => encodeMap(config, images, scope, options);
  // A file's hash does not tell how many of its blocks were taken.
  const own = { channels: config.width, options: { ...options, depth: config.depth }, encode };
  return encoderOf(vit, config, { ...own, spec: { encoder: vitShape(config), maps: options } });
}

/** The maps of several blocks side by side, N×H/P×W/P×(blocks·C); what comes after the last of them is left out. */
export function blockMaps(vit: Vit, { blocks, normalizeTokens }: BlockSelection): Encoder {
  const config = { ...vit.config, depth: Math.max(...blocks) + 1 };
  if (config.depth > vit.config.depth)
    throw new UserError(
      `${vit.title} has ${vit.config.depth} blocks, so there is no block ${config.depth - 1}: blocks count from 0.`,
    );
  const selection = { blocks, normalizeTokens };
  return encoderOf(vit, config, {
    channels: blocks.length * config.width,
    options: selection,
    spec: { encoder: vitShape(config), maps: { blocks: [...blocks], normalizeTokens } },
    encode: (images, scope) => tf.tidy(() => tf.concat4d(encodeBlockMaps(config, images, scope, selection), 3)),
  });
}

function encoderOf(
  vit: Vit,
  config: VitConfig,
  own: Pick<Encoder, 'channels' | 'options' | 'spec' | 'encode'>,
): Encoder {
  const { name, title, weights, normalization, precision, size } = vit;
  const kept = Object.keys(vitParameters(config, { classes: 0 }));
  const [rows, columns] = patchGrid({ height: size, width: size }, config);
  return {
    ...{ name, title, normalization, precision, rows, columns },
    table: Object.fromEntries(kept.map((parameter) => [parameter, vit.table[parameter]])),
    weights: {
      ...weights,
      values: new Map(kept.map((parameter) => [parameter, weights.values.get(parameter) ?? new Float32Array()])),
    },
    ...own,
  };
}

/** The same encoder with values that a training gave it; others among them, such as a decoder's, are left out. */
export function withValues(encoder: Encoder, values: PublishedValues): Encoder {
  const own = new Map([...values].filter(([name]) => name in encoder.table));
  return { ...encoder, weights: { values: own, origin: { ...encoder.weights.origin, sha256: hashValues(own) } } };
}

/** An encoder's weights on the device; the caller disposes them. */
export function frozenParameters(encoder: Encoder): Parameters {
  const parameters = initialParameters(encoder.table, 0, encoder.weights.values);
  return encoder.precision === 'bfloat16' ? roundMatrices(parameters, isVitMatrix) : parameters;
}

/** Everything that its maps depend on, as data. */
export function encoderIdentity({ name, weights, precision, rows, columns, channels, options }: Encoder): object {
  return { name, weights: weights.origin.sha256, precision, map: [rows, columns, channels], options };
}
