import { grouped } from '../grouped';
import type { ClassificationRow } from './results';

/**
 * Of several settings the trainings with the most seeds, the latest among equals; random weights only where no others
 * were tried.
 */
export function bySeed(rows: readonly ClassificationRow[]): ReadonlyMap<number, ClassificationRow> {
  const learned = rows.filter(({ weights }) => weights !== 'random');
  const alike = grouped(learned.length > 0 ? learned : rows, ({ model, weights, settings }) => {
    const others = Object.entries(settings).filter(([name]) => name !== 'seed');
    return JSON.stringify([model, weights, others.sort()]);
  });
  const seeds = [...alike.values()].map((own) => new Map(own.map((row) => [Number(row.settings.seed), row])));
  const most = Math.max(0, ...seeds.map(({ size }) => size));
  return seeds.filter(({ size }) => size === most).pop() ?? new Map();
}
