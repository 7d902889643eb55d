/** `unetForward` as an ONNX graph. */
import type { PlaneSize } from '../../tensor/resample';
import type { UnetConfig } from '../unet';
import type { OnnxGraph, Value } from './graph';
import { batchNorm, convolution, transposedConvolution } from './layers';

/** N×3×H×W → N×classes×H×W. */
export function unetGraph(g: OnnxGraph, { widths }: UnetConfig, { height, width }: PlaneSize): Value {
  const sizeAt = (level: number): [number, number] =>
    [height, width].map((side) => Math.floor(side / 2 ** level)) as [number, number];
  const encoder: Value[] = [];
  widths.forEach((_, level) => {
    const halved = (): Value => g.node('MaxPool', [encoder[level - 1]], { kernel_shape: [2, 2], strides: [2, 2] });
    encoder.push(doubleConvolution(g, level === 0 ? g.input : halved(), level === 0 ? 'inc' : `down${level}.conv`));
  });
  let x = encoder[encoder.length - 1];
  for (let level = widths.length - 2; level >= 0; level--) {
    const name = `up${widths.length - 1 - level}`;
    const raised = transposedConvolution(g, x, `${name}.up`);
    const [below, skip] = [sizeAt(level + 1), sizeAt(level)];
    const missing = skip.map((side, axis) => side - 2 * below[axis]);
    x = doubleConvolution(
      g,
      g.node('Concat', [encoder[level], padded(g, raised, missing)], { axis: 1 }),
      `${name}.conv`,
    );
  }
  return convolution(g, x, 'outc.conv');
}

/** Zeros around x, the odd one below and to the right. */
function padded(g: OnnxGraph, x: Value, missing: readonly number[]): Value {
  if (missing.every((count) => count === 0)) return x;
  const [before, after] = [Math.floor, Math.ceil].map((round) => missing.map((count) => round(count / 2)));
  return g.node('Pad', [x, g.integers([0, 0, ...before, 0, 0, ...after])]);
}

function doubleConvolution(g: OnnxGraph, x: Value, name: string): Value {
  const layer = (input: Value, at: number): Value => {
    const convolved = convolution(g, input, `${name}.net.${at}`, { padding: 1 });
    return g.node('Relu', [batchNorm(g, convolved, `${name}.net.${at + 1}`)]);
  };
  return layer(layer(x, 0), 3);
}
