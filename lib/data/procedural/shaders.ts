/**
 * Small shaders (Baradad et al., Procedural image programs for representation learning, NeurIPS 2022), drawn at random instead of written:
 * networks of waves over the place (Stanley's compositional pattern-producing networks, 2007), and orbits of folds.
 */
import type { Random } from '../../random';
import { between, choose, coloured, drawPalette, emptyCanvas, logBetween, normalize, type DrawTexture } from './canvas';
import { gradientNoise } from './noise';

const activations: readonly ((x: number) => number)[] = [
  (x) => Math.sin(x),
  (x) => Math.sin(2 * x),
  (x) => x / (1 + Math.abs(x)),
  (x) => Math.abs(x) - 1,
  (x) => 2 / (1 + x * x) - 1,
  (x) => x - 2 * Math.round(x / 2),
  (x) => (x > 0 ? 0.7 : -0.7),
];

type Layer = readonly { readonly weights: readonly number[]; readonly offset: number; apply(x: number): number }[];

function drawLayer(random: Random, inputs: number, outputs: number, strength: number): Layer {
  return Array.from({ length: outputs }, () => ({
    weights: Array.from({ length: inputs }, () => random.normal(0, strength / Math.sqrt(inputs))),
    offset: random.normal(),
    apply: choose(random, activations),
  }));
}

/** A small random network from the place, the distance from the middle and noise to the colour. */
export const drawPatternNetwork: DrawTexture = (size, random) => {
  const units = 4 + random.integer(3);
  const strength = between(random, 1, 3.5);
  const layers = [4, ...Array<number>(1 + random.integer(2)).fill(units)].map((inputs) =>
    drawLayer(random, inputs, units, strength),
  );
  const output = drawLayer(random, units, 3, 2);
  const zoom = logBetween(random, 0.7, 3);
  const [startX, startY, phase] = [random.normal(0, 0.5), random.normal(0, 0.5), between(random, 0, 256)];
  const canvas = emptyCanvas(size);
  const isTinted = random.uniform() < 0.5;
  const field = new Float32Array(size * size);
  let values = new Float64Array(units);
  let next = new Float64Array(units);
  const input = new Float64Array(4);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      const [x, y] = [zoom * (2 * (column / size) - 1) + startX, zoom * (2 * (row / size) - 1) + startY];
      input[0] = x;
      input[1] = y;
      input[2] = Math.sqrt(x * x + y * y);
      input[3] = 2 * gradientNoise(2 * x + phase, 2 * y + phase);
      let before: Float64Array = input;
      for (const layer of layers) {
        run(layer, before, next);
        [values, next] = [next, values];
        before = values;
      }
      if (isTinted) {
        for (let channel = 0; channel < 3; channel++)
          canvas.values[3 * at + channel] = 0.5 + 0.5 * unit(output[channel], values);
      } else field[at] = unit(output[0], values);
    }
  }
  return isTinted ? canvas : coloured(field, size, drawPalette(random));
};

function run(layer: Layer, input: Float64Array, output: Float64Array): void {
  for (let index = 0; index < layer.length; index++) output[index] = unit(layer[index], input);
}

function unit({ weights, offset, apply }: Layer[number], input: Float64Array): number {
  let sum = offset;
  for (let index = 0; index < weights.length; index++) sum += weights[index] * input[index];
  return apply(sum);
}

/** Folds, inversions and turns, repeated; the colour tells how near a place comes to a line, a circle or a point on its way. */
export const drawOrbits: DrawTexture = (size, random) => {
  const steps = 3 + random.integer(6);
  const [shiftX, shiftY, turn] = [between(random, 0.2, 1.1), between(random, 0.2, 1.1), between(random, 0, Math.PI)];
  const inverts = random.uniform() < 0.5;
  const grow = between(random, 1.1, 1.9);
  const trap = random.integer(3);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const zoom = logBetween(random, 0.6, 2.5);
  const [startX, startY, sharpness] = [random.normal(0, 0.7), random.normal(0, 0.7), between(random, 1, 8)];
  const field = new Float32Array(size * size);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      let x = zoom * (2 * (column / size) - 1) + startX;
      let y = zoom * (2 * (row / size) - 1) + startY;
      let nearest = Infinity;
      for (let step = 0; step < steps; step++) {
        [x, y] = [Math.abs(x), Math.abs(y)];
        const factor = inverts ? 1 / Math.max(0.05, x * x + y * y) : grow;
        [x, y] = [x * factor - shiftX, y * factor - shiftY];
        [x, y] = [x * cos + y * sin, y * cos - x * sin];
        const distance =
          trap === 0 ? Math.abs(x) : trap === 1 ? Math.abs(Math.sqrt(x * x + y * y) - 0.6) : Math.abs(x) + Math.abs(y);
        if (distance < nearest) nearest = distance;
      }
      field[at] = Math.exp(-sharpness * nearest);
    }
  }
  normalize(field);
  return coloured(field, size, drawPalette(random));
};
