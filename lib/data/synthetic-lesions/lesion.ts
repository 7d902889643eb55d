import type { Random } from '../../random';
import { between } from '../synthetic-blood/noise';
import type { Absorbance } from '../synthetic-blood/stain';
import { drawOutline, type Outline } from './outline';

/**
 * What the eye sees of pigment, by depth: melanin is black in the horny layer, brown in the epidermis, blue-grey in the dermis (Tyndall
 * effect). Optical density of red, green and blue light.
 */
const dyes = {
  lightBrown: [0.34, 0.62, 0.86],
  darkBrown: [0.82, 1.16, 1.3],
  black: [1.7, 1.85, 1.85],
  blueGrey: [0.92, 0.84, 0.68],
  red: [0.2, 0.52, 0.48],
  pink: [0.06, 0.3, 0.27],
  yellow: [0.14, 0.34, 0.8],
  white: [-0.06, -0.03, 0],
  cyst: [-0.12, -0.3, -0.36],
} satisfies Record<string, Absorbance>;
type Dye = keyof typeof dyes;

/** A part of the lesion with a colour of its own: a disc with a ragged edge. */
export interface Zone {
  /** Millimetres from the lesion's centre. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly softness: number;
  readonly raggedness: number;
  readonly phase: number;
  readonly dye: Absorbance;
}

/** A dot or globule, in millimetres from the lesion's centre. */
export interface Globule {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly dye: Absorbance;
  readonly amount: number;
}

export interface Lesion {
  readonly outline: Outline;
  /** Width over which the pigment begins, millimetres. */
  readonly softness: number;
  readonly dye: Absorbance;
  /** How much denser the centre is than the border, and how uneven everything is. */
  readonly centre: number;
  readonly unevenness: number;
  readonly zones: readonly Zone[];
  readonly globules: readonly Globule[];
  /** The pigment network: density of its lines over that of its holes, and millimetres from one hole to the next. */
  readonly network: { readonly depth: number; readonly spacing: number; readonly angle: number };
  readonly phase: number;
}

/** How often a kind of lesion is drawn, and how it looks. Ranges are of uniform distributions. */
interface Kind {
  readonly frequency: number;
  readonly dyes: readonly Dye[];
  readonly strength: readonly [number, number];
  readonly irregularity: readonly [number, number];
  readonly softness: readonly [number, number];
  readonly zones: readonly [number, number];
  readonly zoneDyes: readonly Dye[];
  readonly network: readonly [number, number];
  readonly globules: readonly [number, number];
  readonly globuleDye: Dye;
}

const kinds: readonly Kind[] = [
  // Common nevus: one or two browns, an even network, a border that fades.
  {
    frequency: 0.4,
    dyes: ['lightBrown', 'darkBrown'],
    strength: [0.4, 1.15],
    irregularity: [0.1, 0.55],
    softness: [0.15, 1],
    zones: [0, 2],
    zoneDyes: ['darkBrown', 'lightBrown', 'pink'],
    network: [0.1, 0.75],
    globules: [0, 40],
    globuleDye: 'darkBrown',
  },
  // Melanoma: several colours, a ragged border, regression.
  {
    frequency: 0.26,
    dyes: ['darkBrown', 'lightBrown', 'blueGrey'],
    strength: [0.6, 1.3],
    irregularity: [0.5, 1],
    softness: [0.1, 0.5],
    zones: [2, 6],
    zoneDyes: ['black', 'blueGrey', 'red', 'white', 'lightBrown', 'darkBrown'],
    network: [0, 0.8],
    globules: [0, 60],
    globuleDye: 'black',
  },
  // Hypomelanotic: hardly darker than the skin around it.
  {
    frequency: 0.2,
    dyes: ['pink', 'red', 'lightBrown'],
    strength: [0.3, 0.7],
    irregularity: [0.2, 0.8],
    softness: [0.2, 1],
    zones: [0, 3],
    zoneDyes: ['pink', 'white', 'lightBrown', 'red'],
    network: [0, 0.3],
    globules: [0, 25],
    globuleDye: 'red',
  },
  // Seborrhoeic keratosis: yellow to brown, sharp, with bright milia-like cysts.
  {
    frequency: 0.14,
    dyes: ['yellow', 'lightBrown', 'darkBrown'],
    strength: [0.6, 1.1],
    irregularity: [0.15, 0.6],
    softness: [0.08, 0.25],
    zones: [0, 3],
    zoneDyes: ['darkBrown', 'yellow', 'lightBrown'],
    network: [0, 0.25],
    globules: [5, 60],
    globuleDye: 'cyst',
  },
];

export interface LesionPlace {
  readonly x: number;
  readonly y: number;
  /** Of a disc of the same area, millimetres. */
  readonly radius: number;
}

export function drawLesion(random: Random, { x, y, radius }: LesionPlace): Lesion {
  const kind = chooseKind(random);
  const range = ([low, high]: readonly [number, number]): number => between(random, low, high);
  const outline = drawOutline(random, { x, y, radius, irregularity: range(kind.irregularity) });
  const tint = (name: Dye, amount: number): Absorbance => {
    const [red, green, blue] = dyes[name].map((density) => density * amount * Math.exp(random.normal(0, 0.1)));
    return [red, green, blue];
  };
  const strength = range(kind.strength);
  const inside = (reach: number): { x: number; y: number } => {
    const angle = 2 * Math.PI * random.uniform();
    const away = reach * Math.sqrt(random.uniform());
    return { x: away * Math.cos(angle), y: away * Math.sin(angle) };
  };
  const zones = Array.from({ length: Math.round(range(kind.zones)) }, (): Zone => ({
    ...inside(0.95 * radius),
    radius: radius * between(random, 0.2, 0.6),
    softness: radius * between(random, 0.1, 0.5),
    raggedness: radius * between(random, 0.1, 0.35),
    phase: 64 * random.uniform(),
    dye: tint(pick(random, kind.zoneDyes), 0.35 + 0.65 * strength),
  }));
  const size = between(random, 0.06, 0.14);
  const globules = Array.from({ length: Math.round(range(kind.globules)) }, (): Globule => ({
    ...inside(outline.smallest),
    radius: size * Math.exp(random.normal(0, 0.3)),
    dye: dyes[kind.globuleDye],
    amount: kind.globuleDye === 'cyst' ? between(random, 0.4, 1.3) : 0.5 * strength * between(random, 0.4, 1),
  }));
  return {
    outline,
    softness: Math.min(range(kind.softness), 0.6 * radius),
    dye: tint(pick(random, kind.dyes), strength),
    centre: between(random, -0.1, 0.5),
    unevenness: between(random, 0.1, 0.4),
    zones,
    globules,
    network: {
      depth: range(kind.network),
      spacing: between(random, 0.22, 0.42),
      angle: Math.PI * random.uniform(),
    },
    phase: 64 * random.uniform(),
  };
}

function chooseKind(random: Random): Kind {
  let left = random.uniform();
  return kinds.find(({ frequency }) => (left -= frequency) < 0) ?? kinds[0];
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.integer(items.length)];
}
