/** The masks of `npm run predict` as files: each mask as an image of black and white at its file's size, and drawn on the image. */
import { join } from 'node:path';
import sharp from 'sharp';
import { decodeImage } from '../data/decode-image';
import type { BrokenImage } from '../data/image-folder';
import type { Mask } from '../data/mask';
import { UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { predictMasks, type ImageFiles, type PredictOptions } from '../runs/predict';
import type { SavedModel } from '../runs/saved-model';

export interface WrittenMasks {
  readonly rows: readonly { readonly file: string; readonly area: number; readonly mask: string }[];
  readonly broken: readonly BrokenImage[];
  readonly seconds: number;
  readonly folder: string;
}

/** The folder of the output's name. */
export const masksFolder = (target: string): string => target.replace(/\.[^.]+$/, '');

/** Writes `NAME.png` and `NAME_overlay.png` for each image into the folder of the output's name. */
export async function writeMasks(
  model: SavedModel,
  images: ImageFiles,
  target: string,
  options: PredictOptions,
): Promise<WrittenMasks> {
  const folder = masksFolder(target);
  const started = performance.now();
  const rows: { file: string; area: number; mask: string }[] = [];
  const broken: BrokenImage[] = [];
  const taken = new Set<string>();
  for await (const { file, path, mask, area } of predictMasks(model, images, broken, options)) {
    const name = freeName(file, taken);
    writeFileAtomic(join(folder, `${name}.png`), await maskFile(mask));
    writeFileAtomic(join(folder, overlayOf(name)), await overlayFile(path, mask));
    rows.push({ file, area, mask: `${name}.png` });
  }
  if (rows.length === 0) throw new UserError(noneRead(broken));
  return { rows, broken, folder, seconds: (performance.now() - started) / 1000 };
}

export const noneRead = (broken: readonly BrokenImage[]): string =>
  broken.length === 1
    ? `The only image cannot be read: ${broken[0].reason}`
    : `None of the ${broken.length} images can be read; the first: ${broken[0].reason}`;

const overlayOf = (name: string): string => `${name}_overlay.png`;

/**
 * The file's name without its ending, or with it where `a.png` and `a.jpg` would have one mask, or `a_overlay.jpg` that of a's overlay. Never
 * outside the folder.
 */
function freeName(file: string, taken: Set<string>): string {
  const inside = file
    .split('/')
    .filter((part) => part !== '..' && part !== '.' && part !== '')
    .join('/');
  const stem = inside.replace(/\.[^./]+$/, '');
  const files = (name: string): string[] => [`${name}.png`, overlayOf(name)];
  const isFree = (name: string): boolean => files(name).every((file) => !taken.has(file));
  const name = [stem, inside].find(isFree) ?? `${inside} (${taken.size})`;
  files(name).forEach((file) => taken.add(file));
  return name;
}

const raw = ({ height, width }: Mask, channels: 1 | 3) => ({ raw: { height, width, channels } });

function maskFile(mask: Mask): Promise<Buffer> {
  return sharp(
    mask.pixels.map((pixel) => 255 * pixel),
    raw(mask, 1),
  )
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** The image as it is, the mask's area tinted and its outline drawn, so that it is seen without colours, too. */
async function overlayFile(path: string, mask: Mask): Promise<Buffer> {
  const { bytes } = await decodeImage(path);
  const drawn = bytes.slice();
  const { height, width, pixels } = mask;
  const inside = (row: number, column: number): boolean =>
    row >= 0 && row < height && column >= 0 && column < width && pixels[row * width + column] === 1;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (!inside(row, column)) continue;
      const edge = ![
        [-1, 0],
        [1, 0],
        [0, -1],
        [0, 1],
      ].every(([down, right]) => inside(row + down, column + right));
      const share = edge ? 1 : 0.35;
      const at = (row * width + column) * 3;
      tint.forEach(
        (value, channel) => (drawn[at + channel] = Math.round((1 - share) * drawn[at + channel] + share * value)),
      );
    }
  }
  return sharp(drawn, raw(mask, 3)).png().toBuffer();
}

const tint = [0, 230, 118];
