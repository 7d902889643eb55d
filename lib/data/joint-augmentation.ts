/** Flips, quarter turns and crops that an image and its mask go through together. They only move pixels, so that a mask stays one. */
import { UserError } from '../errors';
import { createRandom } from '../random';
import type { ImageDraw } from './image-changes';
import type { PlaneSize } from '../tensor/resample';

export interface AugmentationOptions {
  /** Probabilities that left and right, and that top and bottom, change places; 0 by default. */
  readonly horizontalFlip?: number;
  readonly verticalFlip?: number;
  /** Turns by 0, 90, 180 or 270 degrees, each equally often; for square images. */
  readonly quarterTurns?: boolean;
  /**
   * A square of `size` pixels from anywhere in the image, which is first continued by `padding` mirrored pixels on
   * each side (0 by default).
   */
  readonly crop?: { readonly size: number; readonly padding?: number };
}

/** What happens to one image, in this order: flips, turns counterclockwise, crop. */
export interface Augmentation {
  readonly horizontalFlip: boolean;
  readonly verticalFlip: boolean;
  readonly turns: number;
  /** Where the crop begins, in pixels of the image before it was continued; below 0 within its continuation. */
  readonly top: number;
  readonly left: number;
}

/** One draw of what the options allow. Each option has a random number of its own: setting one does not change what another does. */
export function drawAugmentation(
  options: AugmentationOptions,
  image: PlaneSize,
  { seed, epoch, id }: ImageDraw,
): Augmentation {
  const { horizontalFlip = 0, verticalFlip = 0, quarterTurns = false, crop } = options;
  const random = createRandom(seed, 'joint augmentation', epoch, id);
  const [first, second, third, fourth, fifth] = Array.from({ length: 5 }, () => random.uniform());
  const padding = crop?.padding ?? 0;
  const place = (draw: number, side: number): number =>
    crop === undefined ? 0 : Math.floor(draw * (side + 2 * padding - crop.size + 1)) - padding;
  return {
    horizontalFlip: first < horizontalFlip,
    verticalFlip: second < verticalFlip,
    turns: quarterTurns ? Math.floor(4 * third) : 0,
    top: place(fourth, image.height),
    left: place(fifth, image.width),
  };
}

/** The size that images have afterwards. */
export function augmentedSize(options: AugmentationOptions, { height, width }: PlaneSize): PlaneSize {
  return options.crop === undefined ? { height, width } : { height: options.crop.size, width: options.crop.size };
}

/** @throws UserError for options that images of this size do not allow */
export function checkAugmentation(options: AugmentationOptions, { height, width }: PlaneSize): void {
  for (const name of ['horizontalFlip', 'verticalFlip'] as const) {
    const value = options[name] ?? 0;
    if (!(value >= 0 && value <= 1)) throw new UserError(`${name} is ${value}, but a probability is from 0 to 1.`);
  }
  if (options.quarterTurns === true && height !== width)
    throw new UserError(`quarterTurns is for square images, but these are ${height}×${width}.`);
  if (options.crop === undefined) return;
  const { size, padding = 0 } = options.crop;
  const shorter = Math.min(height, width);
  // Beyond its own size, an image cannot be mirrored at its border once.
  if (!Number.isInteger(padding) || padding < 0 || padding >= shorter)
    throw new UserError(
      `crop.padding is ${padding}; allowed for ${height}×${width} are whole numbers from 0 to ${shorter - 1}.`,
    );
  if (!Number.isInteger(size) || size < 1 || size > shorter + 2 * padding)
    throw new UserError(
      `crop.size is ${size}; allowed for ${height}×${width} with a padding of ${padding} are whole numbers from 1 to ${shorter + 2 * padding}.`,
    );
}

/**
 * The moved pixels of one image or mask: `source` holds height × width × channels bytes, `target` gets `size`.
 * @param from size and channels of the source
 */
export function augment(
  source: Uint8Array,
  target: Uint8Array,
  from: PlaneSize & { readonly channels: number },
  size: PlaneSize,
  augmentation: Augmentation,
): void {
  const { channels } = from;
  const { rows, columns } = sourcePositions(from, size, augmentation);
  let output = 0;
  for (const row of rows) {
    for (const column of columns) {
      const at = (row + column) * channels;
      for (let channel = 0; channel < channels; channel++) target[output++] = source[at + channel];
    }
  }
}

/** Every target pixel is the source's pixel rows[its row] + columns[its column]: each axis of the target is one of the source. */
function sourcePositions(from: PlaneSize, size: PlaneSize, augmentation: Augmentation) {
  const { height, width } = from;
  const { horizontalFlip, verticalFlip, turns, top, left } = augmentation;
  const downwards = (row: number): number => (verticalFlip ? height - 1 - row : row) * width;
  const rightwards = (column: number): number => (horizontalFlip ? width - 1 - column : column);
  const sideways = turns % 2 === 1;
  const [turnedHeight, turnedWidth] = sideways ? [width, height] : [height, width];
  // Row i, column j of what is turned counterclockwise by 90° is row j of column width − 1 − i.
  const ofRow = [
    downwards,
    (i: number) => rightwards(width - 1 - i),
    (i: number) => downwards(height - 1 - i),
    rightwards,
  ][turns];
  const ofColumn = [
    rightwards,
    downwards,
    (j: number) => rightwards(width - 1 - j),
    (j: number) => downwards(height - 1 - j),
  ][turns];
  return {
    rows: Int32Array.from({ length: size.height }, (_, row) => ofRow(mirrored(top + row, turnedHeight))),
    columns: Int32Array.from({ length: size.width }, (_, column) => ofColumn(mirrored(left + column, turnedWidth))),
  };
}

/** A position beyond the border, mirrored at the last pixel, which is not repeated. */
function mirrored(position: number, length: number): number {
  if (position < 0) return -position;
  return position < length ? position : 2 * (length - 1) - position;
}
