/** What the images of the four kinds of task show. Colours and places tell nothing of the label. */
import type { Random } from '../../random';
import { between } from '../synthetic-blood/noise';
import {
  createCanvas,
  developed,
  disc,
  everywhere,
  paint,
  ring,
  rod,
  union,
  wavyDisc,
  type Canvas,
  type Shape,
  type Tone,
} from './canvas';

/** size × size × channels bytes. `labels` has one entry, or one of 0 and 1 for each label of a multi-label task. */
export type DrawScene = (labels: Int32Array, size: number, random: Random) => Uint8Array;

/** A stained cell, in colour; its class is the shape of its nucleus. */
export const drawCell: DrawScene = ([label], size, random) => {
  const canvas = createCanvas(size, [
    between(random, 0.8, 0.95),
    between(random, 0.75, 0.9),
    between(random, 0.75, 0.9),
  ]);
  const stain: Tone = [between(random, 0.25, 0.6), between(random, 0.1, 0.45), between(random, 0.4, 0.75)];
  const [x, y] = [between(random, 0.4, 0.6), between(random, 0.4, 0.6)];
  const radius = between(random, 0.16, 0.24);
  const turn = between(random, 0, 2 * Math.PI);
  paint(
    canvas,
    wavyDisc(x, y, between(random, 0.34, 0.4), 3, 0.06, turn),
    stain.map((value) => (value + 1.2) / 2),
  );
  const lobes = [0, 1, 2].map((lobe) => {
    const angle = turn + (2 * Math.PI * lobe) / 3;
    return disc(x + 0.75 * radius * Math.cos(angle), y + 0.75 * radius * Math.sin(angle), 0.55 * radius);
  });
  const nuclei: readonly Shape[] = [
    disc(x, y, radius),
    ring(x, y, radius, 0.55 * radius),
    rod(x, y, 2 * radius, 0.9 * radius, turn),
    union(lobes),
    wavyDisc(x, y, radius, 5, 0.3, turn),
  ];
  paint(canvas, nuclei[label], stain, { opacity: () => 0.7 });
  return developed(canvas, random, 0.1);
};

/** A dark nodule in speckle, in grey; its class is whether its outline is even. */
export const drawNodule: DrawScene = ([label], size, random) => {
  const canvas = createCanvas(size, [between(random, 0.45, 0.6)]);
  const [x, y] = [between(random, 0.38, 0.62), between(random, 0.38, 0.62)];
  const radius = between(random, 0.22, 0.3);
  const depth = label === 1 ? between(random, 0.2, 0.38) : between(random, 0, 0.1);
  const outline = wavyDisc(x, y, radius, 4 + random.integer(4), depth, between(random, 0, 2 * Math.PI));
  paint(canvas, outline, [between(random, 0.15, 0.3)], { softness: 0.08 });
  // Speckle is stronger where the echo is.
  const speckled = canvas.values.map((value) => value * (1 + between(random, -0.3, 0.3)));
  return developed({ ...canvas, values: speckled }, random, 0.05);
};

/** Up to six signs on one plate, in grey. */
export const drawSigns: DrawScene = (labels, size, random) => {
  const canvas = createCanvas(size, [between(random, 0.3, 0.4)]);
  const tilt = between(random, 0, 2 * Math.PI);
  const shade = (x: number, y: number): number => 0.5 + 0.4 * (Math.cos(tilt) * (x - 0.5) + Math.sin(tilt) * (y - 0.5));
  paint(canvas, everywhere, [between(random, 0.45, 0.6)], { opacity: shade });
  // Each sign draws its numbers whether it is there or not: one label changes nothing else in the image.
  signs.forEach((sign, index) => {
    const drawn = sign(random);
    if (labels[index] === 1) drawn(canvas);
  });
  return developed(canvas, random, 0.12);
};

type Sign = (random: Random) => (canvas: Canvas) => void;

const place = (random: Random): [number, number] => [between(random, 0.2, 0.8), between(random, 0.2, 0.8)];
const painted =
  (shape: Shape, tone: number, opacity?: (x: number, y: number) => number) =>
  (canvas: Canvas): void =>
    paint(canvas, shape, [tone], { opacity });

const signs: readonly Sign[] = [
  (random) => painted(disc(...place(random), between(random, 0.07, 0.11)), 0.85),
  (random) => painted(ring(...place(random), between(random, 0.12, 0.18), 0.06), 0.85),
  (random) => painted(rod(...place(random), 0.5, 0.06, between(random, 0, Math.PI)), 0.1),
  (random) => {
    const haze = place(random);
    const width = between(random, 0.2, 0.3);
    const density = (x: number, y: number): number =>
      0.65 * Math.exp(-((x - haze[0]) ** 2 + (y - haze[1]) ** 2) / (2 * width ** 2));
    return painted(everywhere, 0.9, density);
  },
  (random) => {
    const grains = Array.from({ length: 12 }, () => disc(...place(random), 0.025));
    return painted(union(grains), 0.95);
  },
  (random) => {
    const level = between(random, 0.7, 0.85);
    return painted(
      (_, y) => level - y,
      0.75,
      () => 0.8,
    );
  },
];

/** The back of an eye, in colour; its grade is how many dark spots there are, give or take. Bright spots mean nothing. */
export const drawRetina: DrawScene = ([grade], size, random) => {
  const canvas = createCanvas(size, [0.05, 0.03, 0.03]);
  const warmth = between(random, 0.65, 0.8);
  paint(canvas, disc(0.5, 0.5, 0.46), [warmth, 0.55 * warmth, 0.3 * warmth]);
  const spot = (): [number, number] => {
    const [distance, angle] = [0.38 * Math.sqrt(random.uniform()), between(random, 0, 2 * Math.PI)];
    return [0.5 + distance * Math.cos(angle), 0.5 + distance * Math.sin(angle)];
  };
  const spots = (count: number, radius: number): Shape =>
    union(Array.from({ length: count }, () => disc(...spot(), radius)));
  paint(canvas, disc(...spot(), 0.08), [0.95, 0.85, 0.55]);
  const bright = random.integer(5);
  if (bright > 0) paint(canvas, spots(bright, 0.03), [0.9, 0.8, 0.4]);
  const dark = Math.max(0, 3 * grade + random.integer(3) - 1);
  if (dark > 0) paint(canvas, spots(dark, 0.042), [0.35, 0.05, 0.05]);
  return developed(canvas, random, 0.08);
};
