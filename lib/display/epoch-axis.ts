import type { PlotLayout } from './figure';

/** An axis of whole epochs, with room around a single one: a tick is never put between two. */
export function epochAxis(epochs: readonly number[]): PlotLayout {
  const first = Math.min(...epochs, 1);
  const last = Math.max(...epochs, 1);
  const room = Math.max(0.5, (last - first) * 0.04);
  const dtick = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => (last - first) / step <= 8) ?? 1000;
  return { title: { text: 'Epoch' }, range: [first - room, last + room], tick0: 0, dtick, zeroline: false };
}

/** In the middle of a diagram without a curve. @param number of its axes: '' of the first */
export function emptyNote(number: string | number): object {
  const place = { xref: `x${number} domain`, yref: `y${number} domain`, x: 0.5, y: 0.5 };
  return { text: 'No epoch was finished.', showarrow: false, ...place };
}
