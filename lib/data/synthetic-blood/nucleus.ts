import type { Random } from '../../random';
import { between } from './noise';

/** A disc in a cell's own coordinates: micrometres from the cell's centre, before the cell is turned. */
export interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/**
 * An outline as a chain of capsules with rounded joints, so that one distance function serves round, indented, band-shaped and segmented
 * nuclei. Lengths in micrometres.
 */
export interface NucleusShape {
  /** Six numbers a capsule: x, y, radius of one end, x, y, radius of the other. */
  readonly capsules: Float32Array;
  /** Width of the fillet between capsules. */
  readonly fillet: number;
  /** A bay pressed into the outline. */
  readonly notch?: Disc;
}

/** A round or oval nucleus (lymphocyte, erythroblast, myelocyte): two overlapping ends, slightly unequal. */
export function ovalNucleus(random: Random, radius: number, elongation: number): NucleusShape {
  const half = (radius * elongation) / 2;
  const thick = radius - half / 2;
  const capsules = [-half, 0, thick * between(random, 0.94, 1.04), half, 0, thick * between(random, 0.94, 1.04)];
  const bulge = 2 * Math.PI * random.uniform();
  const reach = radius * between(random, 0.1, 0.28);
  const bulgeRadius = radius * between(random, 0.68, 0.8);
  const [x, y] = [reach * Math.cos(bulge), reach * Math.sin(bulge)];
  return { capsules: Float32Array.of(...capsules, x, y, bulgeRadius, -x, -y, bulgeRadius), fillet: radius * 0.3 };
}

/** An oval nucleus with a bay of the given depth, as a part of the radius (metamyelocyte, monocyte, cleaved lymphocyte). */
export function indentedNucleus(random: Random, radius: number, elongation: number, depth: number): NucleusShape {
  const notchRadius = radius * between(random, 0.45, 0.85);
  const distance = radius * (1 - depth) + notchRadius;
  const angle = Math.PI / 2 + random.normal(0, 0.25);
  const notch = { x: distance * Math.cos(angle), y: distance * Math.sin(angle), radius: notchRadius };
  return { ...ovalNucleus(random, radius, elongation), notch };
}

/** A bent rod (kidney, band, horseshoe): `sweep` is the angle it covers on a circle of radius `bend`. Ends may swell. */
export function bentNucleus(random: Random, bend: number, sweep: number, thickness: number): NucleusShape {
  const joints = 5;
  const points: number[] = [];
  for (let joint = 0; joint < joints; joint++) {
    const along = joint / (joints - 1);
    const angle = sweep * (along - 0.5);
    const wobble = bend * (1 + random.normal(0, 0.06));
    const swell = 1 + 0.16 * Math.abs(2 * along - 1) + random.normal(0, 0.07);
    points.push(wobble * Math.cos(angle), wobble * Math.sin(angle), thickness * swell);
  }
  return { capsules: chain(centred(points)), fillet: thickness * 0.4 };
}

/** Lobes on a folded path, joined by filaments (segmented neutrophil; two lobes make an eosinophil's spectacles). */
export function lobedNucleus(random: Random, lobes: number, lobeRadius: number, filament: number): NucleusShape {
  const points: number[] = [];
  const turn = (random.uniform() < 0.5 ? -1 : 1) * between(random, 0.4, 1.4);
  let heading = 0;
  let [x, y] = [0, 0];
  for (let lobe = 0; lobe < lobes; lobe++) {
    const radius = lobeRadius * Math.exp(random.normal(0, 0.14));
    points.push(x, y, radius);
    const step = radius * between(random, 1.75, 2.35);
    heading += turn + random.normal(0, 0.45);
    x += step * Math.cos(heading);
    y += step * Math.sin(heading);
  }
  const places = centred(points);
  const capsules: number[] = [];
  for (let lobe = 0; lobe < lobes; lobe++) {
    const [cx, cy, radius] = places.slice(lobe * 3, lobe * 3 + 3);
    const direction = Math.PI * random.uniform();
    const half = radius * between(random, 0.1, 0.5);
    const [dx, dy] = [half * Math.cos(direction), half * Math.sin(direction)];
    const thick = radius - half * 0.4;
    capsules.push(cx - dx, cy - dy, thick * between(random, 0.85, 1.05), cx + dx, cy + dy, thick);
  }
  const strands = Array.from(chain(places), (value, index) => (index % 3 === 2 ? filament : value));
  return { capsules: Float32Array.from([...capsules, ...strands]), fillet: 0.35 };
}

/** The shape moved to x, y and, where it would leave a disc of radius `room` around the cell's centre, made smaller. */
export function placedInside(shape: NucleusShape, room: number, x: number, y: number): NucleusShape {
  let extent = 0;
  const { capsules, fillet, notch } = shape;
  for (let end = 0; end < capsules.length; end += 3) {
    const away = Math.hypot(capsules[end] + x, capsules[end + 1] + y);
    extent = Math.max(extent, away + capsules[end + 2]);
  }
  const scale = Math.min(1, room / extent);
  const shift = [x * scale, y * scale, 0];
  return {
    capsules: capsules.map((value, index) => value * scale + shift[index % 3]),
    fillet: fillet * scale,
    notch: notch && { x: (notch.x + x) * scale, y: (notch.y + y) * scale, radius: notch.radius * scale },
  };
}

/** Points (x, y, radius) moved so that their area-weighted mean is the origin. */
function centred(points: readonly number[]): number[] {
  let [x, y, area] = [0, 0, 0];
  for (let point = 0; point < points.length; point += 3) {
    const weight = points[point + 2] ** 2;
    x += points[point] * weight;
    y += points[point + 1] * weight;
    area += weight;
  }
  const shift = [x / area, y / area, 0];
  return points.map((value, index) => value - shift[index % 3]);
}

/** Capsules from each point (x, y, radius) to the next. */
function chain(points: readonly number[]): Float32Array {
  const capsules: number[] = [];
  for (let point = 0; point + 5 < points.length; point += 3) capsules.push(...points.slice(point, point + 6));
  return Float32Array.from(capsules);
}
