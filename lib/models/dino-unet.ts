/**
 * The decoder of the fourth study, in the manner of Dino U-Net (Gao et al. 2025), on four maps of a frozen vision transformer; as
 * published (github.com/getrichthroughcode/dinov3-isic2018-segmentation, models/dino_v3_unet.py, whose tensor names it has) and corrected.
 *
 * As published, all four levels have the resolution of the patches: what a decoder block enlarges, it shrinks again to its skip, and
 * one interpolation takes the logits from 1/16 to the image. The earliest map makes the widest, deepest level. The gate, a sigmoid
 * after a ReLU, cannot close below ½.
 *
 * Corrected, the last map makes the deepest level and the levels are a pyramid, as Ranftl et al. (2021) reassemble a transformer's maps:
 * 1/32 by average pooling, 1/16, and 1/8 and 1/4 by transposed convolutions (`adapter.resamplers`); the decoder goes up to 1/4 and
 * one interpolation to the image. The gate is a plain sigmoid.
 */
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { resizeBilinear } from '../tensor/upsampling';
import { relu } from '../tensor/activations';
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../tf';
import {
  addConvolution,
  addNormalizedConvolution,
  addTransposedConvolution,
  normalizedConvolution,
  tidyPart,
  transposedConvolution,
} from './blocks';
import type { ParameterSpec, ParameterTable } from './parameters';
import { batchNorm, convolution, linear, type Scope } from './scope';

export const dinoUnetArms = ['as-published', 'corrected'] as const;
export type DinoUnetArm = (typeof dinoUnetArms)[number];

export interface DinoUnetConfig {
  readonly arm: DinoUnetArm;
  /** Channels of each of the four maps. */
  readonly inputs: number;
  /** Channels of the four levels, the deepest first. */
  readonly widths: readonly [number, number, number, number];
  /** Channels of the context that all levels share. */
  readonly contextWidth: number;
  /** Channels before the last convolution. */
  readonly headWidth: number;
}

/**
 * The study's widths for a backbone of so many channels. Values as published, and corrected: ViT-S (384) 4,030,433 and 4,063,297,
 * ViT-B (768) 4,214,753 and 4,247,617, ViT-L (1024) 4,337,633 and 4,370,497.
 */
export function dinoUnetConfig(inputs: number, arm: DinoUnetArm): DinoUnetConfig {
  return { arm, inputs, widths: [256, 128, 64, 32], contextWidth: 128, headWidth: 32 };
}

/** The study's configuration in proportion to its deepest level, which has 256 channels there. */
export function dinoUnetOfWidth(inputs: number, width: number, arm: DinoUnetArm): DinoUnetConfig {
  const { widths, contextWidth, headWidth } = dinoUnetConfig(inputs, arm);
  const scaled = (channels: number): number => (channels * width) / widths[0];
  const [first, second, third, fourth] = widths.map(scaled);
  return {
    arm,
    inputs,
    widths: [first, second, third, fourth],
    contextWidth: scaled(contextWidth),
    headWidth: scaled(headWidth),
  };
}

/** How much finer each level is than the patches, the deepest first; ½ is one pooling. */
export const levelScales: Readonly<Record<DinoUnetArm, readonly number[]>> = {
  'as-published': [1, 1, 1, 1],
  corrected: [1 / 2, 1, 2, 4],
};

export function dinoUnetParameters(config: DinoUnetConfig, { classes = 1 }: { classes?: number } = {}): ParameterTable {
  const { arm, inputs, widths, contextWidth, headWidth } = config;
  const table: Record<string, ParameterSpec> = {};
  widths.forEach((width, level) => addConvolution(table, `adapter.projs.${level}`, [width, inputs, 1, 1]));
  widths.forEach((width, level) => {
    const scale = levelScales[arm][level];
    if (scale > 1) addTransposedConvolution(table, `adapter.resamplers.${level}`, [width, width, scale, scale]);
  });
  widths.forEach((width, level) => addUnit(table, `adapter.refiners.${level}`, width, width));
  const total = widths.reduce((sum, width) => sum + width, 0);
  addWeight(table, 'ctx_agg.fc.0', total, contextWidth);
  addWeight(table, 'ctx_agg.fc.2', contextWidth, contextWidth);
  widths.forEach((width, level) => {
    const name = `fapms.${level}`;
    addNormalizedConvolution(table, [`${name}.conv_spatial.0`, `${name}.conv_spatial.1`], width, width);
    addNormalizedConvolution(table, [`${name}.conv_spatial.3`, `${name}.conv_spatial.4`], width, width);
    addWeight(table, `${name}.ctx_proj`, contextWidth, width);
  });
  addUnit(table, 'dec4.0', widths[0], widths[0]);
  for (let level = 1; level < widths.length; level++) {
    const [name, width] = [blockName(level), widths[level]];
    addTransposedConvolution(table, `${name}.up`, [widths[level - 1], width, 2, 2]);
    addUnit(table, `${name}.conv1`, 2 * width, width);
    addUnit(table, `${name}.conv2`, width, width);
  }
  addUnit(table, 'head_conv.0', widths[widths.length - 1], headWidth);
  addConvolution(table, 'head_conv.1', [classes, headWidth, 1, 1]);
  return table;
}

/** What a forward pass gives; levels from the deepest to the finest. */
export interface DinoUnetOutput {
  /** Each map at its level's width and resolution, N×h×w×C. */
  readonly adapted: readonly Tensor4D[];
  /** How much of the detail of each channel is added, N×C a level. */
  readonly gates: readonly Tensor2D[];
  /** After each decoder block, N×h×w×C. */
  readonly decoder: readonly Tensor4D[];
  /** N×H×W×classes, at the size that was asked for. */
  readonly logits: Tensor4D;
}

