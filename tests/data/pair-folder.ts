import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** What a file holds. */
export type FileContent = Buffer | string;

export function writeFiles(root: string, files: Readonly<Record<string, FileContent>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

/** A PNG of pixels that differ from seed to seed. */
export function photograph(seed: number, height = 10, width = 12): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: height * width * 3 }, (_, at) => (at * 31 + seed * 97 + (at >> 3) * seed) % 256),
  );
  return sharp(pixels, { raw: { height, width, channels: 3 } })
    .png()
    .toBuffer();
}

/** A PNG that is white (or `white`) from row `from` on, black above. */
export function drawing(from: number, height = 10, width = 12, white = 255): Promise<Buffer> {
  const pixels = Buffer.from(Array.from({ length: height * width }, (_, at) => (at >= from * width ? white : 0)));
  return sharp(pixels, { raw: { height, width, channels: 1 } })
    .png()
    .toBuffer();
}

/** Images `names` with their masks, all different. */
export async function pairFiles(
  images: string,
  masks: string,
  ids: readonly string[],
): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const id of ids) {
    const seed = [...`${images}${id}`].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1009, 7);
    files[`${images}/${id}.png`] = await photograph(seed);
    files[`${masks}/${id}_segmentation.png`] = await drawing(1 + (seed % 9));
  }
  return files;
}
