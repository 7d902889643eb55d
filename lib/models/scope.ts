import { UserError } from '../errors';
import {
  batchNormInference,
  batchNormTraining,
  type BatchNormOptions,
  type BatchNormOutput,
  type BatchNormStatistics,
} from '../tensor/batch-norm';
import { conv2d, type ConvolutionOptions } from '../tensor/convolution';
import { addBias, product } from '../tensor/linear';
import { normalizedConvolutionTraining } from '../tensor/normalized-convolution';
import { biasGeluProduct, layerNormProduct } from '../tensor/recomputed-products';
import { layerNorm as fusedLayerNorm } from '../tensor/transformer';
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';

/** What a forward pass is for. In training, batch norm uses the batch's statistics and reports the running ones. */
export interface Pass {
  readonly training: boolean;
  /** New values of statistics by full name, to be assigned after the step. */
  readonly updates: Map<string, Tensor>;
  /** Told of the feature maps between layers; the network goes on with what it gives back. */
  readonly observe?: Observer;
  /** Is told of each layer with parameters and the shape that it gives, in the order in which they run. */
  readonly onLayer?: (name: string, shape: readonly number[]) => void;
}

/** name: as in the network's parameters, such as `layer4`. output: N×H×W×C. */
export type Observer = (name: string, output: Tensor4D) => Tensor4D;

/** A prefix on a model's values: `p.at('layer1.0').get('conv1.weight')` is the tensor `layer1.0.conv1.weight`. */
export interface Scope {
  readonly pass: Pass;
  at(name: string): Scope;
  get(name: string): Tensor;
  /** The tensor, or undefined where this variant of the model has none. */
  optional(name: string): Tensor | undefined;
  fullName(name: string): string;
}

/** The scope of a whole model. `values` are in memory layout, as `readParameters` gives them. */
export function createScope(
  values: ReadonlyMap<string, Tensor>,
  training = false,
  watch: Pick<Pass, 'observe' | 'onLayer'> = {},
): Scope {
  const pass: Pass = { training, updates: new Map(), ...watch };
  const scopeAt = (prefix: string): Scope => ({
    pass,
    at: (name) => scopeAt(`${prefix}${name}.`),
    get(name) {
      const value = values.get(prefix + name);
      if (value === undefined) throw new Error(`The model has no parameter "${prefix}${name}".`);
      return value;
    },
    optional: (name) => values.get(prefix + name),
    fullName: (name) => prefix + name,
  });
  return scopeAt('');
}

/** Convolution with the scope's `weight` and, where there is one, `bias`. x: N×H×W×C → N×H'×W'×O. */
export function convolution(x: Tensor4D, p: Scope, options: ConvolutionOptions = {}): Tensor4D {
  const output = conv2d(x, p.get('weight') as Tensor4D, options);
  p.pass.onLayer?.(p.fullName(''), output.shape);
  const bias = p.optional('bias');
  return bias === undefined ? output : addBias(output, bias as Tensor1D);
}

/** Batch norm with PyTorch's four tensors, and a shortcut and ReLU after it where asked for. x: N×H×W×C → N×H×W×C. */
export function batchNorm(x: Tensor4D, p: Scope, options: BatchNormOptions = {}): Tensor4D {
  const [scale, offset] = affineOf(p);
  p.pass.onLayer?.(p.fullName(''), x.shape);
  if (!p.pass.training) return batchNormInference(x, scale, offset, runningOf(p), options);
  return updateRunning(p, batchNormTraining(x, scale, offset, runningOf(p), options));
}

/**
 * A network's first convolution, without bias, and the batch norm after it: what the convolution gives, the largest tensor of all, is
 * computed again for the gradient and not kept. x: N×H×W×C → N×H'×W'×O.
 */
