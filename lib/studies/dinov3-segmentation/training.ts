/** One run of the fourth study: trains a network on a fraction of the images, then reports everything of the test images. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AugmentationOptions } from '../../data/joint-augmentation';
import { createNpyWriter } from '../../data/npy-file';
import { subsetOf, type SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';
import { dinoUnetForward, dinoUnetParameters, type DinoUnetConfig } from '../../models/dino-unet';
import { countParameters, exportParameters, readParameters, type Parameters } from '../../models/parameters';
import { createScope } from '../../models/scope';
import { writeSafetensors } from '../../tensor/safetensors';
import { tf, type Tensor4D } from '../../tf';
import { openCheckpoints } from '../../training/checkpoints';
import type { TrainingEvent } from '../../training/events';
import { fastestPass } from '../../training/fastest-pass';
import { evaluationBatchSize } from '../../training/predict';
import { reportSegmentation, type MaskCalibration, type SegmentationReport } from '../../training/segmentation-report';
import { imageSource, type SegmentationSource, type SegmentationSplits } from '../../training/segmentation-source';
import { trainSegmenter, type Segmenter } from '../../training/segmenter';
import type { Dinov3Encoder, EncoderVariant } from './encoders';
import { dinov3ArmOptions, imagenetNormalization, normalizationOf, planFraction } from './arms';
import { hashOfSplits } from './parameters';
import { encodedSource, splitMaps, type Dinov3Maps } from './maps';
import { maskThreshold, quantizeProbabilities, type CalibrationRecord, type Dinov3Configuration, type Dinov3Result } from './results'; // prettier-ignore
import { unetOfWidth } from '../few-shot-segmentation/unet';

/** What a run works on. */
export interface Dinov3Resources {
  readonly dataset: SegmentationDataset;
  /** Of a Dino U-Net. */
  readonly encoder?: Dinov3Encoder;
  /** Its maps; without them the encoder runs in every step. */
  readonly maps?: Dinov3Maps;
}

export interface Dinov3Controls {
  /** Ends the run softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
  /** That a kill may cost; 20 by default. */
  readonly saveEverySeconds?: number;
}

export const probabilitiesFile = 'probabilities.npy';
/** The selected epoch's weights, without the frozen encoder's. */
export const weightsFile = 'best.safetensors';
const checkpointFolder = 'checkpoints';

/**
 * Trains and tests in a folder of its own, where a killed or stopped run continues; undefined where it was stopped.
 * @throws UserError where the resources are not those of the configuration
 */
