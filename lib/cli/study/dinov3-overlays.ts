/** Pictures of a run's test images: the image, truth and prediction on it, and the probabilities. */
import sharp from 'sharp';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import type { GridImage } from '../../display/image-grid';
import { maskOverlay } from '../../display/mask-overlay';
import { UserError } from '../../errors';
import { openTestProbabilities } from '../../runs/predicted-masks';
import type { Dinov3Run } from '../../studies/dinov3-segmentation/groups';
import { rankedImages } from '../../workbench/mask-panels';

export interface SamplePicture {
  readonly id: string;
  readonly dice: number;
  /** Left to right: the image, truth and prediction on it, and the probabilities in grey. */
  readonly parts: readonly GridImage[];
}

/**
 * Test images from the hardest to the easiest, evenly spaced by their mean Dice over runs, which must have the same test images.
 * @returns their positions
 */
export function spacedSamples(runs: readonly Pick<Dinov3Run, 'test'>[], wanted: number): number[] {
  if (runs.length === 0) throw new UserError('There is no run whose images could be chosen.');
  const count = runs[0].test.ids.length;
  const ranked = rankedImages(
    runs.map(({ test }) => test.scores),
    'dice',
  );
  const samples = Math.min(wanted, count);
  return Array.from({ length: samples }, (_, index) =>
    samples === 1 ? ranked[Math.floor(count / 2)] : ranked[Math.round((index * (count - 1)) / (samples - 1))],
  );
}

/** The pictures of some test images. @throws UserError where the dataset is not the run's */
export function samplePictures(
  run: Pick<Dinov3Run, 'run' | 'directory' | 'test'>,
  dataset: SegmentationDataset,
  images: readonly number[],
): SamplePicture[] {
  const { test } = dataset.splits;
  const probabilities = openTestProbabilities(run);
  try {
    const { ids, height, width } = probabilities;
    if (ids.join() !== test.ids.join() || height !== dataset.height || width !== dataset.width)
      throw new UserError(
        `Run ${run.run.id} has other test images than ${dataset.name} at ${dataset.height}×${dataset.width} pixels: give the dataset that it was trained on.`,
      );
    return images.map((image) => {
      const pixels = new Uint8Array(height * width * 3);
      const truth = new Uint8Array(height * width);
      test.readImages([image], pixels);
      test.readMasks([image], truth);
      const bytes = probabilities.read(image);
      const prediction = bytes.map((byte) => (byte > 127 ? 1 : 0));
      const [id, dice] = [ids[image], run.test.scores[image].dice];
      const size = { height, width };
      const title = `${id}, Dice ${dice.toFixed(3)}`;
      const overlay = maskOverlay({
        pixels,
        truth: { ...size, pixels: truth },
        prediction: { ...size, pixels: prediction },
        title,
        alt: `${title}: truth and prediction`,
      });
      const part = (values: Uint8Array, channels: number, alt: string): GridImage =>
        enlarged({ ...size, pixels: values, channels, title: id, alt: `${id}: ${alt}` }, overlay);
      return { id, dice, parts: [part(pixels, 3, 'the image'), overlay, part(bytes, 1, 'probability of a lesion')] };
    });
  } finally {
    probabilities.close();
  }
}

/** Every pixel as often as in a picture that is a whole number of times as large; three channels. */
function enlarged({ pixels, height, width, channels, ...rest }: GridImage, to: GridImage): GridImage {
  const factor = to.height / height;
  const drawn = new Uint8Array(to.height * to.width * 3);
  for (let row = 0, at = 0; row < to.height; row++) {
    for (let column = 0; column < to.width; column++) {
      const source = (Math.floor(row / factor) * width + Math.floor(column / factor)) * channels;
      for (let channel = 0; channel < 3; channel++) drawn[at++] = pixels[source + (channels === 1 ? 0 : channel)];
    }
  }
  return { ...rest, pixels: drawn, height: to.height, width: to.width, channels: 3 };
}

/** Pixels between pictures, white. */
const gap = 4;

/** One row a picture, its parts beside each other, as a PNG. */
export async function contactSheet(pictures: readonly SamplePicture[]): Promise<Uint8Array> {
  const [{ parts }] = pictures;
  const [{ height, width }] = parts;
  const canvas = { height: pictures.length * (height + gap) - gap, width: parts.length * (width + gap) - gap };
  const layers = pictures.flatMap((picture, row) =>
    picture.parts.map((part, column) => ({
      input: Buffer.from(part.pixels),
      raw: { height, width, channels: 3 as const },
      top: row * (height + gap),
      left: column * (width + gap),
    })),
  );
  return sharp({ create: { ...canvas, channels: 3, background: 'white' } })
    .composite(layers)
    .png()
    .toBuffer();
}

/** One picture as a PNG. */
export async function encodePicture({ pixels, height, width }: GridImage): Promise<Uint8Array> {
  return sharp(Buffer.from(pixels), { raw: { height, width, channels: 3 } })
    .png()
    .toBuffer();
}