export function firstConvolution(
  x: Tensor4D,
  [p, norm]: readonly [convolution: Scope, norm: Scope],
  options: ConvolutionOptions & Pick<BatchNormOptions, 'relu'>,
): Tensor4D {
  if (!norm.pass.training) return batchNorm(convolution(x, p, options), norm, options);
  const filter = p.get('weight') as Tensor4D;
  return updateRunning(norm, normalizedConvolutionTraining(x, filter, affineOf(norm), runningOf(norm), options));
}

const affineOf = (p: Scope): [Tensor1D, Tensor1D] => [p.get('weight') as Tensor1D, p.get('bias') as Tensor1D];

const runningOf = (p: Scope): BatchNormStatistics => ({
  mean: p.get('running_mean') as Tensor1D,
  variance: p.get('running_var') as Tensor1D,
});

/**
 * Reports the new running statistics to the pass.
 * @throws UserError where there is one value of each channel, which has no variance: PyTorch raises there, too
 */
function updateRunning(p: Scope, { output, running }: BatchNormOutput): Tensor4D {
  if (output.size === output.shape[3])
    throw new UserError(
      `The batch norm ${p.fullName('').replace(/\.$/, '')} has one value of each channel in a batch of one image: it takes two images, or larger ones.`,
    );
  p.pass.updates.set(p.fullName('running_mean'), running.mean);
  p.pass.updates.set(p.fullName('running_var'), running.variance);
  return output;
}

/** Linear layer with the scope's `weight` and, where there is one, `bias`, over the last axis. x: …×C → …×O. */
export function linear<T extends Tensor>(x: T, p: Scope): T {
  const output = linearWithoutBias(x, p);
  const bias = p.optional('bias') as Tensor1D | undefined;
  return bias === undefined ? output : addBias(output, bias);
}

/** The product with the scope's `weight` alone, for operations that add the bias themselves. x: …×C → …×O. */
export function linearWithoutBias<T extends Tensor>(x: T, p: Scope): T {
  const weight = p.get('weight') as Tensor2D;
  const output = overRows(x, (rows) => product(rows, weight));
  p.pass.onLayer?.(p.fullName(''), output.shape);
  return output;
}

/** What a function of rows makes of the last axis. x: …×I → …×O. */
function overRows<T extends Tensor>(x: T, compute: (rows: Tensor2D) => Tensor2D): T {
  const leading = x.shape.slice(0, -1);
  if (leading.length === 1) return compute(x as Tensor as Tensor2D) as T;
  const output = compute(x.reshape<Tensor2D>([-1, x.shape[leading.length]]));
  return output.reshape([...leading, output.shape[1]]);
}

/** Layer norm with the scope's `weight` and `bias`, over the last axis. x: …×C → …×C. */
export function layerNorm<T extends Tensor>(x: T, p: Scope, epsilon: number): T {
  p.pass.onLayer?.(p.fullName(''), x.shape);
  return fusedLayerNorm(x, ...affineOf(p), epsilon);
}

/** `linearWithoutBias(layerNorm(x, norm, epsilon), p)`, without its input being kept for the gradient. x: …×C → …×O. */
export function layerNormLinear<T extends Tensor>(x: T, norm: Scope, epsilon: number, p: Scope): T {
  norm.pass.onLayer?.(norm.fullName(''), x.shape);
  const output = overRows(x, (rows) => layerNormProduct(rows, affineOf(norm), epsilon, p.get('weight') as Tensor2D));
  p.pass.onLayer?.(p.fullName(''), output.shape);
  return output;
}

/**
 * The hidden part of a transformer's MLP, `linearWithoutBias(gelu(hidden + bias), p)`, without the activations being kept for the
 * gradient. hidden: …×C → …×O.
 */
export function biasGeluLinear<T extends Tensor>(hidden: T, bias: Tensor1D, p: Scope): T {
  const output = overRows(hidden, (rows) => biasGeluProduct(rows, bias, p.get('weight') as Tensor2D));
  p.pass.onLayer?.(p.fullName(''), output.shape);
  return output;
}
