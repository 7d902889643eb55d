/** A thread that decodes and resizes images, so that TensorFlow, whose operations occupy the main thread, is not kept waiting. */
import type { PlaneSize } from '../tensor/resample';
import { decodeImage } from './decode-image';
import type { FileFacts } from './file-facts';
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
  /** Of a file. */
  readonly facts?: FileFacts;
  /** The size that the file has. */
  readonly from?: PlaneSize;
}

async function prepare(task: ImageTask): Promise<PreparedImages> {
  if ('bytes' in task) return { bytes: ownedCopy(transformBatch(task.bytes, task.shape, task.transform)) };
  const { bytes, height, width, ...facts } = await decodeImage(task.path);
  return {
    bytes: ownedCopy(transformBatch(bytes, [1, height, width, 3], task.transform), bytes),
    facts,
    from: { height, width },
  };
}

serveTasks(prepare, ({ bytes }) => [bytes]);
