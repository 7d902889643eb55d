import { absorb, coverage, samplesAround, stamp, type Samples } from '../synthetic-blood/grid';
import { valueNoise } from '../synthetic-blood/noise';
import type { Lesion, Zone } from './lesion';
import { radiusTowards } from './outline';

/** Bound once: some loaders turn an import into a getter, which the inner loops would feel. */
const [noise, cover, add, borderTowards] = [valueNoise, coverage, absorb, radiusTowards];

/** Adds a lesion's pigment to the skin. It begins half at the border, which is where the mask ends. */
export function drawLesionInto(samples: Samples, lesion: Lesion): void {
  const { pitch, width } = samples;
  const { outline, unevenness, centre, phase } = lesion;
  const edge = Math.max(lesion.softness, 1.2 * pitch);
  const network = networkOf(lesion, pitch);
  const [left, right, top, bottom] = samplesAround(samples, outline.x, outline.y, outline.largest + edge / 2);
  const colour: [number, number, number] = [0, 0, 0];
  for (let row = top; row <= bottom; row++) {
    const y = (row + 0.5 - width / 2) * pitch - outline.y;
    for (let column = left; column <= right; column++) {
      const x = (column + 0.5 - width / 2) * pitch - outline.x;
      const away = Math.sqrt(x * x + y * y);
      if (away > outline.largest + edge / 2) continue;
      const border = borderTowards(outline, x, y);
      const covered = cover(away - border, edge);
      if (covered === 0) continue;
      const depth = 1 - away / border;
      const coarse = noise(x * 0.8 + phase, y * 0.8);
      const fine = noise(x * 2.9, y * 2.9 + phase);
      const [red, green, blue] = lesion.dye;
      const amount = 1 + centre * (depth - 0.4) + unevenness * (coarse + 0.5 * fine);
      [colour[0], colour[1], colour[2]] = [red * amount, green * amount, blue * amount];
      for (const zone of lesion.zones) mixZone(colour, zone, x, y);
      const lines = network === undefined ? 1 : network(x + 0.12 * fine, y + 0.12 * coarse, depth);
      add(samples, row * width + column, colour, covered * lines);
    }
  }
  for (const { x, y, radius, dye, amount } of lesion.globules) {
    stamp(samples, outline.x + x, outline.y + y, radius, (at, covered) => add(samples, at, dye, amount * covered));
  }
}

function mixZone(colour: [number, number, number], zone: Zone, x: number, y: number): void {
  const dx = x - zone.x;
  const dy = y - zone.y;
  const reach = zone.radius + zone.raggedness + zone.softness;
  if (dx * dx + dy * dy > reach * reach) return;
  const ragged = zone.raggedness * noise(x * 1.1 + zone.phase, y * 1.1 + zone.phase);
  const part = cover(Math.sqrt(dx * dx + dy * dy) - zone.radius + ragged, zone.softness);
  const uneven = 1 + 0.25 * noise(x * 1.9, y * 1.9 + zone.phase);
  for (let channel = 0; channel < 3; channel++)
    colour[channel] += part * (zone.dye[channel] * uneven - colour[channel]);
}

/** Three plane waves 60° apart sum up to round holes in a triangular lattice; what is between them is a honeycomb of lines. */
function networkOf(
  { network, phase }: Lesion,
  pitch: number,
): ((x: number, y: number, depth: number) => number) | undefined {
  // Lines that are finer than a pixel are not seen.
  const depth = network.depth * Math.min(1, Math.max(0, network.spacing / pitch - 1.6) / 1.5);
  if (depth < 0.02) return undefined;
  const frequency = (4 * Math.PI) / (Math.sqrt(3) * network.spacing);
  const waves = [0, 1, 2].map((third) => {
    const angle = network.angle + (third * Math.PI) / 3;
    return [frequency * Math.cos(angle), frequency * Math.sin(angle)] as const;
  });
  const [[ax, ay], [bx, by], [cx, cy]] = waves;
  return (x, y, away) => {
    const sum = Math.cos(ax * x + ay * y) + Math.cos(bx * x + by * y) + Math.cos(cx * x + cy * y);
    const hole = sum < -0.5 ? 0 : sum > 1.5 ? 1 : (sum + 0.5) / 2;
    // Fades here and there, and towards the centre, where the nests of cells are.
    const patchy = 0.6 + 0.6 * noise(x * 0.5 + phase, y * 0.5 + phase) - 0.4 * away;
    const local = depth * (patchy < 0 ? 0 : patchy > 1 ? 1 : patchy);
    return 1 + local * (0.45 - hole);
  };
}
