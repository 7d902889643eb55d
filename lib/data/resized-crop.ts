/**
 * The augmentation of training images: a window of random area and side ratio, resized to the network's input, and mirrored or not
 * (torchvision's RandomResizedCrop and RandomHorizontalFlip on Pillow images).
 */
import { UserError } from '../errors';
import { createRandom, type Random } from '../random';
import type { PlaneSize } from '../tensor/resample';
import { createByteResizer, type ByteResizer, type CropWindow, type Interpolation } from '../tensor/resample-bytes';

export interface ResizedCropOptions {
  /** Area of the window as a share of the image's, least and most, evenly distributed. */
  readonly scale: readonly [number, number];
  /** Width by height of the window, least and most; its logarithm is evenly distributed. */
  readonly ratio: readonly [number, number];
  readonly interpolation: Interpolation;
  /** Probability that left and right change places; 0 by default. */
  readonly horizontalFlip?: number;
}

/** What happens to one image: the window, in its pixels, and whether it is mirrored. */
export interface ResizedCrop extends CropWindow {
  readonly mirrored: boolean;
}

/** Which draw it is. The same image in the same epoch gets the same, whatever batch or order it is in. */
export interface ResizedCropDraw {
  readonly seed: number;
  readonly epoch: number;
  /** Of the image in its split. */
  readonly index: number;
}

const mostAttempts = 10;

/** @throws UserError for shares and ratios that are out of range */
export function checkResizedCrop({ scale, ratio, horizontalFlip = 0 }: ResizedCropOptions): void {
  if (!(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1))
    throw new UserError(
      `scale is ${scale.join(' to ')}, but shares of the area are above 0 and at most 1, the smaller one first.`,
    );
  if (!(ratio[0] > 0 && ratio[0] <= ratio[1] && ratio[1] < Infinity))
    throw new UserError(`ratio is ${ratio.join(' to ')}, but ratios are above 0, the smaller one first.`);
  if (!(horizontalFlip >= 0 && horizontalFlip <= 1))
    throw new UserError(`horizontalFlip is ${horizontalFlip}, but a probability is from 0 to 1.`);
}

/** One draw. Whether the image is mirrored does not depend on how many windows it took. */
export function drawResizedCrop(
  options: ResizedCropOptions,
  image: PlaneSize,
  { seed, epoch, index }: ResizedCropDraw,
): ResizedCrop {
  const random = createRandom(seed, 'resized crop', epoch, index);
  const mirrored = random.uniform() < (options.horizontalFlip ?? 0);
  return { ...drawWindow(options, image, random), mirrored };
}

/**
 * As RandomResizedCrop.get_params: up to ten windows until one fits into the image, then the largest one in the middle whose ratio is
 * allowed.
 */
export function drawWindow(
  { scale, ratio }: Pick<ResizedCropOptions, 'scale' | 'ratio'>,
  { height, width }: PlaneSize,
  random: Pick<Random, 'uniform' | 'integer'>,
): CropWindow {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const area = height * width * between(scale[0], scale[1]);
    const aspect = Math.exp(between(Math.log(ratio[0]), Math.log(ratio[1])));
    const size = {
      width: roundHalfToEven(Math.sqrt(area * aspect)),
      height: roundHalfToEven(Math.sqrt(area / aspect)),
    };
    if (size.width < 1 || size.width > width || size.height < 1 || size.height > height) continue;
    const top = random.integer(height - size.height + 1);
    const left = random.integer(width - size.width + 1);
    return { top, left, ...size };
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const size =
    aspect > width / height
      ? { width, height: roundHalfToEven(width / aspect) }
      : { width: aspect < width / height ? roundHalfToEven(height * aspect) : width, height };
  const top = Math.floor((height - size.height) / 2);
  const left = Math.floor((width - size.width) / 2);
  return { top, left, ...size };
}

/** Python's round(). */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

export interface ResizedCropTask {
  /** N×H×W×C, one image after the other. */
  readonly bytes: Uint8Array;
  readonly shape: readonly [count: number, height: number, width: number, channels: number];
  /** One an image. */
  readonly crops: readonly ResizedCrop[];
  readonly size: PlaneSize;
  readonly interpolation: Interpolation;
}

/** The windows of a batch at the given size: N×height×width×C, resized with antialiasing as Pillow does, byte for byte. */
export function resizeCrops({ bytes, shape, crops, size, interpolation }: ResizedCropTask): Uint8Array {
  const [count, height, width, channels] = shape;
  if (bytes.length !== count * height * width * channels || crops.length !== count)
    throw new RangeError(`${bytes.length} bytes and ${crops.length} windows are not those of ${shape.join('×')}.`);
  const imageBytes = height * width * channels;
  const outputBytes = size.height * size.width * channels;
  const result = new Uint8Array(count * outputBytes);
  crops.forEach((crop, index) => {
    const image = bytes.subarray(index * imageBytes, (index + 1) * imageBytes);
    const target = result.subarray(index * outputBytes, (index + 1) * outputBytes);
    const window = cutOut(image, crop, width * channels, channels);
    resizerFor(crop, channels, size, interpolation)(window, target);
    if (crop.mirrored) mirror(target, size.width, channels);
  });
  return result;
}

function cutOut(image: Uint8Array, crop: CropWindow, line: number, channels: number): Uint8Array {
  const bytes = crop.width * channels;
  const window = new Uint8Array(crop.height * bytes);
  for (let row = 0; row < crop.height; row++) {
    const start = (crop.top + row) * line + crop.left * channels;
    window.set(image.subarray(start, start + bytes), row * bytes);
  }
  return window;
}

function mirror(image: Uint8Array, width: number, channels: number): void {
  const line = width * channels;
  for (let start = 0; start < image.length; start += line) {
    for (let left = start, right = start + line - channels; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const value = image[left + channel];
        image[left + channel] = image[right + channel];
        image[right + channel] = value;
      }
    }
  }
}

/** The latest resizers by what they do, the least recently used one first: the windows of small images come in few sizes. */
const resizers = new Map<string, ByteResizer>();
const keptResizers = 128;

function resizerFor(from: PlaneSize, channels: number, to: PlaneSize, interpolation: Interpolation): ByteResizer {
  const { height, width } = from;
  const key = [height, width, channels, to.height, to.width, interpolation].join(' ');
  const resizer = resizers.get(key) ?? createByteResizer({ from: { height, width, channels }, to, interpolation });
  resizers.delete(key);
  resizers.set(key, resizer);
  for (const oldest of resizers.keys()) if (resizers.size > keptResizers) resizers.delete(oldest);
  return resizer;
}
