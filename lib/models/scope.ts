import { batchNormInference, batchNormTraining, type BatchNormOptions } from '../tensor/batch-norm';
import { conv2d, type ConvolutionOptions } from '../tensor/convolution';
import { addBias, product } from '../tensor/linear';
import { layerNorm as fusedLayerNorm } from '../tensor/transformer';
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';

/** What a forward pass is for. In training, batch norm uses the batch's statistics and reports the running ones. */
export interface Pass {
  readonly training: boolean;
  /** New values of statistics by full name, to be assigned after the step. */
  readonly updates: Map<string, Tensor>;
}

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
export function createScope(values: ReadonlyMap<string, Tensor>, training = false): Scope {
  const pass: Pass = { training, updates: new Map() };
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
  const bias = p.optional('bias');
  return bias === undefined ? output : addBias(output, bias as Tensor1D);
}

/** Batch norm with PyTorch's four tensors, and a shortcut and ReLU after it where asked for. x: N×H×W×C → N×H×W×C. */
export function batchNorm(x: Tensor4D, p: Scope, options: BatchNormOptions = {}): Tensor4D {
  const [scale, offset] = [p.get('weight') as Tensor1D, p.get('bias') as Tensor1D];
  const running = { mean: p.get('running_mean') as Tensor1D, variance: p.get('running_var') as Tensor1D };
  if (!p.pass.training) return batchNormInference(x, scale, offset, running, options);
  const { output, running: updated } = batchNormTraining(x, scale, offset, running, options);
  p.pass.updates.set(p.fullName('running_mean'), updated.mean);
  p.pass.updates.set(p.fullName('running_var'), updated.variance);
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
  const isRows = x.shape.length === 2;
  const rows = isRows ? (x as Tensor as Tensor2D) : x.reshape<Tensor2D>([-1, weight.shape[0]]);
  const output = product(rows, weight);
  return (isRows ? output : output.reshape([...x.shape.slice(0, -1), weight.shape[1]])) as T;
}

/** Layer norm with the scope's `weight` and `bias`, over the last axis. x: …×C → …×C. */
export function layerNorm<T extends Tensor>(x: T, p: Scope, epsilon: number): T {
  return fusedLayerNorm(x, p.get('weight') as Tensor1D, p.get('bias') as Tensor1D, epsilon);
}