export async function trainDinov3Run(
  configuration: Dinov3Configuration,
  resources: Dinov3Resources,
  directory: string,
  key: string,
  { signal, onProgress, saveEverySeconds = 20 }: Dinov3Controls = {},
): Promise<Dinov3Result | undefined> {
  checkResources(configuration, resources);
  const { seed, settings } = configuration;
  const { dataset, maps } = resources;
  const plan = planFraction(configuration, { train: dataset.splits.train.count, val: dataset.splits.val.count });
  const { splits: all } = dataset;
  const splits = { train: subsetOf(all.train, plan.train), val: subsetOf(all.val, plan.val), test: all.test };
  const sourceOf = (augmentation: AugmentationOptions): SegmentationSource =>
    openSource(configuration, resources, splits, augmentation);
  const { segmenter, frozenParameters } = networkOf(configuration, resources);
  let tested: Tested | undefined;
  const trained = await trainSegmenter(
    segmenter,
    sourceOf(settings.flips ? { horizontalFlip: 0.5, verticalFlip: 0.5 } : {}),
    {
      epochs: settings.epochs,
      batchSize: settings.batchSize,
      learningRate: settings.learningRate,
      weightDecay: settings.weightDecay,
      diceWeight: settings.diceWeight,
      patience: settings.patience,
      seed,
      selectBy: 'dice',
      evaluationBatchSize: evaluationBatchSize(dataset),
    },
    {
      signal,
      onProgress,
      checkpoints: openCheckpoints(join(directory, checkpointFolder), key),
      saveEverySeconds,
      onSelected: async (parameters) => {
        tested = await testRun(configuration, resources, { parameters, segmenter, sourceOf, directory, signal });
      },
    },
  ).catch((error: unknown) => {
    if (signal?.aborted && error === signal.reason) return undefined;
    throw error;
  });
  if (trained === undefined || tested === undefined || trained.stopped) return undefined;
  const { report, millisecondsPerImage } = tested;
  const trainable = countParameters(segmenter);
  const featureSeconds = maps?.seconds ?? 0;
  const { history } = trained;
  return {
    trainImages: splits.train.count,
    valImages: splits.val.count,
    parameters: frozenParameters + trainable,
    trainableParameters: trainable,
    seconds: featureSeconds + trained.seconds,
    featureSeconds,
    secondsPerEpoch: history.map(({ seconds }, index) => seconds + (index === 0 ? featureSeconds : 0)),
    epochs: history.length,
    selectedEpoch: trained.bestEpoch ?? NaN,
    bestValDice: trained.bestValDice ?? NaN,
    bestValLoss: trained.bestValLoss ?? NaN,
    history: history.map((row) => ({ ...row, trainDice: row.trainDice, valDice: row.valDice })),
    threshold: maskThreshold,
    testIds: [...report.ids],
    scores: [...report.scores],
    cleanedScores: [...report.cleanedScores],
    ...(report.flippedScores ? { flippedScores: [...report.flippedScores] } : {}),
    ...(report.nativeScores ? { nativeScores: [...report.nativeScores] } : {}),
    calibration: {
      bandWidth: bandWidthOf(dataset),
      before: calibrationRecord(report.before),
      after: calibrationRecord(report.after),
    },
    temperature: report.temperature.temperature,
    millisecondsPerImage,
    probabilitiesFile,
  };
}

/** Checkpoints of a run whose result is recorded are of no use any more. */
export function forgetCheckpoints(directory: string): void {
  rmSync(join(directory, checkpointFolder), { recursive: true, force: true });
}

function checkResources(configuration: Dinov3Configuration, { dataset, encoder }: Dinov3Resources): void {
  const { data, model } = configuration;
  if (dataset.sha256 !== data.sha256 || dataset.height !== data.imageSize || dataset.width !== data.imageSize)
    throw new UserError(`The run is of ${data.name} at ${data.imageSize}×${data.imageSize} pixels, but ${dataset.name} at ${dataset.height}×${dataset.width} was opened: open the same data.`); // prettier-ignore
  if (data.splits !== undefined && data.splits !== hashOfSplits(dataset))
    throw new UserError(`The run has other images in its training, validation and test split than ${dataset.name} as it was opened: open it with the same seed.`); // prettier-ignore
  if (model === 'unet') return;
  if (encoder?.name !== configuration.encoder || encoder.weightsKey !== configuration.weightsKey)
    throw new UserError(`The run needs ${configuration.encoder} with its ${configuration.weights} weights, but ${encoder?.name ?? 'no encoder'} was opened: open the same weights.`); // prettier-ignore
}

function openSource(
  { arm, model, seed }: Dinov3Configuration,
  { dataset, encoder, maps }: Dinov3Resources,
  splits: SegmentationSplits,
  augmentation: AugmentationOptions,
): SegmentationSource {
  if (model === 'unet' || encoder === undefined) {
    const normalization = normalizationOf(arm, imagenetNormalization);
    return imageSource({ dataset, splits, augmentation, seed, normalization });
  }
  return maps?.source(splits, augmentation, seed) ?? encodedSource({ dataset, encoder, arm }, splits, augmentation, seed); // prettier-ignore
}

