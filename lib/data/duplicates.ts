/** Images that are there twice: equal ones, and ones that look alike, also where one is turned or mirrored. */
import { createHash } from 'node:crypto';
import type { SplitName } from './dataset';
import { hashBits, hashDistance, perceptualHashes, type HashedImage, type PerceptualHashes } from './perceptual-hash';

/** Bits of 255 by which the hashes of two images that look alike differ at most. */
export const nearDistance = 20;

export interface ComparedImage {
  /** Undefined where there are no splits yet. */
  readonly split: SplitName | undefined;
  /** File or index, for people. */
  readonly name: string;
  readonly label: string;
  readonly sha256: string;
  readonly hashes: PerceptualHashes | undefined;
}

export function comparedImage(
  { split, name, label }: Pick<ComparedImage, 'split' | 'name' | 'label'>,
  pixels: Uint8Array,
  image: HashedImage,
): ComparedImage {
  const sha256 = createHash('sha256').update(pixels).digest('base64');
  return { split, name, label, sha256, hashes: perceptualHashes(pixels, image) };
}

export interface DuplicatePair {
  /** Indices among the compared images. */
  readonly image: number;
  readonly earlier: number;
  /** 0 for equal pixels and for equal hashes. */
  readonly distance: number;
  readonly equal: boolean;
  readonly turned: boolean;
}

/** Two hashes that differ in so many bits are the same in one of so many bands and one more. */
const bands = nearDistance + 1;
const bandBits = Math.floor(hashBits / bands);

/** For each image the nearest earlier one of each split, if there is one that is equal or looks alike. */
export function findDuplicates(images: readonly ComparedImage[]): DuplicatePair[] {
  const exact = new Map<string, Map<string, number>>();
  const tables = Array.from({ length: bands }, () => new Map<number, number[]>());
  const pairs: DuplicatePair[] = [];
  images.forEach(({ sha256, hashes, split = '' }, image) => {
    const found = new Map<string, DuplicatePair>();
    const equal = exact.get(sha256) ?? new Map<string, number>();
    for (const [other, earlier] of equal) found.set(other, { image, earlier, distance: 0, equal: true, turned: false });
    hashes?.forEach((hash, way) => {
      for (let band = 0; band < bands; band++)
        for (const earlier of tables[band].get(bandOf(hash, band)) ?? []) {
          const other = images[earlier].split ?? '';
          const best = found.get(other);
          if (best?.equal === true || best?.distance === 0) continue;
          const known = images[earlier].hashes?.[0];
          const limit = (best?.distance ?? nearDistance + 1) - 1;
          if (known === undefined) continue;
          const distance = hashDistance(hash, known, limit);
          if (distance <= limit) found.set(other, { image, earlier, distance, equal: false, turned: way > 0 });
        }
    });
    pairs.push(...found.values());
    if (!equal.has(split)) equal.set(split, image);
    exact.set(sha256, equal);
    // A copy would be found whenever its first is.
    if (hashes === undefined || found.get(split)?.equal === true) return;
    for (let band = 0; band < bands; band++) {
      const key = bandOf(hashes[0], band);
      const entries = tables[band].get(key);
      if (entries === undefined) tables[band].set(key, [image]);
      else entries.push(image);
    }
  });
  return pairs;
}

function bandOf(hash: Uint32Array, band: number): number {
  const start = band * bandBits;
  const word = start >> 5;
  const shift = start & 31;
  const low = hash[word] >>> shift;
  const high = shift === 0 ? 0 : hash[word + 1] << (32 - shift);
  return (low | high) & ((1 << bandBits) - 1);
}
