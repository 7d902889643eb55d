import type { Mask } from '../data/mask';
import { resizeBilinear } from '../tensor/upsampling';
import { tf, type Tensor4D } from '../tf';

/**
 * A mask as it comes back from so many places a side: the share of lesion in each place, enlarged bilinearly, above one half. No network
 * is in it: it is what knowing every place exactly would draw.
 */
export function throughPlaces({ pixels, height, width }: Mask, places: number): Mask {
  const drawn = tf.tidy(() => {
    const full = tf.tensor4d(
      Float32Array.from(pixels, (value) => (value === 0 ? 0 : 1)),
      [1, height, width, 1],
    );
    const cell: [number, number] = [height / places, width / places];
    const coarse = tf.avgPool<Tensor4D>(full, cell, cell, 'valid'); // 1×places×places×1
    return resizeBilinear(coarse, { height, width }).dataSync();
  });
  return { height, width, pixels: Uint8Array.from(drawn, (value) => (value > 0.5 ? 1 : 0)) };
}
