/** A trained segmentation network on a split: scored once, and recorded as a row where it is the test split. */
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createNpyWriter } from '../data/npy-file';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { mean } from '../metrics/intervals';
import {
  metricOfImages,
  segmentationMetrics,
  type EmptyConvention,
  type SegmentationMetric,
} from '../metrics/segmentation';
import { frozenParameters } from '../models/encoders';
import type { Network } from '../models/network';
import { countParameters, disposeParameters, readParameters, type Parameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { tf, type Tensor, type Tensor4D } from '../tf';
import type { EncoderMaps } from '../training/encoder-maps';
import { fastestPass } from '../training/fastest-pass';
import type { FeatureCache } from '../training/feature-cache';
import { openMaskSource, type MaskSource } from '../training/mask-source';
import { evaluationBatchSize } from '../training/predict';
import { scoreMasks, type SegmentationTest } from '../training/segmentation-evaluation';
import { reportSegmentation, type SegmentationReport } from '../training/segmentation-report';
import {
  factsOfTraining,
  keep,
  readKept,
  scoresFile,
  withParameters,
  type Evaluated,
  type EvaluateOptions,
} from './evaluate';
import { dataIdentity } from './identity';
import { shortHash, type RowFacts, type SegmentationRow } from './results';
import type { TrainedModel } from './train';

export interface ReportSettings {
  /** Whether each image is predicted in its four flips too. */
  readonly flips?: boolean;
  /** Whether masks are scored at the size of the files too. */
  readonly nativeScores?: boolean;
}

export interface MaskEvaluateOptions extends EvaluateOptions {
  /** What batch norms use: their running statistics (default), or those of the batch, as where `eval()` was forgotten. */
  readonly statistics?: 'running' | 'batch';
  /** Scores where a mask is empty; ISIC's by default. */
  readonly empty?: EmptyConvention;
  /**
   * Calibration, cleaned masks and more of the test images, with the temperature of the validation images; not for
   * `statistics: 'batch'`.
   */
  readonly report?: ReportSettings;
  /** Of the network's frozen encoder, where several evaluations share them. */
  readonly maps?: () => Promise<EncoderMaps>;
  readonly featureCache?: FeatureCache;
}

/** A segmentation network on a split; `mean` over its images. */
export interface MaskEvaluation extends Evaluated {
  readonly ids: readonly string[];
  /** Of each image, in the order of `ids`, at the size that the network works at. */
  readonly scores: SegmentationTest['scores'];
  /** One mask after the other, height × width bytes of 0 and 1 each; they lie on the disk. */
  readMasks(): Uint8Array;
  readonly mean: Readonly<Record<SegmentationMetric, number>>;
  readonly report?: MaskReport;
}

export interface MaskReport extends Omit<SegmentationReport, 'ids' | 'scores' | 'temperature'> {
  /** Logits are divided by it; fitted on the validation images. */
  readonly temperature: number;
  /** Pixels on either side of the border that are in the band. */
  readonly bandWidth: number;
  /** All of the network, one image at a time; the fastest of several passes. */
  readonly millisecondsPerImage: number;
  /** Beside the weights: uint8, images × height × width, see `quantizeProbabilities`. */
  readonly probabilitiesFile: string;
}

type Kept = SegmentationTest & Pick<MaskEvaluation, 'report'>;

/** The scores of a segmentation network on a split, once for each split and data. */
export async function evaluateMasks(
  trained: TrainedModel,
  data: SegmentationDataset,
  options: MaskEvaluateOptions = {},
): Promise<MaskEvaluation> {
  const { network, epoch } = trained;
  const { split = 'test', statistics = 'running', empty, report, batchSize = evaluationBatchSize(data) } = options;
  const of = { data: dataIdentity(data), split, statistics, empty, report, batchSize };
  const file = scoresFile(trained, of);
  const text = readKept(file);
  let kept = text === undefined ? undefined : unpack(text);
  if (kept === undefined) {
    const settings = { ...options, split, statistics, batchSize };
    kept = await withParameters(trained, (parameters) =>
      report === undefined
        ? scoreOnce(parameters, network, data, settings)
        : reportOnce(parameters, trained, data, { ...settings, report, name: `probabilities-${shortHash(of)}.npy` }),
    );
    keep(file, pack(kept));
  }
  const { scores, masks } = kept;
  const isKept = text !== undefined || readKept(file) !== undefined;
  return {
    scores,
    report: kept.report,
    readMasks: isKept ? () => unpack(readKept(file) ?? '').masks : () => masks,
    model: network.name,
    epoch,
    split,
    images: scores.length,
    ids: data.splits[split].ids,
    mean: Object.fromEntries(segmentationMetrics.map((name) => [name, mean(metricOfImages(scores, name))])) as Record<
      SegmentationMetric,
      number
    >,
  };
}

type Settings = MaskEvaluateOptions & Required<Pick<MaskEvaluateOptions, 'split' | 'statistics' | 'batchSize'>>;

async function scoreOnce(
  parameters: Parameters,
  network: Network,
  data: SegmentationDataset,
  settings: Settings,
): Promise<Kept> {
  const opened = await openMaskSource(network, data, { ...settings, variants: { [settings.split]: 1 } });
  try {
    return await scoreMasks(parameters, network, opened.source(), settings);
  } finally {
    opened.close();
  }
}

/** Pixels on either side of the border: 4 at the fourth study's 256 pixels. */
function bandWidthOf({ height }: Pick<SegmentationDataset, 'height'>): number {
  return Math.max(2, Math.round(height / 64));
}

async function reportOnce(
  parameters: Parameters,
  { network, training }: TrainedModel,
  data: SegmentationDataset,
  {
    report: { flips = false, nativeScores },
    empty,
    name,
    batchSize,
    signal,
    ...options
  }: Settings & { readonly report: ReportSettings; readonly name: string },
): Promise<Kept> {
  const { height, width, splits } = data;
  const opened = await openMaskSource(network, data, { ...options, signal, variants: { val: 1, test: flips ? 4 : 1 } });
  const probabilities = createNpyWriter(join(training.directory, name), '|u1', [splits.test.count, height, width]);
  const masks: Uint8Array[] = [];
  try {
    const flipped = (variant: number) => flippedSource(opened, variant);
    const bandWidth = bandWidthOf(data);
    const reported = await reportSegmentation(parameters, network, opened.source(), {
      ...{ bandWidth, batchSize, empty, signal },
      flippedSource: flips ? flipped : undefined,
      scoreNativeSize: nativeScores,
      onLogits(logits) {
        const bytes = quantizeProbabilities(logits);
        probabilities.append(bytes);
        masks.push(bytes.map((byte) => (byte > 127 ? 1 : 0)));
      },
    });
    probabilities.finish();
    const { cleanedScores, flippedScores, before, after } = reported;
    const report: MaskReport = {
      ...{ cleanedScores, flippedScores, before, after, bandWidth },
      nativeScores: reported.nativeScores,
      temperature: reported.temperature.temperature,
      millisecondsPerImage: millisecondsOf(parameters, network, data),
      probabilitiesFile: name,
    };
    return { scores: reported.scores, masks: new Uint8Array(Buffer.concat(masks)), report };
  } finally {
    probabilities.abort();
    opened.close();
  }
}

function flippedSource(opened: MaskSource, variant: number) {
  return opened.source({ augmentation: { horizontalFlip: variant % 2, verticalFlip: variant >= 2 ? 1 : 0 } });
}

/** One image through all of the network, whether or not its maps are kept. */
function millisecondsOf(
  parameters: Parameters,
  { forward, frozen }: Network,
  { height, width }: Pick<SegmentationDataset, 'height' | 'width'>,
): number {
  const image: Tensor4D = tf.zeros([1, height, width, 3]);
  const ofEncoder = frozen && frozenParameters(frozen.encoder);
  try {
    return fastestPass((): Tensor => {
      const inputs = frozen && ofEncoder ? frozen.encoder.encode(image, createScope(readParameters(ofEncoder))) : image;
      return forward(inputs, createScope(readParameters(parameters)));
    });
  } finally {
    image.dispose();
    if (ofEncoder) disposeParameters(ofEncoder);
  }
}

/**
 * 255 · P, rounded; but where the logit is not above 0 at most 127, and where it is at least 128, so that `byte > 127` is the scored mask
 * to the pixel.
 */
export function quantizeProbabilities(logits: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(logits.length);
  for (let index = 0; index < bytes.length; index++) {
    const byte = Math.round(255 / (1 + Math.exp(-logits[index])));
    bytes[index] = logits[index] > 0 ? Math.max(128, byte) : Math.min(127, byte);
  }
  return bytes;
}

function pack({ masks, ...rest }: Kept): string {
  return withNumbers({ ...rest, masks: gzipSync(masks).toString('base64') });
}

function unpack(text: string): Kept {
  const { masks, ...rest } = readNumbers(text) as Omit<Kept, 'masks'> & { readonly masks: string };
  return { ...rest, masks: new Uint8Array(gunzipSync(Buffer.from(masks, 'base64'))) };
}

/** JSON in which NaN and the infinities are told, which JSON itself has no word for. */
export function withNumbers(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? { number: String(item) } : item,
  );
}

