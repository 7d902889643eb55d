import { tf, type Tensor, type Tensor4D } from '../tf';
import { normalizeAgain, normalizedOrigin } from './batch-norm';
import { multiply } from './linear';
import { attribute, execute, hasKernels, isBfloat16 } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, typeAttribute } from './precision';

export interface ConvolutionOptions {
  readonly stride?: number;
  /** Zeros on each side of height and width, as PyTorch counts them. */
  readonly padding?: number;
}

/** One axis of a convolution: which of the filter's taps ever meet the image, and the padding that they need. */
interface Axis {
  readonly first: number;
  readonly taps: number;
  readonly before: number;
  readonly after: number;
  readonly outputs: number;
}

/** How TensorFlow does a convolution. */
export interface ConvolutionPlan {
  readonly stride: number;
  readonly padding: 'SAME' | 'VALID';
  /** Zeros at the top and at the left, whether TensorFlow puts them there or `around`. */
  readonly before: readonly [top: number, left: number];
  /** Zeros that are put around the image first: top and bottom, left and right. */
  readonly around: readonly [rows: [number, number], columns: [number, number]];
  readonly xShape: Tensor4D['shape'];
  readonly filterShape: Tensor4D['shape'];
}

/** The gradient keeps the image as it was given, and pads it again: the padded one would be a second copy. */
const runConvolution = defineOperation<'x' | 'filter', ConvolutionPlan>({
  name: 'ConvolutionAsPyTorch',
  saveInputs: ['x', 'filter'],
  forward: ({ x, filter }, plan) => convolve(x, filter, plan),
  gradient: ([outputGradient], [x, filter], plan) => ({
    x: () => imageGradient(outputGradient, filter, plan),
    filter: () => filterGradient(outputGradient, x, plan),
  }),
});

type Origin = 'source' | 'scale' | 'offset' | 'mean' | 'inverseDeviation';
const origin: readonly Origin[] = ['source', 'scale', 'offset', 'mean', 'inverseDeviation'];

/** Where the image is batch norm's output: what that was computed from is kept for batch norm's own gradient anyway. */
const runConvolutionOfNormalized = defineOperation<
  'x' | 'filter' | Origin,
  ConvolutionPlan & { readonly relu: boolean }
>({
  name: 'ConvolutionOfNormalized',
  saveInputs: ['filter', ...origin],
  constants: origin,
  forward: ({ x, filter }, plan) => convolve(x, filter, plan),
  gradient: ([outputGradient], [filter, source, scale, offset, mean, inverseDeviation], plan) => ({
    x: () => imageGradient(outputGradient, filter, plan),
    filter: () =>
      tf.tidy(() => {
        const inputs = [source, scale, offset, mean, inverseDeviation] as const;
        return filterGradient(outputGradient, normalizeAgain({ inputs, relu: plan.relu }), plan);
      }),
  }),
});

const attributesOf = (filter: Tensor, { stride, padding }: ConvolutionPlan) => [
  typeAttribute(filter),
  attribute.ints('strides', [1, stride, stride, 1]),
  attribute.string('padding', padding),
  attribute.string('data_format', 'NHWC'),
];

function padded(x: Tensor, { around: [rows, columns] }: ConvolutionPlan): Tensor {
  return isPadded([rows, columns]) ? tf.pad(x, [[0, 0], rows, columns, [0, 0]]) : x;
}

const isPadded = (around: ConvolutionPlan['around']): boolean => around.flat().some((zeros) => zeros > 0);

/** The convolution itself, outside the tape. */
export function convolve(x: Tensor, filter: Tensor, plan: ConvolutionPlan): Tensor {
  return tf.tidy(() => execute('Conv2D', attributesOf(filter, plan), [padded(x, plan), filter]));
}

export function imageGradient(outputGradient: Tensor, filter: Tensor, plan: ConvolutionPlan): Tensor {
  return tf.tidy(() => {
    const [[top, bottom], [left, right]] = plan.around;
    const [count, height, width, channels] = plan.xShape;
    const shape = tf.tensor1d([count, top + height + bottom, left + width + right, channels], 'int32');
    const gradient = execute('Conv2DBackpropInput', attributesOf(filter, plan), [shape, filter, outputGradient]);
    return isPadded(plan.around) ? gradient.slice([0, top, left, 0], plan.xShape) : gradient;
  });
}

export function filterGradient(outputGradient: Tensor, x: Tensor, plan: ConvolutionPlan): Tensor {
  return tf.tidy(() => {
    if (isBfloat16(outputGradient)) {
      const patches = separatePatches(x, plan);
      if (patches !== undefined) {
        const rows = outputGradient.reshape<Tensor>([-1, plan.filterShape[3]]);
        return multiply(patches, rows, { transposeA: true }).reshape(plan.filterShape);
      }
      const [, , channels, filters] = plan.filterShape;
      // Twice as fast as TensorFlow's for few channels, a tenth for many. In float32, results stay what they were.
      if (hasKernels && channels % 16 === 0 && filters % 32 === 0) return ownFilterGradient(outputGradient, x, plan);
    }
    const shape = tf.tensor1d(plan.filterShape, 'int32');
    return execute('Conv2DBackpropFilter', attributesOf(outputGradient, plan), [
      padded(x, plan),
      shape,
      outputGradient,
    ]);
  });
}

function ownFilterGradient(
  outputGradient: Tensor,
  x: Tensor,
  { stride, before, filterShape }: ConvolutionPlan,
): Tensor {
  const [rows, columns] = filterShape;
  const [top, left] = before;
  const sizes = Object.entries({ rows, columns, stride, top, left }).map(([name, value]) => attribute.int(name, value));
  return execute('NotebookFilterGradient', [typeAttribute(outputGradient), ...sizes], [x, outputGradient]);
}

