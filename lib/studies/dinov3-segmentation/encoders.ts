/** The frozen encoders of the fourth study: DINOv3 ViT-S, -B and -L, and small networks of their shape for the tour. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Normalization } from '../../data/batches';
import { suggestion, UserError } from '../../errors';
import { createBackbone } from '../../models/architecture';
import { loadBackbone } from '../../models/backbone';
import { dinoUnetBlocks, dinoUnetBlocksOf, encodeBlockMaps, encodeVitBlockMaps, type BlockSelection } from '../../models/feature-maps'; // prettier-ignore
import type { DownloadEvent } from '../../models/hub';
import { countParameters, createParameters, disposeParameters, readParameters, type ParameterTable, type Parameters } from '../../models/parameters'; // prettier-ignore
import type { PretrainedName } from '../../models/pretrained-records';
import { findModel } from '../../models/pretrained';
import { createScope, type Scope } from '../../models/scope';
import { patchGrid, vitConfigs, vitParameters, type VitConfig, type VitName } from '../../models/vit';
import type { Precision } from '../../tensor/precision';
import { tf, type Tensor4D } from '../../tf';
import { hashParameters } from '../../training/features';
import { dinov3EncoderNames, type Dinov3EncoderName, type encodersOfStudy, type encodersOfTour } from './encoder-names'; // prettier-ignore
import type { Dinov3Arm } from './results';

interface EncoderRecord {
  readonly title: string;
  /** Of the hub. */
  readonly pretrained: PretrainedName;
  readonly architecture: VitName;
}

/** Under Meta's names. */
export const dinov3Encoders = {
  dinov3_vits16: {
    title: 'DINOv3-S',
    pretrained: 'vit_small_patch16_dinov3.lvd1689m',
    architecture: 'vit_small_patch16_dinov3',
  },
  dinov3_vitb16: {
    title: 'DINOv3-B',
    pretrained: 'vit_base_patch16_dinov3.lvd1689m',
    architecture: 'vit_base_patch16_dinov3',
  },
  dinov3_vitl16: {
    title: 'DINOv3-L',
    pretrained: 'vit_large_patch16_dinov3.lvd1689m',
    architecture: 'vit_large_patch16_dinov3',
  },
} as const satisfies Record<(typeof encodersOfStudy)[number], EncoderRecord>;

/** Smaller patches, so that a small image has as many as a large one has in the study. */
const tourVit: VitConfig = { ...vitConfigs.vit_small_patch16_dinov3, patchSize: 8 };

interface TourRecord {
  readonly title: string;
  readonly config: VitConfig;
}

/** Stand in for the three where weights are random in the tour; as many blocks each, so that the large one can be cut too. */
export const tourEncoders = {
  dinov3_tour_s: { title: 'tour S', config: { ...tourVit, width: 48, heads: 3 } },
  dinov3_tour_b: { title: 'tour B', config: { ...tourVit, width: 64, heads: 4 } },
  dinov3_tour_l: { title: 'tour L', config: { ...tourVit, width: 64, heads: 4, depth: 24 } },
} as const satisfies Record<(typeof encodersOfTour)[number], TourRecord>;

/** For tables and figures. */
export function encoderTitle(name: string): string {
  const records: Readonly<Record<string, { readonly title: string }>> = { ...dinov3Encoders, ...tourEncoders };
  return Object.hasOwn(records, name) ? records[name].title : name;
}

/** What an arm takes of an encoder. */
export interface EncoderVariant {
  readonly selection: BlockSelection;
  /** Blocks that are computed: as published, those after the last one asked for are dropped. */
  readonly depth: number;
  /** Values of the network that is left. */
  readonly parameters: number;
  /** images: N×H×W×3, normalised → four of N×rows×columns×channels, the earliest block first. */
  encode(images: Tensor4D): Tensor4D[];
}

export interface Dinov3Encoder {
  readonly name: Dinov3EncoderName;
  readonly title: string;
  /** As in results: hub, random, or the file's name. */
  readonly weights: string;
  /** SHA-256 of the weights. */
  readonly weightsKey: string;
  readonly precision: Precision;
  /** Of the images that the weights were made with. */
  readonly normalization: Normalization;
  /** Of a map, at the size that it was opened for. */
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** The weights, which are frozen. */
  readonly frozen: Parameters;
  variant(arm: Dinov3Arm): EncoderVariant;
  close(): void;
}

export interface EncoderChoice {
  readonly name: string;
  /** hub, random, or the path of a file, in which `{encoder}` stands for the name. */
  readonly weights: string;
  /** Pixels a side. */
  readonly imageSize: number;
}

export interface EncoderOptions extends EncoderChoice {
  /** Of random weights. */
  readonly seed: number;
  /** Of the frozen matrices; float32 by default. */
  readonly precision?: Precision;
  /** Which arms it is for: what none of them takes is not loaded. Both by default. */
  readonly arms?: readonly Dinov3Arm[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: DownloadEvent) => void;
}

/**
 * Looks at what is named, without a download.
 * @throws UserError for an unknown encoder, a size that patches do not divide, a file that is not there, and weights that do not exist
 */
