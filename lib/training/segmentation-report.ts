/** Everything that is reported of a segmentation network: temperature on the validation images, then one pass over the test images. */
import type { Mask } from '../data/mask';
import { calibrationErrorOfBins, poolBins, type ReliabilityBin } from '../metrics/calibration';
import { mean } from '../metrics/intervals';
import { cleanMask } from '../metrics/mask-cleanup';
import { borderBand, pixelReliabilityBins } from '../metrics/pixel-calibration';
import { scoreSegmentation, type EmptyConvention, type SegmentationScores } from '../metrics/segmentation';
import { fitTemperature, type Temperature } from '../metrics/temperature';
import type { Network } from '../models/network';
import { readParameters, type Parameters } from '../models/parameters';
import { createScope } from '../models/scope';
import type { PlaneSize } from '../tensor/resample';
import { readResult } from '../tensor/read';
import { resizeBilinear } from '../tensor/upsampling';
import { tf } from '../tf';
import { evaluated } from './image-stream';
import type { SegmentationSource } from './segmentation-source';

/** The calibration of masks on the test images. */
export interface MaskCalibration {
  /** Mean over images of the calibration error of all of their pixels. */
  readonly error: number;
  /** The same in the band around the truth's border; NaN where no image has one. */
  readonly borderError: number;
  /** Images whose truth is empty or full: they have no border. */
  readonly withoutBorder: number;
  /** Of each image; NaN where it has no border. */
  readonly imageErrors: readonly number[];
  readonly imageBorderErrors: readonly number[];
  /** Of all pixels of all images, and of those in the bands. */
  readonly bins: readonly ReliabilityBin[];
  readonly borderBins: readonly ReliabilityBin[];
}

export interface SegmentationReport {
  readonly ids: readonly string[];
  /** Of each image, in the split's order, at the size that the network works at. A pixel is in the mask where its logit is above 0. */
  readonly scores: readonly SegmentationScores[];
  /** Of the largest component with its holes filled. */
  readonly cleanedScores: readonly SegmentationScores[];
  /** Of the mean probability over the four flips. */
  readonly flippedScores: readonly SegmentationScores[] | undefined;
  /** At the size of the file, against the mask as it was drawn: logits are interpolated first, then cut at 0. */
  readonly nativeScores: readonly SegmentationScores[] | undefined;
  readonly temperature: Temperature;
  /** Before and after logits are divided by the temperature. */
  readonly before: MaskCalibration;
  readonly after: MaskCalibration;
}

