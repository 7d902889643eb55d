/** A thread that decodes and resizes images, so that TensorFlow, whose operations occupy the main thread, is not kept waiting. */
import { decodeImage } from './decode-image';
import { ownedCopy, serveTasks } from './thread-tasks';
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

async function prepare(task: ImageTask): Promise<PreparedImages> {
  if ('bytes' in task)
    return { bytes: ownedCopy(transformBatch(task.bytes, task.shape, task.transform)), cutPixels: 0 };
  const { bytes, height, width, cutPixels } = await decodeImage(task.path);
  return { bytes: ownedCopy(transformBatch(bytes, [1, height, width, 3], task.transform), bytes), cutPixels };
}

serveTasks(prepare, ({ bytes }) => [bytes]);
