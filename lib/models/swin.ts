/** Swin transformer (Liu et al. 2021) with timm's tensor names: attention in windows that move by half a window every other block. */
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { roll, scaledDotProductAttention } from '../tensor/transformer';
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import type { ParameterSpec, ParameterTable } from './parameters';
import { addLinear, addNorm } from './parameters';
import { biasGeluLinear, convolution, layerNorm, layerNormLinear, linear, type Scope } from './scope';
import { addBranch, blockRates, dropBranch, type StochasticDepth } from './stochastic-depth';

export interface SwinConfig {
  readonly patchSize: number;
  readonly window: number;
  /** Channels of the first stage; each further stage has twice as many. */
  readonly width: number;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly normEpsilon: number;
}

export const swinConfigs = {
  swin_base_patch4_window7_224: {
    patchSize: 4,
    window: 7,
    width: 128,
    depths: [2, 2, 18, 2],
    heads: [4, 8, 16, 32],
    normEpsilon: 1e-5,
  },
} as const satisfies Record<string, SwinConfig>;

export type SwinName = keyof typeof swinConfigs;

/** Names, shapes and initial values of all tensors; 87,768,224 for swin_base with 1000 classes. `classes: 0` leaves out the head. */
export function swinParameters(
  config: SwinConfig,
  { classes, channels = 3 }: { classes: number; channels?: number },
): ParameterTable {
  const { patchSize, window, width, depths, heads } = config;
  const table: Record<string, ParameterSpec> = {};
  const initial = { uniformIn: channels * patchSize * patchSize };
  table['patch_embed.proj.weight'] = { shape: [width, channels, patchSize, patchSize], kind: 'convolution', initial };
  table['patch_embed.proj.bias'] = { shape: [width], kind: 'vector', initial };
  addNorm(table, 'patch_embed.norm', width);
  depths.forEach((depth, stage) => {
    const stageWidth = width * 2 ** stage;
    if (stage > 0) {
      addNorm(table, `layers.${stage}.downsample.norm`, 2 * stageWidth);
      addLinear(table, `layers.${stage}.downsample.reduction`, 2 * stageWidth, stageWidth, false);
    }
    for (let index = 0; index < depth; index++) {
      const name = `layers.${stage}.blocks.${index}`;
      addNorm(table, `${name}.norm1`, stageWidth);
      const biases = [(2 * window - 1) ** 2, heads[stage]];
      table[`${name}.attn.relative_position_bias_table`] = { shape: biases, kind: 'vector', initial: { normal: 0.02 } };
      addLinear(table, `${name}.attn.qkv`, stageWidth, 3 * stageWidth);
      addLinear(table, `${name}.attn.proj`, stageWidth, stageWidth);
      addNorm(table, `${name}.norm2`, stageWidth);
      addLinear(table, `${name}.mlp.fc1`, stageWidth, 4 * stageWidth);
      addLinear(table, `${name}.mlp.fc2`, 4 * stageWidth, stageWidth);
    }
  });
  const last = width * 2 ** (depths.length - 1);
  addNorm(table, 'norm', last);
  if (classes > 0) addLinear(table, 'head.fc', last, classes);
  return table;
}

export interface SwinOutput {
  /** Each stage's feature map, N×H×W×C; the last one before the final norm. */
  readonly stages: readonly Tensor4D[];
  /** N×H×W×C after the final norm. */
  readonly features: Tensor4D;
  /** N×C: the mean over positions. */
  readonly pooled: Tensor2D;
  /** N×classes, absent without a head. */
  readonly logits?: Tensor2D;
}

/**
 * Images of height × width pixels must divide into windows in every stage. Where the last feature map is one window high, its windows do
 * not move, and here that holds for both directions, so it must be one window wide as well.
 * @throws UserError
 */
