import type { Random } from '../../random';

/** A square picture in the making. Positions go from 0 to 1 in both directions, whatever its pixels. */
export interface Canvas {
  /** Pixels a side. */
  readonly size: number;
  readonly channels: number;
  /** Row-major size × size × channels, 0 to 1. */
  readonly values: Float32Array;
}

/** One value a channel, 0 to 1. */
export type Tone = readonly number[];

/** Signed distance of a position from an outline, negative inside. */
export type Shape = (x: number, y: number) => number;

export function createCanvas(size: number, background: Tone): Canvas {
  const channels = background.length;
  const values = new Float32Array(size * size * channels);
  for (let index = 0; index < values.length; index++) values[index] = background[index % channels];
  return { size, channels, values };
}

/** Covers the inside of a shape, its edge over a width of `softness`. `opacity` may depend on the position. */
export function paint(
  { size, channels, values }: Canvas,
  shape: Shape,
  tone: Tone,
  { softness = 0.04, opacity = () => 1 }: { softness?: number; opacity?: (x: number, y: number) => number } = {},
): void {
  for (let row = 0, at = 0; row < size; row++) {
    const y = (row + 0.5) / size;
    for (let column = 0; column < size; column++, at += channels) {
      const x = (column + 0.5) / size;
      const covered = Math.min(1, Math.max(0, 0.5 - shape(x, y) / softness)) * opacity(x, y);
      if (covered === 0) continue;
      for (let channel = 0; channel < channels; channel++)
        values[at + channel] += covered * (tone[channel] - values[at + channel]);
    }
  }
}

/** The picture as bytes, with uniform noise of its own in each pixel and channel, up to `noise` in both directions. */
export function developed({ values }: Canvas, random: Random, noise: number): Uint8Array {
  const bytes = new Uint8ClampedArray(values.length); // rounds, and cuts off what is outside
  for (let index = 0; index < values.length; index++)
    bytes[index] = 255 * (values[index] + noise * (2 * random.uniform() - 1));
  return new Uint8Array(bytes.buffer);
}

export const everywhere: Shape = () => -1;

export function disc(x: number, y: number, radius: number): Shape {
  return (px, py) => distance(px - x, py - y) - radius;
}

/** A disc whose radius changes with the direction: `waves` bumps of the height `depth`, as a share of the radius. */
export function wavyDisc(x: number, y: number, radius: number, waves: number, depth: number, phase: number): Shape {
  return (px, py) => {
    const angle = Math.atan2(py - y, px - x);
    return distance(px - x, py - y) - radius * (1 + depth * Math.sin(waves * angle + phase));
  };
}

export function ring(x: number, y: number, radius: number, width: number): Shape {
  return (px, py) => Math.abs(distance(px - x, py - y) - radius) - width / 2;
}

/** All that is nearer than half of `width` to a piece of a line, in the direction of `angle`. */
export function rod(x: number, y: number, length: number, width: number, angle: number): Shape {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (px, py) => {
    const along = (px - x) * cos + (py - y) * sin;
    const across = (py - y) * cos - (px - x) * sin;
    return distance(Math.max(0, Math.abs(along) - length / 2), across) - width / 2;
  };
}

/** What is in any of the shapes. */
export function union(shapes: readonly Shape[]): Shape {
  return (x, y) => {
    let nearest = Infinity;
    for (const shape of shapes) nearest = Math.min(nearest, shape(x, y));
    return nearest;
  };
}

/** Many times faster than Math.hypot. */
function distance(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}
