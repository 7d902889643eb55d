import type { Random } from '../../random';
import { absorb, coverage, samplesAround, stamp, type Samples } from '../synthetic-blood/grid';
import { between } from '../synthetic-blood/noise';
import type { Absorbance } from '../synthetic-blood/stain';

/** Bound once: some loaders turn an import into a getter, which the inner loops would feel. */
const [cover, add] = [coverage, absorb];

/** A hair through x, y: across its direction, it bends by `bend` u² + `swing` u³ at u millimetres along it. */
export interface Hair {
  readonly x: number;
  readonly y: number;
  readonly angle: number;
  readonly halfLength: number;
  readonly width: number;
  readonly bend: number;
  readonly swing: number;
  readonly dye: Absorbance;
}

/** The millimetre scale of the dermatoscope: ticks along a line at `offset` from the picture's centre. */
export interface Ruler {
  readonly angle: number;
  readonly offset: number;
  readonly phase: number;
  readonly density: number;
}

/** Air in the gel. */
export interface Bubble {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** Where the lamp is mirrored, radians. */
  readonly glint: number;
}

/** The round end of the dermatoscope's tube: black outside of `radius`. */
export interface Aperture {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly softness: number;
}

export interface Artefacts {
  readonly hairs: readonly Hair[];
  readonly bubbles: readonly Bubble[];
  readonly ruler: Ruler | undefined;
  readonly aperture: Aperture | undefined;
}

const darkHair: Absorbance = [1.3, 1.5, 1.6];
const fairHair: Absorbance = [0.3, 0.42, 0.55];
const greyHair: Absorbance = [-0.3, -0.35, -0.4];

export function drawArtefacts(random: Random, fieldOfView: number): Artefacts {
  const half = fieldOfView / 2;
  const draw = random.uniform();
  const hairs = draw < 0.4 ? 0 : draw < 0.8 ? random.integer(9) : 8 + random.integer(26);
  const growth = 2 * Math.PI * random.uniform();
  const scatter = between(random, 0.15, 0.8);
  const thickness = between(random, 0.05, 0.1);
  const dye = random.uniform() < 0.72 ? darkHair : random.uniform() < 0.7 ? fairHair : greyHair;
  const bubbles: Bubble[] = [];
  for (let cluster = random.uniform() < 0.3 ? 1 + random.integer(3) : 0; cluster > 0; cluster--) {
    const [x, y] = [between(random, -half, half), between(random, -half, half)];
    for (let count = 1 + random.integer(6); count > 0; count--) {
      const radius = Math.min(0.9, 0.22 * Math.exp(random.normal(0, 0.5)));
      bubbles.push({
        x: x + random.normal(0, 0.7),
        y: y + random.normal(0, 0.7),
        radius,
        glint: -2.2 + random.normal(0, 0.2),
      });
    }
  }
  return {
    hairs: Array.from({ length: hairs }, () => ({
      x: between(random, -half, half),
      y: between(random, -half, half),
      angle: growth + random.normal(0, scatter),
      halfLength: between(random, 1.2, 6),
      width: thickness * Math.exp(random.normal(0, 0.25)),
      bend: random.normal(0, 0.06),
      swing: random.normal(0, 0.006),
      dye,
    })),
    bubbles,
    ruler: random.uniform() < 0.2 ? drawRuler(random, half) : undefined,
    aperture: random.uniform() < 0.16 ? drawAperture(random, fieldOfView) : undefined,
  };
}

function drawRuler(random: Random, half: number): Ruler {
  return {
    angle: (Math.PI / 2) * random.integer(4) + random.normal(0, 0.12),
    offset: half * between(random, 0.62, 0.92),
    phase: 10 * random.uniform(),
    density: between(random, 0.7, 1.8),
  };
}

function drawAperture(random: Random, fieldOfView: number): Aperture {
  return {
    x: random.normal(0, 0.02 * fieldOfView),
    y: random.normal(0, 0.02 * fieldOfView),
    radius: fieldOfView * between(random, 0.52, 0.68),
    softness: fieldOfView * between(random, 0.01, 0.09),
  };
}

export function drawArtefactsInto(samples: Samples, { hairs, bubbles, ruler, aperture }: Artefacts): void {
  if (ruler !== undefined) drawRulerInto(samples, ruler);
  for (const hair of hairs) drawHairInto(samples, hair);
  for (const bubble of bubbles) drawBubbleInto(samples, bubble);
  if (aperture !== undefined) drawApertureInto(samples, aperture);
}

