/**
 * Drawn images as varied as makes what a network learns from them useful elsewhere: textures, and the project's own blood cells and
 * lesions (other ones than its datasets show). That such training transfers to photographs: Kataoka et al. (ACCV 2020), Baradad et al.
 * (NeurIPS 2021 and 2022).
 */
import { UserError } from '../errors';
import { createRandom, type Random } from '../random';
import { drawBlobs } from './procedural/blobs';
import type { DrawTexture } from './procedural/canvas';
import { compose } from './procedural/compose';
import { drawDeadLeaves } from './procedural/dead-leaves';
import { drawIteratedFunctions, drawJulia } from './procedural/fractals';
import { drawGrating } from './procedural/gratings';
import { drawBoxes, drawCells } from './procedural/mosaics';
import { drawNoise } from './procedural/noise';
import { photograph } from './procedural/photograph';
import { drawOrbits, drawPatternNetwork } from './procedural/shaders';
import { drawStain } from './procedural/stains';
import { drawWavelets } from './procedural/wavelets';
import { renderBloodCell, syntheticBloodClasses } from './synthetic-blood';
import { lesionSizes, renderLesion } from './synthetic-lesions';

const textures = {
  noise: drawNoise,
  wavelets: drawWavelets,
  'iterated functions': drawIteratedFunctions,
  julia: drawJulia,
  'dead leaves': drawDeadLeaves,
  'pattern networks': drawPatternNetwork,
  orbits: drawOrbits,
  gratings: drawGrating,
  cells: drawCells,
  boxes: drawBoxes,
  blobs: drawBlobs,
  stains: drawStain,
} as const satisfies Record<string, DrawTexture>;

export type ProceduralKind = keyof typeof textures | 'blood' | 'lesions';

/** What is drawn, and how much of it. */
export const proceduralShares: Readonly<Record<ProceduralKind, number>> = {
  noise: 1,
  wavelets: 1,
  'iterated functions': 1,
  julia: 0.5,
  'dead leaves': 1.5,
  'pattern networks': 1,
  orbits: 0.5,
  gratings: 0.5,
  cells: 1,
  boxes: 0.5,
  blobs: 3,
  stains: 2,
  blood: 3,
  lesions: 1.5,
};

export interface ProceduralRequest {
  readonly seed: number;
  readonly index: number;
  /** Height and width in pixels, 48–512. */
  readonly size: number;
  readonly shares?: Readonly<Partial<Record<ProceduralKind, number>>>;
}

/** Far from the seeds that datasets and people use: what a network is tested on, it has not seen. */
const firstSeed = 900_000_000;
/** Of pictures that are one texture, or two. */
const composedShare = 0.35;

/**
 * One picture: size × size × 3 bytes (red, green, blue), rows first. The same seed, index, size and shares give the same bytes.
 * @throws UserError for an argument that is out of range
 */
export function drawProcedural({ seed, index, size, shares = proceduralShares }: ProceduralRequest): Uint8Array {
  checkInteger('size', size, lesionSizes.smallest, lesionSizes.largest);
  checkInteger('seed', seed, 0, firstSeed);
  checkInteger('index', index, 0, Number.MAX_SAFE_INTEGER);
  const random = createRandom(seed, 'procedural', index);
  const kind = drawKind(random, shares);
  const request = { size, seed: firstSeed + seed, split: 'train', index } as const;
  if (kind === 'blood')
    return renderBloodCell({ ...request, classIndex: random.integer(syntheticBloodClasses.length) });
  if (kind === 'lesions') return renderLesion(request).image;
  const canvas = textures[kind](size, random);
  if (random.uniform() >= composedShare) return photograph(canvas, random);
  const others = Object.values(textures);
  const other = others[random.integer(others.length)](size, random);
  return photograph(compose(other, canvas, random), random);
}

/** The kind of the picture that `drawProcedural` draws. */
export function proceduralKindOf({
  seed,
  index,
  shares = proceduralShares,
}: Omit<ProceduralRequest, 'size'>): ProceduralKind {
  return drawKind(createRandom(seed, 'procedural', index), shares);
}

function drawKind(random: Random, shares: NonNullable<ProceduralRequest['shares']>): ProceduralKind {
  const kinds = Object.entries(shares) as [ProceduralKind, number][];
  const total = kinds.reduce((sum, [, share]) => sum + share, 0);
  let left = random.uniform() * total;
  for (const [kind, share] of kinds) if ((left -= share) < 0) return kind;
  throw new UserError('Nothing is to be drawn: one of the shares has to be above 0.');
}

function checkInteger(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new UserError(`${name} is ${value}; allowed for drawn images are whole numbers from ${lowest} to ${highest}.`);
}
