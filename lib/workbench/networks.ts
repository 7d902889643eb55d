/** What a cell asks of a network before it is trained. */
import { UserError } from '../errors';
import { table } from '../display/tables';
import type { Displayable } from '../display/mime';
import { initialParameters } from '../models/initial-values';
import { partsOf, type Network } from '../models/network';
import { countParameters, disposeParameters, readParameters, sizeOf, type ParameterTable } from '../models/parameters';
import { createScope, type Pass } from '../models/scope';
import { createRandom } from '../random';
import { tf, type Tensor, type Tensor4D } from '../tf';

/** Pixels that a network is shown where no dataset says how many. */
export interface InputSize {
  readonly height: number;
  readonly width: number;
}

/**
 * One row a layer, in the order in which they run on an image of the data: what it gives, its values, and which of them are trained. The
 * last row counts all.
 * @throws UserError where the network does not run on such images
 */
export function networkTable(
  network: Network,
  data: InputSize,
  { caption = `${network.name}, layer by layer` }: { readonly caption?: string } = {},
): Displayable {
  const { table: parameters, trainable = () => true } = network;
  const shapes = new Map<string, readonly number[]>();
  run(network, data, 1, (name, shape) => shapes.set(name.replace(/\.$/, ''), shape));
  const layers = [...new Set([...shapes.keys(), ...Object.keys(parameters).map(layerOf)])];
  const rows = layers
    .map((layer) => {
      const own = Object.keys(parameters).filter(
        (name) => layerOf(name) === layer && parameters[name].kind !== 'statistic',
      );
      return {
        layer,
        output: shapes.get(layer)?.slice(1).join('×'),
        values: count(parameters, own),
        trained: count(parameters, own.filter(trainable)),
      };
    })
    .filter(({ values }) => values > 0);
  const all = {
    layer: 'all',
    output: undefined,
    values: countParameters(network),
    trained: countParameters(network, trainable),
  };
  return table([...rows, all], { caption, digits: 0 });
}

/** A parameter's name without its last part. */
function layerOf(name: string): string {
  return name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : name;
}

function count(parameters: ParameterTable, names: readonly string[]): number {
  return names.reduce((total, name) => total + sizeOf(parameters[name].shape), 0);
}

/**
 * Runs two networks with the same random weights on the same random images, and says that they give the same numbers to the last bit.
 * @throws UserError where they do not
 */
export function sameOutputs(first: Network, second: Network, data: InputSize): Displayable {
  const [one, other] = [first, second].map((network) => run(network, data, 4));
  const differing = one.findIndex((value, index) => value !== other[index]);
  if (one.length !== other.length || differing >= 0) {
    const where =
      differing < 0
        ? `${one.length} numbers against ${other.length}`
        : `number ${differing} is ${one[differing]} against ${other[differing]}`;
    throw new UserError(
      `${first.name} and ${second.name} give different outputs for the same weights and images: ${where}.`,
    );
  }
  const rows = [{ first: first.name, second: second.name, numbers: one.length, differing: 0 }];
  return table(rows, { caption: 'The same weights and images: outputs that differ in any bit' });
}

/** What the network is given: images, or the maps of the frozen encoder before it. */
function inputOf({ transform, frozen }: Network, data: InputSize) {
  if (frozen === undefined) return { ...(transform ?? data), channels: 3 };
  const { rows, columns, channels } = frozen.encoder;
  return { height: rows, width: columns, channels };
}

/**
 * Says that numbers are the same but for rounding.
 * @param pairs by what they are: one's own tensor and the library's
 * @throws UserError where a pair differs by more than `within` times its largest number
 */
export function sameNumbers(
  pairs: Readonly<Record<string, readonly [own: Tensor, library: Tensor]>>,
  {
    within = 1e-5,
    caption = 'One’s own numbers and the library’s',
  }: { readonly within?: number; readonly caption?: string } = {},
): Displayable {
  const rows = Object.entries(pairs).map(([name, tensors]) => {
    const [own, library] = tensors.map((tensor) => tensor.dataSync<'float32'>());
    const largest = library.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = library.reduce((most, value, index) => Math.max(most, Math.abs(value - own[index])), 0);
    if (own.length !== library.length || !(difference <= within * largest))
      throw new UserError(
        `${name} is not the library's: ${own.length} numbers against ${library.length}, which differ by up to ${difference}.`,
      );
    return { what: name, numbers: own.length, largest, difference: difference.toExponential(1) };
  });
  return table(rows, { caption });
}

/** One row for each part of a network or backbone, such as `blocks`, and one for all: its tensors and trained values. */
export function networkParts(
  given: Network | { readonly table: ParameterTable; readonly title: string },
  {
    caption = 'title' in given ? `${given.title} by part, without a head` : `${given.name} by part`,
  }: { readonly caption?: string } = {},
): Displayable {
  const parameters = given.table;
  const rowOf = (part: string, names: readonly string[]): object => {
    const trained = names.filter((name) => parameters[name].kind !== 'statistic');
    return { part, tensors: trained.length, parameters: count(parameters, trained) };
  };
  const names = Object.keys(parameters);
  const rows = partsOf(parameters).map((part) =>
    rowOf(
      part,
      names.filter((name) => name.split('.')[0] === part),
    ),
  );
  return table([...rows, rowOf('all', names)], { caption, digits: 0 });
}

/** The outputs for random images of the size that the network gets, from random weights; nothing is left on the device. */
function run(network: Network, data: InputSize, images: number, onLayer?: Pass['onLayer']): Float32Array {
  const { height, width, channels } = inputOf(network, data);
  const random = createRandom(1, 'images');
  const parameters = initialParameters(network.table, 1, network.initial);
  try {
    return tf.tidy(() => {
      const pixels = Float32Array.from({ length: images * height * width * channels }, () => random.normal());
      const input: Tensor4D = tf.tensor4d(pixels, [images, height, width, channels]);
      return network.forward(input, createScope(readParameters(parameters), false, { onLayer })).dataSync<'float32'>();
    });
  } finally {
    disposeParameters(parameters);
  }
}
