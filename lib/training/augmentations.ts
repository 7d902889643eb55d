/** What training images go through, as parts of a recipe. The same image in the same epoch gets the same, whatever batch it is in. */
import type { ImageBatch } from '../data/batches';
import { changeColors, rotateImage, type ColorJitter, type ImageFunction } from '../data/image-changes';
import type { AugmentationOptions } from '../data/joint-augmentation';
import type { ResizedCropOptions } from '../data/resized-crop';
import { UserError } from '../errors';
import type { Random } from '../random';
import { tf, type Tensor2D, type Tensor4D } from '../tf';

/** Mixes the images of a batch and their shares of classes. */
export type MixFunction = (batch: ImageBatch, classes: number, random: Random) => ImageBatch;

/** Changes the normalised images of a batch, each by random numbers of its own. */
export type EraseFunction = (batch: ImageBatch, randomOf: (at: number) => Random) => ImageBatch;

/** An augmentation of the library: name and options say what it is; one of the others what it does. */
export interface NamedAugmentation {
  readonly name: string;
  readonly options: object;
  /** Moves pixels of image and mask alike: flips first, then turns, then the crop, whatever their order in the recipe. */
  readonly moves?: AugmentationOptions;
  /** In place of the resizing to the network's input. */
  readonly resizedCrop?: ResizedCropOptions;
  readonly change?: ImageFunction;
  readonly erase?: EraseFunction;
  readonly mix?: MixFunction;
}

/** One of the library's, or a function that has a name. */
export type Augmentation = NamedAugmentation | ImageFunction;

/** Left and right, or top and bottom, change places in a share of the images. */
export function flip(
  direction: 'horizontal' | 'vertical',
  { probability = 0.5 }: { readonly probability?: number } = {},
): NamedAugmentation {
  if (direction !== 'horizontal' && direction !== 'vertical')
    throw new UserError(`flip is given ${JSON.stringify(direction)}, but a direction is horizontal or vertical.`);
  const moves = direction === 'horizontal' ? { horizontalFlip: probability } : { verticalFlip: probability };
  return { name: 'flip', options: { direction, probability }, moves };
}

/** Turns by 0, 90, 180 or 270 degrees, each equally often; for square images, such as cells, that have no top. */
export function quarterTurns(): NamedAugmentation {
  return { name: 'quarter turns', options: {}, moves: { quarterTurns: true } };
}

/** The image, continued by `padding` mirrored pixels on each side, is cut to a square of `size` pixels at a random place. */
export function crop(options: { readonly size: number; readonly padding?: number }): NamedAugmentation {
  return { name: 'crop', options, moves: { crop: options } };
}

/** A window of random area and side ratio, resized to the network's input: torchvision's RandomResizedCrop. Of classifiers only. */
export function randomResizedCrop(options: Partial<ResizedCropOptions> = {}): NamedAugmentation {
  const whole: ResizedCropOptions = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3], interpolation: 'bilinear', ...options };
  return { name: 'random resized crop', options: whole, resizedCrop: whole };
}

/** Turns by an angle that is evenly distributed up to `degrees` either way; the border is continued by its own pixels. */
export function rotate({ degrees }: { readonly degrees: number }): NamedAugmentation {
  return {
    name: 'rotate',
    options: { degrees },
    change: (image, random, mask) => rotateImage(image, ((2 * random.uniform() - 1) * degrees * Math.PI) / 180, mask),
  };
}

/** Brightness, contrast and saturation by factors from 1 − x to 1 + x, hue by a share of the circle, as torchvision's ColorJitter. */
export function colorJitter(options: ColorJitter): NamedAugmentation {
  return { name: 'color jitter', options, change: (image, random) => changeColors(image, options, random) };
}

export interface RandomErasing {
  /** Share of the images that lose a rectangle; 0.25 by default. */
  readonly probability?: number;
  /** Least and largest share of the area; 0.02 and ⅓ by default. */
  readonly area?: readonly [least: number, largest: number];
  /** Height by width lies between this number and its inverse; 0.3 by default. */
  readonly ratio?: number;
  /** What stands there afterwards: normally distributed numbers, each by itself, or 0, the mean of the normalisation. */
  readonly fill?: 'noise' | 'mean';
}

/**
 * A rectangle of an image is erased after it has been normalised, before images are mixed: timm's RandomErasing with one rectangle an
 * image (Zhong et al. 2020). Of classifiers only.
 * @throws UserError for a probability, areas or a ratio that are none
 */
export function randomErasing(options: RandomErasing = {}): NamedAugmentation {
  const whole = { probability: 0.25, area: [0.02, 1 / 3], ratio: 0.3, fill: 'noise', ...options } as const;
  const { probability, area, ratio } = whole;
  if (!(probability >= 0 && probability <= 1))
    throw new UserError(`probability is ${probability}, but must lie between 0 and 1.`);
  if (!(area[0] > 0 && area[0] <= area[1] && area[1] <= 1))
    throw new UserError(`area is ${area.join(' to ')}, but must be two shares between 0 and 1, the smaller one first.`);
  if (!(ratio > 0 && ratio <= 1)) throw new UserError(`ratio is ${ratio}, but must be above 0 and at most 1.`);
  return { name: 'random erasing', options: whole, erase: (batch, randomOf) => erased(batch, whole, randomOf) };
}

