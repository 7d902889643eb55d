/**
 * Things with a rim, a core and grains, alone or in crowds, dark on a bright ground or bright on a dark one: what
 * lenses see of small life.
 */
import type { Random } from '../../random';
import { between, drawColour, drawDye, emptyCanvas, logBetween, soft, type Canvas, type DrawTexture } from './canvas';
import { noiseField } from './noise';
import { aroundShape, ellipse, rough, wavy, type PlacedShape } from './shapes';

/** How things of one kind look. Amounts are of dye: what absorbs, or on a dark ground shines. */
interface BlobKind {
  readonly radius: number;
  readonly spread: number;
  readonly body: number;
  readonly rim: number;
  readonly rimWidth: number;
  readonly core: number;
  readonly coreRadius: number;
  readonly cores: number;
  readonly grains: number;
  readonly outline: (random: Random) => PlacedShape['outline'];
  readonly dyes: readonly [body: readonly number[], core: readonly number[]];
}

function drawKind(random: Random, size: number, crowd: number): BlobKind {
  const chance = (share: number, value: number): number => (random.uniform() < share ? value : 0);
  return {
    radius: crowd === 1 ? between(random, 0.14, 0.38) * size : (between(random, 0.35, 0.75) * size) / Math.sqrt(crowd),
    spread: between(random, 0, 0.4),
    body: between(random, 0.05, 0.9),
    rim: chance(0.6, between(random, 0.2, 1.5)),
    rimWidth: logBetween(random, 0.7, 4),
    core: chance(0.7, between(random, 0.4, 2)),
    coreRadius: between(random, 0.25, 0.75),
    cores: random.uniform() < 0.7 ? 1 : 2 + random.integer(3),
    grains: chance(0.35, 4 + random.integer(30)),
    outline: [ellipse, ellipse, wavy, rough][random.integer(4)],
    dyes: [drawDye(random), drawDye(random)],
  };
}

export const drawBlobs: DrawTexture = (size, random) => {
  const dye = emptyCanvas(size);
  const crowd = random.uniform() < 0.5 ? 1 : Math.round(logBetween(random, 2, 24));
  const kinds = Array.from({ length: 1 + random.integer(2) }, () => drawKind(random, size, crowd));
  for (let blob = 0; blob < crowd; blob++) {
    const kind = kinds[random.integer(kinds.length)];
    const middle = (): number => (crowd === 1 ? size * (0.5 + random.normal(0, 0.07)) : between(random, 0, size));
    addBlob(
      dye,
      {
        x: middle(),
        y: middle(),
        radius: kind.radius * Math.exp(kind.spread * random.normal()),
        outline: kind.outline(random),
      },
      kind,
      random,
    );
  }
  return lit(dye, random);
};

/** Adds one thing to the dye in the picture, of each channel. */
function addBlob(dye: Canvas, shape: PlacedShape, kind: BlobKind, random: Random): void {
  const add = (pixel: number, amount: number, colour: readonly number[]): void => {
    for (let channel = 0; channel < 3; channel++) dye.values[3 * pixel + channel] += amount * colour[channel];
  };
  const [bodyDye, coreDye] = kind.dyes;
  aroundShape(
    dye,
    shape,
    (pixel, distance) => {
      const atRim = Math.exp(-((distance / kind.rimWidth) ** 2));
      add(pixel, kind.body * soft(distance) + kind.rim * atRim, bodyDye);
    },
    1 + 2 * kind.rimWidth,
  );
  const within = (radius: number, reach: number, outline: PlacedShape['outline']): PlacedShape => {
    const [angle, away] = [between(random, 0, 2 * Math.PI), reach * shape.radius * Math.sqrt(random.uniform())];
    return { x: shape.x + away * Math.cos(angle), y: shape.y + away * Math.sin(angle), radius, outline };
  };
  for (let core = 0; kind.core > 0 && core < kind.cores; core++) {
    const radius = (shape.radius * kind.coreRadius) / Math.sqrt(kind.cores);
    const part = within(radius, kind.cores === 1 ? 0.25 : 0.55, kind.outline(random));
    aroundShape(dye, part, (pixel, distance) => add(pixel, kind.core * soft(distance), coreDye));
  }
  for (let grain = 0; grain < kind.grains; grain++) {
    const dot = within(Math.max(0.6, 0.06 * shape.radius), 0.9, ellipse(random));
    aroundShape(dye, dot, (pixel, distance) => add(pixel, 0.8 * soft(distance), coreDye));
  }
}

/** Dye as light: absorbed from a lamp, or shining in the dark. */
export function lit({ size, values }: Canvas, random: Random): Canvas {
  const canvas = emptyCanvas(size);
  const absorbs = random.uniform() < 0.75;
  const ground = absorbs
    ? drawColour(random).map((value) => 0.6 + 0.4 * value)
    : drawColour(random).map((value) => 0.25 * value);
  const haze = random.uniform() < 0.5 ? noiseField(size, random) : undefined;
  const thick = between(random, 0, 0.5);
  for (let at = 0; at < values.length; at++) {
    const amount = values[at] + (haze === undefined ? 0 : thick * Math.max(0, haze[Math.floor(at / 3)]));
    canvas.values[at] = absorbs ? ground[at % 3] * Math.exp(-amount) : ground[at % 3] + 0.8 * (1 - Math.exp(-amount));
  }
  return canvas;
}
