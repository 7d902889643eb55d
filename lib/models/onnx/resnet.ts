/** `resnetForward` as an ONNX graph. */
import type { ResnetConfig } from '../resnet';
import type { OnnxGraph, Value } from './graph';
import { batchNorm, convolution, linear } from './layers';

const stageStrides = [1, 2, 2, 2];

/** N×3×H×W → N×classes. */
export function resnetGraph(g: OnnxGraph, { depths, block }: ResnetConfig): Value {
  const stem = relu(g, batchNorm(g, convolution(g, g.input, 'conv1', { stride: 2, padding: 3 }), 'bn1'));
  let x = g.node('MaxPool', [stem], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  stageStrides.forEach((stageStride, stage) => {
    for (let index = 0; index < depths[stage]; index++) {
      const name = `layer${stage + 1}.${index}`;
      const stride = index === 0 ? stageStride : 1;
      const run = block === 'basic' ? basicBlock : bottleneckBlock;
      x = relu(g, g.node('Add', [run(g, x, name, stride), shortcut(g, x, name, stride)]));
    }
  });
  return linear(g, g.node('Flatten', [g.node('GlobalAveragePool', [x])], { axis: 1 }), 'fc');
}

const relu = (g: OnnxGraph, x: Value): Value => g.node('Relu', [x]);

function basicBlock(g: OnnxGraph, x: Value, name: string, stride: number): Value {
  const first = batchNorm(g, convolution(g, x, `${name}.conv1`, { stride, padding: 1 }), `${name}.bn1`);
  return batchNorm(g, convolution(g, relu(g, first), `${name}.conv2`, { padding: 1 }), `${name}.bn2`);
}

function bottleneckBlock(g: OnnxGraph, x: Value, name: string, stride: number): Value {
  const first = batchNorm(g, convolution(g, x, `${name}.conv1`), `${name}.bn1`);
  const middle = convolution(g, relu(g, first), `${name}.conv2`, { stride, padding: 1 });
  return batchNorm(g, convolution(g, relu(g, batchNorm(g, middle, `${name}.bn2`)), `${name}.conv3`), `${name}.bn3`);
}

function shortcut(g: OnnxGraph, x: Value, name: string, stride: number): Value {
  if (!Object.hasOwn(g.table, `${name}.downsample.0.weight`)) return x;
  return batchNorm(g, convolution(g, x, `${name}.downsample.0`, { stride }), `${name}.downsample.1`);
}
