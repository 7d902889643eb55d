/** A dataset whose test images are worse. */
import { createHash } from 'node:crypto';
import { suggestion, UserError } from '../errors';
import { createRandom } from '../random';
import { indicesOf } from './batches';
import { corruptions, type CorruptionKind } from './corruptions';
import type { Dataset } from './dataset';

export interface CorruptOptions {
  readonly kind: CorruptionKind;
  /** 1, the mildest, to 5. */
  readonly severity: number;
  /** Of what is drawn at random; 0 by default. */
  readonly seed?: number;
}

/** The kinds there are, for a loop over all of them. */
export const corruptionKinds = Object.keys(corruptions) as CorruptionKind[];

/** Images that are made worse at once. */
const batchSize = 64;

/**
 * The dataset with its test images made worse, and training and validation as they are. Every image draws from a stream of its own, so
 * that the same seed gives the same images, bit for bit. The images are in memory.
 * @throws UserError for a kind or a severity that there is not
 */
export async function corrupt(data: Dataset, { kind, severity, seed = 0 }: CorruptOptions): Promise<Dataset> {
  if (!Object.hasOwn(corruptions, kind))
    throw new UserError(
      `There is no corruption "${kind}"${suggestion(kind, corruptionKinds) || '.'} There are ${corruptionKinds.join(', ')}.`,
    );
  if (!(Number.isInteger(severity) && severity >= 1 && severity <= 5))
    throw new UserError(`severity is ${severity}, but must be a whole number from 1, the mildest, to 5.`);
  const { height, width, channels } = data;
  const { test } = data.splits;
  const { apply, severities } = corruptions[kind];
  const size = height * width * channels;
  const images = new Uint8Array(test.count * size);
  for (let start = 0; start < test.count; start += batchSize) {
    const indices = indicesOf(start, Math.min(batchSize, test.count - start));
    const bytes = images.subarray(start * size, (start + indices.length) * size);
    test.readImages(indices, bytes);
    const shape = [indices.length, height, width, channels] as const;
    const random = (image: number) => createRandom(seed, kind, severity, start + image);
    bytes.set(await apply({ bytes, shape, random }, severities[severity - 1]));
  }
  return {
    ...data,
    name: `${data.name}, ${kind} ${severity}`,
    title: `${data.title}, ${kind.replaceAll('_', ' ')} ${severity} of 5`,
    sha256: createHash('sha256')
      .update(JSON.stringify([data.sha256, kind, severity, seed]))
      .digest('hex'),
    derivedFrom: data.derivedFrom ?? data,
    splits: {
      ...data.splits,
      test: {
        ...test,
        readImages(indices, target) {
          Array.from(indices).forEach((index, at) =>
            target.set(images.subarray(index * size, (index + 1) * size), at * size),
          );
        },
      },
    },
  };
}
