/** The figures of the second study's notebook: the study's three, ranks, differences with intervals, and ours against the published. */
import { differenceChart, type Difference } from '../../display/difference-chart';
import type { FigureDisplay } from '../../display/figure';
import { lineComparison } from '../../display/line-chart';
import { rankChart } from '../../display/rank-chart';
import { scorePanels } from '../../display/score-panels';
import type { AucInterval } from '../../metrics/auc-interval';
import { mean } from '../../metrics/intervals';
import { summarizeSeeds } from '../../metrics/seed-comparison';
import { armTitle, type Arm } from '../../runs/arms';
import { gridInitializations, gridNetworks, optimizerTitles, type GridInitialization } from './study';
import { publishedTarget, type GridDataset } from './datasets';
import type { ComparisonIntervals } from './predictions';
import { gridRanks, methodTitle, seedScores, type GridMethod } from './results';
import type { GridSnapshot } from './snapshot';
import { comparableMethods } from './tables';
import { datasetTitle, networkPanels, optimizerPanels, type GridView } from './views';

/** Where the study sees the largest gains of AdamW. */
export const datasetsOfThirdFigure: readonly string[] = ['chestmnist', 'breastmnist'];

const initializationTitles: Readonly<Record<GridInitialization, string>> = {
  pretrained: 'Pretrained on ImageNet-1k',
  scratch: 'From scratch',
};

function viewOf({ finished, datasets, seeds, methods }: GridSnapshot, arm: Arm): GridView {
  return { runs: finished, datasets, seeds, arm, methods };
}

/** Whether a method is one of the study's, which trained on all images. */
function isWhole({ arm, fraction }: GridMethod, wanted: Arm): boolean {
  return arm === wanted && fraction === undefined;
}

/** The study's first (pretrained) and second figure (scratch): both networks on every dataset; undefined where the grid has neither. */
export function networkFigure(
  snapshot: GridSnapshot,
  initialization: GridInitialization,
  arm: Arm = 'corrected',
): FigureDisplay | undefined {
  const shown = snapshot.methods.filter((method) => isWhole(method, arm) && method.initialization === initialization);
  if (shown.length === 0) return undefined;
  const networks = [...new Set(shown.map(({ network }) => gridNetworks[network].title))].join(' and ');
  return scorePanels(
    {
      title: `${initializationTitles[initialization]}: ${networks}, ${armTitle(arm)}`,
      ...networkPanels(viewOf(snapshot, arm), initialization),
    },
    {
      label: `Test AUC of ${networks} on ${snapshot.datasets.length} datasets, ${gridInitializations[initialization]}`,
      caption: captionOf(snapshot),
    },
  );
}

/** The study's third figure: both optimizers, on its two datasets or on those named; on all where the grid has none of them. */
export function optimizerFigure(
  snapshot: GridSnapshot,
  { arm = 'corrected', datasets = datasetsOfThirdFigure }: { arm?: Arm; datasets?: readonly string[] } = {},
): FigureDisplay | undefined {
  if (!snapshot.methods.some((method) => isWhole(method, arm))) return undefined;
  const wanted = snapshot.datasets.filter(({ name }) => datasets.includes(name));
  const shown = wanted.length === 0 ? snapshot.datasets : wanted;
  return scorePanels(
    {
      title: `AdamW and SGD, ${armTitle(arm)}`,
      columns: 2,
      ...optimizerPanels({ ...viewOf(snapshot, arm), datasets: shown }),
    },
    {
      label: `Test AUC with AdamW and with SGD, for each network and initialization, on ${shown.map(({ name }) => datasetTitle(name)).join(', ')}`,
      caption: captionOf(snapshot),
    },
  );
}

/** Only said of a grid that is not complete. */
function captionOf({ configurations, finished }: GridSnapshot): string | undefined {
  if (finished.length === configurations.length) return undefined;
  return `From ${finished.length} of ${configurations.length} runs; the table below says how many seeds each bar has.`;
}

/** Mean ranks of an arm's methods over the datasets that all of them have with all seeds; undefined for fewer than two of those. */
export function rankFigure(snapshot: GridSnapshot, arm: Arm = 'corrected'): FigureDisplay | undefined {
  const { finished, datasets, seeds } = snapshot;
  const methods = snapshot.methods.filter((method) => method.arm === arm);
  const { ranks, leftOut } = gridRanks(finished, methods, datasets, { seeds });
  if (ranks === undefined) return undefined;
  const notes = [
    ranks.note,
    leftOut.length === 0 ? undefined : `Without ${leftOut.map(datasetTitle).join(', ')}, where runs are missing.`,
  ].filter((note) => note !== undefined);
  return rankChart(
    // A degenerate p-value is no number to show.
    {
      title: `Mean ranks by test AUC, ${armTitle(arm)}`,
      ...ranks,
      pValue: ranks.note === undefined ? ranks.pValue : undefined,
    },
    {
      label: `Mean ranks of ${methods.length} ways of training over ${ranks.datasets} datasets`,
      caption: notes.length === 0 ? undefined : notes.join(' '),
    },
  );
}

/**
 * Differences of one kind of comparison in an arm, a series for each setting that it leaves open, with bootstrap intervals over test
 * images where their labels are on this machine; undefined where the grid has no such comparison.
 */
