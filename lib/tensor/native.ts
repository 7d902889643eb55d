/**
 * TensorFlow's own operations, below what tfjs offers: `execute(name, attributes, inputs)`. The operations and their attributes are
 * TensorFlow's raw_ops. Results are tensors like any other: inside `tf.tidy` they are disposed, and gradients are the caller's matter
 * (`tf.customGrad`).
 */
import { UserError } from '../errors';
import { tf, type Tensor, type TensorInfo } from '../tf';

/** What this project uses of the binding, which has no types of its own. */
interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: number[], type: number, values: ArrayBufferView): number;
  executeOp(op: string, attributes: readonly Attribute[], inputs: number[], outputs: number): NativeOutput[];
  deleteTensor(id: number): void;
  isUsingGpuDevice(): boolean;
}

interface NativeBackend {
  readonly binding: Binding;
  readonly tensorMap: { set(id: object, value: object): void };
  /** Numbers of the inputs in the binding; what is still on the JavaScript side is handed over. */
  getInputTensorIds(inputs: readonly TensorInfo[]): number[];
  createOutputTensor(output: NativeOutput): Tensor;
  /** By these two, all of tfjs's operations reach TensorFlow. */
  executeSingleOutput(op: string, attributes: readonly Attribute[], inputs: readonly TensorInfo[]): Tensor;
  executeMultipleOutputs(
    op: string,
    attributes: readonly Attribute[],
    inputs: readonly TensorInfo[],
    outputs: number,
  ): Tensor[];
  readSync(dataId: object): unknown;
}

interface NativeOutput {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** An attribute of an operation, as the binding takes it. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: string | number | boolean | readonly number[];
}

/** TensorFlow's numbers for the types that are used here (tensorflow/core/framework/types.proto). */
export const nativeType = { float32: 1, int32: 3, uint8: 4, int64: 9, bool: 10, bfloat16: 14, resource: 20 } as const;
export type NativeType = keyof typeof nativeType;

const backend = tf.backend() as unknown as NativeBackend;
const { binding } = backend;

/** Attributes by kind, such as `attribute.ints('strides', [1, 2, 2, 1])`. */
export const attribute = {
  string: (name: string, value: string): Attribute => ({ name, type: binding.TF_ATTR_STRING, value }),
  int: (name: string, value: number): Attribute => ({ name, type: binding.TF_ATTR_INT, value }),
  ints: (name: string, value: readonly number[]): Attribute => ({ name, type: binding.TF_ATTR_INT, value }),
  float: (name: string, value: number): Attribute => ({ name, type: binding.TF_ATTR_FLOAT, value }),
  bool: (name: string, value: boolean): Attribute => ({ name, type: binding.TF_ATTR_BOOL, value }),
  type: (name: string, value: NativeType): Attribute => ({
    name,
    type: binding.TF_ATTR_TYPE,
    value: nativeType[value],
  }),
  shape: (name: string, value: readonly number[]): Attribute => ({ name, type: binding.TF_ATTR_SHAPE, value }),
};

/** Runs an operation with one result. */
export function execute(op: string, attributes: readonly Attribute[], inputs: readonly TensorInfo[]): Tensor {
  return executeMany(op, attributes, inputs, 1)[0];
}

/** Runs an operation with `outputs` results (0 for one that only acts, such as an assignment). */
export function executeMany(
  op: string,
  attributes: readonly Attribute[],
  inputs: readonly TensorInfo[],
  outputs: number,
): Tensor[] {
  if (inputs.some(isBfloat16) && attributes.some(isFloat32)) return executeMixed(op, attributes, inputs, outputs);
  const results = binding.executeOp(op, attributes, backend.getInputTensorIds(inputs), outputs);
  return results.map((result) =>
    result.dtype === nativeType.bfloat16 ? registerOutput(result) : backend.createOutputTensor(result),
  );
}

const movingOperations = [
  'Reshape',
  'Transpose',
  'ConcatV2',
  'Split',
  'SplitV',
  'Slice',
  'StridedSlice',
  'Pad',
  'PadV2',
  'Tile',
  'Unpack',
  'Pack',
  'Roll',
  'GatherV2',
];
const narrowOperations = new Set([
  ...movingOperations,
  'Add',
  'AddV2',
  'Sub',
  'Mul',
  'Maximum',
  'Minimum',
  'Neg',
  'Relu',
  'ReluGrad',
  'MatMul',
  'BatchMatMulV2',
]);

/**
 * tfjs knows no bfloat16 and takes such a tensor for float32, as which all its operations hand it to TensorFlow. Those that move values, or
 * each of whose results is of one or two of them, and matrix products compute in bfloat16 where all that they are given is bfloat16; for
 * the others, sums and softmax among them, and where the two are mixed, bfloat16 is widened first.
 */
