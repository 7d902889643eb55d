/**
 * Image files as 8-bit RGB, by one rule for every reader: whole and at full size, the first of several pages, turned as the EXIF
 * orientation says, without colour management, transparency left out, of 16 bits the upper 8. But for the last (Pillow cuts grey values
 * off at 255), it is what Pillow's `ImageOps.exif_transpose(Image.open(file)).convert('RGB')` gives.
 */
import { readFile } from 'node:fs/promises';
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { isBmp, readBmp } from './bmp';
import { foreignKind } from './foreign-file';

/** What a file says of itself. */
export interface ImageFileFacts {
  /** The EXIF orientation, 1 to 8, which has been applied; 1 where there is none. */
  readonly orientation: number;
  /** Images in the file: the first one is used. */
  readonly pages: number;
}

export interface DecodedImage extends PlaneSize, ImageFileFacts {
  /** Height × width × 3, RGB. */
  readonly bytes: Uint8Array;
  /** 16 bits of which only the lower ones are used, as a camera of 12 bits does: nearly black. */
  readonly dark: boolean;
}

/** Formats by sharp's names. */
const formats: readonly string[] = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'heif'];

/** An eighth of the scale, in 8 bits. */
const darkest = 32;

/**
 * Reads a JPEG, PNG, WebP, TIFF, GIF, AVIF or BMP file.
 * @throws UserError that names the file where it is missing, damaged or of another kind
 */
export async function decodeImage(path: string): Promise<DecodedImage> {
  return namingFile(path, async (file) => {
    if (isBmp(file)) return { ...readBmp(file), orientation: 1, pages: 1, dark: false };
    const { image, metadata, facts } = await openImage(file);
    if (metadata.space === 'cmyk')
      return {
        ...inksToRgb(await pixels(image.pipelineColourspace('cmyk').toColourspace('cmyk').raw(), 4)),
        ...facts,
        dark: false,
      };
    const { height, width, data } = await pixels(image.removeAlpha().toColourspace('srgb').raw(), 3);
    const dark = metadata.depth === 'ushort' && data.every((value) => value < darkest);
    return { height, width, bytes: data, ...facts, dark };
  });
}

/** The values of a file as they are stored, but for its orientation: what a mask is read from (`mask-values.ts`). */
export interface StoredValues extends PlaneSize, ImageFileFacts {
  /** 1 (grey) or 3 (RGB), and one more with `alpha`. */
  readonly channels: number;
  readonly alpha: boolean;
  /** Height × width × channels. Grey of 16 bits keeps them. */
  readonly values: Uint8Array | Uint16Array;
  /** Values are not exactly what was saved: a JPEG. */
  readonly lossy: boolean;
}

/** @throws UserError as `decodeImage` does */
export async function decodeValues(path: string): Promise<StoredValues> {
  return namingFile(path, async (file) => {
    if (isBmp(file)) {
      const { bytes, height, width } = readBmp(file);
      return { height, width, channels: 3, alpha: false, values: bytes, lossy: false, orientation: 1, pages: 1 };
    }
    const { image, metadata, facts } = await openImage(file);
    if (metadata.space === 'cmyk') throw new Error('it has the four inks of a print');
    const alpha = metadata.hasAlpha;
    // Of grey with transparency, sharp would leave out the transparency.
    const grey = ['b-w', 'grey16'].includes(metadata.space) && !alpha;
    const deep = grey && metadata.depth === 'ushort';
    const channels = (grey ? 1 : 3) + Number(alpha);
    const converted = image.toColourspace(deep ? 'grey16' : grey ? 'b-w' : 'srgb');
    const { height, width, data } = await pixels(converted.raw({ depth: deep ? 'ushort' : 'uchar' }), channels);
    // A copy, which begins at a multiple of two bytes.
    const values = deep ? new Uint16Array(data.slice().buffer) : data;
    return { height, width, channels, alpha, values, lossy: metadata.format === 'jpeg', ...facts };
  });
}

interface OpenedImage {
  readonly image: Sharp;
  readonly metadata: Metadata;
  readonly facts: ImageFileFacts;
}

async function openImage(file: Buffer): Promise<OpenedImage> {
  const foreign = foreignKind(file);
  if (foreign !== undefined) throw new Error(`it is ${foreign}`);
  // Damage that leaves no gap, such as bytes after the end, is none to Pillow either.
  const options: SharpOptions = { ignoreIcc: true, failOn: 'error', autoOrient: true };
  const metadata = await sharp(file, options).metadata();
  const { format, depth, orientation = 1, pages = 1 } = metadata;
  if (!formats.includes(format)) throw new Error(`it is a ${format}`);
  if (depth !== 'uchar' && depth !== 'ushort') throw new Error(`its values are of type ${depth}, not of 8 or 16 bits`);
  return { image: sharp(file, options), metadata, facts: { orientation, pages } };
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
function inksToRgb({ height, width, data }: Pixels): PlaneSize & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(height * width * 3);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const light = 255 - data[pixel * 4 + 3];
    for (let ink = 0; ink < 3; ink++) {
      // The product divided by 255 and rounded, without a division.
      const product = data[pixel * 4 + ink] * light + 128;
      bytes[pixel * 3 + ink] = light - (((product >> 8) + product) >> 8);
    }
  }
  return { height, width, bytes };
}

/** Errors become one line that names the file; what is no matter of the file is passed on. */
async function namingFile<T>(path: string, decode: (file: Buffer) => Promise<T>): Promise<T> {
  try {
    return await decode(await readFile(path));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UserError(`There is no file ${path}: check the path.`);
    // Of some damage, the decoder says no more than this.
    const said = error.message.split('\n')[0].replace(/\.$/, '');
    const reason = /unknown error/i.test(said) ? 'it is cut off or damaged' : said;
    const ofSystem = code === 'ELOOP' ? 'it is a link that leads in a circle' : code;
    throw new UserError(`${path} cannot be read as an image (${ofSystem ?? reason}): replace or remove it.`);
  }
}
