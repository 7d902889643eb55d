/** What the fourth study published, in the form of our tables and charts, and what can be held against it. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import type { FigureDisplay } from '../../display/figure';
import { lineComparison, type LineSeries } from '../../display/line-chart';
import { fractionTitle } from '../../runs/mask-groups';
import { diceOverImages as chartOfDice } from '../../workbench/mask-charts';
import type { scoreRows } from '../../workbench/mask-tables';
import { dinov3Encoders } from './encoders';
import { groupRuns } from './groups';
import { dataOfStudy, networkTitles, publishedDice, publishedMillions, publishedNetworks } from './published';
import type { Dinov3Run } from './groups';
import { noEncoder } from './parameters';

/** Whether the data are the study's. @param dataset as it was opened */
export function isDataOfStudy({
  title,
  height,
  splits,
}: Pick<SegmentationDataset, 'title' | 'height' | 'splits'>): boolean {
  const counts = (['train', 'val', 'test'] as const).every((name) => splits[name].count === dataOfStudy[name]);
  return title === dataOfStudy.title && height === dataOfStudy.imageSize && counts;
}

/**
 * Whether runs can be held against the study's numbers: the same data, and its own networks with their published weights. The arm has to be
 * said beside them all the same.
 */
export function areComparable(runs: readonly Dinov3Run[], dataset: Parameters<typeof isDataOfStudy>[0]): boolean {
  const isOfStudy = ({ point: { encoder }, row: { weights, settings } }: Dinov3Run): boolean =>
    encoder === noEncoder ? settings.unetWidth === 32 : Object.hasOwn(dinov3Encoders, encoder) && weights !== 'random';
  return runs.length > 0 && isDataOfStudy(dataset) && runs.every(isOfStudy);
}

/** The study's scores in the form of `scoreRows`, as far as it has them. */
export function publishedScoreRows(): ReturnType<typeof scoreRows> {
  return publishedDice.map(({ network, fraction, dice }) => ({
    network: `${networkTitles[network]} (the study)`,
    arm: 'as published',
    fraction: fractionTitle(fraction),
    trainImages: Math.floor(dataOfStudy.train * fraction),
    seeds: 1,
    dice,
    interval: '',
    jaccard: NaN,
    sensitivity: NaN,
    hd95: NaN,
    undefinedHd95: NaN,
  }));
}

/** The study's networks in millions of values: all, trained, and the share of these, as its README has them. */
export function publishedCostRows() {
  return publishedNetworks.map((network) => {
    const { all, trained } = publishedMillions[network];
    return { network: networkTitles[network], parameters: all, trained, trainedShare: (100 * trained) / all };
  });
}

/**
 * Test Dice over the number of training images.
 * @param options.published draws the study's values beside; only where the data are the study's
 */
export function diceOverImages(
  runs: readonly Dinov3Run[],
  { published = false }: { readonly published?: boolean } = {},
): FigureDisplay {
  return chartOfDice(groupRuns(runs), published ? publishedSeries() : []);
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
