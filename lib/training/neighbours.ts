import { attribute, execute, executeMany } from '../tensor/native';
import { tf, type Tensor2D } from '../tf';
import type { FeatureRows } from './feature-rows';

/** The k most similar training images of each query, the most similar first. Row-major queries × k. */
export interface Neighbours {
  readonly k: number;
  /** Cosines, −1 to 1. */
  readonly similarities: Float32Array;
  /** Positions in the training set. Of equally similar ones, the lower position comes first. */
  readonly indices: Int32Array;
}

export interface NeighbourOptions {
  readonly k: number;
  /** How many similarities are on the device at once: 2²⁴ (64 MB) by default. */
  readonly cells?: number;
  /** Called after each block with the share of the work that is done; a promise is awaited. */
  readonly onProgress?: (share: number) => Promise<void> | void;
}

const float32 = attribute.type('T', 'float32');
const product = [float32, attribute.bool('transpose_a', false), attribute.bool('transpose_b', true)];
const topK = [float32, attribute.bool('sorted', true)];
/** PyTorch's `normalize`: shorter vectors are divided by this. */
const leastNorm = 1e-12;

/** All pairs are compared, block by block. */
export async function nearestNeighbours(
  train: FeatureRows,
  queries: FeatureRows,
  { k, cells = 1 << 24, onProgress = () => undefined }: NeighbourOptions,
): Promise<Neighbours> {
  const trainBlock = Math.min(train.count, 65_536);
  const queryBlock = Math.max(1, Math.min(queries.count, Math.floor(cells / trainBlock)));
  const similarities = new Float32Array(queries.count * k).fill(-Infinity);
  const indices = new Int32Array(queries.count * k).fill(-1);

  for (const block of train.chunks(trainBlock)) {
    const candidates = tf.tidy(() => unitRows(block.features));
    block.features.dispose();
    try {
      for (const { features, start, count } of queries.chunks(queryBlock)) {
        const found = mostSimilar(features, candidates, Math.min(k, block.count));
        features.dispose();
        for (let query = 0; query < count; query++) {
          const from = { ...found, offset: query * found.k, firstIndex: block.start };
          merge(from, { k, similarities, indices, offset: (start + query) * k });
        }
        await onProgress((block.start + block.count * ((start + count) / queries.count)) / train.count);
      }
    } finally {
      candidates.dispose();
    }
  }
  return { k, similarities, indices };
}

/** The k candidates with the largest cosine of each query. queries: N×C; candidates: M×C, of length 1. */
function mostSimilar(queries: Tensor2D, candidates: Tensor2D, k: number): Neighbours {
  let similarities = new Float32Array();
  let indices = new Int32Array();
  tf.tidy(() => {
    const similarity = execute('MatMul', product, [unitRows(queries), candidates]); // N×M
    const best = executeMany('TopKV2', topK, [similarity, tf.scalar(k, 'int32')], 2);
    similarities = best[0].dataSync<'float32'>();
    indices = best[1].dataSync<'int32'>();
  });
  return { k, similarities, indices };
}

function unitRows(rows: Tensor2D): Tensor2D {
  return rows.div(rows.square().sum(1, true).sqrt().maximum(leastNorm));
}

/** Merges two falling lists into the second one; of equals, what is there already stays first, since its positions are lower. */
function merge(
  from: Neighbours & { readonly offset: number; readonly firstIndex: number },
  into: Neighbours & { readonly offset: number },
): void {
  const { k, offset } = into;
  const before = into.similarities.slice(offset, offset + k);
  const beforeIndices = into.indices.slice(offset, offset + k);
  for (let position = 0, old = 0, fresh = 0; position < k; position++) {
    const isFresh = fresh < from.k && from.similarities[from.offset + fresh] > before[old];
    into.similarities[offset + position] = isFresh ? from.similarities[from.offset + fresh] : before[old];
    into.indices[offset + position] = isFresh
      ? from.firstIndex + from.indices[from.offset + fresh]
      : beforeIndices[old];
    if (isFresh) fresh++;
    else old++;
  }
}
