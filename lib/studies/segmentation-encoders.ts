/** The encoders of the segmentation study: a vision transformer whose last patch tokens are a feature map, with its weights. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Normalization } from '../data/batches';
import { UserError } from '../errors';
import { loadBackbone } from '../models/backbone';
import { decoderConfigs, type DecoderConfig } from '../models/decoders';
import { encodeMap, encodeVitMap, type EncodeOptions } from '../models/feature-maps';
import type { DownloadEvent } from '../models/hub';
import { createParameters, disposeParameters, exportParameters, type ParameterTable, type Parameters, type PublishedValues } from '../models/parameters'; // prettier-ignore
import { findModel } from '../models/pretrained';
import type { Scope } from '../models/scope';
import { patchGrid, vitConfigs, vitParameters, type VitConfig } from '../models/vit';
import type { Tensor4D } from '../tf';
import { hashParameters } from '../training/features';

export interface SegmentationEncoder {
  readonly name: string;
  /** For tables and figures. */
  readonly title: string;
  readonly table: ParameterTable;
  /** Its weights, in the published layout. */
  readonly values: PublishedValues;
  /** As in results: hub, random, or the file's name. */
  readonly weights: string;
  /** Of the weights' file, or of random weights themselves, in hexadecimal. */
  readonly weightsKey: string;
  /** Of the images that the weights were made with. */
  readonly normalization: Normalization;
  /** Of its map. */
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** images: N×H×W×3, normalised → N×rows×columns×channels, after the final norm. */
  encode(images: Tensor4D, scope: Scope, options?: EncodeOptions): Tensor4D;
  /** Decoders that fit its map. */
  readonly decoders: { readonly segmentation: DecoderConfig; readonly reconstruction: DecoderConfig };
}

export interface EncoderChoice {
  readonly profile: string;
  /** hub, random, or the path of a file. */
  readonly weights: string;
  /** Pixels a side. */
  readonly imageSize: number;
}

export interface EncoderOptions extends EncoderChoice {
  /** Of random weights. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: DownloadEvent) => void;
}

/** torchvision's weights, which the study starts from; they have to be given as a file. */
export const encoderOfStudy = 'vit_b_16.IMAGENET1K_V1';

/** Stands in for ViT-B/16 where weights are random in the tour: the same patches, a hundredth of the values. */
const smallVit: VitConfig = { ...vitConfigs.vit_tiny_patch16_224, width: 96, depth: 3, heads: 3 };
export const smallEncoderName = 'vit_tour_patch16';

/** Factors of the decoders' channels for the small encoder. */
const smallDecoders = {
  segmentation: { inputs: smallVit.width, widths: [32, 24, 16, 8] },
  reconstruction: { inputs: smallVit.width, widths: [64, 32, 24, 16] },
} as const;

function isSmall({ profile, weights }: EncoderChoice): boolean {
  return profile === 'tour' && weights === 'random';
}

/**
 * Looks at what the parameters name, without a download.
 * @throws UserError for a size that patches do not divide, and for a weights file that is not there
 */
export function checkEncoder({ weights, imageSize }: EncoderChoice): void {
  const { patchSize } = smallVit;
  if (imageSize % patchSize !== 0)
    throw new UserError(`imageSize is ${imageSize}, but must be a multiple of ${patchSize}: the encoder's patches are ${patchSize}×${patchSize} pixels.`); // prettier-ignore
  if (weights !== 'hub' && weights !== 'random' && !existsSync(weights))
    throw new UserError(`There is no weights file ${weights}: give hub, random or the path of a .safetensors file.`);
}

/** The encoder with its weights. They are random only where that is asked for: a file that cannot be had is a `UserError` that names it. */
export async function openEncoder(options: EncoderOptions): Promise<SegmentationEncoder> {
  const { weights, imageSize, seed, signal, onProgress } = options;
  checkEncoder(options);
  const size = { height: imageSize, width: imageSize };
  if (isSmall(options)) {
    const [rows, columns] = patchGrid(size, smallVit);
    const config: VitConfig = { ...smallVit, grid: [rows, columns] };
    const table = vitParameters(config, { classes: 0 });
    const facts = { name: smallEncoderName, title: 'small ViT', table, rows, columns, channels: config.width };
    return {
      ...facts,
      ...takeValues(createParameters(table, seed)),
      weights,
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      encode: (images, scope, encodeOptions) => encodeVitMap(config, images, scope, encodeOptions),
      decoders: smallDecoders,
    };
  }
  const name = weights === 'random' ? 'vit_base_patch16_224' : encoderOfStudy;
  const loaded = await loadBackbone({ name, weights, size: imageSize, seed, signal, onProgress }).catch(
    (error: unknown) => {
      // The message is written for a command's option.
      throw error instanceof UserError ? new UserError(error.message.replace('--weights FILE', 'weights=FILE')) : error;
    },
  );
  const { backbone, parameters, source } = loaded;
  const { mean, std } = findModel(encoderOfStudy);
  const [rows, columns] = patchGrid(size, vitConfigs.vit_base_patch16_224);
  const taken = takeValues(parameters);
  return {
    name,
    title: 'ViT-B/16',
    table: backbone.table,
    values: taken.values,
    weightsKey: source.sha256 ?? taken.weightsKey,
    weights: source.kind === 'file' ? basename(weights) : source.kind,
    normalization: { mean, std },
    rows,
    columns,
    channels: backbone.width,
    encode: (images, scope, encodeOptions) => encodeMap(backbone, images, scope, encodeOptions),
    decoders: decoderConfigs,
  };
}

function takeValues(parameters: Parameters): { readonly values: PublishedValues; readonly weightsKey: string } {
  try {
    return { values: exportParameters(parameters), weightsKey: hashParameters(parameters) };
  } finally {
    disposeParameters(parameters);
  }
}