function erased(batch: ImageBatch, options: Required<RandomErasing>, randomOf: (at: number) => Random): ImageBatch {
  const [count, height, width, channels] = batch.images.shape;
  const kept = new Float32Array(count * height * width).fill(1);
  const filling = new Float32Array(kept.length * channels);
  for (let at = 0; at < count; at++) {
    const random = randomOf(at);
    const rectangle = drawRectangle([height, width], options, random);
    if (rectangle === undefined) continue;
    const { top, left } = rectangle;
    for (let row = top; row < top + rectangle.height; row++) {
      const [from, to] = [left, left + rectangle.width].map((column) => (at * height + row) * width + column);
      kept.fill(0, from, to);
      if (options.fill === 'noise')
        for (let value = from * channels; value < to * channels; value++) filling[value] = random.normal();
    }
  }
  const images = tf.tidy(() =>
    batch.images
      .mul(tf.tensor4d(kept, [count, height, width, 1]))
      .add<Tensor4D>(tf.tensor4d(filling, batch.images.shape)),
  );
  return { ...batch, images, dispose: () => (images.dispose(), batch.dispose()) };
}

/** Up to ten times, until one fits; undefined where the image stays whole. */
function drawRectangle(
  [height, width]: readonly [number, number],
  { probability, area, ratio }: Required<RandomErasing>,
  random: Random,
): Record<'top' | 'left' | 'height' | 'width', number> | undefined {
  const between = (least: number, largest: number): number => least + (largest - least) * random.uniform();
  if (random.uniform() > probability) return undefined;
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = between(...area) * height * width;
    const aspect = Math.exp(between(Math.log(ratio), -Math.log(ratio)));
    const [rows, columns] = [Math.round(Math.sqrt(target * aspect)), Math.round(Math.sqrt(target / aspect))];
    if (rows >= height || columns >= width) continue;
    const [top, left] = [random.integer(height - rows + 1), random.integer(width - columns + 1)];
    return { top, left, height: rows, width: columns };
  }
  return undefined;
}

/**
 * Each image is mixed with another one of its batch, in shares that are Beta(alpha, alpha) distributed, and so are their classes (Zhang et
 * al. 2018). For images with one class.
 */
export function mixup({ alpha = 0.2 }: { readonly alpha?: number } = {}): NamedAugmentation {
  return {
    name: 'mixup',
    options: { alpha },
    mix: (batch, classes, random) => {
      const share = drawBeta(alpha, random);
      return mixed(batch, classes, random, share, (images, others) => images.mul(share).add(others.mul(1 - share)));
    },
  };
}

/** A window of another image of the batch in each, its area Beta(alpha, alpha) distributed, and as much of its class (Yun et al. 2019). */
export function cutmix({ alpha = 1 }: { readonly alpha?: number } = {}): NamedAugmentation {
  return {
    name: 'cutmix',
    options: { alpha },
    mix: (batch, classes, random) => {
      const [, height, width] = batch.images.shape;
      const side = Math.sqrt(1 - drawBeta(alpha, random));
      const window = (size: number): [number, number] => {
        const [center, half] = [random.integer(size), (side * size) / 2];
        return [Math.max(0, Math.round(center - half)), Math.min(size, Math.round(center + half))];
      };
      const [[top, bottom], [left, right]] = [window(height), window(width)];
      const share = 1 - ((bottom - top) * (right - left)) / (height * width);
      const inside = new Float32Array(height * width);
      for (let row = top; row < bottom; row++) inside.fill(1, row * width + left, row * width + right);
      return mixed(batch, classes, random, share, (images, others) => {
        const mask = tf.tensor4d(inside, [1, height, width, 1]);
        return images.add(others.sub(images).mul(mask));
      });
    },
  };
}

/** The batch with images and shares of classes mixed with those of a random order of it; the given batch is disposed. */
function mixed(
  batch: ImageBatch,
  classes: number,
  random: Random,
  share: number,
  mix: (images: Tensor4D, others: Tensor4D) => Tensor4D,
): ImageBatch {
  const order = random.permutation(batch.count);
  const [images, labelRows] = tf.tidy((): [Tensor4D, Tensor2D] => {
    const partners = tf.tensor1d(order, 'int32');
    const rows = tf.oneHot(batch.labels, classes).toFloat() as Tensor2D;
    return [
      mix(batch.images, batch.images.gather(partners)),
      rows.mul(share).add<Tensor2D>(rows.gather(partners).mul(1 - share)),
    ];
  });
  const labels = batch.labels.clone();
  batch.dispose();
  return { images, labels, labelRows, count: batch.count, dispose: () => tf.dispose([images, labels, labelRows]) };
}

/** From two gamma distributed numbers (Marsaglia and Tsang 2000). */
function drawBeta(alpha: number, random: Random): number {
  if (!(alpha > 0)) throw new UserError(`alpha is ${alpha}, but must be above 0.`);
  const [a, b] = [drawGamma(alpha, random), drawGamma(alpha, random)];
  return a + b === 0 ? 0.5 : a / (a + b);
}

function drawGamma(shape: number, random: Random): number {
  if (shape < 1) return drawGamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** The augmentations of a recipe by what they do. */
export interface SortedAugmentations {
  /** Undefined where none moves pixels. */
  readonly moves: AugmentationOptions | undefined;
  readonly resizedCrop: ResizedCropOptions | undefined;
  readonly changes: readonly ImageFunction[];
  readonly erases: readonly EraseFunction[];
  readonly mixes: readonly MixFunction[];
}

export function sortAugmentations(augment: readonly Augmentation[]): SortedAugmentations {
  const named = augment.filter((one): one is NamedAugmentation => typeof one !== 'function');
  const moves = named.flatMap((one) => one.moves ?? []);
  return {
    moves: moves.length === 0 ? undefined : moves.reduce((all, one) => ({ ...all, ...one })),
    resizedCrop: named.find((one) => one.resizedCrop !== undefined)?.resizedCrop,
    changes: augment.flatMap((one) => (typeof one === 'function' ? one : (one.change ?? []))),
    erases: named.flatMap((one) => one.erase ?? []),
    mixes: named.flatMap((one) => one.mix ?? []),
  };
}
