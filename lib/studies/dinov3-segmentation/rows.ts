import { mean } from '../../metrics/intervals';
import { metricOfImages, type SegmentationMetric, type SegmentationScores } from '../../metrics/segmentation';
import { encoderTitle } from './encoders';
import type { Dinov3Run } from './results';
import type { SegmentationRow } from '../../runs/results';

/** A run's row in results.json. */
export function rowOfRun({
  id,
  configuration,
  result,
}: Pick<Dinov3Run, 'id' | 'configuration' | 'result'>): SegmentationRow {
  // prettier-ignore
  const { model, encoder, arm, weights, fraction, seed, data, settings } = configuration;
  const meanOf = (metric: SegmentationMetric, scores: readonly SegmentationScores[] = result.scores): number =>
    mean(metricOfImages(scores, metric));
  const { before, after } = result.calibration;
  return {
    trainingKey: id,
    model: model === 'unet' ? 'U-Net' : `Dino U-Net, ${encoderTitle(encoder)}`,
    encoder,
    weights,
    protocol: model === 'unet' ? 'scratch' : 'frozen',
    arm,
    fraction,
    parameters: result.parameters,
    trainableParameters: result.trainableParameters,
    seconds: result.seconds,
    millisecondsPerImage: result.millisecondsPerImage,
    epoch: result.selectedEpoch,
    trainImages: result.trainImages,
    valImages: result.valImages,
    bestValLoss: result.bestValLoss,
    bestValDice: result.bestValDice,
    testDice: meanOf('dice'),
    testIou: meanOf('jaccard'),
    testSensitivity: meanOf('sensitivity'),
    testSpecificity: meanOf('specificity'),
    testAccuracy: meanOf('accuracy'),
    testHd95: meanOf('hd95'),
    testDiceCleaned: meanOf('dice', result.cleanedScores),
    ...(result.flippedScores ? { testDiceFlipped: meanOf('dice', result.flippedScores) } : {}),
    ...(result.nativeScores ? { testDiceNative: meanOf('dice', result.nativeScores) } : {}),
    temperature: result.temperature,
    calibrationError: before.error,
    calibrationErrorScaled: after.error,
    settings: { ...stringsOf(settings), seed, imageSize: data.imageSize },
  };
}

/** The row of results.json has texts and numbers. */
function stringsOf(settings: Dinov3Run['configuration']['settings']): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, typeof value === 'boolean' ? String(value) : value]),
  );
}