export function checkSwinSize({ height, width }: PlaneSize, { patchSize, depths, window }: SwinConfig): void {
  const coarsest = patchSize * 2 ** (depths.length - 1) * window;
  if (height % coarsest !== 0 || width % coarsest !== 0) {
    throw new UserError(
      `Images of ${height}×${width} do not divide into windows: height and width must be multiples of ${coarsest}.`,
    );
  }
  if ((height === coarsest) !== (width === coarsest)) {
    throw new UserError(
      `Images of ${height}×${width} have one window in one direction only: take ${coarsest}×${coarsest}, or more in both.`,
    );
  }
}

/**
 * images: N×H×W×3, normalised; every stage's feature map must be made of whole windows (224×224 for window 7). `stochasticDepth` is for
 * training.
 */
export function swinForward(
  images: Tensor4D,
  p: Scope,
  config: SwinConfig,
  stochasticDepth?: StochasticDepth,
): SwinOutput {
  const { patchSize, window, depths, heads, normEpsilon } = config;
  checkSwinSize({ height: images.shape[1], width: images.shape[2] }, config);
  const patches = convolution(images, p.at('patch_embed.proj'), { stride: patchSize }); // N×H/4×W/4×C
  const rates = stochasticDepth && blockRates(stochasticDepth.rate, depths);
  let x = layerNorm(patches, p.at('patch_embed.norm'), normEpsilon);
  const stages = depths.map((depth, stage) => {
    const layer = p.at(`layers.${stage}`);
    if (stage > 0) x = mergePatches(x, layer.at('downsample'), normEpsilon);
    for (let index = 0; index < depth; index++) {
      const shift = index % 2 === 1 && x.shape[1] > window ? Math.floor(window / 2) : 0;
      const drop = rates && ((branch: Tensor4D) => dropBranch(branch, rates[stage][index], stochasticDepth.random));
      x = tf.tidy(() =>
        block(x, layer.at(`blocks.${index}`), { window, heads: heads[stage], shift, normEpsilon, drop }),
      );
    }
    return x;
  });
  const features = layerNorm(x, p.at('norm'), normEpsilon);
  const pooled = features.mean<Tensor2D>([1, 2]);
  return {
    stages,
    features,
    pooled,
    logits: p.optional('head.fc.weight') ? linear(pooled, p.at('head.fc')) : undefined,
  };
}

/** Four neighbours become one position, column by column as timm orders them. N×H×W×C → N×H/2×W/2×2C. */
function mergePatches(x: Tensor4D, p: Scope, normEpsilon: number): Tensor4D {
  const [count, height, width, channels] = x.shape;
  const grouped = x.reshape([count, height / 2, 2, width / 2, 2, channels]).transpose([0, 1, 3, 4, 2, 5]);
  return linear(
    layerNorm(grouped.reshape<Tensor4D>([count, height / 2, width / 2, 4 * channels]), p.at('norm'), normEpsilon),
    p.at('reduction'),
  );
}

interface BlockConfig {
  readonly window: number;
  readonly heads: number;
  /** How far the windows are moved up and to the left. */
  readonly shift: number;
  readonly normEpsilon: number;
  /** What stochastic depth does to a branch. */
  readonly drop?: (branch: Tensor4D) => Tensor4D;
}

/** N×H×W×C → N×H×W×C. */
function block(x: Tensor4D, p: Scope, config: BlockConfig): Tensor4D {
  const { drop } = config;
  const attended = windowAttention(layerNorm(x, p.at('norm1'), config.normEpsilon), p.at('attn'), config);
  const afterAttention = x.add<Tensor4D>(drop ? drop(attended) : attended);
  const hidden = layerNormLinear(afterAttention, p.at('norm2'), config.normEpsilon, p.at('mlp.fc1')); // N×H×W×4C
  const mixed = biasGeluLinear(hidden, p.get('mlp.fc1.bias') as Tensor1D, p.at('mlp.fc2')); // N×H×W×C
  return addBranch(afterAttention, mixed, { bias: p.get('mlp.fc2.bias') as Tensor1D, drop });
}

