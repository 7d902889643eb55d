/**
 * U-Net (Ronneberger et al. 2015) with batch norm and padded convolutions, the fourth study's baseline, under that study's tensor names:
 * `inc`, `down1` …, `up1` …, `outc` (github.com/getrichthroughcode/dinov3-isic2018-segmentation, models/baseline_unet.py).
 */
import { UserError } from '../errors';
import { maxPool2d } from '../tensor/pooling';
import { tf, type Tensor4D } from '../tf';
import {
  addConvolution,
  addNormalizedConvolution,
  addTransposedConvolution,
  normalizedConvolution,
  tidyPart,
  transposedConvolution,
} from './blocks';
import type { ParameterSpec, ParameterTable } from './parameters';
import { convolution, type Scope } from './scope';

export interface UnetConfig {
  /** Channels of each level, the finest first; between two levels the resolution halves. */
  readonly widths: readonly number[];
}

export const unetConfigs = {
  unet_base32: { widths: [32, 64, 128, 256, 512] },
} as const satisfies Record<string, UnetConfig>;

/** Names, shapes and initial values of all tensors; 7,763,041 trained values for unet_base32 with 3 channels and 1 class. */
export function unetParameters(
  { widths }: UnetConfig,
  { classes = 1, channels = 3 }: { classes?: number; channels?: number } = {},
): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  widths.forEach((width, level) => {
    const name = level === 0 ? 'inc' : `down${level}.conv`;
    addDoubleConvolution(table, name, level === 0 ? channels : widths[level - 1], width);
  });
  for (let level = widths.length - 2; level >= 0; level--) {
    const [name, width] = [`up${widths.length - 1 - level}`, widths[level]];
    addTransposedConvolution(table, `${name}.up`, [widths[level + 1], width, 2, 2]);
    addDoubleConvolution(table, `${name}.conv`, 2 * width, width);
  }
  addConvolution(table, 'outc.conv', [classes, widths[0], 1, 1]);
  return table;
}

/** What a forward pass gives, each N×H×W×C. */
export interface UnetOutput {
  /** By level, from the images' resolution down. */
  readonly encoder: readonly Tensor4D[];
  /** From the second coarsest level up to the images' resolution. */
  readonly decoder: readonly Tensor4D[];
  /** N×H×W×classes. */
  readonly logits: Tensor4D;
}

/**
 * images: N×H×W×channels, of any size that can be halved once for each level.
 * @throws UserError for smaller images
 */
export function unetForward(images: Tensor4D, p: Scope, { widths }: UnetConfig): UnetOutput {
  const [, height, width] = images.shape;
  const smallest = 2 ** (widths.length - 1);
  if (Math.min(height, width) < smallest) {
    throw new UserError(
      `Images of ${height}×${width} are too small for a U-Net of ${widths.length} levels: take ${smallest}×${smallest} or more.`,
    );
  }
  const encoder: Tensor4D[] = [];
  widths.forEach((_, level) => {
    const part = level === 0 ? p.at('inc') : p.at(`down${level}.conv`);
    encoder.push(
      tidyPart(part, () => doubleConvolution(level === 0 ? images : maxPool2d(encoder[level - 1], { size: 2 }), part)),
    ); // N×H/2ˡ×W/2ˡ×C
  });
  const decoder: Tensor4D[] = [];
  for (let level = widths.length - 2; level >= 0; level--) {
    const part = p.at(`up${widths.length - 1 - level}`);
    const below = decoder.length === 0 ? encoder[level + 1] : decoder[decoder.length - 1];
    decoder.push(tidyPart(part, () => up(below, encoder[level], part)));
  }
  return { encoder, decoder, logits: convolution(decoder[decoder.length - 1], p.at('outc.conv')) };
}

/** x: N×⌊H/2⌋×⌊W/2⌋×I, skip: N×H×W×C → N×H×W×C. */
function up(x: Tensor4D, skip: Tensor4D, p: Scope): Tensor4D {
  const raised = padTo(transposedConvolution(x, p.at('up')), skip);
  return doubleConvolution(tf.concat4d([skip, raised], 3), p.at('conv'));
}

/** Zeros around x up to the skip's size, the odd one below and to the right. */
function padTo(x: Tensor4D, { shape: [, height, width] }: Tensor4D): Tensor4D {
  const [rows, columns] = [height - x.shape[1], width - x.shape[2]];
  if (rows + columns === 0) return x;
  const around = (missing: number): [number, number] => [Math.floor(missing / 2), Math.ceil(missing / 2)];
  return tf.pad4d(x, [[0, 0], around(rows), around(columns), [0, 0]]);
}

function doubleConvolution(x: Tensor4D, p: Scope): Tensor4D {
  return normalizedConvolution(normalizedConvolution(x, p, ['net.0', 'net.1']), p, ['net.3', 'net.4']);
}

function addDoubleConvolution(
  table: Record<string, ParameterSpec>,
  name: string,
  inputs: number,
  outputs: number,
): void {
  addNormalizedConvolution(table, [`${name}.net.0`, `${name}.net.1`], inputs, outputs);
  addNormalizedConvolution(table, [`${name}.net.3`, `${name}.net.4`], outputs, outputs);
}
