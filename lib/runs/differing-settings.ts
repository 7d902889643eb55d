import { grouped } from '../grouped';
import type { RowSettings } from './results';

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
