/** `convnextForward` as an ONNX graph. */
import type { ConvnextConfig } from '../convnext';
import type { OnnxGraph, Value } from './graph';
import { convolution, layerNorm, linear, mlp, transpose } from './layers';

/** N×3×H×W → N×classes. */
export function convnextGraph(g: OnnxGraph, { patchSize, depths, normEpsilon }: ConvnextConfig): Value {
  const channelsLast = (x: Value): Value => transpose(g, x, [0, 2, 3, 1]);
  const channelsFirst = (x: Value): Value => transpose(g, x, [0, 3, 1, 2]);
  const stem = channelsLast(convolution(g, g.input, 'stem.0', { stride: patchSize }));
  let x = layerNorm(g, stem, 'stem.1', normEpsilon); // N×H×W×C
  depths.forEach((depth, stage) => {
    const down = `stages.${stage}.downsample`;
    if (stage > 0) {
      const normed = channelsFirst(layerNorm(g, x, `${down}.0`, normEpsilon));
      x = channelsLast(convolution(g, normed, `${down}.1`, { stride: 2 }));
    }
    for (let index = 0; index < depth; index++) {
      const name = `stages.${stage}.blocks.${index}`;
      const spread = convolution(g, channelsFirst(x), `${name}.conv_dw`, { padding: 3, depthwise: true });
      const mixed = mlp(g, layerNorm(g, channelsLast(spread), `${name}.norm`, normEpsilon), `${name}.mlp`);
      x = g.node('Add', [x, g.node('Mul', [mixed, g.weight(`${name}.gamma`)])]);
    }
  });
  const pooled = g.node('ReduceMean', [x], { axes: [1, 2], keepdims: 0 });
  return linear(g, layerNorm(g, pooled, 'head.norm', normEpsilon), 'head.fc');
}
