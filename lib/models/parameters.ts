/**
 * A model is a table of named parameters and a pure function over them. The names and shapes are the published ones (PyTorch's), so
 * loading a checkpoint is a look-up and freezing is a predicate on names; the layout in memory is TensorFlow's.
 */
import { createHash } from 'node:crypto';
import { UserError } from '../errors';
import { createRandom, type Random } from '../random';
import { toPrecision } from '../tensor/precision';
import { createVariable, readVariables, type Variable } from '../tensor/variable';
import { tf, type Tensor } from '../tf';

/**
 * What a parameter is, which fixes its layout in memory:
 * `convolution` O×I×kH×kW → kH×kW×I×O, `transposedConvolution` I×O×kH×kW → I×kH×kW×O, `linear` O×I → I×O, everything else as published.
 * A `statistic` (the running mean and variance of batch norm) is part of the model but never trained.
 */
export type ParameterKind = 'convolution' | 'transposedConvolution' | 'linear' | 'vector' | 'statistic';

/** For each axis in memory, the published one; absent where the layout is the same. */
const publishedAxes: Partial<Record<ParameterKind, readonly number[]>> = {
  convolution: [2, 3, 1, 0],
  transposedConvolution: [0, 2, 3, 1],
  linear: [1, 0],
};

/**
 * Initial values as PyTorch and timm draw them: `kaiming-out` (normal, fan out, ReLU), `uniformIn` (±1/√fan in), `normal` (of that
 * deviation, cut off at two), or a constant.
 */
export type Initializer = 'kaiming-out' | { readonly uniformIn: number } | { readonly normal: number } | number;

export interface ParameterSpec {
  /** As published. */
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
  readonly initial: Initializer;
}

export type ParameterTable = Readonly<Record<string, ParameterSpec>>;

/** The parameters of one model: a variable for each name of its table. */
export interface Parameters {
  readonly table: ParameterTable;
  readonly variables: ReadonlyMap<string, Variable>;
  /** Names of those that a training leaves as they are: no checkpoint has them. */
  readonly frozen?: ReadonlySet<string>;
}

/** Values in the published layout, row-major. */
export type PublishedValues = ReadonlyMap<string, Float32Array>;

/** Makes a model's parameters with PyTorch's default initialisation, every tensor from its own stream of the seed. */
export function createParameters(table: ParameterTable, seed: number): Parameters {
  const variables = new Map<string, Variable>();
  for (const [name, spec] of Object.entries(table)) {
    const values = initialValues(spec, createRandom(seed, 'parameters', name));
    const initial = tf.tidy(() => fromPublished(values, spec));
    variables.set(name, createVariable(initial));
    initial.dispose();
  }
  return { table, variables };
}

export function disposeParameters(parameters: Parameters): void {
  for (const variable of parameters.variables.values()) variable.dispose();
}

/** Number of values, of all or of those whose name passes. Statistics of batch norm do not count, as in PyTorch. */
export function countParameters(
  { table }: Pick<Parameters, 'table'>,
  include: (name: string) => boolean = () => true,
): number {
  return Object.entries(table)
    .filter(([name, spec]) => spec.kind !== 'statistic' && include(name))
    .reduce((total, [, spec]) => total + sizeOf(spec.shape), 0);
}

/** Names of what can be trained, in the table's order. */
export function trainableNames(
  { table }: Pick<Parameters, 'table'>,
  include: (name: string) => boolean = () => true,
): string[] {
  return Object.keys(table).filter((name) => table[name].kind !== 'statistic' && include(name));
}

/**
 * All current values as tensors (in TensorFlow's layout), which belong to the caller's `tf.tidy`; rounded to bfloat16 where that is kept
 * beside the value. No memory is copied.
 */
export function readParameters(parameters: Parameters): Map<string, Tensor> {
  const { variables } = parameters;
  const values = readVariables([...variables.values()].map((variable) => variable.rounded ?? variable));
  return new Map([...variables.keys()].map((name, index) => [name, values[index]]));
}

/** All current values in the published layout, as a checkpoint has them. */
export function exportParameters(parameters: Parameters): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, spec] of Object.entries(parameters.table)) {
    tf.tidy(() => {
      values.set(name, toPublished(toPrecision(variableOf(parameters, name).read(), 'float32'), spec));
    });
  }
  return values;
}

/**
 * Replaces all values. A missing, extra or misshapen tensor is a `UserError` that lists the names.
 * @param values in the published layout
 * @param source for the message, such as a file's name
 */
export function importParameters(parameters: Parameters, values: PublishedValues, source: string): void {
  const { table } = parameters;
  const missing = Object.keys(table).filter((name) => !values.has(name));
  const extra = [...values.keys()].filter((name) => !(name in table));
  const misshapen = Object.entries(table)
    .filter(([name, spec]) => values.has(name) && values.get(name)?.length !== sizeOf(spec.shape))
    .map(([name, spec]) => `${name} (has ${values.get(name)?.length} values, the model ${spec.shape.join('×')})`);
  const misfit = misfitError(source, { missing, extra, misshapen });
  if (misfit !== undefined) throw misfit;
  assignPublished(parameters, (name) => values.get(name) as Float32Array);
}

