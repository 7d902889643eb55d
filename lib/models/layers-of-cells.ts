/** The layers that networks are written with, for cells: functions of tensors, and of the tensors' names. */
export { batchNorm, convolution, layerNorm, linear } from './scope';
export { transposedConvolution } from './blocks';
export { maxPool2d } from '../tensor/pooling';
export { relu } from '../tensor/activations';
export { resizeBilinear, upsampleBilinear } from '../tensor/upsampling';

import { addBatchNorm, addLinear, addNorm, type ParameterSpec, type ParameterTable } from './parameters';
import { addConvolution, addTransposedConvolution } from './blocks';

/** A layer's parameters, to be put together to a table: `{ ...convolutionParameters('conv1', 3, 16, 3), … }`. */
export function convolutionParameters(
  name: string,
  inputs: number,
  outputs: number,
  side: number,
  bias = true,
): ParameterTable {
  return tableOf((table) => addConvolution(table, name, [outputs, inputs, side, side], bias));
}

export function transposedConvolutionParameters(
  name: string,
  inputs: number,
  outputs: number,
  side: number,
): ParameterTable {
  return tableOf((table) => addTransposedConvolution(table, name, [inputs, outputs, side, side]));
}

export function linearParameters(name: string, inputs: number, outputs: number): ParameterTable {
  return tableOf((table) => addLinear(table, name, inputs, outputs));
}

export function batchNormParameters(name: string, width: number): ParameterTable {
  return tableOf((table) => addBatchNorm(table, name, width));
}

export function layerNormParameters(name: string, width: number): ParameterTable {
  return tableOf((table) => addNorm(table, name, width));
}

function tableOf(add: (table: Record<string, ParameterSpec>) => void): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  add(table);
  return table;
}
