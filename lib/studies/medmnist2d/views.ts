/** The panels of the second study's figures. */
import { datasetNames, findDataset } from '../../data/registry';
import type { PanelSeries, ScorePanel, ScorePanels } from '../../display/score-panels';
import type { Arm } from '../../runs/arms';
import {
  gridInitializations,
  gridNetworks,
  networkPairs,
  optimizerTitles,
  type GridInitialization,
  type GridNetworkName,
  type GridOptimizerName,
} from './study';
import { publishedTarget, type GridDataset } from './datasets';
import { seedScores, type GridFinishedRun, type GridMethod } from './results';

export interface GridView {
  readonly runs: readonly GridFinishedRun[];
  readonly datasets: readonly GridDataset[];
  readonly seeds: readonly number[];
  readonly arm: Arm;
  /** Of the grid, finished or not; without them, what there are runs of decides which networks are shown. */
  readonly methods?: readonly GridMethod[];
}

type PanelsOfGrid = Pick<ScorePanels, 'groups' | 'panels' | 'valueTitle' | 'referenceTitle' | 'unit'>;

const optimizerNames = Object.keys(optimizerTitles) as GridOptimizerName[];
const initializationNames = Object.keys(gridInitializations) as GridInitialization[];

/** The study's first and second figure: a panel a dataset, both networks with each optimizer, from one initialization. */
export function networkPanels(view: GridView, initialization: GridInitialization): PanelsOfGrid {
  return panelsOf(view, {
    groups: optimizerNames.map((optimizer) => ({ title: optimizerTitles[optimizer], settings: { optimizer } })),
    series: networksOf(view).map((network) => ({ title: gridNetworks[network].title, settings: { network } })),
    shared: { arm: view.arm, initialization, fraction: undefined },
  });
}

/** The study's third figure: a panel a dataset, both optimizers with each network and initialization. */
export function optimizerPanels(view: GridView): PanelsOfGrid {
  return panelsOf(view, {
    groups: initializationNames.flatMap((initialization) =>
      networksOf(view).map((network) => ({
        title: `${gridNetworks[network].title}, ${gridInitializations[initialization]}`,
        settings: { network, initialization },
      })),
    ),
    series: optimizerNames.map((optimizer) => ({ title: optimizerTitles[optimizer], settings: { optimizer } })),
    shared: { arm: view.arm, fraction: undefined },
  });
}

/** The pairs of the grid's methods, or of which there are runs; the study's where there is none yet. */
function networksOf({ runs, methods }: GridView): readonly GridNetworkName[] {
  const present = new Set<GridNetworkName>(
    (methods ?? runs.map(({ configuration }) => configuration)).map(({ network }) => network),
  );
  const pairs = Object.values(networkPairs).map((pair) => Object.values(pair));
  const shown = pairs.filter((pair) => pair.some((network) => present.has(network)));
  return (shown.length > 0 ? shown : pairs.slice(0, 1)).flat();
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
  const { runs, datasets, seeds, methods } = view;
  const groups = planned.filter(
    ({ settings }) => methods === undefined || methods.some((method) => agrees(method, { ...shared, ...settings })),
  );
  const panels = datasets.map((dataset): ScorePanel => ({
    title: datasetTitle(dataset.name),
    reference: publishedTarget(dataset)?.auc ?? null,
    series: series.map((one): PanelSeries => ({
      name: one.title,
      scores: groups.map((group) => {
        const method = { ...shared, ...one.settings, ...group.settings } as GridMethod;
        const scores = seedScores(runs, method, dataset);
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

/** A registry's title, or the name. */
export function datasetTitle(name: string): string {
  return datasetNames().includes(name) ? findDataset(name).title : name;
}
