/**
 * Image files as 8-bit RGB, as Pillow's `Image.open(file).convert('RGB')` gives them, which is what timm's models are trained and
 * evaluated with: whole and at full size (a JPEG is not shrunk while it is decoded), without colour management, transparency left out.
 * A photograph's EXIF orientation is not applied, as Pillow and timm do not; that of a TIFF is, as Pillow does.
 */
import { readFile } from 'node:fs/promises';
import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { isBmp, readBmp } from './bmp';

export interface DecodedImage extends PlaneSize {
  /** Height × width × 3, RGB. */
  readonly bytes: Uint8Array;
  /** Pixels of a 16-bit grey image above 255, which have become 255: Pillow cuts them off and does not scale. */
  readonly cutPixels: number;
}

/** Formats by sharp's names. */
const formats: readonly string[] = ['jpeg', 'png', 'webp', 'tiff'];

/**
 * Reads a JPEG, PNG, WebP, TIFF or BMP file; of several pages, the first.
 * @throws UserError that names the file where it is missing, damaged or of another kind
 */
export async function decodeImage(path: string): Promise<DecodedImage> {
  try {
    const file = await readFile(path);
    return isBmp(file) ? { ...readBmp(file), cutPixels: 0 } : await decode(file);
  } catch (error) {
    throw asUserError(error, path);
  }
}

async function decode(file: Buffer): Promise<DecodedImage> {
  // Damage that leaves no gap, such as bytes after the end, is none to Pillow either.
  const options: SharpOptions = { ignoreIcc: true, failOn: 'error' };
  const { format, space, depth, hasAlpha } = await sharp(file, options).metadata();
  if (!formats.includes(format)) throw new Error(`it is a ${format}`);
  if (depth !== 'uchar' && depth !== 'ushort') throw new Error(`its values are of type ${depth}, not of 8 or 16 bits`);
  const image = sharp(file, { ...options, autoOrient: format === 'tiff' });
  if (space === 'cmyk')
    return inksToRgb(await pixels(image.pipelineColourspace('cmyk').toColourspace('cmyk').raw(), 4));
  // With transparency, Pillow keeps the upper 8 bits of both, as sharp does.
  if (space === 'grey16' && !hasAlpha)
    return cutTo8Bits(await pixels(image.toColourspace('grey16').raw({ depth: 'ushort' }), 1));
  const { height, width, data } = await pixels(image.removeAlpha().toColourspace('srgb').raw(), 3);
  return { height, width, bytes: data, cutPixels: 0 };
}

interface Pixels extends PlaneSize {
  readonly data: Uint8Array;
}

async function pixels(image: Sharp, channels: number): Promise<Pixels> {
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  if (info.channels !== channels) throw new Error(`it has ${info.channels} channels, not ${channels}`);
  return { height: info.height, width: info.width, data };
}

/** Cyan, magenta, yellow and black, each taking its share of the light: Pillow's cmyk2rgb. */
function inksToRgb({ height, width, data }: Pixels): DecodedImage {
  const bytes = new Uint8Array(height * width * 3);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const light = 255 - data[pixel * 4 + 3];
    for (let ink = 0; ink < 3; ink++) {
      // The product divided by 255 and rounded, without a division.
      const product = data[pixel * 4 + ink] * light + 128;
      bytes[pixel * 3 + ink] = light - (((product >> 8) + product) >> 8);
    }
  }
  return { height, width, bytes, cutPixels: 0 };
}

function cutTo8Bits({ height, width, data }: Pixels): DecodedImage {
  const values = new Uint16Array(data.slice().buffer); // a copy, which begins at a multiple of two bytes
  const bytes = new Uint8Array(height * width * 3);
  let cutPixels = 0;
  values.forEach((value, pixel) => {
    if (value > 255) cutPixels++;
    bytes.fill(Math.min(255, value), pixel * 3, pixel * 3 + 3);
  });
  return { height, width, bytes, cutPixels };
}

/** One line that names the file; what is no matter of the file is passed on. */
function asUserError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof TypeError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new UserError(`There is no file ${path}: check the path.`);
  // Of some damage, the decoder says no more than this.
  const said = error.message.split('\n')[0].replace(/\.$/, '');
  const reason = /unknown error/i.test(said) ? 'it is cut off or damaged' : said;
  return new UserError(`${path} cannot be read as an image (${code ?? reason}): replace or remove it.`);
}
