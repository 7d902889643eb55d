/**
 * A training in a process of its own that measures what it holds after each epoch: `memory-run.ts LEAK EPOCHS [FOLDER]` prints an `EpochMemory`
 * for each as JSON. LEAK is `none`, or where every step loses a batch's memory: `native` (in TensorFlow, unknown to tfjs) or `javascript`.
 * With FOLDER, there are checkpoints. Needs --expose-gc.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Dataset, Split, SplitName } from '../../lib/data/dataset';
import { createRandom } from '../../lib/random';
import { nativeType } from '../../lib/tensor/native';
import { tf, type Tensor4D } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { network } from '../../lib/models/network';
import { trainNetwork } from '../../lib/training/train-network';
import { studyRecipe } from './tested-training';
import { toyForward, toyTable } from './toy';

export interface EpochMemory {
  readonly tensors: number;
  /** As the binding counts tensors. */
  readonly native: number;
  /** Resident bytes after a collection of garbage; on Linux without those that a file is behind. */
  readonly resident: number;
}

const side = 64;
const imageBytes = side * side * 3;

function noise(name: SplitName, count: number): Split {
  const random = createRandom(1, name);
  const images = Uint8Array.from({ length: count * imageBytes }, () => random.integer(256));
  return {
    name,
    count,
    labels: Int32Array.from({ length: count }, (_, index) => index % 3),
    labelWidth: 1,
    readImages(indices, target) {
      for (let at = 0; at < indices.length; at++)
        target.set(images.subarray(indices[at] * imageBytes, (indices[at] + 1) * imageBytes), at * imageBytes);
    },
  };
}

const backend = tf.backend() as unknown as {
  readonly binding: {
    getNumOfTensors(): number;
    createTensor(shape: number[], type: number, values: ArrayBufferView): number;
  };
};

const lost: unknown[] = [];
const leaks: Record<string, (images: Tensor4D) => void> = {
  none: () => undefined,
  native: ({ shape, size }) =>
    void backend.binding.createTensor([...shape], nativeType.uint8, new Uint8Array(size).fill(1)),
  javascript: ({ size }) => void lost.push(new Uint8Array(size).fill(1)),
};

function measure(): EpochMemory {
  globalThis.gc?.();
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const anonymous = /RssAnon:\s+(\d+)/.exec(status);
  return {
    tensors: tf.memory().numTensors,
    native: backend.binding.getNumOfTensors(),
    resident: anonymous ? Number(anonymous[1]) * 1024 : process.memoryUsage.rss(),
  };
}

async function main([leak, count, folder]: string[]): Promise<void> {
  const toy = network({
    name: 'toy',
    table: toyTable,
    forward(images, scope) {
      if (scope.pass.training) leaks[leak](images);
      return toyForward(images, scope);
    },
  });
  const dataset = {
    ...{ name: 'noise', title: 'Noise', height: side, width: side, channels: 3, task: 'multi-class' },
    ...{ classNames: ['a', 'b', 'c'], sha256: '', synthetic: true, license: '', citation: '' },
    splits: { train: noise('train', 64), val: noise('val', 32), test: noise('test', 32) },
    close: () => undefined,
  } satisfies Dataset;
  const epochs: EpochMemory[] = [];
  await trainNetwork(
    toy,
    dataset,
    studyRecipe({ epochs: Number(count), batchSize: 16, learningRate: 1e-3, weightDecay: 0.01, seed: 1 }),
    {
      checkpoints: folder === undefined ? undefined : openCheckpoints(folder, 'memory'),
      onProgress(event) {
        if (event.kind === 'epoch') epochs.push(measure());
      },
    },
  );
  process.stdout.write(JSON.stringify(epochs));
}

void main(process.argv.slice(2));
