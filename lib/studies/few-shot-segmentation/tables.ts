/** What the few-shot notebook reports of its trainings: rows for the display library. */
import { intervalOverDraws } from '../../metrics/crossed-bootstrap';
import { mean, type Interval } from '../../metrics/intervals';
import { comparePaired } from '../../metrics/paired-comparison';
import { metricOfImages, type SegmentationMetric } from '../../metrics/segmentation';
import { holmAdjust } from '../../metrics/significance';
import { decoderConfigs, reconstructionDecoderParameters, segmentationDecoderParameters } from '../../models/decoders';
import { countParameters, type ParameterTable } from '../../models/parameters';
import { unetConfigs, unetParameters } from '../../models/unet';
import { vitConfigs, vitParameters } from '../../models/vit';
import { fewShotArms, recordOfSize, savedOfStudy, scoresOfStudy, sizesOfStudy, type FewShotArm, type SeriesName } from './arms'; // prettier-ignore
import type { FewShotTraining } from './series';
import type { SegmentationEncoder } from '../segmentation-encoders';
import { unetOfWidth } from './unet';

export const shownMetrics = ['jaccard', 'dice', 'sensitivity', 'accuracy', 'hd95'] as const satisfies readonly SegmentationMetric[]; // prettier-ignore
export type ShownMetric = (typeof shownMetrics)[number];

/** All draws of one series at one size. */
export interface ScoreGroup {
  readonly arm: FewShotArm;
  readonly series: SeriesName;
  readonly size: number;
  readonly trainings: readonly FewShotTraining[];
}

/** Trainings by arm, series and size, in the order in which they come. */
export function groupTrainings(trainings: readonly FewShotTraining[]): ScoreGroup[] {
  const groups = new Map<string, FewShotTraining[]>();
  for (const training of trainings) {
    const key = `${training.arm} ${training.series} ${training.size}`;
    groups.set(key, [...(groups.get(key) ?? []), training]);
  }
  return [...groups.values()].map((group) => {
    const [{ arm, series, size }] = group;
    return { arm, series, size, trainings: group };
  });
}

export interface IntervalOptions {
  readonly seed: number;
  readonly resamples?: number;
}

/** Mean of a metric and its 95 % bootstrap interval: over images and draws, or over images where there is one draw. */
export function scoreOf(
  { trainings }: Pick<ScoreGroup, 'trainings'>,
  metric: SegmentationMetric,
  options: IntervalOptions,
): Interval & { readonly mean: number } {
  return intervalOverDraws({ values: trainings.map(({ scores }) => metricOfImages(scores, metric)), ...options });
}

/** One row for each series and size of an arm: means over test images and draws, the interval of the Jaccard index. */
export function scoreRows(trainings: readonly FewShotTraining[], options: IntervalOptions) {
  return groupTrainings(trainings).map((group) => {
    const { low, high } = scoreOf(group, 'jaccard', options);
    const { arm, series, size } = group;
    const of = (metric: ShownMetric): number => mean(group.trainings.map(({ scores }) => mean(metricOfImages(scores, metric)))); // prettier-ignore
    return {
      series,
      arm,
      trainImages: size,
      draws: group.trainings.length,
      jaccard: of('jaccard'),
      interval: `${low.toFixed(3)} – ${high.toFixed(3)}`,
      dice: of('dice'),
      sensitivity: of('sensitivity'),
      accuracy: of('accuracy'),
      hd95: of('hd95'),
    };
  });
}

/** The study's own scores in the form of `scoreRows`. It reports no HD95 and no interval. */
export function publishedScoreRows(): ReturnType<typeof scoreRows> {
  return scoresOfStudy.map(({ size, series, jaccard, dice, accuracy, sensitivity }) => {
    const scores = { jaccard, interval: '', dice, sensitivity, accuracy, hd95: NaN };
    return { series, arm: 'as-published', trainImages: size, draws: 1, ...scores };
  });
}

/**
 * Two series compared on the same test images at each size: the difference of their Jaccard index, its interval over images and draws,
 * and Wilcoxon's test over images (of means over draws), adjusted by Holm's method for the number of sizes.
 */
export function compareSeries(
  trainings: readonly FewShotTraining[],
  first: SeriesName,
  second: SeriesName,
  options: IntervalOptions,
) {
  const groups = groupTrainings(trainings);
  const pairs = groups
    .filter(({ series }) => series === first)
    .flatMap((group) => {
      const other = groups.find(
        ({ series, size, arm }) => series === second && size === group.size && arm === group.arm,
      );
      return other === undefined ? [] : [{ group, other }];
    });
  const rows = pairs.map(({ group, other }) => {
    const [a, b] = [group, other].map(({ trainings: draws }) => draws.map(({ scores }) => metricOfImages(scores, 'jaccard'))); // prettier-ignore
    const differences = a.map((values, draw) => values.map((value, image) => value - b[draw][image]));
    const overDraws = (values: readonly Float64Array[]): Float64Array =>
      values[0].map((_, image) => mean(values.map((one) => one[image])));
    const paired = comparePaired(overDraws(a), overDraws(b), options);
    return {
      size: group.size,
      arm: group.arm,
      paired,
      interval: intervalOverDraws({ values: differences, ...options }),
    };
  });
  const adjusted = holmAdjust(rows.map(({ paired }) => paired.wilcoxon.pValue));
  return rows.map(({ size, arm, paired, interval }, index) => ({
    comparison: `${first} − ${second}`,
    arm,
    trainImages: size,
    difference: paired.meanDifference,
    interval: `${interval.low.toFixed(3)} – ${interval.high.toFixed(3)}`.replace(/-/g, '−'),
    imagesWon: paired.wins,
    imagesLost: paired.losses,
    pValue: adjusted[index],
  }));
}

