import { attribute, execute } from '../tensor/native';
import { tf, type Tensor2D } from '../tf';
import type { FeatureSet } from './feature-set';

/** Features on the device. Tensors that are handed out belong to the caller. */
export interface FeatureRows {
  readonly count: number;
  readonly width: number;
  /** The rows at `indices`, in their order. */
  gather(indices: Int32Array): Tensor2D;
  /** All rows in order, at most `size` at a time. */
  chunks(size: number): Generator<{ readonly features: Tensor2D; readonly start: number; readonly count: number }>;
  dispose(): void;
}

/** What is read of a set of features. */
export type RowSet = Pick<FeatureSet, 'count' | 'width' | 'rows' | 'readRows'>;

const gatherAttributes = [
  attribute.type('Tparams', 'float32'),
  attribute.type('Tindices', 'int32'),
  attribute.type('Taxis', 'int32'),
  attribute.int('batch_dims', 0),
];

/** Puts features on the device as a whole, or reads them from disk as they are asked for where they are too many. */
export function openRows(set: RowSet): FeatureRows {
  const { count, width } = set;
  const whole = set.rows === undefined ? undefined : tf.keep(tf.tensor2d(set.rows, [count, width]));
  const axis = tf.keep(tf.scalar(0, 'int32'));
  const read = (indices: Int32Array): Tensor2D => {
    const values = new Float32Array(indices.length * width);
    set.readRows(indices, values);
    return tf.tensor2d(values, [indices.length, width]);
  };

  return {
    count,
    width,
    gather(indices) {
      if (whole === undefined) return read(indices);
      const positions = tf.tensor1d(indices, 'int32');
      const rows = execute('GatherV2', gatherAttributes, [whole, positions, axis]) as Tensor2D;
      positions.dispose();
      return rows;
    },
    *chunks(size) {
      for (let start = 0; start < count; start += size) {
        const rows = Math.min(size, count - start);
        const features =
          whole === undefined
            ? read(Int32Array.from({ length: rows }, (_, index) => start + index))
            : rows === count
              ? whole.clone()
              : whole.slice([start, 0], [rows, width]);
        yield { features, start, count: rows };
      }
    },
    dispose: () => tf.dispose([axis, ...(whole ? [whole] : [])]),
  };
}