/** Replaces all values by what `read` gives for each name, in the published layout, a tensor at a time. */
export function assignPublished(parameters: Parameters, read: (name: string) => Float32Array): void {
  for (const [name, spec] of Object.entries(parameters.table)) {
    tf.tidy(() => variableOf(parameters, name).assign(fromPublished(read(name), spec)));
  }
}

/** The variable of a name that is in the table. */
export function variableOf({ variables }: Parameters, name: string): Variable {
  const variable = variables.get(name);
  if (variable === undefined) throw new Error(`The model has no parameter "${name}".`);
  return variable;
}

/** Says which tensors of `source` do not fit a model; undefined where all do. */
export function misfitError(
  source: string,
  { missing, extra, misshapen }: Readonly<Record<'missing' | 'extra' | 'misshapen', readonly string[]>>,
): UserError | undefined {
  const problems = [
    ...(missing.length ? [`missing: ${listed(missing)}`] : []),
    ...(extra.length ? [`not in the model: ${listed(extra)}`] : []),
    ...(misshapen.length ? [`of another shape: ${listed(misshapen)}`] : []),
  ];
  return problems.length ? new UserError(`${source} does not fit the model; ${problems.join('; ')}.`) : undefined;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

/** Published layout → memory layout. */
export function fromPublished(values: Float32Array, { shape, kind }: ParameterSpec): Tensor {
  // A copy, since TensorFlow shares an array's memory where it happens to be aligned, and the array is the caller's.
  const published = tf.tensor(values.slice(), [...shape]);
  const axes = publishedAxes[kind];
  return axes === undefined ? published : published.transpose([...axes]);
}

/** Memory layout → published layout. */
export function toPublished(value: Tensor, { kind }: ParameterSpec): Float32Array {
  const axes = publishedAxes[kind];
  const published = axes === undefined ? value : value.transpose(axes.map((_, axis) => axes.indexOf(axis)));
  return published.dataSync<'float32'>();
}

function initialValues({ shape, initial }: ParameterSpec, random: Random): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (typeof initial === 'number') return values.fill(initial);
  if (initial === 'kaiming-out') {
    const [outputs, , height, width] = shape;
    const deviation = Math.sqrt(2 / (outputs * height * width));
    return values.map(() => random.normal(0, deviation));
  }
  if ('normal' in initial) return values.map(() => initial.normal * cutNormal(random));
  const bound = 1 / Math.sqrt(initial.uniformIn);
  return values.map(() => (2 * random.uniform() - 1) * bound);
}

/** A standard normal number within ±2. */
function cutNormal(random: Random): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Adds a norm's `weight` and `bias` to a table. */
export function addNorm(table: Record<string, ParameterSpec>, name: string, width: number): void {
  table[`${name}.weight`] = { shape: [width], kind: 'vector', initial: 1 };
  table[`${name}.bias`] = { shape: [width], kind: 'vector', initial: 0 };
}

/** Adds a batch norm's tensors, the running statistics among them, to a table. */
export function addBatchNorm(table: Record<string, ParameterSpec>, name: string, width: number): void {
  addNorm(table, name, width);
  table[`${name}.running_mean`] = { shape: [width], kind: 'statistic', initial: 0 };
  table[`${name}.running_var`] = { shape: [width], kind: 'statistic', initial: 1 };
}

/** Adds a transformer's linear layer to a table, with timm's initial values: normal of deviation 0.02, biases 0. */
export function addLinear(
  table: Record<string, ParameterSpec>,
  name: string,
  inputs: number,
  outputs: number,
  bias = true,
): void {
  table[`${name}.weight`] = { shape: [outputs, inputs], kind: 'linear', initial: { normal: 0.02 } };
  if (bias) table[`${name}.bias`] = { shape: [outputs], kind: 'vector', initial: 0 };
}

/** A linear classifier on features, `head`, with the initial values of PyTorch's `nn.Linear`. */
export function linearHead(width: number, classes: number): ParameterTable {
  const initial = { uniformIn: width };
  return {
    'head.weight': { shape: [classes, width], kind: 'linear', initial },
    'head.bias': { shape: [classes], kind: 'vector', initial },
  };
}

/** SHA-256 over names, shapes and values: what stands for weights that have no file. */
export function hashParameters(parameters: Parameters): string {
  const hash = createHash('sha256');
  const published = exportParameters(parameters);
  for (const [name, spec] of Object.entries(parameters.table).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const values = published.get(name) as Float32Array;
    hash.update(JSON.stringify([name, spec.shape]));
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
