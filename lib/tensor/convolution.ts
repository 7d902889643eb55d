import { tf, type Tensor4D } from '../tf';

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

/**
 * 2-D convolution with PyTorch's padding. x: N×H×W×C, filter: kH×kW×C×O → N×H'×W'×O with H' = ⌊(H + 2·padding − kH) / stride⌋ + 1.
 *
 * TensorFlow's explicit padding is not used: its gradient takes up to 200 times as long as that of the same convolution written with
 * SAME, or with the image padded first. Taps that meet nothing but padding are cut off: on a 1×1 feature map a 3×3 filter is a matrix
 * product with its centre, a ninth of the work.
 */
export function conv2d(x: Tensor4D, filter: Tensor4D, { stride = 1, padding = 0 }: ConvolutionOptions = {}): Tensor4D {
  const [, height, width, channels] = x.shape;
  const [filterHeight, filterWidth, , filters] = filter.shape;
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
  if (isSame(rows, height, stride) && isSame(columns, width, stride)) return tf.conv2d(x, liveFilter, stride, 'same');
  return tf.conv2d(pad(x, rows, columns), liveFilter, stride, 'valid');
}

function pad(x: Tensor4D, rows: Pick<Axis, 'before' | 'after'>, columns: Pick<Axis, 'before' | 'after'>): Tensor4D {
  if (rows.before + rows.after + columns.before + columns.after === 0) return x;
  const { before: top, after: bottom } = rows;
  const { before: left, after: right } = columns;
  return tf.pad4d(x, [[0, 0], [top, bottom], [left, right], [0, 0]]); // prettier-ignore
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
