/** How a grid of the second study stands: what of it is finished, running and missing, cell by cell. A cell is a method on a dataset. */
import { gridDatasetNames } from './study';
import type { GridConfiguration } from './grid';
import type { GridDataset } from './datasets';
import {
  datasetsOf,
  methodOf,
  methodTitle,
  methodsOf,
  type GridFinishedRun,
  type GridMethod,
  type GridResult,
} from './results';
import { datasetTitle } from './views';
import type { RunStore } from '../../runs/store';

/** A store of runs at one moment; every table and figure is made of one, so that they agree with each other. */
export interface GridSnapshot {
  /** The store's folder. */
  readonly folder: string;
  readonly configurations: readonly GridConfiguration[];
  readonly finished: readonly GridFinishedRun[];
  readonly running: readonly GridConfiguration[];
  /** Neither finished nor claimed; `begun` counts those of them that somebody has started. */
  readonly missing: readonly GridConfiguration[];
  readonly begun: number;
  readonly methods: readonly GridMethod[];
  readonly datasets: readonly GridDataset[];
  readonly seeds: readonly number[];
}

/** Looks at the runs of a grid. Throws a UserError where a result is damaged. */
export function readSnapshot(
  store: RunStore<GridConfiguration, GridResult>,
  configurations: readonly GridConfiguration[],
): GridSnapshot {
  const { finished, running, missing } = store.overview(configurations);
  return {
    folder: store.folder,
    configurations,
    finished,
    running: running.map(({ configuration }) => configuration),
    missing: missing.map(({ configuration }) => configuration),
    begun: missing.filter(({ started }) => started).length,
    methods: methodsOf(configurations),
    datasets: datasetsOf(configurations, gridDatasetNames()),
    seeds: [...new Set(configurations.map(({ seed }) => seed))].sort((a, b) => a - b),
  };
}

/** The seeds of a cell by what became of them. */
interface CellState {
  readonly dataset: GridDataset;
  readonly method: GridMethod;
  readonly expected: number;
  readonly finished: readonly number[];
  readonly running: readonly number[];
  readonly missing: readonly number[];
}

function cellStates({ configurations, finished, running, methods, datasets }: GridSnapshot): CellState[] {
  const keyOf = (configuration: GridConfiguration): string => cellKey(configuration.dataset, methodOf(configuration));
  const seedsOf = (some: readonly GridConfiguration[]): Map<string, number[]> => {
    const seeds = new Map<string, number[]>();
    for (const one of some) seeds.set(keyOf(one), [...(seeds.get(keyOf(one)) ?? []), one.seed]);
    return seeds;
  };
  const all = seedsOf(configurations);
  const done = seedsOf(finished.map(({ configuration }) => configuration));
  const busy = seedsOf(running);
  return datasets.flatMap((dataset) =>
    methods.flatMap((method) => {
      const key = cellKey(dataset, method);
      const expected = all.get(key) ?? [];
      if (expected.length === 0) return [];
      const [have, claimed] = [done.get(key) ?? [], busy.get(key) ?? []];
      const missing = expected.filter((seed) => !have.includes(seed) && !claimed.includes(seed));
      return [{ dataset, method, expected: expected.length, finished: have, running: claimed, missing }];
    }),
  );
}

function cellKey({ name, size }: GridDataset, method: GridMethod): string {
  return [name, size, methodTitle(method)].join('|');
}

/** One row a method, one column a dataset: how many seeds are finished, of how many, and how many are running. */
export function progressRows(snapshot: GridSnapshot): Record<string, string>[] {
  const cells = cellStates(snapshot);
  return snapshot.methods.map((method) => {
    const own = cells.filter((cell) => cell.method === method);
    const state = ({ finished, expected, running }: CellState): string =>
      `${finished.length} of ${expected}${running.length === 0 ? '' : `, ${running.length} running`}`;
    const columns = own.map((cell) => [datasetTitle(cell.dataset.name), state(cell)] as const);
    return { method: methodTitle(method), ...Object.fromEntries(columns) };
  });
}

/** Where seeds are lacking: a row for each dataset and state, with the methods that are in it (all of the grid's where no other is). */
export function incompleteRows(snapshot: GridSnapshot) {
  const list = (seeds: readonly number[]): string => [...seeds].sort((a, b) => a - b).join(', ');
  const cells = cellStates(snapshot);
  const groups = new Map<
    string,
    { dataset: string; methods: string[]; finishedSeeds: string; runningSeeds: string; missingSeeds: string }
  >();
  for (const { dataset, method, expected, finished, running, missing } of cells) {
    if (finished.length === expected) continue;
    const state = { finishedSeeds: list(finished), runningSeeds: list(running), missingSeeds: list(missing) };
    const row = { dataset: datasetTitle(dataset.name), ...state };
    const key = JSON.stringify(row);
    const group = groups.get(key) ?? { ...row, methods: [] };
    group.methods.push(methodTitle(method));
    groups.set(key, group);
  }
  const ofDataset = (title: string): number =>
    cells.filter(({ dataset }) => datasetTitle(dataset.name) === title).length;
  return [...groups.values()].map(({ dataset, methods, ...seeds }) => ({
    dataset,
    methods: methods.length === ofDataset(dataset) ? `all ${methods.length}` : methods.join('; '),
    ...seeds,
  }));
}

/** In a few sentences, how much is there and what that means for what is computed of it. `complete`: nothing is missing. */
export function progressMessage(snapshot: GridSnapshot): { readonly message: string; readonly complete: boolean } {
  const { configurations, finished, running, missing, begun } = snapshot;
  const cells = cellStates(snapshot);
  if (finished.length === configurations.length)
    return { message: `All ${plural(finished.length, 'run')} of ${cells.length} cells are finished.`, complete: true };
  const empty = cells.filter((cell) => cell.finished.length === 0).length;
  const partly = cells.filter((cell) => cell.finished.length > 0 && cell.finished.length < cell.expected).length;
  const parts = [
    `${finished.length} of ${plural(configurations.length, 'run')} are finished, ${running.length} running, ${missing.length} missing` +
      `${begun === 0 ? '' : ` (${begun} of them begun)`}.`,
    `Of ${plural(cells.length, 'cell')}, ${empty} are empty and ${partly} lack seeds.`,
    finished.length === 0
      ? 'There is nothing to compute yet.'
      : 'Everything below is computed from what is there; each number says of how many seeds.',
  ];
  return { message: parts.join(' '), complete: false };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