export function checkEncoder({ name: given, weights, imageSize }: EncoderChoice): Dinov3EncoderName {
  const name = dinov3EncoderNames.find((known) => known === given);
  if (name === undefined)
    throw new UserError(`There is no encoder "${given}"${suggestion(given, dinov3EncoderNames) || '.'} There are ${dinov3EncoderNames.join(', ')}.`); // prettier-ignore
  const isTour = Object.hasOwn(tourEncoders, name);
  const patchSize = isTour ? tourVit.patchSize : vitConfigs.vit_small_patch16_dinov3.patchSize;
  if (imageSize % patchSize !== 0)
    throw new UserError(`imageSize is ${imageSize}, but must be a multiple of ${patchSize}: the patches of ${name} are ${patchSize}×${patchSize} pixels.`); // prettier-ignore
  if (weights === 'random') return name;
  if (isTour)
    throw new UserError(`${name} has random weights only: give weights=random, or one of ${Object.keys(dinov3Encoders).join(', ')}.`); // prettier-ignore
  const file = fileOf({ name, weights });
  if (weights !== 'hub' && !existsSync(file))
    throw new UserError(`There is no weights file ${file}: give hub, random or the path of a .safetensors file, in which {encoder} stands for ${name}.`); // prettier-ignore
  return name;
}

function fileOf({ name, weights }: Pick<EncoderChoice, 'name' | 'weights'>): string {
  return weights.replace('{encoder}', name);
}

/** The encoder with its weights on the device, until `close`. They are random only where that is asked for. */
export async function openDinov3Encoder(options: EncoderOptions): Promise<Dinov3Encoder> {
  const { weights, imageSize, seed, precision = 'float32', arms = ['as-published', 'corrected'] } = options;
  const name = checkEncoder(options);
  const size = { height: imageSize, width: imageSize };
  if (isTourName(name)) {
    const { title, config }: TourRecord = tourEncoders[name];
    const [rows, columns] = patchGrid(size, config);
    const frozen = createParameters(tourTable(config), seed);
    const facts = {
      name,
      title,
      weights,
      weightsKey: hashParameters(frozen),
      precision: 'float32' as const,
      normalization: normalizationOf('dinov3_vits16'),
      rows,
      columns,
      channels: config.width,
      frozen,
    };
    return encoderOf(facts, (arm) => {
      const selection = dinoUnetBlocksOf(config, arm);
      const kept = { ...config, depth: lastBlock(selection) + 1 };
      return {
        selection,
        depth: kept.depth,
        parameters: countParameters({ table: tourTable(kept) }),
        encode: (images, scope) => encodeVitBlockMaps(kept, images, scope, selection),
      };
    });
  }
  const { title, pretrained, architecture } = dinov3Encoders[name];
  const whole = createBackbone(architecture, { size: imageSize });
  const depth = Math.max(...arms.map((arm) => lastBlock(dinoUnetBlocks(whole, arm)) + 1));
  const registered = weights === 'random' ? architecture : pretrained;
  const file = fileOf({ name, weights });
  const { signal, onProgress } = options;
  const loaded = loadBackbone({ name: registered, weights: file, size: imageSize, depth, seed, precision, signal, onProgress }); // prettier-ignore
  const { parameters: frozen, source } = await loaded.catch((error: unknown) => {
    // The message is written for a command's option.
    throw error instanceof UserError ? new UserError(error.message.replace('--weights FILE', 'weights=FILE')) : error;
  });
  const [rows, columns] = patchGrid(size, vitConfigs[architecture]);
  const facts = {
    name,
    title,
    weights: source.kind === 'file' ? basename(file) : source.kind,
    weightsKey: source.sha256 ?? hashParameters(frozen),
    precision,
    normalization: normalizationOf(name),
    rows,
    columns,
    channels: whole.width,
    frozen,
  };
  return encoderOf(facts, (arm) => {
    const selection = dinoUnetBlocks(whole, arm);
    const kept = createBackbone(architecture, { size: imageSize, depth: lastBlock(selection) + 1 });
    return {
      selection,
      depth: lastBlock(selection) + 1,
      parameters: countParameters(kept),
      encode: (images, scope) => encodeBlockMaps(kept, images, scope, selection),
    };
  });
}

function isTourName(name: Dinov3EncoderName): name is keyof typeof tourEncoders {
  return Object.hasOwn(tourEncoders, name);
}

function normalizationOf(name: keyof typeof dinov3Encoders): Normalization {
  const { mean, std } = findModel(dinov3Encoders[name].pretrained);
  return { mean, std };
}

function lastBlock({ blocks }: BlockSelection): number {
  return Math.max(...blocks);
}

/** Blocks of random weights that begin with a layer scale of 10⁻⁵ would all give the same map: here they have a say. */
function tourTable(config: VitConfig): ParameterTable {
  const table = vitParameters(config, { classes: 0 });
  return Object.fromEntries(
    Object.entries(table).map(([name, spec]) => [name, /\.gamma_\d$/.test(name) ? { ...spec, initial: 3 } : spec]),
  );
}

type EncoderFacts = Omit<Dinov3Encoder, 'variant' | 'close'>;
type ScopedVariant = Omit<EncoderVariant, 'encode'> & {
  readonly encode: (images: Tensor4D, scope: Scope) => Tensor4D[];
};

function encoderOf(facts: EncoderFacts, variantOf: (arm: Dinov3Arm) => ScopedVariant): Dinov3Encoder {
  const { frozen } = facts;
  return {
    ...facts,
    variant(arm) {
      const { encode, ...variant } = variantOf(arm);
      return {
        ...variant,
        encode: (images) => tf.tidy(() => encode(images, createScope(readParameters(frozen)))),
      };
    },
    close: () => disposeParameters(frozen),
  };
}
