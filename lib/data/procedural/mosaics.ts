/** Mosaics: the plane in cells around points (Worley, A cellular texture basis function, SIGGRAPH 1996), and boxes in boxes. */
import type { Random } from '../../random';
import {
  between,
  choose,
  coloured,
  drawColour,
  drawPalette,
  emptyCanvas,
  logBetween,
  type Canvas,
  type DrawTexture,
} from './canvas';

/** Cells around jittered points, in colours of their own or by the distance from their borders. */
export const drawCells: DrawTexture = (size, random) => {
  const across = Math.round(logBetween(random, 3, 14));
  const jitter = between(random, 0.1, 1);
  const stagger = random.uniform() < 0.4 ? 0.5 : 0;
  // A margin of one point on each side.
  const width = across + 2;
  const points = Array.from({ length: width * width }, (_, index) => {
    const row = Math.floor(index / width);
    const [dx, dy] = [jitter * between(random, -0.5, 0.5), jitter * between(random, -0.5, 0.5)];
    return [(index % width) - 0.5 + dx + (row % 2) * stagger, row - 0.5 + dy] as const;
  });
  const kind = choose(random, ['plain', 'nearest', 'border', 'bordered', 'bordered'] as const);
  const metric = random.uniform() < 0.75 ? 2 : 1;
  const [nearestOf, gapOf] = [new Float32Array(size * size), new Float32Array(size * size)];
  const cellOf = new Int32Array(size * size);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      const [x, y] = [((column + 0.5) * across) / size, ((row + 0.5) * across) / size];
      let [first, second, cell] = [Infinity, Infinity, 0];
      for (let near = 0; near < 9; near++) {
        const pointRow = Math.floor(y) + Math.floor(near / 3);
        const index =
          pointRow * width + Math.min(width - 1, Math.max(0, Math.floor(x - (pointRow % 2) * stagger) + (near % 3)));
        const [dx, dy] = [Math.abs(points[index][0] - x), Math.abs(points[index][1] - y)];
        const distance = metric === 2 ? Math.sqrt(dx * dx + dy * dy) : dx + dy;
        if (distance < first) [second, first, cell] = [first, distance, index];
        else if (distance < second && index !== cell) second = distance;
      }
      nearestOf[at] = first;
      gapOf[at] = Math.min(1, second - first);
      cellOf[at] = cell;
    }
  }
  if (kind === 'nearest') return coloured(nearestOf, size, drawPalette(random));
  if (kind === 'border')
    return coloured(
      gapOf.map((gap) => Math.min(gap, 0.4)),
      size,
      drawPalette(random),
    );
  return tiles(size, random, { cellOf, gapOf: kind === 'plain' ? undefined : gapOf, count: points.length });
};

interface Tiles {
  readonly cellOf: Int32Array;
  /** Where tiles have a border: how far the next cell's point is beyond the own one's. */
  readonly gapOf: Float32Array | undefined;
  readonly count: number;
}

function tiles(size: number, random: Random, { cellOf, gapOf, count }: Tiles): Canvas {
  const canvas = emptyCanvas(size);
  const [base, border] = [drawColour(random), drawColour(random)];
  const variety = between(random, 0.1, 1);
  const colours = Array.from({ length: count }, () =>
    drawColour(random).map((value, channel) => base[channel] + variety * (value - base[channel])),
  );
  const [thickness, softness] = [between(random, 0.05, 0.3), between(random, 0.03, 0.3)];
  for (let pixel = 0, at = 0; pixel < cellOf.length; pixel++) {
    const inside = gapOf === undefined ? 1 : Math.min(1, Math.max(0, (gapOf[pixel] - thickness) / softness));
    for (let channel = 0; channel < 3; channel++, at++)
      canvas.values[at] = border[channel] + inside * (colours[cellOf[pixel]][channel] - border[channel]);
  }
  return canvas;
}

/** Boxes that are cut in two again and again. */
export const drawBoxes: DrawTexture = (size, random) => {
  const canvas = emptyCanvas(size);
  const line = drawColour(random);
  const border = random.uniform() < 0.5 ? 1 : 0;
  const smallest = logBetween(random, 3, size / 4);
  const cut = (left: number, top: number, right: number, bottom: number): void => {
    const [width, height] = [right - left, bottom - top];
    if (Math.max(width, height) > 2 * smallest && (Math.max(width, height) > size / 2 || random.uniform() < 0.85)) {
      const share = between(random, 0.3, 0.7);
      if (width > height) {
        const middle = Math.round(left + share * width);
        cut(left, top, middle, bottom);
        cut(middle, top, right, bottom);
      } else {
        const middle = Math.round(top + share * height);
        cut(left, top, right, middle);
        cut(left, middle, right, bottom);
      }
      return;
    }
    const colour = drawColour(random);
    for (let row = top; row < bottom; row++)
      for (let column = left; column < right; column++)
        for (let channel = 0; channel < 3; channel++)
          canvas.values[3 * (row * size + column) + channel] =
            row - top < border || column - left < border ? line[channel] : colour[channel];
  };
  cut(0, 0, size, size);
  return canvas;
};