/**
 * What the filter sees at each position, as rows, where patches do not overlap, such as a ViT's: one product with them takes a third of the
 * time of TensorFlow's filter gradient. Undefined elsewhere.
 */
function separatePatches(x: Tensor, { stride, around, xShape, filterShape }: ConvolutionPlan): Tensor | undefined {
  const [count, height, width, channels] = xShape;
  const isWhole = height % stride === 0 && width % stride === 0;
  const isTiled = stride > 1 && filterShape[0] === stride && filterShape[1] === stride && isWhole;
  if (!isTiled || isPadded(around)) return undefined;
  return x
    .reshape([count, height / stride, stride, width / stride, stride, channels])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape([-1, stride * stride * channels]);
}

/**
 * 2-D convolution with PyTorch's padding, in the precision of the filter. images: N×H×W×C, filter: kH×kW×C×O → N×H'×W'×O with H' = ⌊(H + 2·padding − kH) / stride⌋ + 1.
 *
 * TensorFlow's explicit padding is not used: its gradient takes up to 200 times as long as that of the same convolution written with
 * SAME, or with the image padded first. Taps that meet nothing but padding are cut off: on a 1×1 feature map a 3×3 filter is a matrix
 * product with its centre, a ninth of the work.
 */
export function conv2d(
  images: Tensor4D,
  filter: Tensor4D,
  { stride = 1, padding = 0 }: ConvolutionOptions = {},
): Tensor4D {
  const x = inPrecisionOf(filter, images);
  const [, height, width, channels] = x.shape;
  const [filterHeight, filterWidth, filterChannels, filters] = filter.shape;
  const rows = planAxis(height, filterHeight, stride, padding);
  const columns = planAxis(width, filterWidth, stride, padding);
  const liveFilter =
    rows.taps === filterHeight && columns.taps === filterWidth
      ? filter
      : filter.slice([rows.first, columns.first, 0, 0], [rows.taps, columns.taps, -1, -1]);
  if (coversAll(rows, height) && coversAll(columns, width)) {
    const product = x.reshape([-1, height * width * channels]).matMul(liveFilter.reshape([-1, filters])); // N×O
    return product.reshape([-1, 1, 1, filters]);
  }
  if (Math.min(rows.outputs, columns.outputs) < 1)
    throw new Error(
      `A filter of ${filterHeight}×${filterWidth} does not fit into images of ${height}×${width} with padding ${padding}.`,
    );
  if (filterChannels !== channels)
    throw new Error(`The depth of input is ${channels}, but the filter is for ${filterChannels} channels.`);
  const plan = planOf(x, liveFilter, stride, [rows, columns]);
  const normalized = normalizedOrigin(x);
  if (normalized === undefined) return runConvolution({ x, filter: liveFilter }, plan)[0] as Tensor4D;
  const [source, scale, offset, mean, inverseDeviation] = normalized.inputs;
  const inputs = { x, filter: liveFilter, source, scale, offset, mean, inverseDeviation };
  return runConvolutionOfNormalized(inputs, { ...plan, relu: normalized.relu })[0] as Tensor4D;
}

/** The plan of a convolution whose whole filter meets the image at more than one place; undefined for others. */
export function planConvolution(
  x: Tensor4D,
  filter: Tensor4D,
  { stride = 1, padding = 0 }: ConvolutionOptions,
): ConvolutionPlan | undefined {
  const [rows, columns] = [0, 1].map((axis) => planAxis(x.shape[1 + axis], filter.shape[axis], stride, padding));
  const isWhole = rows.taps === filter.shape[0] && columns.taps === filter.shape[1];
  return isWhole && rows.outputs * columns.outputs > 1 ? planOf(x, filter, stride, [rows, columns]) : undefined;
}

function planOf(
  x: Tensor4D,
  filter: Tensor4D,
  stride: number,
  [rows, columns]: readonly [Axis, Axis],
): ConvolutionPlan {
  const same = isSame(rows, x.shape[1], stride) && isSame(columns, x.shape[2], stride);
  return {
    stride,
    padding: same ? 'SAME' : 'VALID',
    before: [rows.before, columns.before],
    around: same
      ? [
          [0, 0],
          [0, 0],
        ]
      : [
          [rows.before, rows.after],
          [columns.before, columns.after],
        ],
    xShape: x.shape,
    filterShape: filter.shape,
  };
}

function planAxis(size: number, filterSize: number, stride: number, padding: number): Axis {
  const outputs = Math.floor((size + 2 * padding - filterSize) / stride) + 1;
  const meetsImage = (tap: number): boolean => {
    for (let output = 0; output < outputs; output++) {
      const position = output * stride + tap - padding;
      if (position >= 0 && position < size) return true;
    }
    return false;
  };
  let first = 0;
  while (first < filterSize - 1 && !meetsImage(first)) first++;
  let last = filterSize - 1;
  while (last > first && !meetsImage(last)) last--;
  const taps = last - first + 1;
  const before = padding - first;
  const after = Math.max(0, (outputs - 1) * stride + taps - before - size);
  return { first, taps, before, after, outputs };
}

/** One output that sees every position exactly once and no padding. */
function coversAll({ taps, before, after, outputs }: Axis, size: number): boolean {
  return outputs === 1 && taps === size && before === 0 && after === 0;
}

/** Whether TensorFlow's SAME pads just like this. */
function isSame({ taps, before, after, outputs }: Axis, size: number, stride: number): boolean {
  if (outputs !== Math.ceil(size / stride)) return false;
  const total = Math.max(0, (outputs - 1) * stride + taps - size);
  return before === Math.floor(total / 2) && after === total - Math.floor(total / 2);
}