function windowAttention(x: Tensor4D, p: Scope, { window, heads, shift }: BlockConfig): Tensor4D {
  const [count, height, width, channels] = x.shape;
  const moved = shift > 0 ? roll(x, -shift) : x;
  const [rows, columns] = [height / window, width / window];
  const windows = moved
    .reshape([count, rows, window, columns, window, channels])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape([-1, window * window, channels]); // (N·windows)×T×C
  const qkv = linear(windows, p.at('qkv')).reshape([-1, window * window, 3, heads, channels / heads]);
  const [q, k, v] = tf.unstack(qkv.transpose([2, 0, 3, 1, 4])); // each (N·windows)×H×T×D
  const bias = positionBias(p.get('relative_position_bias_table'), window);
  const output =
    shift > 0
      ? maskedAttention(q, k, v, bias, { rows, columns, window, shift })
      : scaledDotProductAttention(q, k, v, bias).output;
  const merged = linear(output.transpose([0, 2, 1, 3]).reshape([-1, window * window, channels]), p.at('proj'));
  const image = merged
    .reshape([count, rows, columns, window, window, channels])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape<Tensor4D>([count, height, width, channels]);
  return shift > 0 ? roll(image, shift) : image;
}

/** Attention in moved windows: positions that were not neighbours before the move do not see each other. */
function maskedAttention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, layout: WindowLayout): Tensor {
  const [all, heads, tokens, width] = q.shape;
  const perImage = layout.rows * layout.columns;
  const split = (values: Tensor): Tensor => values.reshape([all / perImage, perImage, heads, tokens, width]);
  const { output } = scaledDotProductAttention(split(q), split(k), split(v), bias.add(shiftMask(layout)));
  return output.reshape([all, heads, tokens, width]);
}

/** The bias of each pair of positions in a window by their offset, 1×H×T×T. */
function positionBias(table: Tensor, window: number): Tensor {
  const tokens = window * window;
  const indices = tf.tensor1d(offsetIndices(window), 'int32');
  return tf.gather(table, indices).reshape([1, tokens, tokens, -1]).transpose([0, 3, 1, 2]);
}

/** The row of the table of biases for each pair of positions in a window, T·T. */
export function offsetIndices(window: number): Int32Array {
  const tokens = window * window;
  return Int32Array.from({ length: tokens * tokens }, (_, pair) => {
    const [from, to] = [Math.floor(pair / tokens), pair % tokens];
    const down = Math.floor(from / window) - Math.floor(to / window) + window - 1;
    const right = (from % window) - (to % window) + window - 1;
    return down * (2 * window - 1) + right;
  });
}

export interface WindowLayout {
  readonly rows: number;
  readonly columns: number;
  readonly window: number;
  readonly shift: number;
}

/** windows×1×T×T. */
function shiftMask(layout: WindowLayout): Tensor {
  const tokens = layout.window ** 2;
  return tf.tensor4d(shiftMaskValues(layout), [layout.rows * layout.columns, 1, tokens, tokens]);
}

/** −100 where two positions of a moved window come from different sides of the image, windows·T·T. */
export function shiftMaskValues({ rows, columns, window, shift }: WindowLayout): Float32Array {
  const tokens = window * window;
  const side = (position: number, size: number): number =>
    position < size - window ? 0 : position < size - shift ? 1 : 2;
  const values = new Float32Array(rows * columns * tokens * tokens);
  for (let index = 0; index < rows * columns; index++) {
    const regions = Array.from({ length: tokens }, (_, token) => {
      const row = Math.floor(index / columns) * window + Math.floor(token / window);
      const column = (index % columns) * window + (token % window);
      return 3 * side(row, rows * window) + side(column, columns * window);
    });
    regions.forEach((from, a) =>
      regions.forEach((to, b) => (values[(index * tokens + a) * tokens + b] = from === to ? 0 : -100)),
    );
  }
  return values;
}