export interface ReportOptions {
  /** Pixels on either side of the border that belong to the band. */
  readonly bandWidth: number;
  /** Images at once. */
  readonly batchSize: number;
  /** The same test images with a certain flip as their augmentation (`flipVariant`), for the mean over flips; without it there is none. */
  readonly flippedSource?: (variant: number) => SegmentationSource;
  readonly scoreNativeSize?: boolean;
  readonly empty?: EmptyConvention;
  /** Is given the logits of each test image in turn, height × width. */
  readonly onLogits?: (logits: Float32Array) => void;
  /** Ends between two batches: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Fits a temperature to the validation images, and reads the test images once. */
export async function reportSegmentation(
  parameters: Parameters,
  network: Pick<Network, 'forward'>,
  source: SegmentationSource,
  options: ReportOptions,
): Promise<SegmentationReport> {
  const { bandWidth, batchSize, flippedSource, scoreNativeSize = false, empty, onLogits, signal } = options;
  const temperature = await fitMaskTemperature(parameters, network, source, { batchSize, signal });
  const { test } = source.splits;
  const [before, after] = [collectCalibration(), collectCalibration()];
  const scores: SegmentationScores[] = [];
  const cleanedScores: SegmentationScores[] = [];
  const flippedScores: SegmentationScores[] = [];
  const nativeScores: SegmentationScores[] = [];
  const passes = [source, ...(flippedSource ? [1, 2, 3].map(flippedSource) : [])];
  // The batches of all passes have the same images.
  const predictions = passes.map((pass, variant) =>
    predictedBatches(parameters, network, pass, { batchSize, variant, signal }),
  );
  for await (const batch of predictions[0]) {
    const others: PredictedBatch[] = [];
    for (const prediction of predictions.slice(1)) others.push((await prediction.next()).value as PredictedBatch);
    const { height, width } = batch;
    const size = { height, width };
    for (let at = 0; at < batch.count; at++) {
      const part = <T extends Float32Array | Uint8Array>(values: T): T =>
        values.subarray(at * height * width, (at + 1) * height * width) as T;
      const truth: Mask = { ...size, pixels: part(batch.truth) };
      const logits = part(batch.logits);
      onLogits?.(logits);
      const predicted = maskOf(logits, size);
      scores.push(scoreSegmentation(truth, predicted, { empty }));
      cleanedScores.push(scoreSegmentation(truth, cleanMask(predicted), { empty }));
      if (others.length > 0) {
        const variants = [logits, ...others.map((other) => part(other.logits))];
        flippedScores.push(scoreSegmentation(truth, meanMask(variants, size), { empty }));
      }
      if (scoreNativeSize) {
        const native = test.nativeMask(scores.length - 1);
        nativeScores.push(scoreSegmentation(native, maskOf(resizeLogits(logits, size, native), native), { empty }));
      }
      const band = borderBand(truth, bandWidth);
      before.add(truth, probabilitiesOf(logits, 1), band);
      after.add(truth, probabilitiesOf(logits, temperature.temperature), band);
    }
  }
  return {
    ids: test.ids,
    scores,
    cleanedScores,
    flippedScores: flippedSource ? flippedScores : undefined,
    nativeScores: scoreNativeSize ? nativeScores : undefined,
    temperature,
    before: before.finish(),
    after: after.finish(),
  };
}

/** The temperature of all pixels of the validation images. */
export async function fitMaskTemperature(
  parameters: Parameters,
  network: Pick<Network, 'forward'>,
  source: SegmentationSource,
  options: Pick<ReportOptions, 'batchSize' | 'signal'>,
): Promise<Temperature> {
  const pieces: PredictedBatch[] = [];
  for await (const batch of predictedBatches(parameters, network, source, { ...options, split: 'val' }))
    pieces.push(batch);
  const pixels = pieces.reduce((total, { truth }) => total + truth.length, 0);
  const [logits, truth] = [new Float32Array(pixels), new Uint8Array(pixels)];
  let offset = 0;
  for (const piece of pieces) {
    logits.set(piece.logits, offset);
    truth.set(piece.truth, offset);
    offset += piece.truth.length;
  }
  return fitTemperature({ logits, truth, classes: 1 });
}

interface PredictedBatch extends PlaneSize {
  readonly count: number;
  /** N·H·W each. */
  readonly logits: Float32Array;
  readonly truth: Uint8Array;
}

interface PredictOptions extends Pick<ReportOptions, 'batchSize' | 'signal'> {
  readonly split?: 'val' | 'test';
  /** In which flip the source has its images (`flipVariant`); the logits are flipped back. 0 by default. */
  readonly variant?: number;
}

async function* predictedBatches(
  parameters: Parameters,
  { forward }: Pick<Network, 'forward'>,
  source: SegmentationSource,
  { batchSize, split = 'test', variant = 0, signal }: PredictOptions,
): AsyncGenerator<PredictedBatch> {
  const flippedAxes = [...(variant >= 2 ? [1] : []), ...(variant % 2 === 1 ? [2] : [])];
  // With an epoch, the source draws its augmentation: here a certain flip.
  for (const batch of source.batches(split, { batchSize, epoch: variant === 0 ? undefined : 0 })) {
    let predicted: PredictedBatch;
    try {
      signal?.throwIfAborted();
      const [, height, width] = batch.masks.shape;
      const logits = readResult(() => {
        const predicted = evaluated(forward, batch.images, createScope(readParameters(parameters)));
        return flippedAxes.length === 0 ? predicted : predicted.reverse(flippedAxes);
      });
      const truth = Uint8Array.from(batch.masks.dataSync());
      predicted = { count: batch.count, height, width, logits, truth };
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate);
    yield predicted;
  }
}

function maskOf(logits: Float32Array, { height, width }: PlaneSize): Mask {
  const pixels = new Uint8Array(logits.length);
  for (let index = 0; index < pixels.length; index++) pixels[index] = logits[index] > 0 ? 1 : 0;
  return { height, width, pixels };
}

function probabilitiesOf(logits: Float32Array, temperature: number): Float32Array {
  return logits.map((logit) => 1 / (1 + Math.exp(-logit / temperature)));
}

/** Where the mean probability is above ½. */
function meanMask(variants: readonly Float32Array[], { height, width }: PlaneSize): Mask {
  const pixels = new Uint8Array(height * width);
  for (let index = 0; index < pixels.length; index++) {
    let sum = 0;
    for (const logits of variants) sum += 1 / (1 + Math.exp(-logits[index]));
    pixels[index] = sum > variants.length / 2 ? 1 : 0;
  }
  return { height, width, pixels };
}

/** Bilinearly. height × width → the other size. */
export function resizeLogits(logits: Float32Array, { height, width }: PlaneSize, to: PlaneSize): Float32Array {
  return readResult(() => resizeBilinear(tf.tensor4d(logits, [1, height, width, 1]), to));
}

function collectCalibration() {
  const images: (readonly ReliabilityBin[])[] = [];
  const bands: (readonly ReliabilityBin[] | undefined)[] = [];
  return {
    add(truth: Mask, probabilities: Float32Array, within: Uint8Array | undefined): void {
      const forecast = { truth, probabilities };
      images.push(pixelReliabilityBins(forecast) as ReliabilityBin[]);
      bands.push(within && pixelReliabilityBins(forecast, { within }));
    },
    finish(): MaskCalibration {
      const imageErrors = images.map(calibrationErrorOfBins);
      const imageBorderErrors = bands.map((bins) => (bins === undefined ? NaN : calibrationErrorOfBins(bins)));
      const withBorder = bands.flatMap((bins) => (bins === undefined ? [] : [bins]));
      const bins = poolBins(images);
      return {
        error: mean(imageErrors),
        borderError: withBorder.length === 0 ? NaN : mean(imageBorderErrors.filter((error) => !Number.isNaN(error))),
        withoutBorder: bands.length - withBorder.length,
        imageErrors,
        imageBorderErrors,
        bins,
        borderBins:
          withBorder.length === 0
            ? bins.map((bin) => ({ ...bin, count: 0, confidence: NaN, accuracy: NaN }))
            : poolBins(withBorder),
      };
    },
  };
}
