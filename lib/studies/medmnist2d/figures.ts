/** The figures of the second study's notebook: the study's three, ranks, shares of the images, and ours against the published. */
import { datasetTitle } from '../../data/registry';
import { differenceChart, type Difference } from '../../display/difference-chart';
import type { FigureDisplay } from '../../display/figure';
import { lineComparison } from '../../display/line-chart';
import { rankChart } from '../../display/rank-chart';
import { scorePanels, type PanelSeries, type ScorePanel, type ScorePanels } from '../../display/score-panels';
import { mean } from '../../metrics/intervals';
import { rankMethods, type MethodRanks } from '../../metrics/method-ranks';
import { armTitle, type Arm } from '../../runs/arms';
import { publishedTarget } from './published';
import { methodTitle, seedScores, seedSummary, type GridMethod, type GridSnapshot, type GridView } from './results';
import {
  gridInitializations,
  gridNetworks,
  networkPairs,
  optimizerTitles,
  type GridInitialization,
  type GridNetworkName,
  type GridOptimizerName,
} from './study';
import { comparableMethods } from './tables';

/** Where the study sees the largest gains of AdamW. */
export const datasetsOfThirdFigure: readonly string[] = ['chestmnist', 'breastmnist'];

const initializationTitles: Readonly<Record<GridInitialization, string>> = {
  pretrained: 'Pretrained on ImageNet-1k',
  scratch: 'From scratch',
};

/** Whether a method is one of the study's, which trained on all images. */
function isWhole({ arm, fraction }: GridMethod, wanted: Arm): boolean {
  return arm === wanted && fraction === undefined;
}

type PanelsOfGrid = Pick<ScorePanels, 'groups' | 'panels' | 'valueTitle' | 'referenceTitle' | 'unit'>;

const optimizerNames = Object.keys(optimizerTitles) as GridOptimizerName[];
const initializationNames = Object.keys(gridInitializations) as GridInitialization[];

/** The study's first and second figure: a panel a dataset, both networks with each optimizer, from one initialization. */
export function networkPanels(view: GridView, arm: Arm, initialization: GridInitialization): PanelsOfGrid {
  return panelsOf(view, {
    groups: optimizerNames.map((optimizer) => ({ title: optimizerTitles[optimizer], settings: { optimizer } })),
    series: networksOf(view).map((network) => ({ title: gridNetworks[network].title, settings: { network } })),
    shared: { arm, initialization, fraction: undefined },
  });
}

/** The study's third figure: a panel a dataset, both optimizers with each network and initialization. */
export function optimizerPanels(view: GridView, arm: Arm): PanelsOfGrid {
  return panelsOf(view, {
    groups: initializationNames.flatMap((initialization) =>
      networksOf(view).map((network) => ({
        title: `${gridNetworks[network].title}, ${gridInitializations[initialization]}`,
        settings: { network, initialization },
      })),
    ),
    series: optimizerNames.map((optimizer) => ({ title: optimizerTitles[optimizer], settings: { optimizer } })),
    shared: { arm, fraction: undefined },
  });
}

/** The networks of the grid's pairs. */
function networksOf({ methods }: GridView): readonly GridNetworkName[] {
  const pairs = Object.values(networkPairs).map((pair) => Object.values(pair));
  return pairs.filter((pair) => methods.some(({ network }) => pair.includes(network))).flat();
}

interface Part {
  readonly title: string;
  readonly settings: Partial<GridMethod>;
}

/** Between them, a group, a series and what is shared name every setting of a method. */
interface PanelPlan {
  readonly groups: readonly Part[];
  readonly series: readonly Part[];
  readonly shared: Partial<GridMethod>;
}

function panelsOf(view: GridView, { groups: planned, series, shared }: PanelPlan): PanelsOfGrid {
  const { datasets, seeds, methods } = view;
  const groups = planned.filter(({ settings }) => methods.some((method) => agrees(method, { ...shared, ...settings })));
  const panels = datasets.map((dataset): ScorePanel => ({
    title: datasetTitle(dataset.name),
    reference: publishedTarget(dataset)?.auc ?? null,
    series: series.map((one): PanelSeries => ({
      name: one.title,
      scores: groups.map((group) => {
        const method = { ...shared, ...one.settings, ...group.settings } as GridMethod;
        const scores = seedScores(view, method, dataset);
        return seeds.flatMap((seed) => scores.get(seed) ?? []);
      }),
    })),
  }));
  return {
    groups: groups.map(({ title }) => title),
    panels,
    unit: 'seed',
    valueTitle: 'Test AUC',
    referenceTitle: 'Published ResNet-50 from scratch',
  };
}

function agrees(method: GridMethod, settings: Partial<GridMethod>): boolean {
  return (Object.keys(settings) as (keyof GridMethod)[]).every((key) => method[key] === settings[key]);
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
      ...networkPanels(snapshot, arm, initialization),
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
      ...optimizerPanels({ ...snapshot, datasets: shown }, arm),
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

/** Ranks of the methods by their mean over seeds, on the datasets that all of them have with all seeds. */
export function gridRanks(view: GridView): {
  readonly ranks: MethodRanks | undefined;
  readonly leftOut: readonly string[];
} {
  const { methods, datasets } = view;
  const tables = datasets.map((dataset) => ({
    name: dataset.name,
    summaries: methods.map((method) => seedSummary(view, method, dataset)),
  }));
  const complete = tables.filter(({ summaries }) => summaries.every(({ missing }) => missing.length === 0));
  const leftOut = tables.filter((table) => !complete.includes(table)).map(({ name }) => name);
  if (complete.length < 2 || methods.length < 2) return { ranks: undefined, leftOut };
  const scores = methods.map(
    (method, index) => [methodTitle(method), complete.map(({ summaries }) => summaries[index].mean)] as const,
  );
  return { ranks: rankMethods(Object.fromEntries(scores)), leftOut };
}

/** Mean ranks of an arm's methods over the datasets that all of them have with all seeds; undefined for fewer than two of those. */
export function rankFigure(snapshot: GridSnapshot, arm: Arm = 'corrected'): FigureDisplay | undefined {
  const methods = snapshot.methods.filter((method) => method.arm === arm);
  const { ranks, leftOut } = gridRanks({ ...snapshot, methods });
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

/** Ours − published, for the network that MedMNIST v2 trained; undefined where no dataset of the grid is one of its at its sizes. */
export function publishedFigure(snapshot: GridSnapshot, arm: Arm = 'corrected'): FigureDisplay | undefined {
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
          const { n, mean: ours, deviation } = seedSummary(snapshot, method, dataset);
          if (n === 0) return null;
          const value = ours - (publishedTarget(dataset)?.auc ?? NaN);
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

/** Mean AUC over all datasets against the share of the training images, a line a way of training; undefined where a grid has one share. */
export function fractionFigure(snapshot: GridSnapshot, arm: Arm = 'corrected'): FigureDisplay | undefined {
  const { datasets, seeds } = snapshot;
  const methods = snapshot.methods.filter((method) => method.arm === arm);
  const whole = (method: GridMethod): string => methodTitle({ ...method, fraction: undefined });
  if (new Set(methods.map(({ fraction = 1 }) => fraction)).size < 2) return undefined;
  const series = [...new Set(methods.map(whole))].map((name) => ({
    name,
    points: methods
      .filter((method) => whole(method) === name)
      .flatMap((method) => {
        const summaries = datasets.map((dataset) => seedSummary(snapshot, method, dataset));
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
