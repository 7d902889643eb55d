/** Layers as ONNX operators, of what the networks of several families are made of. Each mirrors a function of `scope.ts` or `blocks.ts`. */
import type { PlaneSize } from '../../tensor/resample';
import type { Attribute, OnnxGraph, Value } from './graph';

export interface ConvolutionLayer {
  readonly stride?: number;
  readonly padding?: number;
  /** Whether each channel has a filter of its own. */
  readonly depthwise?: boolean;
}

const hasBias = (g: OnnxGraph, name: string): boolean => Object.hasOwn(g.table, `${name}.bias`);

/** N×I×H×W → N×O×H'×W'. */
export function convolution(
  g: OnnxGraph,
  x: Value,
  name: string,
  { stride = 1, padding = 0, depthwise = false }: ConvolutionLayer = {},
): Value {
  const inputs = [x, g.weight(`${name}.weight`), ...(hasBias(g, name) ? [g.weight(`${name}.bias`)] : [])];
  const [outputs, , height, width] = g.table[`${name}.weight`].shape;
  return g.node('Conv', inputs, {
    kernel_shape: [height, width],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    ...(depthwise && { group: outputs }),
  });
}

/** Its stride is the filter's size. N×I×H×W → N×O×kH×kW. */
export function transposedConvolution(g: OnnxGraph, x: Value, name: string): Value {
  const [, , ...size] = g.table[`${name}.weight`].shape;
  const parts = [g.weight(`${name}.weight`), g.weight(`${name}.bias`)];
  return g.node('ConvTranspose', [x, ...parts], { kernel_shape: size, strides: size });
}

/** With the centres of pixels at ½. N×C×h×w → N×C×H×W. */
export function resizeBilinear(g: OnnxGraph, x: Value, { height, width }: PlaneSize): Value {
  const beside = g.node('Shape', [x], { start: 0, end: 2 });
  const sizes = g.node('Concat', [beside, g.integers([height, width])], { axis: 0 });
  return g.node('Resize', [x, '', '', sizes], { mode: { text: 'linear' } });
}

export function batchNorm(g: OnnxGraph, x: Value, name: string): Value {
  const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => g.weight(`${name}.${part}`));
  return g.node('BatchNormalization', [x, ...parts], { epsilon: { float: 1e-5 } });
}

/** Over the last axis. */
export function layerNorm(g: OnnxGraph, x: Value, name: string, epsilon: number): Value {
  const attributes: Record<string, Attribute> = { axis: -1, epsilon: { float: epsilon } };
  return g.node('LayerNormalization', [x, g.weight(`${name}.weight`), g.weight(`${name}.bias`)], attributes);
}

/** Over the last axis, whatever stands before it. */
export function linear(g: OnnxGraph, x: Value, name: string): Value {
  const product = g.node('MatMul', [x, g.transposed(`${name}.weight`)]);
  return hasBias(g, name) ? g.node('Add', [product, g.weight(`${name}.bias`)]) : product;
}

const scalar = (g: OnnxGraph, value: number): Value => g.floats(Float32Array.of(value), []);

/** x · Φ(x), exact; opset 17 has no operator for it. */
export function gelu(g: OnnxGraph, x: Value): Value {
  const error = g.node('Erf', [g.node('Mul', [x, scalar(g, Math.SQRT1_2)])]);
  return g.node('Mul', [g.node('Mul', [x, scalar(g, 0.5)]), g.node('Add', [error, scalar(g, 1)])]);
}

export const reshape = (g: OnnxGraph, x: Value, shape: readonly number[]): Value =>
  g.node('Reshape', [x, g.integers(shape)]);

export const transpose = (g: OnnxGraph, x: Value, axes: readonly number[]): Value =>
  g.node('Transpose', [x], { perm: axes });

/** The two halves of a transformer's MLP with GELU between them. */
export const mlp = (g: OnnxGraph, x: Value, name: string): Value =>
  linear(g, gelu(g, linear(g, x, `${name}.fc1`)), `${name}.fc2`);

/** B×T×C → query, key and value, each B×H×T×D. */
export function queryKeyValue(
  g: OnnxGraph,
  x: Value,
  name: string,
  { heads, width, tokens }: { readonly heads: number; readonly width: number; readonly tokens: number },
): Value[] {
  const fused = reshape(g, linear(g, x, name), [-1, tokens, 3, heads, width / heads]);
  const parts = g.split('Split', [transpose(g, fused, [2, 0, 3, 1, 4])], 3, { axis: 0 });
  return parts.map((part) => g.node('Squeeze', [part, g.integers([0])]));
}

/** softmax(scale · q kᵀ + bias) v. `bias` is broadcast; q, k, v: …×T×D. `keyAxes`: k with its last two axes swapped. */
export function attention(
  g: OnnxGraph,
  [q, k, v]: readonly Value[],
  { scale, keyAxes, bias }: { readonly scale: number; readonly keyAxes: readonly number[]; readonly bias?: Value },
): Value {
  const scores = g.node('MatMul', [g.node('Mul', [q, scalar(g, scale)]), transpose(g, k, keyAxes)]);
  const biased = bias === undefined ? scores : g.node('Add', [scores, bias]);
  return g.node('MatMul', [g.node('Softmax', [biased], { axis: -1 }), v]);
}
