/** Fractals: attractors of iterated function systems (Kataoka et al., Pre-training without natural images, ACCV 2020), and Julia sets. */
import type { Random } from '../../random';
import {
  between,
  choose,
  coloured,
  drawColour,
  drawPalette,
  emptyCanvas,
  logBetween,
  type DrawTexture,
} from './canvas';
import { drawNoise } from './noise';

interface AffineMap {
  readonly matrix: readonly [a: number, b: number, c: number, d: number];
  readonly shift: readonly [x: number, y: number];
  /** Its share of the points, and those of the maps before it. */
  readonly upTo: number;
}

/** Contractions: two turns and a stretch by less than one, chosen in proportion to the area that is left of a unit square. */
function drawSystem(random: Random): AffineMap[] {
  const maps = Array.from({ length: 2 + random.integer(5) }, () => {
    const [turn, back] = [between(random, 0, 2 * Math.PI), between(random, 0, 2 * Math.PI)];
    const [long, short] = [between(random, 0.35, 0.9), between(random, 0.1, 0.75) * (random.uniform() < 0.5 ? -1 : 1)];
    const [c, s, e, f] = [Math.cos(turn), Math.sin(turn), Math.cos(back), Math.sin(back)];
    const matrix = [
      c * long * e - s * short * f,
      -c * long * f - s * short * e,
      s * long * e + c * short * f,
      c * short * e - s * long * f,
    ] as const;
    return { matrix, shift: [between(random, -1, 1), between(random, -1, 1)] as const, area: Math.abs(long * short) };
  });
  const total = maps.reduce((sum, { area }) => sum + area + 0.02, 0);
  let upTo = 0;
  return maps.map(({ matrix, shift, area }) => ({ matrix, shift, upTo: (upTo += (area + 0.02) / total) }));
}

/** The attractor as points, which fills the picture or a part of it. */
export const drawIteratedFunctions: DrawTexture = (size, random) => {
  const maps = drawSystem(random);
  const count = Math.round(logBetween(random, 2, 6) * size * size);
  const points = new Float32Array(2 * count);
  let [x, y] = [0, 0];
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let point = -20; point < count; point++) {
    const share = random.uniform();
    const { matrix, shift } = maps.find(({ upTo }) => share < upTo) ?? maps[maps.length - 1];
    [x, y] = [matrix[0] * x + matrix[1] * y + shift[0], matrix[2] * x + matrix[3] * y + shift[1]];
    if (point < 0) continue;
    points[2 * point] = x;
    points[2 * point + 1] = y;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  const density = new Float32Array(size * size);
  const extent = Math.max(right - left, bottom - top, 1e-6);
  const scale = (size * between(random, 0.7, 1.6)) / extent;
  const [middleX, middleY] = [(left + right) / 2 + 0.1 * extent * random.normal(), (top + bottom) / 2];
  for (let point = 0; point < count; point++) {
    const column = Math.floor((points[2 * point] - middleX) * scale + size / 2);
    const row = Math.floor((points[2 * point + 1] - middleY) * scale + size / 2);
    if (column >= 0 && column < size && row >= 0 && row < size) density[row * size + column]++;
  }
  return onBackground(density, size, random);
};

/** Tones of the density's logarithm, over a plain colour or noise. */
function onBackground(density: Float32Array, size: number, random: Random) {
  const raw = density.map((value) => Math.min(1, Math.log1p(value) / Math.log(12)));
  const front = coloured(raw.slice(), size, drawPalette(random));
  const back = random.uniform() < 0.5 ? plain(size, drawColour(random)) : drawNoise(size, random);
  const sharpness = between(random, 1, 3);
  for (let at = 0; at < front.values.length; at++) {
    const cover = Math.min(1, sharpness * raw[Math.floor(at / 3)]);
    front.values[at] = back.values[at] + cover * (front.values[at] - back.values[at]);
  }
  return front;
}

function plain(size: number, colour: readonly number[]) {
  const canvas = emptyCanvas(size);
  for (let at = 0; at < canvas.values.length; at++) canvas.values[at] = colour[at % 3];
  return canvas;
}

/** A Julia set of z² + c or its relatives, by how long places stay near. */
export const drawJulia: DrawTexture = (size, random) => {
  const [zoom, turn] = [logBetween(random, 0.4, 1.8), between(random, 0, 2 * Math.PI)];
  const [startX, startY] = [random.normal(0, 0.4), random.normal(0, 0.4)];
  // Around the edge of the Mandelbrot set's main parts, where Julia sets have a shape.
  const angle = between(random, 0, 2 * Math.PI);
  const reach = between(random, 0.9, 1.15);
  const real = reach * (Math.cos(angle) / 2 - Math.cos(2 * angle) / 4);
  const imaginary = reach * (Math.sin(angle) / 2 - Math.sin(2 * angle) / 4);
  const fold = choose(random, ['none', 'none', 'imaginary', 'both']);
  const most = 10 + random.integer(30);
  const field = new Float32Array(size * size);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      const [u, v] = [((column / size - 0.5) * 2) / zoom, ((row / size - 0.5) * 2) / zoom];
      let x = startX + u * Math.cos(turn) - v * Math.sin(turn);
      let y = startY + u * Math.sin(turn) + v * Math.cos(turn);
      let step = 0;
      for (; step < most && x * x + y * y < 16; step++) {
        if (fold !== 'none') y = Math.abs(y);
        if (fold === 'both') x = Math.abs(x);
        const next = x * x - y * y + real;
        y = 2 * x * y + imaginary;
        x = next;
      }
      const distance = x * x + y * y;
      field[at] =
        step < most ? Math.sqrt(Math.max(0, step + 1 - Math.log2(0.5 * Math.log(distance)))) : Math.sqrt(distance);
    }
  }
  return coloured(field, size, drawPalette(random));
};
