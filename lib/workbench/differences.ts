import type { Displayable } from '../display/mime';
import { table } from '../display/tables';
import { identityOf, settingsOf } from '../runs/identity';

/** One row for each setting in which values differ; each setting of a single value. */
export function differenceRows(values: Readonly<Record<string, object>>): Record<string, string | number>[] {
  const columns = Object.entries(values).map(([name, value]) => [name, settingsOf(identityOf(value))] as const);
  const settings = [...new Set(columns.flatMap(([, given]) => Object.keys(given)))];
  return settings
    .filter((setting) => columns.length === 1 || new Set(columns.map(([, given]) => given[setting])).size > 1)
    .map((setting) => ({
      setting,
      ...Object.fromEntries(columns.map(([name, given]) => [name, String(given[setting] ?? 'not set')])),
    }));
}

/**
 * What sets values apart, such as the recipes of two arms: one row for each setting that differs, one column a value. It is read from the
 * values themselves, and of one value has all settings:
 * `nb.differences({ 'as published': recipe, corrected: { ...recipe, augment: [nb.flip('horizontal')] } })`.
 */
export function differences(
  values: Readonly<Record<string, object>>,
  {
    caption = Object.keys(values).length === 1
      ? `All settings of ${Object.keys(values)[0]}`
      : `What differs between ${Object.keys(values).join(', ')}`,
  }: { readonly caption?: string } = {},
): Displayable {
  return table(differenceRows(values), { caption });
}
