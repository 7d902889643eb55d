import { grouped } from '../grouped';
import type { ClassificationRow, RowSettings } from './results';

/**
 * Of each row, as `name value`, the settings that set it apart from others of its kind.
 * @param kindOf rows of one kind are to be told apart
 * @param known settings that are told elsewhere, or need not be
 */
export function differingSettings<R extends { readonly settings: RowSettings }>(
  rows: readonly R[],
  kindOf: (row: R) => string,
  known: readonly string[] = [],
): string[][] {
  const kinds = new Map(
    [...grouped(rows, kindOf)].map(([kind, alike]) => {
      const names = new Set(alike.flatMap(({ settings }) => Object.keys(settings)));
      const differ = (name: string): boolean => new Set(alike.map(({ settings }) => settings[name])).size > 1;
      return [kind, [...names].filter((name) => !known.includes(name) && differ(name))];
    }),
  );
  return rows.map((row) => (kinds.get(kindOf(row)) ?? []).map((name) => `${name} ${row.settings[name] ?? 'not set'}`));
}

/** As `differingSettings`, and whose weights before them where these differ; the weights' hash where nothing else does. */
export function differingTrainings(
  rows: readonly ClassificationRow[],
  kindOf: (row: ClassificationRow) => string,
  known: readonly string[],
): string[][] {
  const kinds = grouped(rows, kindOf);
  const settings = differingSettings(rows, (row) => `${kindOf(row)},${row.weights}`, known);
  const told = new Map(
    rows.map((row, at) => {
      const isOther = kinds.get(kindOf(row))?.some(({ weights }) => weights !== row.weights);
      return [row, isOther ? [`weights ${row.weights}`, ...settings[at]] : settings[at]] as const;
    }),
  );
  return rows.map((row) => {
    const names = told.get(row) ?? [];
    const alike = kinds.get(kindOf(row))?.filter((other) => told.get(other)?.join() === names.join());
    const isTold = alike?.every(({ weightsSha256 }) => weightsSha256 === row.weightsSha256);
    return isTold ? names : [...names, `weights ${row.weightsSha256?.slice(0, 8) ?? 'of unknown hash'}`];
  });
}