export function readNumbers(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && 'number' in item && Object.keys(item).length === 1
      ? Number(item.number)
      : item,
  );
}

/** The row of a segmentation network on the test split; that of a frozen encoder counts its values too. */
export function maskRow(
  { training, network }: TrainedModel,
  { epoch, mean: of, report }: MaskEvaluation,
  data: SegmentationDataset,
  { settings, ...facts }: RowFacts & { readonly settings?: SegmentationRow['settings'] },
): SegmentationRow {
  const { history, best, trainImages, valImages, encoderSeconds, seconds } = training;
  const common = factsOfTraining(training);
  const epochs = history.length;
  return {
    ...common,
    model: network.name,
    weights: network.weights.source,
    ...(network.weights.sha256 && { weightsSha256: network.weights.sha256 }),
    dataSha256: data.sha256,
    parameters: common.parameters + (network.frozen ? countParameters(network.frozen.encoder) : 0),
    seconds: seconds + (encoderSeconds?.maps ?? 0),
    featureSeconds: encoderSeconds?.maps ?? 0,
    secondsWithoutCache: seconds + epochs * (encoderSeconds?.pass ?? 0),
    ...facts,
    settings: { ...common.settings, imageSize: data.height, ...settings },
    testImages: shortHash(data.splits.test.ids),
    epoch,
    trainImages,
    valImages,
    testDice: of.dice,
    testIou: of.jaccard,
    testSensitivity: of.sensitivity,
    testSpecificity: of.specificity,
    testAccuracy: of.accuracy,
    testHd95: of.hd95,
    bestValLoss: history[best.epoch - 1]?.valLoss ?? NaN,
    bestValDice: history[best.epoch - 1]?.valDice ?? NaN,
    ...(report && rowOfReport(report)),
  };
}

function rowOfReport({ cleanedScores, flippedScores, nativeScores, ...report }: MaskReport) {
  const dice = (scores: MaskEvaluation['scores']): number => mean(metricOfImages(scores, 'dice'));
  return {
    millisecondsPerImage: report.millisecondsPerImage,
    testDiceCleaned: dice(cleanedScores),
    ...(flippedScores ? { testDiceFlipped: dice(flippedScores) } : {}),
    ...(nativeScores ? { testDiceNative: dice(nativeScores) } : {}),
    temperature: report.temperature,
    calibrationError: report.before.error,
    calibrationErrorScaled: report.after.error,
  };
}
