/** What stands for results of workloads, and images for them. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { createRandom } from '../../lib/random';

export const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** All values, to the last bit. */
export const bits = (values: ReadonlyMap<string, Float32Array>): string[] =>
  [...values].map(
    ([name, { buffer, byteOffset, byteLength }]) =>
      `${name} ${createHash('sha256')
        .update(new Uint8Array(buffer, byteOffset, byteLength))
        .digest('hex')}`,
  );

/** A PNG of noise. */
export function drawnImage(kind: string, image: number): Promise<Buffer> {
  const random = createRandom(image, kind);
  const bytes = Uint8Array.from({ length: 16 * 16 * 3 }, () => random.integer(256));
  return sharp(bytes, { raw: { width: 16, height: 16, channels: 3 } })
    .png()
    .toBuffer();
}
