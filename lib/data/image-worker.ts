/** A thread that decodes and resizes images, so that TensorFlow, whose operations occupy the main thread, is not kept waiting. */
import { parentPort } from 'node:worker_threads';
import { UserError } from '../errors';
import { decodeImage } from './decode-image';
import { transformBatch, type ImageTransform } from './transform';

/** Images of one size, or the path of a file. */
export type ImageTask = {
  readonly transform: ImageTransform;
} & (
  | { readonly path: string }
  | {
      readonly bytes: Uint8Array;
      readonly shape: readonly [count: number, height: number, width: number, channels: number];
    }
);

export interface PreparedImages {
  /** Count × height × width × channels of the transform's size. */
  readonly bytes: Uint8Array;
  /** Pixels of a 16-bit file that were cut to 8 bits. */
  readonly cutPixels: number;
}

/** What a task ends with. An error's class does not survive the way between threads, so it is told by name. */
export type ImageAnswer = { readonly id: number } & (
  | { readonly prepared: PreparedImages }
  | { readonly message: string; readonly stack: string | undefined; readonly forUser: boolean }
);

async function prepare(task: ImageTask): Promise<PreparedImages> {
  if ('bytes' in task) return { bytes: owned(transformBatch(task.bytes, task.shape, task.transform)), cutPixels: 0 };
  const { bytes, height, width, cutPixels } = await decodeImage(task.path);
  return { bytes: owned(transformBatch(bytes, [1, height, width, 3], task.transform), bytes), cutPixels };
}

/** An array whose memory can be handed to another thread; a decoder's may not. */
function owned(result: Uint8Array, decoded?: Uint8Array): Uint8Array {
  return result === decoded || result.byteLength !== result.buffer.byteLength ? result.slice() : result;
}

/** One task after the other: the decoded image, which may be large, is in memory once a thread. */
let last = Promise.resolve();

parentPort?.on('message', ({ id, task }: { id: number; task: ImageTask }) => {
  last = last.then(async () => {
    try {
      const prepared = await prepare(task);
      answer({ id, prepared }, [prepared.bytes.buffer as ArrayBuffer]);
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      answer({ id, message, stack, forUser: error instanceof UserError });
    }
  });
});

function answer(message: ImageAnswer, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
