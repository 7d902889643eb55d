/**
 * An ONNX graph in the making, of operators of opset 17, and the file of it, written by ONNX's own protobuf schema (onnx.proto, as the
 * `onnx` package 1.23 publishes it). Values of a graph are known by their names.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { sizeOf, type ParameterTable } from '../parameters';

/** The name of a tensor in the graph. */
export type Value = string;

/** Whole numbers, lists of them, floats, which JavaScript does not tell apart, and names. */
export type Attribute = number | readonly number[] | { readonly float: number } | { readonly text: string };

export interface OnnxWeights {
  readonly table: ParameterTable;
  /** In the published layout. */
  read(name: string): Float32Array;
}

export interface OnnxGraph {
  readonly input: Value;
  readonly table: ParameterTable;
  /** A tensor of the network as it is published. */
  weight(name: string): Value;
  /** The matrix of a linear layer as I×O, for MatMul. */
  transposed(name: string): Value;
  floats(values: Float32Array, shape: readonly number[]): Value;
  /** Of one axis, for shapes, axes and indices. */
  integers(values: readonly number[]): Value;
  node(operator: string, inputs: readonly Value[], attributes?: Readonly<Record<string, Attribute>>): Value;
  /** A node with several outputs. */
  split(
    operator: string,
    inputs: readonly Value[],
    outputs: number,
    attributes?: Readonly<Record<string, Attribute>>,
  ): Value[];
}

const [ofFloat, ofInt, ofText, ofInts] = [1, 2, 3, 7];
const [float32, int64] = [1, 7];
const opset = 17;

interface Dimension {
  readonly dim_value?: number;
  readonly dim_param?: string;
}

export interface OnnxFile {
  /** H and W of the images, which are N×3×H×W. */
  readonly size: { readonly height: number; readonly width: number };
  readonly outputName: string;
  /** Beside N. */
  readonly outputShape: readonly number[];
  /** Kept in the file for whoever reads it. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface GraphNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface GraphTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

export interface CollectedGraph {
  readonly input: Value;
  /** In the order in which they can be computed. */
  readonly nodes: readonly GraphNode[];
  readonly tensors: ReadonlyMap<Value, GraphTensor>;
  readonly result: Value;
}

/** The nodes and tensors of a graph, whatever becomes of them. `build` returns the value that the graph puts out. */
export function collectGraph(weights: OnnxWeights, build: (graph: OnnxGraph) => Value): CollectedGraph {
  const nodes: GraphNode[] = [];
  const tensors = new Map<Value, GraphTensor>();
  const input = 'images';

  const tensor = (name: string, shape: readonly number[], values: GraphTensor['values']): Value => {
    if (!tensors.has(name)) tensors.set(name, { shape, values });
    return name;
  };
  const split: OnnxGraph['split'] = (operator, inputs, outputs, attributes = {}) => {
    const name = `${operator}_${nodes.length}`;
    const values = Array.from({ length: outputs }, (_, index) => (outputs === 1 ? name : `${name}_${index}`));
    nodes.push({ name, operator, inputs, outputs: values, attributes });
    return values;
  };
  const result = build({
    input,
    table: weights.table,
    weight: (name) => tensor(name, weights.table[name].shape, weights.read(name)),
    transposed(name) {
      const [outputs, inputs] = weights.table[name].shape;
      const published = weights.read(name);
      const values = published.map((_, at) => published[(at % outputs) * inputs + Math.floor(at / outputs)]);
      return tensor(`${name}.T`, [inputs, outputs], values);
    },
    floats(values, shape) {
      if (values.length !== sizeOf(shape)) throw new Error(`${values.length} values are not ${shape.join('×')}.`);
      return tensor(`constant_${tensors.size}`, shape, values);
    },
    integers: (values) => tensor(`integers_${values.join('_')}`, [values.length], BigInt64Array.from(values, BigInt)),
    node: (operator, inputs, attributes) => split(operator, inputs, 1, attributes)[0],
    split,
  });
  return { input, nodes, tensors, result };
}

/** Builds a graph and gives the bytes of its file. `build` returns the value that the graph puts out. */
export function encodeGraph(weights: OnnxWeights, file: OnnxFile, build: (graph: OnnxGraph) => Value): Uint8Array {
  const { input, result, tensors, nodes } = collectGraph(weights, build);
  const identity = { name: file.outputName, op_type: 'Identity', input: [result], output: [file.outputName] };
  return encode({
    ir_version: 8,
    producer_name: 'medical-transfer-notebooks',
    opset_import: [{ domain: '', version: opset }],
    metadata_props: Object.entries(file.metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: 'network',
      node: [...nodes.map(nodeOf), identity],
      initializer: [...tensors].map(([name, tensor]) => initializerOf(name, tensor)),
      input: [described(input, [3, file.size.height, file.size.width])],
      output: [described(file.outputName, file.outputShape)],
    },
  });
}

function nodeOf({ name, operator, inputs, outputs, attributes }: GraphNode): object {
  const attribute = Object.entries(attributes).map(([key, value]) => ({ name: key, ...attributeOf(value) }));
  return { name, op_type: operator, input: inputs, output: outputs, attribute };
}

function initializerOf(name: string, { shape, values }: GraphTensor): object {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, data_type: values instanceof Float32Array ? float32 : int64, dims: shape, raw_data: raw };
}

function attributeOf(value: Attribute): object {
  if (typeof value === 'number') return { type: ofInt, i: value };
  if ('text' in value) return { type: ofText, s: Buffer.from(value.text) };
  return 'float' in value ? { type: ofFloat, f: value.float } : { type: ofInts, ints: value };
}

/** A tensor of N×shape, whatever N. */
function described(name: string, shape: readonly number[]): object {
  const dimensions: Dimension[] = [{ dim_param: 'batch' }, ...shape.map((size) => ({ dim_value: size }))];
  return { name, type: { tensor_type: { elem_type: float32, shape: { dim: dimensions } } } };
}

let schema: protobuf.Type | undefined;

function encode(model: object): Uint8Array {
  schema ??= protobuf
    .parse(readFileSync(join(__dirname, 'onnx.proto'), 'utf8'), { keepCase: true })
    .root.lookupType('onnx.ModelProto');
  const problem = schema.verify(model);
  if (problem !== null) throw new Error(`The graph does not follow ONNX's schema: ${problem}`);
  return schema.encode(model).finish();
}
