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
  readonly tensorMap: { set(id: object, value: object): void; get(id: object): { readonly dtype: number } };
  /** Numbers of the inputs in the binding; what is still on the JavaScript side is handed over. */
  getInputTensorIds(inputs: readonly TensorInfo[]): number[];
  createOutputTensor(output: NativeOutput): Tensor;
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
  const results = binding.executeOp(op, attributes, backend.getInputTensorIds(inputs), outputs);
  return results.map((result) =>
    result.dtype === nativeType.bfloat16 ? registerOutput(result) : backend.createOutputTensor(result),
  );
}

/** What TensorFlow holds: tfjs knows no bfloat16 and takes such a tensor for float32 (see precision.ts). */
export function isBfloat16({ dataId }: Pick<TensorInfo, 'dataId'>): boolean {
  return backend.tensorMap.get(dataId).dtype === nativeType.bfloat16;
}

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
