/** Outlines, as signed distances in pixels from a shape's middle, and how a shape is painted. */
import type { Random } from '../../random';
import { between, choose, drawColour, logBetween, soft, type Canvas } from './canvas';
import { gradientNoise } from './noise';

/** Signed distance in pixels at a place relative to the middle, negative inside; for a shape of radius 1. */
export type Outline = (x: number, y: number) => number;

export interface PlacedShape {
  readonly x: number;
  readonly y: number;
  /** Pixels, about. */
  readonly radius: number;
  readonly outline: Outline;
}

/** Discs, ellipses, boxes, polygons, and round shapes with waves and noise on the edge. */
export function drawOutline(random: Random): Outline {
  return choose(random, [ellipse, ellipse, box, polygon, wavy, wavy, rough])(random);
}

/** A turn and a stretch, under which areas stay as they are. */
function placed(random: Random, mostStretch: number): (x: number, y: number) => [number, number] {
  const turn = between(random, 0, 2 * Math.PI);
  const stretch = Math.sqrt(logBetween(random, 1, mostStretch));
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return (x, y) => [(x * cos + y * sin) / stretch, (y * cos - x * sin) * stretch];
}

export function ellipse(random: Random): Outline {
  const place = placed(random, 3);
  return (px, py) => {
    const [x, y] = place(px, py);
    return Math.sqrt(x * x + y * y) - 1;
  };
}

function box(random: Random): Outline {
  const place = placed(random, 5);
  const corner = between(random, 0, 0.4);
  return (px, py) => {
    const [x, y] = place(px, py);
    const [dx, dy] = [Math.max(0, Math.abs(x) - 0.85 + corner), Math.max(0, Math.abs(y) - 0.85 + corner)];
    return corner === 0 ? Math.max(Math.abs(x), Math.abs(y)) - 0.85 : Math.sqrt(dx * dx + dy * dy) - corner;
  };
}

function polygon(random: Random): Outline {
  const place = placed(random, 2);
  const sides = 3 + random.integer(5);
  const normals = Array.from({ length: sides }, (_, side) => (2 * Math.PI * (side + 0.6 * random.uniform())) / sides);
  const planes = normals.map((angle) => [Math.cos(angle), Math.sin(angle), between(random, 0.6, 1)] as const);
  return (px, py) => {
    const [x, y] = place(px, py);
    let distance = -Infinity;
    for (const [nx, ny, from] of planes) distance = Math.max(distance, nx * x + ny * y - from);
    return distance;
  };
}

export function wavy(random: Random): Outline {
  const place = placed(random, 2);
  const waves = [2, 3, 3 + random.integer(6)].map((count) => {
    const depth = (0.35 * random.uniform()) / Math.sqrt(count);
    return [count, depth, between(random, 0, 2 * Math.PI)] as const;
  });
  return (px, py) => {
    const [x, y] = place(px, py);
    const angle = Math.atan2(y, x);
    let radius = 1;
    for (const [count, depth, phase] of waves) radius += depth * Math.sin(count * angle + phase);
    return Math.sqrt(x * x + y * y) - radius;
  };
}

export function rough(random: Random): Outline {
  const place = placed(random, 2.5);
  const [phase, depth, fineness] = [between(random, 0, 256), between(random, 0.2, 0.9), between(random, 0.8, 3)];
  return (px, py) => {
    const [x, y] = place(px, py);
    return Math.sqrt(x * x + y * y) - 1 - depth * gradientNoise(fineness * x + phase, fineness * y + phase);
  };
}

/** Calls `visit` with each pixel near a shape: its place in the canvas, and the distance from the outline in pixels. */
export function aroundShape(
  { size }: Canvas,
  { x, y, radius, outline }: PlacedShape,
  visit: (pixel: number, distance: number, dx: number, dy: number) => void,
  margin = 1,
): void {
  const reach = 2.2 * radius + margin;
  const [lastRow, lastColumn] = [Math.min(size - 1, Math.floor(y + reach)), Math.min(size - 1, Math.floor(x + reach))];
  const firstColumn = Math.max(0, Math.ceil(x - reach));
  for (let row = Math.max(0, Math.ceil(y - reach)); row <= lastRow; row++) {
    for (let column = firstColumn; column <= lastColumn; column++) {
      const distance = radius * outline((column - x) / radius, (row - y) / radius);
      if (distance < margin) visit(row * size + column, distance, column - x, row - y);
    }
  }
}

/** What a shape is filled with: a colour at each place relative to its middle. */
export type Fill = (x: number, y: number) => readonly [number, number, number];

/** A plain colour, a slope, a grating or noise between two colours. */
export function drawFill(random: Random, size: number): Fill {
  const [first, second] = [drawColour(random), drawColour(random)];
  const turn = between(random, 0, 2 * Math.PI);
  const kind = choose(random, ['plain', 'plain', 'slope', 'grating', 'noise'] as const);
  if (kind === 'plain') return () => first;
  const wave = (kind === 'slope' ? logBetween(random, 0.7, 3) : logBetween(random, 4, 20)) / size;
  const [kx, ky, phase] = [wave * Math.cos(turn), wave * Math.sin(turn), between(random, 0, 256)];
  const steep = logBetween(random, 0.5, 4);
  return (x, y) => {
    const raw =
      kind === 'noise'
        ? gradientNoise(x * wave + phase, y * wave + phase)
        : 0.5 * Math.sin(2 * Math.PI * (kx * x + ky * y) + phase);
    const part = Math.min(1, Math.max(0, 0.5 + steep * raw));
    return [
      first[0] + part * (second[0] - first[0]),
      first[1] + part * (second[1] - first[1]),
      first[2] + part * (second[2] - first[2]),
    ];
  };
}

export function paintShape(canvas: Canvas, shape: PlacedShape, fill: Fill, opacity = 1): void {
  const { values } = canvas;
  aroundShape(canvas, shape, (pixel, distance, dx, dy) => {
    const covered = opacity * soft(distance);
    if (covered === 0) return;
    const colour = fill(dx, dy);
    for (let channel = 0, at = 3 * pixel; channel < 3; channel++, at++)
      values[at] += covered * (colour[channel] - values[at]);
  });
}