function drawHairInto(samples: Samples, hair: Hair): void {
  const { pitch, width } = samples;
  const { halfLength, bend, swing } = hair;
  const [cos, sin] = [Math.cos(hair.angle), Math.sin(hair.angle)];
  // A hair that is thinner than a pixel covers a part of it.
  const edge = 1.2 * pitch;
  const drawn = Math.max(hair.width, 0.5 * pitch);
  const strength = hair.width / drawn;
  const [left, right, top, bottom] = samplesAround(samples, hair.x, hair.y, halfLength * 1.2 + 0.5);
  for (let row = top; row <= bottom; row++) {
    const dy = (row + 0.5 - width / 2) * pitch - hair.y;
    for (let column = left; column <= right; column++) {
      const dx = (column + 0.5 - width / 2) * pitch - hair.x;
      const u = dx * cos + dy * sin;
      if (u > halfLength || u < -halfLength) continue;
      const slope = (2 * bend + 3 * swing * u) * u;
      const away = Math.abs(dy * cos - dx * sin - (bend + swing * u) * u * u);
      if (away > 2 * (drawn + edge)) continue;
      const tip = 1 - (u / halfLength) ** 8;
      const covered = cover(away / Math.sqrt(1 + slope * slope) - (drawn * tip) / 2, edge);
      if (covered > 0) add(samples, row * width + column, hair.dye, strength * covered);
    }
  }
}

const ink: Absorbance = [1, 1, 0.95];

/** A tick each millimetre, a longer one every fifth. */
function drawRulerInto(samples: Samples, { angle, offset, phase, density }: Ruler): void {
  const { pitch, width } = samples;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const edge = 1.2 * pitch;
  const line = Math.max(0.09, 0.6 * pitch);
  for (let row = 0, at = 0; row < width; row++) {
    const y = (row + 0.5 - width / 2) * pitch;
    for (let column = 0; column < width; column++, at++) {
      const x = (column + 0.5 - width / 2) * pitch;
      const across = y * cos - x * sin - offset;
      if (across < -1.3 || across > 0.1) continue;
      const along = x * cos + y * sin + phase + 1000;
      const millimetre = Math.round(along);
      const long = millimetre % 5 === 0 ? 1.1 : 0.6;
      const inside = Math.max(Math.abs(along - millimetre) - line / 2, -across - long, across);
      const covered = cover(inside, edge);
      if (covered > 0) add(samples, at, ink, (density * covered * 0.09) / line);
    }
  }
}

const rim: Absorbance = [0.3, 0.34, 0.36];
const glare: Absorbance = [-1, -1, -1];

function drawBubbleInto(samples: Samples, { x, y, radius, glint }: Bubble): void {
  const { pitch, width } = samples;
  const thickness = Math.max(0.07, 1.2 * pitch);
  const [left, right, top, bottom] = samplesAround(samples, x, y, radius + thickness);
  for (let row = top; row <= bottom; row++) {
    const dy = (row + 0.5 - width / 2) * pitch - y;
    for (let column = left; column <= right; column++) {
      const dx = (column + 0.5 - width / 2) * pitch - x;
      const away = Math.sqrt(dx * dx + dy * dy);
      const ring = 1 - Math.abs(away - radius) / thickness;
      const at = row * width + column;
      if (ring > 0) add(samples, at, rim, (ring * 0.07) / thickness);
      if (away < radius) add(samples, at, glare, 0.05 + 0.1 * (away / radius) ** 3);
    }
  }
  const spot = 0.55 * radius;
  stamp(samples, x + spot * Math.cos(glint), y + spot * Math.sin(glint), 0.22 * radius, (at, covered) =>
    add(samples, at, glare, 0.9 * covered),
  );
}

const black: Absorbance = [4, 4, 4];

function drawApertureInto(samples: Samples, { x, y, radius, softness }: Aperture): void {
  const { pitch, width } = samples;
  const edge = Math.max(softness, 1.2 * pitch);
  for (let row = 0, at = 0; row < width; row++) {
    const dy = (row + 0.5 - width / 2) * pitch - y;
    for (let column = 0; column < width; column++, at++) {
      const dx = (column + 0.5 - width / 2) * pitch - x;
      const inside = Math.sqrt(dx * dx + dy * dy) - radius;
      if (inside > -edge) add(samples, at, black, 1 - cover(inside, edge));
    }
  }
}
