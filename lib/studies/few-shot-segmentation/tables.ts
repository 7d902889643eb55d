/** What the few-shot notebook reports of its trainings: rows for the display library. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { formatEstimate } from '../../display/format';
import type { Estimate } from '../../metrics/interval-over-draws';
import { estimateMetric } from '../../metrics/segmentation-summary';
import { mean, sampleDeviation } from '../../metrics/intervals';
import { comparePaired, pairedDifferences } from '../../metrics/paired-comparison';
import { metricOfImages, type SegmentationMetric } from '../../metrics/segmentation';
import { decoderConfigs, reconstructionDecoderParameters, segmentationDecoderParameters } from '../../models/decoders';
import type { Encoder } from '../../models/encoders';
import type { Network } from '../../models/network';
import { countParameters, type ParameterTable } from '../../models/parameters';
import { unetConfigs, unetParameters } from '../../models/unet';
import { vitConfigs, vitParameters } from '../../models/vit';
import { isDataOfStudy, savedOfStudy, scoresOfStudy, sizesOfStudy } from './published';
import type { FewShotTraining, SeriesName } from './series';
import { grouped } from '../../grouped';
import { pairRows } from '../../workbench/mask-tables';
import type { Arm } from '../../runs/arms';

export const shownMetrics = [
  'jaccard',
  'dice',
  'sensitivity',
  'accuracy',
  'hd95',
] as const satisfies readonly SegmentationMetric[];
export type ShownMetric = (typeof shownMetrics)[number];

/** All draws of one series at one size. */
export interface ScoreGroup {
  readonly arm: Arm;
  readonly series: SeriesName;
  readonly size: number;
  readonly trainings: readonly FewShotTraining[];
}

/** Trainings by arm, series and size, in the order in which they come. */
export function groupTrainings(trainings: readonly FewShotTraining[]): ScoreGroup[] {
  const groups = grouped(trainings, ({ point: { arm, series, size } }) => `${arm} ${series} ${size}`);
  return [...groups.values()].map((group) => {
    const [{ point }] = group;
    return { arm: point.arm, series: point.series, size: point.size, trainings: group };
  });
}

/** Mean of a metric and its interval over images and draws; over images alone where there is one draw. */
export function scoreOf({ trainings }: Pick<ScoreGroup, 'trainings'>, metric: SegmentationMetric): Estimate {
  return estimateMetric(
    trainings.map(({ test }) => test.scores),
    metric,
  );
}

/** One row for each series and size of an arm: means over test images and draws, the interval of the Jaccard index. */
export function scoreRows(trainings: readonly FewShotTraining[]) {
  return groupTrainings(trainings).map((group) => {
    const jaccard = scoreOf(group, 'jaccard');
    const { arm, series, size } = group;
    const of = (metric: ShownMetric): number =>
      mean(group.trainings.map(({ test }) => mean(metricOfImages(test.scores, metric))));
    return {
      series,
      arm,
      trainImages: size,
      draws: group.trainings.length,
      jaccard: jaccard.mean,
      interval: formatEstimate(jaccard),
      dice: of('dice'),
      sensitivity: of('sensitivity'),
      accuracy: of('accuracy'),
      hd95: of('hd95'),
      // For each of these, the image's diagonal is in the mean.
      undefinedHd95: group.trainings.flatMap(({ test }) => test.scores).filter((score) => !score.hd95Defined).length,
    };
  });
}

/** `scoreRows`, the study's own beside them where the data are its. */
export function scoreTable(trainings: readonly FewShotTraining[], data: SegmentationDataset) {
  const published = isDataOfStudy(data)
    ? publishedScoreRows().map((row) => ({ ...row, series: `${row.series} (the study)` }))
    : [];
  return [...published, ...scoreRows(trainings)];
}

/** The study's own scores in the form of `scoreRows`. It reports no HD95 and no interval. */
function publishedScoreRows(): ReturnType<typeof scoreRows> {
  return scoresOfStudy.map(({ size, series, jaccard, dice, accuracy, sensitivity }) => {
    const scores = { jaccard, interval: '', dice, sensitivity, accuracy, hd95: NaN, undefinedHd95: NaN };
    return { series, arm: 'as-published', trainImages: size, draws: 1, ...scores };
  });
}