function executeMixed(
  op: string,
  attributes: readonly Attribute[],
  inputs: readonly TensorInfo[],
  outputs: number,
): Tensor[] {
  // The number that is padded with goes after the tensor.
  const decides = (input: TensorInfo): boolean =>
    input.dtype === 'float32' && !(op === 'PadV2' && input.shape.length === 0);
  const isNarrow = narrowOperations.has(op) && inputs.every((input) => isBfloat16(input) || !decides(input));
  const [from, to]: NativeType[] = isNarrow ? ['float32', 'bfloat16'] : ['bfloat16', 'float32'];
  const given = inputs.map((input) =>
    input.dtype === 'float32' && isBfloat16(input) !== isNarrow ? cast(input, from, to) : input,
  );
  const value = nativeType[to];
  try {
    return executeMany(
      op,
      attributes.map((one) => (isFloat32(one) ? { ...one, value } : one)),
      given,
      outputs,
    );
  } finally {
    tf.dispose(given.filter((input, index) => input !== inputs[index]) as Tensor[]);
  }
}

function isFloat32({ type, value }: Attribute): boolean {
  return type === binding.TF_ATTR_TYPE && value === nativeType.float32;
}

/** Rounded, or widened. */
export function cast(x: TensorInfo, from: NativeType, to: NativeType): Tensor {
  const attributes = [attribute.type('SrcT', from), attribute.type('DstT', to), attribute.bool('Truncate', false)];
  const [output] = binding.executeOp('Cast', attributes, backend.getInputTensorIds([x]), 1);
  return registerOutput(output);
}

const narrow = new WeakSet<object>();

/** What TensorFlow holds, or held. */
export function isBfloat16({ dataId }: Pick<TensorInfo, 'dataId'>): boolean {
  return narrow.has(dataId);
}

backend.executeMultipleOutputs = executeMany;
backend.executeSingleOutput = execute;
const { readSync } = backend;
backend.readSync = function (dataId) {
  if (!narrow.has(dataId)) return readSync.call(this, dataId);
  const widened = cast({ dataId, shape: [], dtype: 'float32' }, 'bfloat16', 'float32');
  try {
    return readSync.call(this, widened.dataId);
  } finally {
    widened.dispose();
  }
};

/**
 * Hands bytes to TensorFlow as they are and widens them there: a batch of images crosses as uint8, a quarter of its float32 size.
 * The bytes must not be changed while the operation runs; after this call they are the caller's again.
 */
export function floatFromBytes(bytes: Uint8Array, shape: readonly number[]): Tensor {
  const id = binding.createTensor([...shape], nativeType.uint8, bytes);
  try {
    const [output] = binding.executeOp('Cast', castBytes, [id], 1);
    return registerOutput(output);
  } finally {
    binding.deleteTensor(id);
  }
}

const castBytes = [
  attribute.type('SrcT', 'uint8'),
  attribute.type('DstT', 'float32'),
  attribute.bool('Truncate', false),
];

/** Makes a float32 or bfloat16 result of the binding a tensor of tfjs. */
function registerOutput(output: NativeOutput): Tensor {
  const dataId = {};
  if (output.dtype === nativeType.bfloat16) narrow.add(dataId);
  backend.tensorMap.set(dataId, { shape: output.shape, dtype: output.dtype, id: output.id, values: null, refCount: 1 });
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: output.shape, dtype: 'float32' });
}

/** Whether TensorFlow computes on a GPU. */
export function usesGpu(): boolean {
  return binding.isUsingGpuDevice();
}

/**
 * The instructions that the project's own operations (lib/tensor/kernels) are computed with, such as `v4`; `off` where TensorFlow's own
 * take their place: on a GPU, where they could not be compiled, and where NOTEBOOKS_KERNELS says so. What a seed gives is the same bit
 * for bit within a level.
 */
export const kernelLevel: string = usesGpu() || process.env.NOTEBOOKS_KERNELS === 'off' ? 'off' : levelInUse();

function levelInUse(): string {
  try {
    const name = execute('NotebookLevel', [], []);
    const [level] = name.dataSync<'string'>();
    name.dispose();
    return level;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (/TF_Status: 5\b/.test(message)) return 'off'; // TF_NOT_FOUND: no such operation
    if (!message.includes('NOTEBOOKS_KERNELS')) throw error;
    throw new UserError(message.slice(message.lastIndexOf('NOTEBOOKS_KERNELS')));
  }
}

/** Whether the project's own operations are used. */
export const hasKernels = kernelLevel !== 'off';

/** Whether the processor multiplies bfloat16 natively. */
export const hasBfloat16 = kernelLevel.endsWith('-bf16');
