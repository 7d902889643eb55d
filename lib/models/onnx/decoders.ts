/** `segmentationDecoderForward` and `dinoUnetForward` as ONNX graphs, on maps N×C×rows×columns of a vision transformer's blocks. */
import type { PlaneSize } from '../../tensor/resample';
import type { DecoderConfig } from '../decoders';
import { levelScales, type DinoUnetConfig } from '../dino-unet';
import type { OnnxGraph, Value } from './graph';
import { batchNorm, convolution, linear, resizeBilinear, transposedConvolution } from './layers';

/** → N×classes×2ˢrows×2ˢcolumns for s stages. */
export function segmentationDecoderGraph(g: OnnxGraph, maps: readonly Value[], { widths }: DecoderConfig): Value {
  let x = joined(g, maps);
  widths.forEach((_, stage) => {
    x = batchNorm(g, convolution(g, x, `decoder.${4 * stage}`, { padding: 1 }), `decoder.${4 * stage + 1}`);
    const scales = g.floats(Float32Array.of(1, 1, 2, 2), [4]);
    x = g.node('Resize', [g.node('Relu', [x]), '', scales], { mode: { text: 'linear' } });
  });
  return convolution(g, x, `decoder.${4 * widths.length}`);
}

export interface DinoUnetSizes {
  /** Of the logits. */
  readonly size: PlaneSize;
  /** Of the maps. */
  readonly grid: readonly [rows: number, columns: number];
}

/** → N×classes×H×W. */
export function dinoUnetGraph(
  g: OnnxGraph,
  maps: readonly Value[],
  { arm, widths }: DinoUnetConfig,
  { size, grid: [rows, columns] }: DinoUnetSizes,
): Value {
  const scales = levelScales[arm];
  const sizeOf = (level: number): PlaneSize => ({
    height: Math.ceil(rows * scales[level]),
    width: Math.ceil(columns * scales[level]),
  });
  const ordered = arm === 'corrected' ? [...maps].reverse() : maps;
  const adapted = ordered.map((map, level) => {
    const x = convolution(g, map, `adapter.projs.${level}`);
    const scale = scales[level];
    const pooled = { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 };
    const resampled =
      scale < 1
        ? g.node('AveragePool', [x], pooled)
        : scale > 1
          ? transposedConvolution(g, x, `adapter.resamplers.${level}`)
          : x;
    return unit(g, resampled, `adapter.refiners.${level}`);
  });
  const means = adapted.map((x) => g.node('ReduceMean', [x], { axes: [2, 3], keepdims: 0 }));
  const first = g.node('Relu', [linear(g, g.node('Concat', means, { axis: 1 }), 'ctx_agg.fc.0')]);
  const context = g.node('Relu', [linear(g, first, 'ctx_agg.fc.2')]);
  const skips = adapted.map((x, level) => {
    const name = `fapms.${level}`;
    const inner = normalized(g, x, [`${name}.conv_spatial.0`, `${name}.conv_spatial.1`]);
    const outer = convolution(g, inner, `${name}.conv_spatial.3`, { padding: 1 });
    const detail = batchNorm(g, outer, `${name}.conv_spatial.4`);
    const places = g.node('Unsqueeze', [linear(g, context, `${name}.ctx_proj`), g.integers([2, 3])]);
    const informed = g.node('Add', [detail, places]);
    const mean = g.node('ReduceMean', [informed], { axes: [2, 3], keepdims: 1 });
    const gate = g.node('Sigmoid', [arm === 'as-published' ? g.node('Relu', [mean]) : mean]);
    return g.node('Add', [x, g.node('Mul', [informed, gate])]);
  });
  let x = unit(g, skips[0], 'dec4.0');
  for (let level = 1; level < widths.length; level++) {
    const name = `dec${4 - level}`;
    const raised = resizeBilinear(g, transposedConvolution(g, x, `${name}.up`), sizeOf(level));
    const both = g.node('Concat', [raised, skips[level]], { axis: 1 });
    x = unit(g, unit(g, both, `${name}.conv1`), `${name}.conv2`);
  }
  return resizeBilinear(g, convolution(g, unit(g, x, 'head_conv.0'), 'head_conv.1'), size);
}

function joined(g: OnnxGraph, maps: readonly Value[]): Value {
  return maps.length === 1 ? maps[0] : g.node('Concat', maps, { axis: 1 });
}

/** 3×3 convolution, batch norm, ReLU. */
function normalized(g: OnnxGraph, x: Value, [conv, norm]: readonly [string, string]): Value {
  return g.node('Relu', [batchNorm(g, convolution(g, x, conv, { padding: 1 }), norm)]);
}

const unit = (g: OnnxGraph, x: Value, name: string): Value => normalized(g, x, [`${name}.net.0`, `${name}.net.1`]);
