/** `swinForward` as an ONNX graph. */
import type { PlaneSize } from '../../tensor/resample';
import { checkSwinSize, offsetIndices, shiftMaskValues, type SwinConfig } from '../swin';
import type { OnnxGraph, Value } from './graph';
import { attention, convolution, layerNorm, linear, mlp, queryKeyValue, reshape, transpose } from './layers';

interface Stage {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly heads: number;
}

/** N×3×H×W → N×classes. */
export function swinGraph(g: OnnxGraph, config: SwinConfig, size: PlaneSize): Value {
  const { patchSize, width, depths, heads, normEpsilon, window } = config;
  checkSwinSize(size, config);
  const patches = transpose(g, convolution(g, g.input, 'patch_embed.proj', { stride: patchSize }), [0, 2, 3, 1]);
  let x = layerNorm(g, patches, 'patch_embed.norm', normEpsilon); // N×H×W×C
  depths.forEach((depth, stage) => {
    const scale = patchSize * 2 ** stage;
    const layout = {
      height: size.height / scale,
      width: size.width / scale,
      channels: width * 2 ** stage,
      heads: heads[stage],
    };
    if (stage > 0) x = mergePatches(g, x, `layers.${stage}.downsample`, layout, normEpsilon);
    for (let index = 0; index < depth; index++) {
      const shift = index % 2 === 1 && layout.height > window ? Math.floor(window / 2) : 0;
      const name = `layers.${stage}.blocks.${index}`;
      const normed = layerNorm(g, x, `${name}.norm1`, normEpsilon);
      x = g.node('Add', [x, windowAttention(g, normed, `${name}.attn`, layout, { window, shift })]);
      x = g.node('Add', [x, mlp(g, layerNorm(g, x, `${name}.norm2`, normEpsilon), `${name}.mlp`)]);
    }
  });
  const pooled = g.node('ReduceMean', [layerNorm(g, x, 'norm', normEpsilon)], { axes: [1, 2], keepdims: 0 });
  return linear(g, pooled, 'head.fc');
}

/** N×2H×2W×C/2 → N×H×W×C. */
function mergePatches(
  g: OnnxGraph,
  x: Value,
  name: string,
  { height, width, channels }: Stage,
  epsilon: number,
): Value {
  const split = reshape(g, x, [-1, height, 2, width, 2, channels / 2]);
  const grouped = reshape(g, transpose(g, split, [0, 1, 3, 4, 2, 5]), [-1, height, width, 2 * channels]);
  return linear(g, layerNorm(g, grouped, `${name}.norm`, epsilon), `${name}.reduction`);
}

function windowAttention(
  g: OnnxGraph,
  x: Value,
  name: string,
  { height, width, channels, heads }: Stage,
  { window, shift }: { readonly window: number; readonly shift: number },
): Value {
  const [rows, columns, tokens] = [height / window, width / window, window * window];
  const moved = shift > 0 ? rolled(g, x, -shift, [height, width]) : x;
  const split = reshape(g, moved, [-1, rows, window, columns, window, channels]);
  const windows = reshape(g, transpose(g, split, [0, 1, 3, 2, 4, 5]), [-1, tokens, channels]);
  const parts = queryKeyValue(g, windows, `${name}.qkv`, { heads, width: channels, tokens });
  // Images apart from windows, which the mask is different for: N×windows×H×T×D.
  const apart = parts.map((part) => reshape(g, part, [-1, rows * columns, heads, tokens, channels / heads]));
  const attended = attention(g, apart, {
    scale: 1 / Math.sqrt(channels / heads),
    keyAxes: [0, 1, 2, 4, 3],
    bias: positionBias(g, `${name}.relative_position_bias_table`, { heads, rows, columns, window, shift }),
  });
  const merged = reshape(g, transpose(g, attended, [0, 1, 3, 2, 4]), [-1, tokens, channels]);
  const projected = reshape(g, linear(g, merged, `${name}.proj`), [-1, rows, columns, window, window, channels]);
  const image = reshape(g, transpose(g, projected, [0, 1, 3, 2, 4, 5]), [-1, height, width, channels]);
  return shift > 0 ? rolled(g, image, shift, [height, width]) : image;
}

/** The bias of each pair of positions, and the mask of moved windows: windows×H×T×T, or 1×H×T×T where they are not moved. */
function positionBias(
  g: OnnxGraph,
  name: string,
  layout: { heads: number; rows: number; columns: number; window: number; shift: number },
): Value {
  const { window, heads, rows, columns, shift } = layout;
  const tokens = window * window;
  const gathered = g.node('Gather', [g.weight(name), g.integers(Array.from(offsetIndices(window)))], { axis: 0 });
  const bias = transpose(g, reshape(g, gathered, [1, tokens, tokens, heads]), [0, 3, 1, 2]);
  if (shift === 0) return bias;
  return g.node('Add', [bias, g.floats(shiftMaskValues(layout), [rows * columns, 1, tokens, tokens])]);
}

/** Rows and columns moved on by `by`, what falls off at one end coming in at the other. */
function rolled(g: OnnxGraph, x: Value, by: number, sides: readonly [height: number, width: number]): Value {
  return sides.reduce((moved, side, index) => {
    const [cut, axis] = [((-by % side) + side) % side, index + 1];
    const part = (from: number, to: number): Value =>
      g.node('Slice', [moved, ...[[from], [to], [axis]].map((values) => g.integers(values))]);
    return g.node('Concat', [part(cut, side), part(0, cut)], { axis });
  }, x);
}