export function differenceFigure(
  intervals: readonly ComparisonIntervals[],
  arm: Arm = 'corrected',
): FigureDisplay | undefined {
  const shown = intervals.filter(({ comparison }) => comparison.first.arm === arm);
  if (shown.length === 0) return undefined;
  const [{ comparison: one, datasets }] = shown;
  const ofArm = one.second.arm === arm ? `, ${armTitle(arm)}` : '';
  const title = `${one.title.replace(` (${one.setting})`, '')}${ofArm}`;
  return differenceChart(
    {
      title,
      rows: datasets.map(({ dataset }) => datasetTitle(dataset.name)),
      series: shown.map(({ comparison, datasets: rows }) => ({
        name: comparison.setting,
        differences: rows.map(({ interval }, at) => differenceOf(interval, comparison.datasets[at].meanDifference)),
      })),
      xTitle: 'Difference in test AUC',
      sides: [`${sideTitle(one.second, one.first)} is better`, `${sideTitle(one.first, one.second)} is better`],
      intervalTitle: '95 % bootstrap intervals over test images, of the mean over seeds',
    },
    {
      label: `${title}: differences in test AUC on ${datasets.length} datasets with their intervals`,
      caption: shown.some((each) => each.datasets.some(({ pairs, interval }) => pairs > 0 && interval === undefined))
        ? 'Points without a bar: the test labels are not on this machine.'
        : undefined,
    },
  );
}

/** Without an interval, the difference between the means of the pairs; null without a pair. */
function differenceOf(interval: AucInterval | undefined, meanDifference: number): Difference | null {
  if (interval !== undefined) return { value: interval.value, interval: [interval.low, interval.high] };
  return Number.isNaN(meanDifference) ? null : { value: meanDifference };
}

/** The setting in which a method differs from another. */
function sideTitle(method: GridMethod, other: GridMethod): string {
  if (method.arm !== other.arm) return armTitle(method.arm);
  if (method.network !== other.network) return gridNetworks[method.network].title;
  if (method.optimizer !== other.optimizer) return optimizerTitles[method.optimizer];
  return gridInitializations[method.initialization];
}

/** Ours − published, for the network that MedMNIST v2 trained; undefined where no dataset of the grid is one of its at its sizes. */
export function publishedFigure(snapshot: GridSnapshot, arm: Arm = 'corrected'): FigureDisplay | undefined {
  const { finished, seeds } = snapshot;
  const datasets = snapshot.datasets.filter((dataset) => publishedTarget(dataset) !== undefined);
  const methods = comparableMethods(snapshot.methods).filter((method) => method.arm === arm);
  if (datasets.length === 0 || methods.length === 0) return undefined;
  return differenceChart(
    {
      title: 'Our ResNet-50 from scratch against MedMNIST v2’s',
      rows: datasets.map(({ name }) => datasetTitle(name)),
      series: methods.map((method) => ({
        name: optimizerTitles[method.optimizer],
        differences: datasets.map((dataset): Difference | null => {
          const { n, mean: ours, deviation } = summarizeSeeds(seedScores(finished, method, dataset), seeds);
          if (n === 0) return null;
          const value = ours - publishedAuc(dataset);
          return n < 2 ? { value } : { value, interval: [value - deviation, value + deviation] };
        }),
      })),
      xTitle: 'Test AUC, ours − published',
      sides: ['published is higher', 'ours is higher'],
      intervalTitle: 'standard deviation over our seeds; the published numbers have three decimals and no deviation',
    },
    {
      label: `Test AUC of ${methods.map(methodTitle).join(' and ')} minus the published one on ${datasets.length} datasets`,
    },
  );
}

function publishedAuc(dataset: GridDataset): number {
  return publishedTarget(dataset)?.auc ?? NaN;
}

/** Mean AUC over all datasets against the share of the training images, a line a way of training; undefined where a grid has one share. */
export function fractionFigure(snapshot: GridSnapshot, arm: Arm = 'corrected'): FigureDisplay | undefined {
  const { finished, datasets, seeds } = snapshot;
  const methods = snapshot.methods.filter((method) => method.arm === arm);
  const whole = (method: GridMethod): string => methodTitle({ ...method, fraction: undefined });
  if (new Set(methods.map(({ fraction = 1 }) => fraction)).size < 2) return undefined;
  const series = [...new Set(methods.map(whole))].map((name) => ({
    name,
    points: methods
      .filter((method) => whole(method) === name)
      .flatMap((method) => {
        const summaries = datasets.map((dataset) => summarizeSeeds(seedScores(finished, method, dataset), seeds));
        if (summaries.some(({ n }) => n === 0)) return [];
        return [{ x: 100 * (method.fraction ?? 1), y: mean(summaries.map((summary) => summary.mean)) }];
      })
      .sort((a, b) => a.x - b.x),
  }));
  const title = `AUC by the share of the training images, ${armTitle(arm)}`;
  return lineComparison(
    { title, series, xTitle: 'Share of the training images (%)', yTitle: 'Mean test AUC' },
    {
      label: `${title}: mean over ${datasets.length} datasets and ${seeds.length} seeds`,
      caption: captionOf(snapshot),
    },
  );
}
