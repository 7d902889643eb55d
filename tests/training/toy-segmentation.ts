/** Bright squares on noise, in memory, and networks that are large enough for them. */
import type { SplitName } from '../../lib/data/dataset';
import type { SegmentationDataset, SegmentationSplit } from '../../lib/data/segmentation-dataset';
import { addConvolution } from '../../lib/models/blocks';
import { addBatchNorm, type ParameterSpec, type ParameterTable } from '../../lib/models/parameters';
import { batchNorm, convolution, type Scope } from '../../lib/models/scope';
import { createRandom } from '../../lib/random';
import type { Tensor4D } from '../../lib/tf';
import type { HistoryRow } from '../../lib/training/events';

export const side = 16;
const area = side * side;

export function toySplit(
  name: SplitName,
  count: number,
  read: (split: SplitName, indices: ArrayLike<number>) => void = () => undefined,
): SegmentationSplit {
  const masks = new Uint8Array(count * area);
  const images = new Uint8Array(count * area * 3);
  for (let image = 0; image < count; image++) {
    const random = createRandom(5, name, image);
    const [top, left, size] = [random.integer(8), random.integer(8), 4 + random.integer(5)];
    for (let pixel = 0; pixel < area; pixel++) {
      const [row, column] = [Math.floor(pixel / side), pixel % side];
      const inside = row >= top && row < top + size && column >= left && column < left + size;
      masks[image * area + pixel] = inside ? 1 : 0;
      for (let channel = 0; channel < 3; channel++)
        images[(image * area + pixel) * 3 + channel] = (inside ? 150 : 90) + random.integer(40);
    }
  }
  const copy = (source: Uint8Array, bytes: number, indices: ArrayLike<number>, target: Uint8Array): void =>
    Array.from(indices).forEach((index, at) =>
      target.set(source.subarray(index * bytes, (index + 1) * bytes), at * bytes),
    );
  return {
    name,
    count,
    ids: Array.from({ length: count }, (_, index) => `${name}_${String(index).padStart(3, '0')}`),
    readImages(indices, target) {
      read(name, indices);
      copy(images, 3 * area, indices, target);
    },
    readMasks: (indices, target) => copy(masks, area, indices, target),
    nativeMask: (index) => ({ height: side, width: side, pixels: masks.slice(index * area, (index + 1) * area) }),
  };
}

export function toySegmentation({
  counts = { train: 24, val: 8, test: 10 },
  read,
}: {
  counts?: Record<SplitName, number>;
  read?: (split: SplitName, indices: ArrayLike<number>) => void;
} = {}): SegmentationDataset {
  return {
    name: 'squares',
    title: 'Squares',
    height: side,
    width: side,
    splits: {
      train: toySplit('train', counts.train, read),
      val: toySplit('val', counts.val, read),
      test: toySplit('test', counts.test, read),
    },
    origins: { train: 'official', val: 'official', test: 'official' },
    notes: [],
    broken: [],
    sha256: '5'.repeat(64),
    synthetic: true,
    license: 'CC0-1.0',
    citation: '',
    close: () => undefined,
  };
}

/** Two convolutions with a batch norm between them: N×H×W×inputs → N×H×W×1. The first is called `encoder`, the rest `decoder`. */
export function toySegmenterTable(inputs = 3): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  addConvolution(table, 'encoder.conv', [4, inputs, 3, 3]);
  addBatchNorm(table, 'decoder.norm', 4);
  addConvolution(table, 'decoder.conv', [1, 4, 3, 3]);
  return table;
}

export function toySegmenterForward(images: Tensor4D, p: Scope): Tensor4D {
  const features = toyEncode(images, p);
  return toyDecode(features, p);
}

/** N×H×W×3 → N×H×W×4. */
export function toyEncode(images: Tensor4D, p: Scope): Tensor4D {
  return convolution(images, p.at('encoder.conv'), { padding: 1 }).relu();
}

export function toyDecode(features: Tensor4D, p: Scope): Tensor4D {
  return convolution(batchNorm(features, p.at('decoder.norm')), p.at('decoder.conv'), { padding: 1 });
}

/** What a run is compared by: everything but the time that it took. */
export function withoutSeconds<T extends Pick<HistoryRow, 'seconds'>>(history: readonly T[]): T[] {
  return history.map((row) => ({ ...row, seconds: 0 }));
}
