/** A network as a value: a table of parameters and a function over them. It has no parameters of its own until it is trained. */
import { halfNormalization, type Normalization } from '../data/normalization';
import type { ImageExpectation } from '../data/transform';
import { UserError } from '../errors';
import type { Random } from '../random';
import type { Tensor, Tensor4D } from '../tf';
import type { ParameterTable, Parameters, PublishedValues } from './parameters';
import type { Encoder } from './encoders';
import type { NetworkSpec } from './network-spec';
import type { Scope } from './scope';

/** The numbers that a training starts from: published values by name, or a function that makes the parameters. */
export type InitialValues = PublishedValues | ((table: ParameterTable, seed: number) => Parameters);

/** Which layer a parameter belongs to, counted from 0 at the images; the head's is the largest. */
export type LayerOf = (name: string) => number;

/** Where the values that a training starts from come from. */
export interface WeightsOrigin {
  /** `random`, `hub`, `embedded`, or a file's name. */
  readonly source: string;
  /** SHA-256 of the file or of the values, in hexadecimal; absent for values that each training draws by its own seed. */
  readonly sha256?: string;
}

/** Brings images to the size that a network takes. */
export interface ImageTransform {
  /** Everything that its output depends on, such as `bicubic 224×224`. */
  readonly key: string;
  /** Pixels of its output. */
  readonly height: number;
  readonly width: number;
  /** Of the network that the images are for. */
  readonly normalization: Normalization;
  /** How it resizes and cuts, where it is timm's transform for evaluation: with it, a saved model prepares new images alike. */
  readonly resizing?: Pick<ImageExpectation, 'interpolation' | 'cropFraction'>;
  /**
   * N images of height × width × channels bytes, one after the other, to as many of the transform's size with as many channels.
   * The argument is not kept once the result is there, but it may be the result.
   */
  apply(bytes: Uint8Array, shape: ImagesShape): Promise<Uint8Array> | Uint8Array;
}

export type ImagesShape = readonly [count: number, height: number, width: number, channels: number];

export interface Network {
  /** For tables and figures, such as `ResNet-18`. */
  readonly name: string;
  readonly table: ParameterTable;
  /**
   * images: N×H×W×3, normalised → N×classes logits of a classifier, N×H×W×1 of a segmentation network. `random`, in training only:
   * numbers of this step, for what is left out by chance.
   */
  forward(images: Tensor4D, scope: Scope, random?: Random): Tensor;
  /** Of the images; those of `transform` where there is one. */
  readonly normalization: Normalization;
  /** By default images stay as the dataset has them. */
  readonly transform?: ImageTransform;
  /** Random ones by default. */
  readonly initial?: InitialValues;
  readonly weights: WeightsOrigin;
  /** What stands before the network and is never trained: `forward` is given its maps in place of the images. */
  readonly frozen?: FrozenEncoder;
  readonly layerOf?: LayerOf;
  /** Names of what is trained; all by default. The others have neither gradient nor optimizer state. */
  readonly trainable?: (name: string) => boolean;
  /** Everything beside the table that `forward` depends on: part of the identity of a training. A function stands for its source. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What a saved model says of the network, encoder included, where that is not `config`. */
  readonly spec?: NetworkSpec;
}

export interface FrozenEncoder {
  readonly encoder: Encoder;
  /** Whether the maps of all images are computed once and kept; otherwise the encoder runs in every step. */
  readonly cache: boolean;
}

/** What a network of one's own has to say; the rest has a default. */
export type OwnNetwork = Pick<Network, 'name' | 'table' | 'forward'> & Partial<Network>;

/**
 * A network of one's own. A training of it is told apart by its name, its table, and the text of `forward`: what that function takes from
 * outside of it, such as a width, is told by `config`.
 * @throws UserError where it has no parameters
 */
export function network(given: OwnNetwork): Network {
  if (Object.keys(given.table).length === 0)
    throw new UserError(`The network "${given.name}" has no parameters: its table is empty.`);
  return {
    normalization: given.transform?.normalization ?? halfNormalization,
    weights: { source: 'random' },
    ...given,
    config: { forward: given.forward, ...given.config },
  };
}

/**
 * The network with only some of its parameters trained: those whose name the predicate is true of, or that begin with one of the texts.
 * @throws UserError where that is none
 */
export function unfreeze(given: Network, which: NameChoice): Network {
  return withTrainable(given, which, (chosen) => chosen);
}

/**
 * The network with some of its parameters left as they are.
 * @throws UserError where nothing is left to train
 */
export function freeze(given: Network, which: NameChoice): Network {
  return withTrainable(given, which, (chosen) => !chosen);
}

/** Parameters by name: a predicate, or what the names begin with, such as `['conv1', 'layer1']`. */
export type NameChoice = ((name: string) => boolean) | string | readonly string[];

function withTrainable(given: Network, which: NameChoice, decide: (chosen: boolean) => boolean): Network {
  const starts = typeof which === 'function' ? [] : [which].flat();
  const isChosen =
    typeof which === 'function' ? which : (name: string) => starts.some((start) => startsWith(name, start));
  const unknown = starts.find((start) => !Object.keys(given.table).some((name) => startsWith(name, start)));
  if (unknown !== undefined)
    throw new UserError(
      `No parameter of ${given.name} begins with "${unknown}"; there are ${partsOf(given.table).join(', ')}.`,
    );
  const before = given.trainable ?? (() => true);
  const trainable = (name: string): boolean => before(name) && decide(isChosen(name));
  if (!Object.keys(given.table).some((name) => given.table[name].kind !== 'statistic' && trainable(name)))
    throw new UserError(`Nothing of ${given.name} would be trained: leave at least one parameter.`);
  return { ...given, trainable };
}

/** `layer1` is the start of `layer1.0.conv1.weight`, but not of `layer10.weight`. */
function startsWith(name: string, start: string): boolean {
  return name === start || name.startsWith(start.endsWith('.') ? start : `${start}.`);
}

/** The parts of a network: its names up to the first dot, in the table's order. */
export function partsOf(table: ParameterTable): string[] {
  return [...new Set(Object.keys(table).map((name) => name.split('.')[0]))];
}