/**
 * Two series compared on the same test images at each size: the difference of their Jaccard index, its interval over images and draws,
 * and Wilcoxon's test over images (of means over draws), adjusted by Holm's method for the number of sizes.
 */
export function compareSeries(trainings: readonly FewShotTraining[], first: SeriesName, second: SeriesName) {
  const groups = groupTrainings(trainings);
  const rows = groups
    .filter(({ series }) => series === first)
    .flatMap((group) => {
      const other = groups.find(
        ({ series, size, arm }) => series === second && size === group.size && arm === group.arm,
      );
      if (other === undefined) return [];
      const [a, b] = [group, other].map(({ trainings: draws }) =>
        draws.map(({ test }) => metricOfImages(test.scores, 'jaccard')),
      );
      const deviation = sampleDeviation(pairedDifferences(a, b).map(mean));
      return [{ group, deviation, paired: comparePaired(a, b) }];
    });
  return pairRows(rows).map(({ group: { size, arm }, deviation, paired, difference, interval, pValue }) => ({
    comparison: `${first} − ${second}`,
    arm,
    trainImages: size,
    difference,
    interval,
    deviation,
    imagesWon: paired.wins,
    imagesLost: paired.losses,
    pValue,
  }));
}

/** F against E, and each change by itself, on the same test images. */
export function comparisonRows(trainings: readonly FewShotTraining[]) {
  return [
    ...compareSeries(trainings, 'F', 'E'),
    ...compareSeries(trainings, 'F', 'F without denoising'),
    ...compareSeries(trainings, 'E from the denoiser', 'E'),
    ...compareSeries(trainings, 'F without denoising', 'F from random weights'),
  ];
}

/**
 * Seconds of E and F at each size, with the encoder's maps computed in every epoch as in the study's code, and computed once; beside them
 * what the study saved.
 */
export function timingRows(trainings: readonly FewShotTraining[]) {
  const arms = [...new Set(trainings.map(({ point }) => point.arm))];
  return arms.flatMap((arm) => timingOfArm(trainings.filter(({ point }) => point.arm === arm)));
}

function timingOfArm(trainings: readonly FewShotTraining[]) {
  const groups = groupTrainings(trainings);
  const meanOf = (group: ScoreGroup, of: (training: FewShotTraining) => number): number =>
    mean(group.trainings.map(of));
  const rows = groups
    .filter(({ series }) => series === 'E')
    .flatMap((e) => {
      const f = groups.find(({ series, size, arm }) => series === 'F' && size === e.size && arm === e.arm);
      if (f === undefined) return [];
      const seconds = {
        e: meanOf(e, ({ row }) => row.seconds),
        uncached: meanOf(f, ({ row }) => Number(row.secondsWithoutCache)),
        cached: meanOf(f, ({ row }) => row.seconds),
      };
      const record = sizesOfStudy.find(({ size }) => size === e.size);
      return [
        {
          trainImages: String(e.size),
          arm: e.arm,
          valImages: e.trainings[0].row.valImages,
          epochs: e.trainings[0].run.history.length,
          batchSize: e.trainings[0].run.recipe.batchSize,
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

/** Trained values of the networks: the study's, and those of this run. */
export function modelSizes({
  encoder,
  reconstruction,
  segmentation,
  unet,
}: { readonly encoder: Encoder } & Readonly<Record<'reconstruction' | 'segmentation' | 'unet', Network>>) {
  const row = (network: string, study: ParameterTable, own: ParameterTable) => {
    const [inStudy, here] = [study, own].map((table) => countParameters({ table }));
    return { network, study: inStudy, megabytes: (4 * inStudy) / 2 ** 20, here };
  };
  return [
    row('Encoder, ViT-B/16', vitParameters(vitConfigs.vit_base_patch16_224, { classes: 0 }), encoder.table),
    row('Reconstruction decoder', reconstructionDecoderParameters(decoderConfigs.reconstruction), reconstruction.table),
    row('Segmentation decoder', segmentationDecoderParameters(decoderConfigs.segmentation), segmentation.table),
    row('U-Net', unetParameters(unetConfigs.unet_base32), unet.table),
  ];
}
