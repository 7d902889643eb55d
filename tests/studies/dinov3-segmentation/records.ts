/** Runs of the fourth study that nobody has trained, with scores as a test wants them. */
import { join } from 'node:path';
import type { CalibrationBin } from '../../../lib/display/calibration-chart';
import { createNpyWriter } from '../../../lib/data/npy-file';
import type { SegmentationScores } from '../../../lib/metrics/segmentation';
import type { MaskReport } from '../../../lib/runs/evaluate-masks';
import { shortHash, type RowSettings } from '../../../lib/runs/results';
import type { Arm } from '../../../lib/runs/arms';
import { groupRuns, type RunGroup } from '../../../lib/studies/dinov3-segmentation/groups';
import type { Dinov3Run } from '../../../lib/studies/dinov3-segmentation/groups';
import { noEncoder } from '../../../lib/studies/dinov3-segmentation/parameters';

export interface RunFacts {
  readonly encoder?: string;
  readonly arm?: Arm;
  readonly fraction?: number;
  readonly seed?: number;
  readonly weights?: string;
  readonly settings?: RowSettings;
  readonly report?: Partial<MaskReport>;
  /** Names of the test images. */
  readonly ids?: readonly string[];
  /** Of each test image. */
  readonly dice: readonly number[];
}

/** A view of groups as one of runs. */
export function ofRuns<A extends readonly unknown[], R>(view: (groups: readonly RunGroup[], ...rest: A) => R) {
  return (runs: readonly Dinov3Run[], ...rest: A): R => view(groupRuns(runs), ...rest);
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
  const { encoder = noEncoder, arm = 'corrected', fraction = 1, seed = 42, dice, report } = facts;
  const isUnet = encoder === noEncoder;
  const settings: RowSettings = {
    epochs: 100,
    learningRate: 3e-4,
    imageSize: 16,
    seed,
    ...(isUnet ? { unetWidth: 32 } : { decoderWidth: 256 }),
    ...facts.settings,
  };
  const weights = facts.weights ?? (isUnet ? 'random' : 'hub');
  const ids = facts.ids ?? dice.map((_, index) => `test_${String(index).padStart(3, '0')}`);
  const point = { arm, encoder, fraction, seed };
  const id = shortHash([point, weights, settings, ids]);
  const calibration = {
    error: 0.04,
    borderError: 0.2,
    withoutBorder: 0,
    imageErrors: dice.map(() => 0.04),
    imageBorderErrors: dice.map(() => 0.2),
    bins: someBins,
    borderBins: someBins,
  };
  const mean = dice.reduce((sum, value) => sum + value, 0) / dice.length;
  return {
    point,
    directory: '',
    row: {
      ...{ trainingKey: id, arm, weights, settings, model: encoder, protocol: isUnet ? 'scratch' : 'frozen' },
      ...{
        dataSha256: '5'.repeat(64),
        testImages: shortHash(ids),
        trainImages: Math.floor(2594 * fraction),
        valImages: 100,
      },
      ...{ parameters: isUnet ? 7_763_041 : 25_000_000, trainableParameters: isUnet ? 7_763_041 : 4_000_000 },
      ...{ seconds: 100, featureSeconds: isUnet ? 0 : 40, epoch: 2, bestValDice: 0.8, bestValLoss: 0.3 },
      ...{ testDice: mean, testIou: mean, testSensitivity: 0.9, testAccuracy: 0.94, testHd95: 3 },
    },
    run: {
      id,
      bestEpoch: 2,
      history: [20, 20, 10].map((seconds, index) => {
        const epoch = index + 1;
        return {
          epoch,
          trainLoss: 0.5 / epoch,
          trainDice: 0.5 + epoch / 10,
          valLoss: 0.6 / epoch,
          valDice: 0.3 + epoch / 10,
          learningRate: 3e-4,
          seconds,
        };
      }),
    },
    test: {
      ids,
      scores: scoresOf(dice),
      report: {
        cleanedScores: scoresOf(
          dice.map((value) => value + 0.01),
          2,
        ),
        flippedScores: undefined,
        nativeScores: undefined,
        bandWidth: 2,
        before: calibration,
        after: { ...calibration, error: 0.02, borderError: 0.1 },
        temperature: 1.5,
        millisecondsPerImage: 7,
        probabilitiesFile: 'probabilities.npy',
        ...report,
      },
    },
  };
}

/** A record whose folder has probabilities. @param pixels 255 · P of each image, all images one after the other */
export function withProbabilities(run: Dinov3Run, directory: string, side: number, pixels: Uint8Array): Dinov3Run {
  const count = run.test.ids.length;
  const probabilitiesFile = `${run.run.id}.npy`;
  const writer = createNpyWriter(join(directory, probabilitiesFile), '|u1', [count, side, side]);
  writer.append(pixels);
  writer.finish();
  return { ...run, directory, test: { ...run.test, report: { ...run.test.report, probabilitiesFile } } };
}
