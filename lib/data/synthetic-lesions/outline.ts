import type { Random } from '../../random';
import { between } from '../synthetic-blood/noise';

/**
 * A border as a distance from the centre in every direction. Whatever its form, the inside is in one piece and has no hole, as an expert's
 * contour; so is the part of it in the picture, because the centre is in the picture.
 */
export interface Outline {
  readonly x: number;
  readonly y: number;
  /** Distance (millimetres) at `steps` directions around, the first once more at the end. */
  readonly radii: Float32Array;
  readonly smallest: number;
  readonly largest: number;
}

const steps = 512;
const stepsPerRadian = steps / (2 * Math.PI);

export interface OutlineForm {
  readonly x: number;
  readonly y: number;
  /** Of a disc of the same area, millimetres. */
  readonly radius: number;
  /** 0 for an ellipse, 1 for a border with deep bays. */
  readonly irregularity: number;
}

/** An ellipse whose radius is multiplied by waves of decreasing height; fine ones where it is very irregular. */
export function drawOutline(random: Random, { x, y, radius, irregularity }: OutlineForm): Outline {
  const waves = [{ count: 2, height: between(random, 0.03, 0.2), phase: 2 * Math.PI * random.uniform() }];
  const finest = irregularity > 0.6 ? 26 : 13;
  for (let count = 1; count <= finest; count++) {
    const height = (0.34 * irregularity * random.normal()) / (1 + count ** 1.35);
    waves.push({ count, height, phase: 2 * Math.PI * random.uniform() });
  }
  const logarithms = Float64Array.from({ length: steps }, (_, step) => {
    const angle = step / stepsPerRadian;
    return waves.reduce((sum, { count, height, phase }) => sum + height * Math.cos(count * angle + phase), 0);
  });
  // The area is what was asked for, whatever the waves.
  const meanSquare = logarithms.reduce((sum, value) => sum + Math.exp(2 * value), 0) / steps;
  const scale = radius / Math.sqrt(meanSquare);
  const radii = Float32Array.from({ length: steps + 1 }, (_, step) => scale * Math.exp(logarithms[step % steps]));
  return {
    x,
    y,
    radii,
    smallest: radii.reduce((a, b) => Math.min(a, b)),
    largest: radii.reduce((a, b) => Math.max(a, b)),
  };
}

/** The border's distance from the centre in the direction of dx, dy. */
export function radiusTowards({ radii }: Outline, dx: number, dy: number): number {
  const position = (Math.atan2(dy, dx) + Math.PI) * stepsPerRadian;
  const step = Math.min(steps - 1, Math.floor(position));
  return radii[step] + (position - step) * (radii[step + 1] - radii[step]);
}

/** Size × size pixels: 1 where a pixel's centre is within the border, 0 outside. */
export function outlineMask(outline: Outline, size: number, fieldOfView: number): Uint8Array {
  const mask = new Uint8Array(size * size);
  const pitch = fieldOfView / size;
  for (let row = 0, at = 0; row < size; row++) {
    const dy = (row + 0.5 - size / 2) * pitch - outline.y;
    for (let column = 0; column < size; column++, at++) {
      const dx = (column + 0.5 - size / 2) * pitch - outline.x;
      const distance = Math.sqrt(dx * dx + dy * dy);
      if (distance >= outline.largest) continue;
      if (distance < outline.smallest || distance < radiusTowards(outline, dx, dy)) mask[at] = 1;
    }
  }
  return mask;
}
