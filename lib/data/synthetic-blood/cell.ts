import type { Random } from '../../random';
import { between } from './noise';
import { placedInside, type Disc, type NucleusShape } from './nucleus';
import { blend, type Absorbance } from './stain';

export interface Nucleus {
  readonly shape: NucleusShape;
  readonly absorbance: Absorbance;
  /** Contrast of the chromatin (0–1) and the width of its clumps. */
  readonly clumping: number;
  readonly clumpSize: number;
}

export interface Granules {
  /** Four numbers a granule: x, y, radius, density (0–1). */
  readonly spots: Float32Array;
  readonly absorbance: Absorbance;
  /** How much of them is seen over the nucleus (0–1). */
  readonly overNucleus: number;
}

/** Where the cytoplasm is thinner by `strength` (0–1), within an edge as wide as `softness`. */
export interface PaleSpot extends Disc {
  readonly softness: number;
  readonly strength: number;
}

/** A leukocyte, erythroblast or platelet in its own coordinates. */
export interface Cell {
  readonly radius: number;
  /** Length over width of the outline. */
  readonly stretch: number;
  /** Height and width of the outline's bumps, and how soft its edge is. */
  readonly roughness: number;
  readonly bumpSize: number;
  readonly softness: number;
  readonly cytoplasm: Absorbance;
  /** Contrast of the cytoplasm's texture (0–1), the texture's width, and how much denser the rim is. */
  readonly mottling: number;
  readonly grain: number;
  readonly rim: number;
  readonly nucleus?: Nucleus;
  readonly granules?: Granules;
  /** Vacuoles, and the Golgi zone beside a young nucleus. */
  readonly paleSpots: readonly PaleSpot[];
}

/** `count` granules spread evenly, with jitter, over a disc (Vogel's spiral): they crowd without forming a grid. */
export function scatter(
  random: Random,
  count: number,
  room: number,
  small: number,
  large: number,
  faint = 0.6,
): Float32Array {
  const spots = new Float32Array(count * 4);
  const start = 2 * Math.PI * random.uniform();
  for (let spot = 0; spot < count; spot++) {
    const distance = room * Math.sqrt((spot + random.uniform()) / count);
    const angle = start + spot * 2.399963 + between(random, -0.8, 0.8);
    spots[spot * 4] = distance * Math.cos(angle);
    spots[spot * 4 + 1] = distance * Math.sin(angle);
    spots[spot * 4 + 2] = between(random, small, large);
    spots[spot * 4 + 3] = between(random, faint, 1);
  }
  return spots;
}

/** A nucleus off the centre by at most `offset` of the room it has. */
export function nucleusInside(
  random: Random,
  shape: NucleusShape,
  room: number,
  offset: number,
  look: Omit<Nucleus, 'shape'>,
): Nucleus {
  const direction = 2 * Math.PI * random.uniform();
  const distance = room * offset * Math.sqrt(random.uniform());
  return { shape: placedInside(shape, room, distance * Math.cos(direction), distance * Math.sin(direction)), ...look };
}

/** A dye in an amount drawn from [low, high). */
export function dose(random: Random, dye: Absorbance, low: number, high: number): Absorbance {
  return blend([dye, between(random, low, high)]);
}
