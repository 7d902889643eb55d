/** A thread that draws images, where they are drawn ones, and makes views of them. */
import { createRandom } from '../random';
import { drawProcedural, type ProceduralRequest } from './procedural-images';
import { serveTasks } from './thread-tasks';
import { drawViews, type ViewSettings } from './views';

/** Images to be drawn, or given ones: N × height × width × channels bytes, of 1 or 3 channels. */
export type ViewedImages =
  | ({ readonly kind: 'drawn' } & Omit<ProceduralRequest, 'index'>)
  | {
      readonly kind: 'given';
      readonly bytes: Uint8Array;
      readonly height: number;
      readonly width: number;
      readonly channels: number;
    };

export interface ViewTask {
  readonly images: ViewedImages;
  /** Which images: of drawn ones, what is drawn. */
  readonly indices: readonly number[];
  readonly settings: ViewSettings;
  /** An image has other views with another seed and in another epoch. */
  readonly seed: number;
  readonly epoch: number;
}

/** Views one after the other: the first of all images, then the second of all, …; each size × size × 3 bytes. */
export interface ViewedBatch {
  readonly count: number;
  /** 2·N×S×S×3. */
  readonly globals: Uint8Array;
  /** Locals·N×s×s×3. */
  readonly locals: Uint8Array;
}

function viewBatch({ images, indices, settings, seed, epoch }: ViewTask): ViewedBatch {
  const { globalSize, localSize, locals } = settings;
  const count = indices.length;
  const bytesOf = (size: number): number => size * size * 3;
  const all = {
    globals: new Uint8Array(2 * count * bytesOf(globalSize)),
    locals: new Uint8Array(locals * count * bytesOf(localSize)),
  };
  indices.forEach((index, position) => {
    const { image, height, width } = imageAt(images, index, position);
    const views = drawViews(image, { height, width }, settings, createRandom(seed, 'views', epoch, index));
    views.globals.forEach((view, kind) => all.globals.set(view, (kind * count + position) * view.length));
    views.locals.forEach((view, kind) => all.locals.set(view, (kind * count + position) * view.length));
  });
  return { count, ...all };
}

function imageAt(images: ViewedImages, index: number, position: number) {
  if (images.kind === 'drawn') {
    const { seed, size, shares } = images;
    return { image: drawProcedural({ seed, size, shares, index }), height: size, width: size };
  }
  const { bytes, height, width, channels } = images;
  const size = height * width * channels;
  const own = bytes.subarray(position * size, (position + 1) * size);
  const image = channels === 3 ? own : Uint8Array.from({ length: 3 * size }, (_, at) => own[Math.floor(at / 3)]);
  return { image, height, width };
}

serveTasks(viewBatch, ({ globals, locals }) => [globals, locals]);
