/** How a grid of runs stands: what of it is finished, running and missing, cell by cell. A cell is a way of training on a dataset. */
import { counted } from '../data/file-facts';
import { grouped } from '../grouped';
import type { FinishedRun, RunStore } from './store';

/** A store of runs at one moment; every table and figure is made of one, so that they agree with each other. */
export interface GridState<C, R> {
  /** The store's folder. */
  readonly folder: string;
  readonly configurations: readonly C[];
  readonly finished: readonly FinishedRun<C, R>[];
  readonly running: readonly C[];
  /** Neither finished nor claimed; `begun` counts those of them that somebody has started. */
  readonly missing: readonly C[];
  readonly begun: number;
  readonly layout: GridLayout<C>;
}

/** Looks at the runs of a grid. Throws a UserError where a result is damaged. */
export function readState<C extends object, R>(
  store: RunStore<C, R>,
  configurations: readonly C[],
  layout: GridLayout<C>,
): GridState<C, R> {
  const { finished, running, missing } = store.overview(configurations);
  return {
    folder: store.folder,
    configurations,
    finished,
    running: running.map(({ configuration }) => configuration),
    missing: missing.map(({ configuration }) => configuration),
    begun: missing.filter(({ started }) => started).length,
    layout,
  };
}

/** Where a run belongs in a table of the grid. */
export interface GridPlace {
  readonly method: string;
  readonly dataset: string;
  readonly seed: number;
}

/** The table of a grid: its methods and datasets by their titles, in order. */
export interface GridLayout<C> {
  readonly methods: readonly string[];
  readonly datasets: readonly string[];
  readonly placeOf: (configuration: C) => GridPlace;
}

/** The seeds of a cell by what became of them. */
interface CellState extends Omit<GridPlace, 'seed'> {
  readonly expected: number;
  readonly finished: readonly number[];
  readonly running: readonly number[];
  readonly missing: readonly number[];
}

function cellStates<C, R>({ configurations, finished, running, layout }: GridState<C, R>): CellState[] {
  const { methods, datasets, placeOf } = layout;
  const keyOf = ({ method, dataset }: Omit<GridPlace, 'seed'>): string => `${method}|${dataset}`;
  const seedsOf = (some: readonly C[]) => {
    const seeds = new Map<string, number[]>();
    for (const place of some.map(placeOf)) seeds.set(keyOf(place), [...(seeds.get(keyOf(place)) ?? []), place.seed]);
    return (cell: Omit<GridPlace, 'seed'>): number[] => seeds.get(keyOf(cell)) ?? [];
  };
  const all = seedsOf(configurations);
  const done = seedsOf(finished.map(({ configuration }) => configuration));
  const busy = seedsOf(running);
  return datasets
    .flatMap((dataset) => methods.map((method) => ({ dataset, method })))
    .filter((cell) => all(cell).length > 0)
    .map((cell) => {
      const [have, claimed] = [done(cell), busy(cell)];
      const missing = all(cell).filter((seed) => !have.includes(seed) && !claimed.includes(seed));
      return { ...cell, expected: all(cell).length, finished: have, running: claimed, missing };
    });
}

/** One row a method, one column a dataset: how many seeds are finished, of how many, and how many are running. */
export function progressRows<C, R>(state: GridState<C, R>): Record<string, string>[] {
  const cells = cellStates(state);
  const text = ({ finished, expected, running }: CellState): string =>
    `${finished.length} of ${expected}${running.length === 0 ? '' : `, ${running.length} running`}`;
  return state.layout.methods.map((method) => {
    const own = cells.filter((cell) => cell.method === method);
    return { method, ...Object.fromEntries(own.map((cell) => [cell.dataset, text(cell)])) };
  });
}

/** Where seeds are lacking: a row for each dataset and state, with the methods that are in it (all of the grid's where no other is). */
export function incompleteRows<C, R>(state: GridState<C, R>) {
  const list = (seeds: readonly number[]): string => [...seeds].sort((a, b) => a - b).join(', ');
  const cells = cellStates(state);
  const lacking = cells.filter(({ finished, expected }) => finished.length < expected);
  const groups = grouped(lacking, ({ dataset, finished, running, missing }) =>
    JSON.stringify([dataset, list(finished), list(running), list(missing)]),
  );
  return [...groups.values()].map((group) => {
    const [{ dataset, finished, running, missing }] = group;
    const isAll = group.length === cells.filter((cell) => cell.dataset === dataset).length;
    return {
      dataset,
      methods: isAll ? `all ${group.length}` : group.map(({ method }) => method).join('; '),
      finishedSeeds: list(finished),
      runningSeeds: list(running),
      missingSeeds: list(missing),
    };
  });
}

/** In a few sentences, how much is there and what that means for what is computed of it. `complete`: nothing is missing. */
export function progressMessage<C, R>(
  state: GridState<C, R>,
): { readonly message: string; readonly complete: boolean } {
  const { configurations, finished, running, missing, begun } = state;
  const cells = cellStates(state);
  if (finished.length === configurations.length)
    return { message: `All ${counted(finished.length, 'run')} of ${cells.length} cells are finished.`, complete: true };
  const empty = cells.filter((cell) => cell.finished.length === 0).length;
  const partly = cells.filter((cell) => cell.finished.length > 0 && cell.finished.length < cell.expected).length;
  const parts = [
    `${finished.length} of ${counted(configurations.length, 'run')} are finished, ${running.length} running, ${missing.length} missing` +
      `${begun === 0 ? '' : ` (${begun} of them begun)`}.`,
    `Of ${counted(cells.length, 'cell')}, ${empty} are empty and ${partly} lack seeds.`,
    finished.length === 0
      ? 'There is nothing to compute yet.'
      : 'Everything below is computed from what is there; each number says of how many seeds.',
  ];
  return { message: parts.join(' '), complete: false };
}
