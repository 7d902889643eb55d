/** The loop of `npm run features`: batches through a model into a file. */
import { counted } from '../data/file-facts';
import { createNpyWriter, type NpyWriter } from '../data/npy-file';
import { UserError } from '../errors';
import type { LoadedBackbone } from '../models/backbone';
import { readParameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { tf, type Tensor4D } from '../tf';

/** Which result of a backbone is wanted. */
export type Output = 'pooled' | 'map' | 'logits';

export interface FeaturesTarget {
  /** The .npy file. */
  readonly path: string;
  /** Images in all; fewer are written where some cannot be read. */
  readonly count: number;
  readonly output: Output;
  readonly onProgress?: (text: string) => void;
}

export interface WrittenFeatures {
  readonly shape: readonly number[];
  /** From the first image that is read to the last byte that is written. */
  readonly seconds: number;
}

/** Runs every batch through the model and writes its output, row by row; the file is there when all of it is. */
export async function writeFeatures(
  { backbone, parameters }: Pick<LoadedBackbone, 'backbone' | 'parameters'>,
  batches: AsyncIterable<() => Tensor4D>,
  { path, count, output, onProgress }: FeaturesTarget,
): Promise<WrittenFeatures> {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let writer: NpyWriter | undefined;
  let shape: readonly number[] = [];
  let done = 0;
  try {
    for await (const images of batches) {
      const features = forward(images);
      writer ??= createNpyWriter(path, '<f4', [count, ...features.shape.slice(1)]);
      writer.append(features.values);
      done += features.shape[0];
      shape = [done, ...features.shape.slice(1)];
      onProgress?.(progressText(done, count, seconds()));
    }
    if (writer === undefined) throw new UserError('None of the images can be read: no features are written.');
    writer.finish(done);
  } finally {
    writer?.abort();
  }
  return { shape, seconds: seconds() };

  function forward(images: () => Tensor4D): Features {
    let features: Features | undefined;
    // Not by way of tidy's result, each of whose numbers would be looked at for a tensor.
    tf.tidy(() => {
      const found = backbone.forward(images(), createScope(readParameters(parameters)))[output];
      if (found === undefined) throw new Error(`${backbone.name} has no output "${output}".`);
      features = { shape: found.shape, values: found.dataSync<'float32'>() };
    });
    return features as unknown as Features;
  }
}

interface Features {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** `640 of 1200 images  53 %  97.6 images/s  6 s left` */
function progressText(done: number, count: number, seconds: number): string {
  const rate = done / seconds;
  const left = Math.ceil((count - done) / rate);
  return `${done} of ${counted(count, 'image')}  ${Math.floor((100 * done) / count)} %  ${rate.toFixed(1)} images/s  ${left} s left`;
}
