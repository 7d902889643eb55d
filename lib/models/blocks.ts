/** What the segmentation models are built of: convolutions with PyTorch's default initial values, and their usual sequences. */
import { addBias } from '../tensor/linear';
import { upsampleTransposed } from '../tensor/upsampling';
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../tf';
import { addBatchNorm, type ParameterSpec } from './parameters';
import { batchNorm, convolution, type Pass, type Scope } from './scope';

type Table = Record<string, ParameterSpec>;

/** Adds a convolution O×I×kH×kW to a table. */
export function addConvolution(
  table: Table,
  name: string,
  shape: readonly [outputs: number, inputs: number, height: number, width: number],
  bias = true,
): void {
  const [outputs, inputs, height, width] = shape;
  const initial = { uniformIn: inputs * height * width };
  table[`${name}.weight`] = { shape, kind: 'convolution', initial };
  if (bias) table[`${name}.bias`] = { shape: [outputs], kind: 'vector', initial };
}

/** Adds a transposed convolution I×O×k×k to a table. */
export function addTransposedConvolution(
  table: Table,
  name: string,
  shape: readonly [inputs: number, outputs: number, height: number, width: number],
): void {
  const [, outputs, height, width] = shape;
  const initial = { uniformIn: outputs * height * width }; // PyTorch takes the second axis for the inputs here too
  table[`${name}.weight`] = { shape, kind: 'transposedConvolution', initial };
  table[`${name}.bias`] = { shape: [outputs], kind: 'vector', initial };
}

/** Adds a 3×3 convolution without bias and the batch norm after it. */
export function addNormalizedConvolution(
  table: Table,
  [convolutionName, normName]: readonly [string, string],
  inputs: number,
  outputs: number,
): void {
  addConvolution(table, convolutionName, [outputs, inputs, 3, 3], false);
  addBatchNorm(table, normName, outputs);
}

/** Transposed convolution with the scope's `weight` and `bias`, its stride the filter's size. x: N×H×W×I → N×kH×kW×O. */
export function transposedConvolution(x: Tensor4D, p: Scope): Tensor4D {
  const output = addBias(upsampleTransposed(x, p.get('weight') as Tensor4D), p.get('bias') as Tensor1D);
  p.pass.onLayer?.(p.fullName(''), output.shape);
  return output;
}

/** 3×3 convolution, batch norm, ReLU. x: N×H×W×I → N×H×W×O. */
export function normalizedConvolution(
  x: Tensor4D,
  p: Scope,
  [convolutionName, normName]: readonly [string, string],
): Tensor4D {
  return batchNorm(convolution(x, p.at(convolutionName), { padding: 1 }), p.at(normName), { relu: true });
}

/**
 * Runs a part of a forward pass in a tidy of its own: its intermediates are gone when the next part begins, unless a gradient needs
 * them. The new statistics of batch norm outlive it, as the pass hands them on.
 */
export function tidyPart<T extends Tensor | Tensor[]>(p: Scope, run: () => T): T {
  return tf.tidy(() => {
    const output = run();
    return { output, updates: [...p.pass.updates.values()] };
  }).output;
}

/**
 * A scope whose batch norms use the statistics of the batch, whatever the pass, as PyTorch's do where `eval()` was forgotten. Running
 * statistics stay as they are: nothing reads them then.
 */
export function withBatchStatistics(scope: Scope): Scope {
  const pass: Pass = { training: true, updates: new Map() };
  const wrap = (inner: Scope): Scope => ({ ...inner, pass, at: (name) => wrap(inner.at(name)) });
  return wrap(scope);
}