/**
 * maps: four of N×h×w×D from a backbone's blocks, the earliest first, h×w its patches.
 * @param size the logits' height and width: the image's
 * @throws UserError where the maps are not four of the configuration's width
 */
export function dinoUnetForward(
  maps: readonly Tensor4D[],
  p: Scope,
  config: DinoUnetConfig,
  size: PlaneSize,
): DinoUnetOutput {
  checkMaps(maps, config);
  const { arm, widths } = config;
  const ordered = arm === 'corrected' ? [...maps].reverse() : maps;
  const adapted = ordered.map((map, level) => tidyPart(p, () => adapt(map, p.at('adapter'), level, arm))); // N×h×w×C
  const context = tidyPart(p, () => sharedContext(adapted, p.at('ctx_agg'))); // N×K
  const skips = adapted.map((x, level) => tidyPart(p, () => addDetail(x, context, p.at(`fapms.${level}`), arm)));
  const decoder = [tidyPart(p, () => unit(skips[0][0], p.at('dec4.0')))];
  for (let level = 1; level < widths.length; level++)
    decoder.push(tidyPart(p, () => decode(decoder[level - 1], skips[level][0], p.at(blockName(level)))));
  const coarse = convolution(unit(decoder[decoder.length - 1], p.at('head_conv.0')), p.at('head_conv.1'));
  return { adapted, gates: skips.map(([, gate]) => gate), decoder, logits: resizeBilinear(coarse, size) };
}

/** A map at its level's width and resolution. N×h×w×D → N×scale·h×scale·w×C. */
function adapt(map: Tensor4D, p: Scope, level: number, arm: DinoUnetArm): Tensor4D {
  const projected = convolution(map, p.at(`projs.${level}`));
  const scale = levelScales[arm][level];
  // An odd row or column at the end is averaged over what there is.
  const resampled =
    scale < 1
      ? tf.avgPool(projected, 1 / scale, 1 / scale, 'same')
      : scale > 1
        ? transposedConvolution(projected, p.at(`resamplers.${level}`))
        : projected;
  return unit(resampled, p.at(`refiners.${level}`));
}

/** The shared context aggregator: all levels' means over their positions, through two layers. → N×K. */
function sharedContext(levels: readonly Tensor4D[], p: Scope): Tensor2D {
  const means = tf.concat2d(
    levels.map((x) => x.mean<Tensor2D>([1, 2])),
    1,
  ); // N×ΣC
  return relu(linear(relu(linear(means, p.at('fc.0'))), p.at('fc.2')));
}

/** The study's FAPM: adds to each channel gated detail that knows the context. x: N×h×w×C → N×h×w×C, and the gate N×C. */
function addDetail(x: Tensor4D, context: Tensor2D, p: Scope, arm: DinoUnetArm): [Tensor4D, Tensor2D] {
  const spatial = p.at('conv_spatial');
  const inner = normalizedConvolution(x, spatial, ['0', '1']);
  const detail = batchNorm(convolution(inner, spatial.at('3'), { padding: 1 }), spatial.at('4'));
  const perChannel = (values: Tensor2D): Tensor => values.reshape([values.shape[0], 1, 1, -1]);
  const informed = detail.add(perChannel(linear(context, p.at('ctx_proj'))));
  const mean = informed.mean<Tensor2D>([1, 2]);
  const gate = (arm === 'as-published' ? mean.relu<Tensor2D>() : mean).sigmoid<Tensor2D>();
  return [x.add(informed.mul(perChannel(gate))), gate];
}

/** Doubles the resolution, brings it to the skip's where that differs, and joins the two. x: N×h×w×I → the skip's shape. */
function decode(x: Tensor4D, skip: Tensor4D, p: Scope): Tensor4D {
  const raised = transposedConvolution(x, p.at('up')); // N×2h×2w×C
  const [, height, width] = skip.shape;
  const joined = tf.concat4d([resizeBilinear(raised, { height, width }), skip], 3);
  return unit(unit(joined, p.at('conv1')), p.at('conv2'));
}

function unit(x: Tensor4D, p: Scope): Tensor4D {
  return normalizedConvolution(x, p, ['net.0', 'net.1']);
}

function blockName(level: number): string {
  return `dec${4 - level}`;
}

function addUnit(table: Record<string, ParameterSpec>, name: string, inputs: number, outputs: number): void {
  addNormalizedConvolution(table, [`${name}.net.0`, `${name}.net.1`], inputs, outputs);
}

/** A linear layer without bias, with PyTorch's default initial values. */
function addWeight(table: Record<string, ParameterSpec>, name: string, inputs: number, outputs: number): void {
  table[`${name}.weight`] = { shape: [outputs, inputs], kind: 'linear', initial: { uniformIn: inputs } };
}

function checkMaps(maps: readonly Tensor4D[], { inputs, widths }: DinoUnetConfig): void {
  const given = maps.map(({ shape }) => shape.join('×'));
  if (maps.length === widths.length && maps.every(({ shape }) => shape[3] === inputs && given[0] === shape.join('×')))
    return;
  throw new UserError(
    `The decoder takes ${widths.length} maps of one shape N×h×w×${inputs}, but got ${maps.length === 0 ? 'none' : given.join(', ')}: take the tokens of ${widths.length} blocks of a backbone of width ${inputs}.`,
  );
}