/** What is trained, and how many values beside it are frozen. */
export function networkOf(
  { arm, model, settings }: Pick<Dinov3Configuration, 'arm' | 'model' | 'settings'>,
  { dataset, encoder }: Pick<Dinov3Resources, 'encoder'> & { readonly dataset: Pick<SegmentationDataset, 'height' | 'width'> }, // prettier-ignore
): { readonly segmenter: Segmenter; readonly frozenParameters: number } {
  if (model === 'unet' || encoder === undefined)
    return { segmenter: unetOfWidth(settings.unetWidth), frozenParameters: 0 };
  const config = decoderConfig(encoder.channels, settings.decoderWidth, arm);
  const { height, width } = dataset;
  return {
    segmenter: {
      name: `Dino U-Net, ${encoder.title}`,
      table: dinoUnetParameters(config),
      forward: (joined, scope) => dinoUnetForward(splitMaps(joined), scope, config, { height, width }).logits,
    },
    frozenParameters: encoder.variant(arm).parameters,
  };
}

/** The study's decoder in proportion to its deepest level, which has 256 channels there. */
export function decoderConfig(inputs: number, width: number, arm: DinoUnetConfig['arm']): DinoUnetConfig {
  return {
    arm,
    inputs,
    widths: [width, width / 2, width / 4, width / 8],
    contextWidth: width / 2,
    headWidth: width / 8,
  };
}

/** Pixels on either side of the border: 4 at the study's 256 pixels. */
function bandWidthOf({ height }: Pick<SegmentationDataset, 'height'>): number {
  return Math.max(2, Math.round(height / 64));
}

interface Tested {
  readonly report: SegmentationReport;
  readonly millisecondsPerImage: number;
}

interface TestRequest {
  readonly parameters: Parameters;
  readonly segmenter: Segmenter;
  readonly sourceOf: (augmentation: AugmentationOptions) => SegmentationSource;
  readonly directory: string;
  readonly signal: AbortSignal | undefined;
}

/** Reports on the test images with the selected weights, and writes these and the probabilities into the run's folder. */
async function testRun(
  { arm, settings }: Dinov3Configuration,
  { dataset, encoder }: Dinov3Resources,
  { parameters, segmenter, sourceOf, directory, signal }: TestRequest,
): Promise<Tested> {
  const { height, width, splits } = dataset;
  const probabilities = createNpyWriter(join(directory, probabilitiesFile), '|u1', [splits.test.count, height, width]);
  try {
    const report = await reportSegmentation(parameters, segmenter, sourceOf({}), {
      bandWidth: bandWidthOf(dataset),
      batchSize: evaluationBatchSize(dataset),
      flippedSource: settings.flipTta ? (variant) => sourceOf({ horizontalFlip: variant % 2, verticalFlip: variant >= 2 ? 1 : 0 }) : undefined, // prettier-ignore
      scoreNativeSize: settings.nativeScores,
      empty: dinov3ArmOptions[arm].empty,
      onLogits: (logits) => probabilities.append(quantizeProbabilities(logits)),
      signal,
    });
    probabilities.finish();
    const { table } = parameters;
    writeSafetensors(
      join(directory, weightsFile),
      new Map([...exportParameters(parameters)].map(([name, values]) => [name, { shape: table[name].shape, values }])),
    );
    return {
      report,
      millisecondsPerImage: millisecondsOf(parameters, segmenter, encoder?.variant(arm).encode, dataset),
    };
  } finally {
    probabilities.abort();
  }
}

/** One image through all of the network, whether or not its maps were kept. */
function millisecondsOf(
  parameters: Parameters,
  { forward }: Segmenter,
  encode: EncoderVariant['encode'] | undefined,
  { height, width }: Pick<SegmentationDataset, 'height' | 'width'>,
): number {
  const image: Tensor4D = tf.zeros([1, height, width, 3]);
  try {
    return fastestPass(() => {
      const inputs = encode === undefined ? image : tf.concat4d(encode(image), 3);
      return forward(inputs, createScope(readParameters(parameters)));
    });
  } finally {
    image.dispose();
  }
}

function calibrationRecord({
  imageErrors,
  imageBorderErrors,
  bins,
  borderBins,
  ...means
}: MaskCalibration): CalibrationRecord {
  // prettier-ignore
  return {
    ...means,
    imageErrors: [...imageErrors],
    imageBorderErrors: [...imageBorderErrors],
    bins: bins.map((bin) => ({ ...bin })),
    borderBins: borderBins.map((bin) => ({ ...bin })),
  };
}
