/** The fourth study's charts. */
import type { CalibrationBin } from '../../display/calibration-chart';
import type { FigureDisplay } from '../../display/figure';
import { lineComparison, type LineSeries } from '../../display/line-chart';
import { lossCurves } from '../../display/loss-chart';
import { mergeBins, reliabilityCurves } from '../../display/reliability-curves';
import { armTitle, fractionTitle, groupRuns, isSameSeries, type RunGroup } from './groups';
import { dataOfStudy, networkTitles, publishedDice, publishedNetworks } from './published';
import type { MaskReport } from '../../runs/evaluate-masks';
import type { Dinov3Run } from './results';
import { estimateOf } from '../../runs/mask-scores';
import { intervalTitle } from '../../metrics/interval-over-draws';

/** A series' name, with its arm where there are several. */
export function seriesNames(groups: readonly RunGroup[]): (group: RunGroup) => string {
  const several = new Set(groups.map(({ arm }) => arm)).size > 1;
  return ({ network, arm }) => (several ? `${network}, ${armTitle(arm)}` : network);
}

/** Of what runs there are, for titles. */
export function armsTitle(groups: readonly RunGroup[]): string {
  return [...new Set(groups.map(({ arm }) => armTitle(arm)))].join(' and ');
}

/**
 * Test Dice over the number of training images with intervals: a line a network.
 * @param options.published draws the study's values beside; only where the data are the study's
 */
export function diceOverImages(
  runs: readonly Dinov3Run[],
  { published = false }: { readonly published?: boolean } = {},
): FigureDisplay {
  const groups = groupRuns(runs);
  const nameOf = seriesNames(groups);
  const series = firstOfSeries(groups).map((first): LineSeries => ({
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
      series: [...series, ...(published ? publishedSeries() : [])],
      xTitle: 'Training images',
      yTitle: 'Test Dice',
      title: `Test Dice over training images, ${armsTitle(groups)}`,
      intervalTitle: intervalTitle(Math.max(...groups.map((group) => group.runs.length)), 'seeds'),
    },
    { label: 'Test Dice of each network over the number of training images, with error bars' },
  );
}

function firstOfSeries(groups: readonly RunGroup[]): RunGroup[] {
  return groups.filter((group, index) => groups.findIndex((one) => isSameSeries(one, group)) === index);
}

/** The study's table as lines without intervals, for it has none. */
function publishedSeries(): LineSeries[] {
  return publishedNetworks.map((network) => ({
    name: `${networkTitles[network]} (the study)`,
    reference: true,
    points: publishedDice
      .filter((row) => row.network === network)
      .map(({ fraction, dice }) => ({ x: Math.floor(dataOfStudy.train * fraction), y: dice })),
  }));
}

/** The study's own table as a chart. */
export function publishedDiceChart(): FigureDisplay {
  return lineComparison(
    {
      series: publishedSeries().map(({ name, points }) => ({ name: name.replace(' (the study)', ''), points })),
      xTitle: 'Training images',
      yTitle: 'Test Dice',
      title: 'What the study published: test Dice on ISIC 2018, one seed, no intervals',
    },
    { label: 'The study’s test Dice of four networks at 648, 1297 and 2594 training images' },
  );
}

/** How sure the networks are of their pixels at one fraction: of all pixels, of those at the border, and of these with the temperature. */
export function reliabilityOfPixels(
  runs: readonly Dinov3Run[],
  { fraction }: { readonly fraction: number },
): FigureDisplay {
  const groups = groupRuns(runs).filter((group) => group.fraction === fraction);
  const nameOf = seriesNames(groups);
  const [{ test }] = groups[0].runs;
  const panelOf = (title: string, binsOf: (report: MaskReport) => readonly CalibrationBin[]) => ({
    title,
    curves: groups.map((group) => ({
      name: nameOf(group),
      bins: mergeBins(group.runs.map((run) => binsOf(run.test.report))),
    })),
  });
  return reliabilityCurves(
    {
      title: `Reliability of pixels at ${fractionTitle(fraction)} of the training images, ${armsTitle(groups)}`,
      panels: [
        panelOf('All pixels', ({ before }) => before.bins),
        panelOf('At the border', ({ before }) => before.borderBins),
        panelOf('At the border, scaled', ({ after }) => after.borderBins),
      ],
      confidenceTitle: 'Predicted P(lesion)',
      accuracyTitle: 'Share of lesion',
    },
    {
      label:
        'Share of lesion pixels over their predicted probability for each network, of all pixels and near the border',
      caption: `15 bins of equal width; 0 is in the first, 1 in the last. Larger marks: more pixels. Above the diagonal is too cautious, below too sure. At the border: within ${test.report.bandWidth} pixels of it. Scaled: logits divided by the temperature.`,
    },
  );
}

/** Dice per epoch of each network, a diagram for each fraction, of the first seed. The epoch is chosen by it. */
export function trainingCurves(runs: readonly Dinov3Run[]): FigureDisplay {
  const groups = groupRuns(runs);
  const nameOf = seriesNames(groups);
  const fractions = [...new Set(groups.map(({ fraction }) => fraction))].sort((a, b) => a - b);
  return lossCurves(
    {
      title: `Dice per epoch, ${armsTitle(groups)}`,
      lossTitle: 'Dice',
      panels: fractions.map((fraction) => ({
        title: `${fractionTitle(fraction)} of the images`,
        curves: groups
          .filter((group) => group.fraction === fraction)
          .map((group) => {
            const [{ run }] = group.runs;
            const history = run.history.map(({ epoch, trainDice, valDice }) => ({
              epoch,
              trainLoss: trainDice,
              valLoss: valDice,
            }));
            return { name: nameOf(group), history, bestEpoch: run.bestEpoch };
          }),
      })),
    },
    {
      label:
        'Dice of training and validation images per epoch for each network, one diagram for each fraction of the training images',
      caption:
        'Dashed vertical lines: the epoch with the highest validation Dice, whose weights are tested. First seed.',
    },
  );
}
