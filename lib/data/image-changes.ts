/** What augmentations do to the bytes of one image. */
import { createRandom, type Random } from '../random';

/** Bytes of one image or mask, rows first. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Changes the bytes of one image, and where there is one of its mask, in place; `random` is this image's in this epoch. */
export type ImageFunction = (image: Pixels, random: Random, mask?: Pixels) => void;

/** Which draw it is. The same image in the same epoch gets the same, whatever batch or order it is in. */
export interface ImageDraw {
  readonly seed: number;
  readonly epoch: number;
  readonly id: string;
}

/** Each change of an image has random numbers of its own: leaving one out does not change what another draws. */
export function applyChanges(
  changes: readonly ImageFunction[],
  { seed, epoch, id }: ImageDraw,
  image: Pixels,
  mask?: Pixels,
): void {
  changes.forEach((change, position) => change(image, createRandom(seed, 'augment', position, epoch, id), mask));
}

/** Turns counterclockwise by an angle, bilinear; a mask with it, by its nearest pixel. Beyond the border the nearest pixel is continued. */
export function rotateImage(image: Pixels, angle: number, mask?: Pixels): void {
  const { height, width } = image;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const [middleRow, middleColumn] = [(height - 1) / 2, (width - 1) / 2];
  const source = image.data.slice();
  const maskSource = mask?.data.slice();
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [y, x] = [row - middleRow, column - middleColumn];
      const fromRow = clamp(middleRow + cosine * y + sine * x, height);
      const fromColumn = clamp(middleColumn - sine * y + cosine * x, width);
      interpolate(source, image, fromRow, fromColumn, row * width + column);
      if (mask !== undefined && maskSource !== undefined)
        mask.data[row * width + column] = maskSource[Math.round(fromRow) * width + Math.round(fromColumn)];
    }
  }
}

function clamp(position: number, size: number): number {
  return Math.min(Math.max(position, 0), size - 1);
}

function interpolate(
  source: Uint8Array,
  { data, width, height, channels }: Pixels,
  row: number,
  column: number,
  to: number,
): void {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [bottom, right] = [Math.min(top + 1, height - 1), Math.min(left + 1, width - 1)];
  const [down, across] = [row - top, column - left];
  for (let channel = 0; channel < channels; channel++) {
    const at = (y: number, x: number): number => source[(y * width + x) * channels + channel];
    const upper = at(top, left) * (1 - across) + at(top, right) * across;
    const lower = at(bottom, left) * (1 - across) + at(bottom, right) * across;
    data[to * channels + channel] = Math.round(upper * (1 - down) + lower * down);
  }
}

export interface ColorJitter {
  readonly brightness?: number;
  readonly contrast?: number;
  readonly saturation?: number;
  /** At most ½. */
  readonly hue?: number;
}

/** torchvision's ColorJitter, its four changes in their order in the list: brightness, contrast, saturation, hue. */
export function changeColors(image: Pixels, options: ColorJitter, random: Random): void {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
  const factor = (range: number): number => 1 + (2 * random.uniform() - 1) * range;
  const [light, difference, color, turn] = [factor(brightness), factor(contrast), factor(saturation), factor(hue) - 1];
  if (brightness > 0) blend(image, () => 0, light);
  if (contrast > 0) {
    const mean = meanGray(image);
    blend(image, () => mean, difference);
  }
  if (image.channels !== 3) return;
  if (saturation > 0) blend(image, (at) => gray(image.data, at), color);
  if (hue > 0) turnHue(image, turn);
}

/** `factor` of the image and the rest of `other`, which is asked once a pixel. */
function blend({ data, channels }: Pixels, other: (at: number) => number, factor: number): void {
  for (let at = 0; at < data.length; at += channels) {
    const rest = other(at) * (1 - factor);
    for (let channel = 0; channel < channels; channel++)
      data[at + channel] = Math.min(255, Math.max(0, Math.round(data[at + channel] * factor + rest)));
  }
}

/** Luma of ITU-R BT.601, as Pillow converts to grey. */
function gray(data: Uint8Array, at: number): number {
  return 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
}

function meanGray({ data, channels }: Pixels): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += channels) sum += channels === 3 ? gray(data, at) : data[at];
  return Math.round(sum / (data.length / channels));
}

/** Turns the hue of each pixel by a share of the circle, in HSV. */
function turnHue({ data }: Pixels, turn: number): void {
  for (let at = 0; at < data.length; at += 3) {
    const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
    const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
    const spread = most - least;
    if (spread === 0) continue;
    const sixth = most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
    const hue = (((sixth / 6 + turn) % 1) + 1) % 1;
    for (const [channel, offset] of [5, 3, 1].entries()) {
      const k = (offset + hue * 6) % 6;
      data[at + channel] = Math.round(most - spread * Math.max(0, Math.min(k, 4 - k, 1)));
    }
  }
}