/**
 * Seconds of E and F at each size, with the encoder's maps computed in every epoch as in the study's code, and computed once; beside them
 * what the study saved.
 */
export function timingRows(trainings: readonly FewShotTraining[]) {
  return fewShotArms.flatMap((arm) => timingOfArm(trainings.filter((training) => training.arm === arm)));
}

function timingOfArm(trainings: readonly FewShotTraining[]) {
  const groups = groupTrainings(trainings);
  const meanOf = (group: ScoreGroup, of: (training: FewShotTraining) => number): number => mean(group.trainings.map(of)); // prettier-ignore
  const rows = groups
    .filter(({ series }) => series === 'E')
    .flatMap((e) => {
      const f = groups.find(({ series, size, arm }) => series === 'F' && size === e.size && arm === e.arm);
      if (f === undefined) return [];
      const seconds = {
        e: meanOf(e, (training) => training.seconds.training),
        uncached: meanOf(f, (training) => training.seconds.uncached),
        cached: meanOf(f, (training) => training.seconds.training + training.seconds.features),
      };
      const record = sizesOfStudy.find(({ size }) => size === e.size);
      return [
        {
          trainImages: String(e.size),
          arm: e.arm,
          valImages: e.trainings[0].row.valImages,
          epochs: e.trainings[0].epochs,
          batchSize: Number(e.trainings[0].row.settings.batchSize),
          secondsE: seconds.e,
          secondsF: seconds.uncached,
          secondsFCached: seconds.cached,
          saved: 100 * (1 - seconds.uncached / seconds.e),
          savedCached: 100 * (1 - seconds.cached / seconds.e),
          savedInStudy: record === undefined ? NaN : 100 * record.saved,
        },
      ];
    });
  if (rows.length === 0) return rows;
  const all = {
    ...rows[0],
    trainImages: 'mean',
    valImages: NaN,
    epochs: NaN,
    batchSize: NaN,
    secondsE: mean(rows.map((row) => row.secondsE)),
    secondsF: mean(rows.map((row) => row.secondsF)),
    secondsFCached: mean(rows.map((row) => row.secondsFCached)),
    saved: mean(rows.map((row) => row.saved)),
    savedCached: mean(rows.map((row) => row.savedCached)),
    savedInStudy: 100 * savedOfStudy,
  };
  return [...rows, all];
}

/** How the study trains at each size, and this run in its proportion. */
export function planRows(
  sizes: readonly number[],
  planned: (size: number) => { readonly epochs: number; readonly batchSize: number; readonly validation: number },
) {
  return sizes.map((size) => {
    const { validation, epochs, batchSize } = recordOfSize(size);
    const own = planned(size);
    const known = sizesOfStudy.some((record) => record.size === size);
    return {
      trainImages: size,
      studyValidation: known ? validation : NaN,
      studyEpochs: known ? epochs : NaN,
      studyBatch: known ? batchSize : NaN,
      validation: own.validation,
      epochs: own.epochs,
      batchSize: own.batchSize,
      steps: own.epochs * Math.ceil(size / own.batchSize),
    };
  });
}

/** Trained values of the networks: the study's, and those of this run. */
export function modelSizes(encoder: SegmentationEncoder, unetWidth: number) {
  const row = (network: string, study: ParameterTable, own: ParameterTable) => {
    const [inStudy, here] = [study, own].map((table) => countParameters({ table }));
    return { network, study: inStudy, megabytes: (4 * inStudy) / 2 ** 20, here };
  };
  const { reconstruction, segmentation } = decoderConfigs;
  return [
    row('Encoder, ViT-B/16', vitParameters(vitConfigs.vit_base_patch16_224, { classes: 0 }), encoder.table),
    row('Reconstruction decoder', reconstructionDecoderParameters(reconstruction), reconstructionDecoderParameters(encoder.decoders.reconstruction)), // prettier-ignore
    row('Segmentation decoder', segmentationDecoderParameters(segmentation), segmentationDecoderParameters(encoder.decoders.segmentation)), // prettier-ignore
    row('U-Net', unetParameters(unetConfigs.unet_base32), unetOfWidth(unetWidth).table),
  ];
}
