/** Runs of the fourth study that nobody has trained, with scores as a test wants them. */
import { join } from 'node:path';
import type { CalibrationBin } from '../../../lib/display/calibration-chart';
import { createNpyWriter } from '../../../lib/data/npy-file';
import type { SegmentationScores } from '../../../lib/metrics/segmentation';
import type {
  Dinov3Arm,
  Dinov3Configuration,
  Dinov3Result,
  Dinov3Run,
} from '../../../lib/studies/dinov3-segmentation/results';
import { shortHash } from '../../../lib/runs/results';

export interface RunFacts {
  readonly encoder?: string;
  readonly arm?: Dinov3Arm;
  readonly fraction?: number;
  readonly seed?: number;
  readonly weights?: string;
  readonly settings?: Partial<Dinov3Configuration['settings']>;
  readonly result?: Partial<Dinov3Result>;
  /** Of each test image. */
  readonly dice: readonly number[];
}

export function scoresOf(dice: readonly number[], hd95 = 3): SegmentationScores[] {
  return dice.map((value) => ({
    dice: value,
    jaccard: value / (2 - value),
    sensitivity: 0.9,
    specificity: 0.95,
    accuracy: 0.94,
    thresholdJaccard: 0,
    hd95,
    hd95Defined: true,
  }));
}

/** Two bins: the first is too cautious, the last empty. */
export const someBins: CalibrationBin[] = [
  { lower: 0, upper: 0.5, count: 10, confidence: 0.2, accuracy: 0.3 },
  { lower: 0.5, upper: 1, count: 0, confidence: NaN, accuracy: NaN },
];

export function recordOf(facts: RunFacts): Dinov3Run {
  const { encoder = 'none', arm = 'corrected', fraction = 1, seed = 42, dice, settings, result } = facts;
  const isUnet = encoder === 'none';
  const configuration: Dinov3Configuration = {
    study: 'dinov3-segmentation',
    arm,
    model: isUnet ? 'unet' : 'dino-unet',
    encoder,
    weights: facts.weights ?? (isUnet ? 'random' : 'hub'),
    weightsKey: encoder,
    fraction,
    seed,
    data: { name: 'squares', sha256: '5'.repeat(64), imageSize: 16 },
    settings: {
      epochs: 100,
      batchSize: 8,
      learningRate: 3e-4,
      weightDecay: 1e-4,
      diceWeight: 0,
      patience: 10,
      flips: false,
      flipTta: false,
      nativeScores: false,
      unetWidth: isUnet ? 32 : 0,
      decoderWidth: isUnet ? 0 : 256,
      precision: 'float32',
      ...settings,
    },
  };
  const calibration = {
    error: 0.04,
    borderError: 0.2,
    withoutBorder: 0,
    imageErrors: dice.map(() => 0.04),
    imageBorderErrors: dice.map(() => 0.2),
    bins: someBins,
    borderBins: someBins,
  };
  return {
    id: shortHash(configuration),
    configuration,
    directory: '',
    result: {
      trainImages: Math.floor(2594 * fraction),
      valImages: 100,
      parameters: isUnet ? 7_763_041 : 25_000_000,
      trainableParameters: isUnet ? 7_763_041 : 4_000_000,
      seconds: 100,
      featureSeconds: isUnet ? 0 : 40,
      secondsPerEpoch: [60, 20, 10],
      epochs: 3,
      selectedEpoch: 2,
      bestValDice: 0.8,
      bestValLoss: 0.3,
      history: [1, 2].map((epoch) => ({ epoch, trainLoss: 0.5 / epoch, trainDice: 0.5 + epoch / 10, valLoss: 0.6 / epoch, valDice: 0.3 + epoch / 10, learningRate: 3e-4, seconds: 10 })), // prettier-ignore
      threshold: 0.5,
      testIds: dice.map((_, index) => `test_${String(index).padStart(3, '0')}`),
      scores: scoresOf(dice),
      cleanedScores: scoresOf(dice.map((value) => value + 0.01), 2), // prettier-ignore
      calibration: { bandWidth: 2, before: calibration, after: { ...calibration, error: 0.02, borderError: 0.1 } },
      temperature: 1.5,
      millisecondsPerImage: 7,
      probabilitiesFile: 'probabilities.npy',
      weightsFile: 'best.safetensors',
      ...result,
    },
  };
}

/** A record whose folder has probabilities. @param pixels 255 · P of each image, all images one after the other */
export function withProbabilities(run: Dinov3Run, directory: string, side: number, pixels: Uint8Array): Dinov3Run {
  const count = run.result.testIds.length;
  const probabilitiesFile = `${run.id}.npy`;
  const writer = createNpyWriter(join(directory, probabilitiesFile), '|u1', [count, side, side]);
  writer.append(pixels);
  writer.finish();
  return { ...run, directory, result: { ...run.result, probabilitiesFile } };
}
