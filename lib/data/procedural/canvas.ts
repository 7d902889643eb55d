/** What all drawn textures share: a square picture in the making, its colours and soft edges. */
import type { Random } from '../../random';
import { between } from '../synthetic-blood/noise';
import type { Canvas } from '../synthetic-tasks/canvas';

export { between } from '../synthetic-blood/noise';
export type { Canvas } from '../synthetic-tasks/canvas';

/** Draws a picture of `size` × `size` pixels with three channels, of values around 0 to 1. */
export type DrawTexture = (size: number, random: Random) => Canvas;

/** 256 colours of three values each, 0 to 1. */
export type Palette = Float32Array;

const paletteSteps = 256;

export function emptyCanvas(size: number): Canvas {
  return { size, channels: 3, values: new Float32Array(size * size * 3) };
}

export function choose<T>(random: Random, of: readonly T[]): T {
  return of[random.integer(of.length)];
}

/** A number of [low, high) whose logarithm is evenly distributed. */
export function logBetween(random: Random, low: number, high: number): number {
  return low * (high / low) ** random.uniform();
}

/** Coverage at a signed distance in pixels from an edge: 1 inside, 0 outside, over one pixel. */
export function soft(distance: number): number {
  return distance <= -0.5 ? 1 : distance >= 0.5 ? 0 : 0.5 - distance;
}

/** Any colour, but seldom a gaudy one: a grey of some lightness, and a tint. */
export function drawColour(random: Random): [number, number, number] {
  const lightness = between(random, 0.05, 0.95);
  const strength = 0.45 * random.uniform() ** 1.5;
  const tint = (): number => Math.min(1, Math.max(0, lightness + strength * random.normal(0, 0.7)));
  return [tint(), tint(), tint()];
}

/**
 * Colours along a line: between a few random ones, a cosine of each channel (Quilez), or the light that a dye leaves of white
 * (Beer–Lambert). Some have steps.
 */
export function drawPalette(random: Random): Palette {
  const palette = new Float32Array(paletteSteps * 3);
  const colourAt = choose(random, [gradientPalette, gradientPalette, cosinePalette, dyePalette])(random);
  const levels = random.uniform() < 0.15 ? 2 + random.integer(5) : paletteSteps;
  for (let step = 0; step < paletteSteps; step++) {
    const position = Math.floor((step / paletteSteps) * levels) / Math.max(1, levels - 1);
    const colour = colourAt(position);
    for (let channel = 0; channel < 3; channel++)
      palette[3 * step + channel] = Math.min(1, Math.max(0, colour[channel]));
  }
  return palette;
}

type ColourLine = (position: number) => readonly number[];

function gradientPalette(random: Random): ColourLine {
  const stops = Array.from({ length: 2 + random.integer(4) }, () => drawColour(random));
  return (position) => {
    const place = position * (stops.length - 1);
    const before = Math.min(stops.length - 2, Math.floor(place));
    return stops[before].map((value, channel) => value + (place - before) * (stops[before + 1][channel] - value));
  };
}

function cosinePalette(random: Random): ColourLine {
  const cycles = between(random, 0.4, 2);
  const [middle, swing] = [between(random, 0.35, 0.65), between(random, 0.2, 0.5)];
  const phases = [0, 1, 2].map(() => random.uniform());
  return (position) => phases.map((phase) => middle + swing * Math.cos(2 * Math.PI * (cycles * position + phase)));
}

function dyePalette(random: Random): ColourLine {
  const lamp = [0, 1, 2].map(() => between(random, 0.8, 1));
  const absorbed = drawDye(random);
  const [least, most] = [between(random, 0, 0.3), between(random, 0.8, 2.5)];
  return (position) => absorbed.map((value, channel) => lamp[channel] * Math.exp(-value * (least + position * most)));
}

/** How much of red, green and blue light a dye takes, the most of them 1. */
export function drawDye(random: Random): number[] {
  const absorbed = [0, 1, 2].map(() => 0.05 + random.uniform() ** 1.5);
  const most = Math.max(...absorbed);
  return absorbed.map((value) => value / most);
}

/** A field of any numbers as a picture: its values, from the least to the largest, become a palette's colours. */
export function coloured(field: Float32Array, size: number, palette: Palette): Canvas {
  const canvas = emptyCanvas(size);
  normalize(field);
  for (let pixel = 0, at = 0; pixel < field.length; pixel++) {
    let step = 3 * Math.min(paletteSteps - 1, (field[pixel] * paletteSteps) | 0);
    for (let channel = 0; channel < 3; channel++) canvas.values[at++] = palette[step++];
  }
  return canvas;
}

/** Brings the values of a field, in place, to 0 to 1. */
export function normalize(field: Float32Array): void {
  let [least, most] = [Infinity, -Infinity];
  for (const value of field) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const scale = most > least ? 1 / (most - least) : 0;
  for (let at = 0; at < field.length; at++) field[at] = (field[at] - least) * scale;
}

/** Gaussian blur by that many pixels, in place; edges are repeated. */
export function blurCanvas({ size, values }: Canvas, deviation: number): void {
  const radius = Math.ceil(2.5 * deviation);
  const weights = Float32Array.from({ length: 2 * radius + 1 }, (_, index) =>
    Math.exp(-0.5 * ((index - radius) / deviation) ** 2),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const line = new Float32Array(size);
  const along = (start: number, step: number): void => {
    for (let index = 0; index < size; index++) line[index] = values[start + index * step];
    for (let index = 0; index < size; index++) {
      let sum = 0;
      for (let tap = -radius; tap <= radius; tap++) {
        const from = index + tap;
        sum += weights[tap + radius] * line[from < 0 ? 0 : from >= size ? size - 1 : from];
      }
      values[start + index * step] = sum / total;
    }
  };
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < size; row++) along(3 * row * size + channel, 3);
    for (let column = 0; column < size; column++) along(3 * column + channel, 3 * size);
  }
}
