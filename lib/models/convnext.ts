/** ConvNeXt (Liu et al. 2022) with timm's tensor names: depthwise convolutions of 7×7 where a transformer has attention. */
import { UserError } from '../errors';
import { addBias } from '../tensor/linear';
import { depthwiseConv2d } from '../tensor/depthwise-convolution';
import type { PlaneSize } from '../tensor/resample';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import { addLinear, addNorm, type Initializer, type ParameterSpec, type ParameterTable } from './parameters';
import { biasGeluLinear, convolution, layerNorm, layerNormLinear, linear, type Scope } from './scope';
import { addBranch, blockRates, dropBranch, type StochasticDepth } from './stochastic-depth';

export interface ConvnextConfig {
  readonly patchSize: number;
  /** Channels of each stage. */
  readonly widths: readonly number[];
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  readonly normEpsilon: number;
}

export const convnextConfigs = {
  convnext_tiny: { patchSize: 4, widths: [96, 192, 384, 768], depths: [3, 3, 9, 3], normEpsilon: 1e-6 },
} as const satisfies Record<string, ConvnextConfig>;

export type ConvnextName = keyof typeof convnextConfigs;

/** Pixels a side of the depthwise filters. */
const side = 7;

/** Names, shapes and initial values of all tensors; 28,589,128 for convnext_tiny with 1000 classes. `classes: 0` leaves out the last layer. */
export function convnextParameters(
  { patchSize, widths, depths }: ConvnextConfig,
  { classes, channels = 3 }: { classes: number; channels?: number },
): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  const initial: Initializer = { normal: 0.02 };
  const addConvolution = (name: string, shape: readonly [number, number, number, number]): void => {
    table[`${name}.weight`] = { shape, kind: 'convolution', initial };
    table[`${name}.bias`] = { shape: [shape[0]], kind: 'vector', initial: 0 };
  };
  addConvolution('stem.0', [widths[0], channels, patchSize, patchSize]);
  addNorm(table, 'stem.1', widths[0]);
  widths.forEach((width, stage) => {
    if (stage > 0) {
      addNorm(table, `stages.${stage}.downsample.0`, widths[stage - 1]);
      addConvolution(`stages.${stage}.downsample.1`, [width, widths[stage - 1], 2, 2]);
    }
    for (let index = 0; index < depths[stage]; index++) {
      const name = `stages.${stage}.blocks.${index}`;
      table[`${name}.gamma`] = { shape: [width], kind: 'vector', initial: 1e-6 };
      addConvolution(`${name}.conv_dw`, [width, 1, side, side]);
      addNorm(table, `${name}.norm`, width);
      addLinear(table, `${name}.mlp.fc1`, width, 4 * width);
      addLinear(table, `${name}.mlp.fc2`, 4 * width, width);
    }
  });
  const last = widths[widths.length - 1];
  addNorm(table, 'head.norm', last);
  if (classes > 0) addLinear(table, 'head.fc', last, classes);
  return table;
}

export interface ConvnextOutput {
  /** Each stage's feature map, N×H×W×C. */
  readonly stages: readonly Tensor4D[];
  /** N×C: the normalised mean over positions. */
  readonly pooled: Tensor2D;
  /** N×classes, absent without the last layer. */
  readonly logits?: Tensor2D;
}

/**
 * The last stage has to have a position: images of 32 pixels a side at least.
 * @throws UserError
 */
export function checkConvnextSize({ height, width }: PlaneSize, { patchSize, depths }: ConvnextConfig): void {
  const least = patchSize * 2 ** (depths.length - 1);
  if (height < least || width < least)
    throw new UserError(`Images of ${height}×${width} are too small: height and width must be at least ${least}.`);
}

/** images: N×H×W×3, normalised. `stochasticDepth` is for training. */
export function convnextForward(
  images: Tensor4D,
  p: Scope,
  config: ConvnextConfig,
  stochasticDepth?: StochasticDepth,
): ConvnextOutput {
  const { patchSize, depths, normEpsilon } = config;
  checkConvnextSize({ height: images.shape[1], width: images.shape[2] }, config);
  const rates = stochasticDepth && blockRates(stochasticDepth.rate, depths);
  let x = layerNorm(convolution(images, p.at('stem.0'), { stride: patchSize }), p.at('stem.1'), normEpsilon); // N×H/4×W/4×C
  const stages = depths.map((depth, stage) => {
    const layer = p.at(`stages.${stage}`);
    const down = layer.at('downsample');
    if (stage > 0) x = convolution(layerNorm(x, down.at('0'), normEpsilon), down.at('1'), { stride: 2 }); // N×H/2×W/2×C
    for (let index = 0; index < depth; index++) {
      const drop = rates && ((branch: Tensor4D) => dropBranch(branch, rates[stage][index], stochasticDepth.random));
      x = tf.tidy(() => block(x, layer.at(`blocks.${index}`), normEpsilon, drop));
    }
    x = p.pass.observe?.(`stages.${stage}`, x) ?? x;
    return x;
  });
  const pooled = layerNorm(x.mean<Tensor2D>([1, 2]), p.at('head.norm'), normEpsilon);
  return { stages, pooled, logits: p.optional('head.fc.weight') ? linear(pooled, p.at('head.fc')) : undefined };
}

/** N×H×W×C → N×H×W×C. */
function block(
  x: Tensor4D,
  p: Scope,
  normEpsilon: number,
  drop: ((branch: Tensor4D) => Tensor4D) | undefined,
): Tensor4D {
  const spread = depthwise(x, p.at('conv_dw')); // N×H×W×C
  const hidden = layerNormLinear(spread, p.at('norm'), normEpsilon, p.at('mlp.fc1')); // N×H×W×4C
  const mixed = biasGeluLinear(hidden, p.get('mlp.fc1.bias') as Tensor1D, p.at('mlp.fc2')); // N×H×W×C
  return addBranch(x, mixed, { bias: p.get('mlp.fc2.bias') as Tensor1D, scale: p.get('gamma') as Tensor1D, drop });
}

function depthwise(x: Tensor4D, p: Scope): Tensor4D {
  const output = depthwiseConv2d(x, p.get('weight') as Tensor4D);
  p.pass.onLayer?.(p.fullName(''), output.shape);
  return addBias(output, p.get('bias') as Tensor1D);
}
