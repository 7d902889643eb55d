/** Enlarging feature maps as PyTorch does: interpolation with `align_corners=False`, nearest neighbour, transposed convolution. */
import type { Precision } from '../precisions';
import { tf, type Tensor, type Tensor4D } from '../tf';
import { attribute, execute, type Attribute } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, precisionOf } from './precision';
import type { PlaneSize } from './resample';

/** The method is TensorFlow's name; `from` and `to` are N×H×W×C, so that the gradient needs no tensor of the forward pass. */
interface ResizeAttributes {
  readonly method: 'ResizeBilinear' | 'ResizeNearestNeighbor';
  readonly from: readonly [number, number, number, number];
  readonly to: PlaneSize;
}

// tfjs's own gradient of resizeBilinear forgets where the centres of the pixels are: it is that of another function.
const runResize = defineOperation<'x', ResizeAttributes>({
  name: 'ResizeHalfPixel',
  // TensorFlow interpolates bfloat16 in float32, and gives that.
  forward: ({ x }, { method, to }) =>
    inPrecisionOf(x, execute(method, resizeAttributes(precisionOf(x)), [x, planeTensor(to)])),
  gradient: ([outputGradient], _saved, { method, from }) => ({
    x: () => {
      const [, height, width] = from;
      // The bilinear gradient takes the size from an image, whose values it does not look at.
      const size = method === 'ResizeBilinear' ? tf.fill([...from], 0) : planeTensor({ height, width });
      // Sums, which are float32: bfloat16 is widened.
      return execute(`${method}Grad`, resizeAttributes('float32'), [outputGradient, size]);
    },
  }),
});

/**
 * Bilinear interpolation as PyTorch's `interpolate(x, size, mode='bilinear', align_corners=False)`: pixel centres at ½, no antialiasing
 * where the size shrinks. x: N×H×W×C → N×H'×W'×C.
 */
export function resizeBilinear(x: Tensor4D, to: PlaneSize): Tensor4D {
  if (x.shape[1] === to.height && x.shape[2] === to.width) return x;
  return runResize({ x }, { method: 'ResizeBilinear', from: x.shape, to })[0] as Tensor4D;
}

/** Bilinear interpolation to `factor` times the height and width. x: N×H×W×C → N×factor·H×factor·W×C. */
export function upsampleBilinear(x: Tensor4D, factor: number): Tensor4D {
  return resizeBilinear(x, { height: factor * x.shape[1], width: factor * x.shape[2] });
}

/** Every pixel factor×factor times, PyTorch's `Upsample(scale_factor)`. x: N×H×W×C → N×factor·H×factor·W×C; `factor` is whole. */
export function upsampleNearest(x: Tensor4D, factor: number): Tensor4D {
  const to = { height: factor * x.shape[1], width: factor * x.shape[2] };
  return runResize({ x }, { method: 'ResizeNearestNeighbor', from: x.shape, to })[0] as Tensor4D;
}

/**
 * Transposed convolution whose stride is the size of its filter, so that its outputs do not overlap: one matrix product, then each
 * position's k×k outputs are laid out in space. x: N×H×W×I, filter: I×k×k×O → N×kH×kW×O.
 */
export function upsampleTransposed(x: Tensor4D, filter: Tensor4D): Tensor4D {
  const [count, height, width] = x.shape;
  const [inputs, size, , outputs] = filter.shape;
  const rows = inPrecisionOf(filter, x).reshape<Tensor>([-1, inputs]);
  const product = tf.matMul(rows, filter.reshape([inputs, -1])); // NHW×kkO
  return product
    .reshape([count * height, width, size, size * outputs])
    .transpose([0, 2, 1, 3]) // NH×k×W×kO
    .reshape([count, size * height, size * width, outputs]);
}

function planeTensor({ height, width }: PlaneSize): Tensor {
  return tf.tensor1d([height, width], 'int32');
}

function resizeAttributes(precision: Precision): Attribute[] {
  return [
    attribute.type('T', precision),
    attribute.bool('align_corners', false),
    attribute.bool('half_pixel_centers', true),
  ];
}
