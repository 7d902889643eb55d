/** The charts of groups of segmentation networks. */
import type { CalibrationBin } from '../display/calibration-chart';
import type { FigureDisplay } from '../display/figure';
import type { TrainingHistory } from '../display/history-chart';
import { lineComparison, type LineSeries } from '../display/line-chart';
import { lossCurves, type LossCurve, type LossCurves } from '../display/loss-chart';
import { mergeBins, reliabilityCurves } from '../display/reliability-curves';
import { intervalTitle } from '../metrics/interval-over-draws';
import { armTitle, type Arm } from '../runs/arms';
import type { MaskReport } from '../runs/evaluate-masks';
import { armsTitle, fractionsOf, fractionTitle, isSameSeries, seriesNames, type MaskGroup } from '../runs/mask-groups';
import { estimateOf } from '../runs/mask-scores';

/** Test Dice over the number of training images with intervals: a line a network. @param beside others' lines */
export function diceOverImages(groups: readonly MaskGroup[], beside: readonly LineSeries[] = []): FigureDisplay {
  const nameOf = seriesNames(groups);
  const firsts = groups.filter((group, index) => groups.findIndex((one) => isSameSeries(one, group)) === index);
  const series = firsts.map((first): LineSeries => ({
    name: nameOf(first),
    points: groups
      .filter((group) => isSameSeries(group, first))
      .map((group) => {
        const { mean, low, high } = estimateOf(group, 'dice');
        return { x: group.trainImages, y: mean, interval: [low, high] };
      }),
  }));
  return lineComparison(
    {
      series: [...series, ...beside],
      xTitle: 'Training images',
      yTitle: 'Test Dice',
      title: `Test Dice over training images, ${armsTitle(groups)}`,
      intervalTitle: intervalTitle(Math.max(...groups.map((group) => group.runs.length)), 'seeds'),
    },
    { label: 'Test Dice of each network over the number of training images, with error bars' },
  );
}

/** How sure the networks are of their pixels at one fraction, a diagram each: of all pixels, of those at the border, and of these with the temperature. */
export function reliabilityOfPixels(
  all: readonly MaskGroup[],
  { fraction }: { readonly fraction: number },
): FigureDisplay {
  const groups = all.filter((group) => group.fraction === fraction);
  const nameOf = seriesNames(groups);
  const [{ test }] = groups[0].runs;
  const curves: Readonly<Record<string, (report: MaskReport) => readonly CalibrationBin[]>> = {
    'all pixels': ({ before }) => before.bins,
    'at the border': ({ before }) => before.borderBins,
    'at the border, scaled': ({ after }) => after.borderBins,
  };
  return reliabilityCurves(
    {
      title: `Reliability of pixels at ${fractionTitle(fraction)} of the training images, ${armsTitle(groups)}`,
      panels: groups.map((group) => ({
        title: nameOf(group),
        curves: Object.entries(curves).map(([name, binsOf]) => ({
          name,
          bins: mergeBins(group.runs.map((run) => binsOf(run.test.report))),
        })),
      })),
      confidenceTitle: 'Predicted P(lesion)',
      accuracyTitle: 'Share of lesion',
    },
    {
      label:
        'Share of lesion pixels over their predicted probability, a diagram for each network: of all pixels, near the border, and there with the temperature',
      caption: `15 bins of equal width; 0 is in the first, 1 in the last. Larger marks: more pixels. Above the diagonal is too cautious, below too sure. At the border: within ${test.report.bandWidth} pixels of it. Scaled: logits divided by the temperature.`,
    },
  );
}

/** Dice per epoch of each network, a diagram for each fraction and arm, of the first seed. The epoch is chosen by it. */
export function trainingCurves(groups: readonly MaskGroup[]): FigureDisplay {
  return lossCurves(
    {
      title: `Dice per epoch, ${armsTitle(groups)}`,
      lossTitle: 'Dice',
      ...panelsByArm(fractionsOf(groups), groups, {
        titleOf: (fraction) => `${fractionTitle(fraction)} of the images`,
        isOf: (group, fraction) => group.fraction === fraction,
        curveOf: ({ network, runs: [{ run }] }) => ({
          name: network,
          history: run.history.map(({ epoch, trainDice, valDice }) => ({
            epoch,
            trainLoss: trainDice,
            valLoss: valDice,
          })),
          bestEpoch: run.bestEpoch,
        }),
      }),
    },
    {
      label:
        'Dice of training and validation images per epoch for each network, one diagram for each fraction of the training images and arm',
      caption:
        'Dashed vertical lines: the epoch with the highest validation Dice, whose weights are tested. First seed.',
    },
  );
}

/** Loss of one segmentation network per epoch with its best epoch. */
export function segmentationLosses({ model, history, bestEpoch }: TrainingHistory): FigureDisplay {
  return lossCurves(
    {
      title: `${model}: loss per epoch`,
      lossTitle: 'Binary cross-entropy',
      panels: [{ curves: [{ name: model, history, bestEpoch }] }],
    },
    {
      label: `Training and validation loss of ${model} per epoch`,
      caption: 'Dashed vertical line: the epoch with the lowest validation loss, whose weights are tested.',
    },
  );
}

/** A row of diagrams for each size, the arms side by side in it; of one arm, a diagram each. */
export function panelsByArm<S, T extends { readonly arm: Arm }>(
  sizes: readonly S[],
  trained: readonly T[],
  by: {
    readonly titleOf: (size: S) => string;
    readonly isOf: (one: T, size: S) => boolean;
    readonly curveOf: (one: T) => LossCurve;
  },
): Pick<LossCurves, 'panels' | 'columns'> {
  const arms = [...new Set(trained.map(({ arm }) => arm))];
  const several = arms.length > 1;
  const panels = sizes.flatMap((size) =>
    arms.map((arm) => ({
      title: several ? `${by.titleOf(size)}, ${armTitle(arm)}` : by.titleOf(size),
      curves: trained.filter((one) => one.arm === arm && by.isOf(one, size)).map(by.curveOf),
    })),
  );
  return several ? { panels, columns: arms.length } : { panels };
}
