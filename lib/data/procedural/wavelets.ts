/**
 * Wavelet noise: sparse waves of many sizes whose strength falls with their frequency as in photographs (the statistical images of Baradad
 * et al., Learning to see by looking at noise, NeurIPS 2021).
 */
import { between, coloured, drawPalette, logBetween, normalize, type DrawTexture } from './canvas';

export const drawWavelets: DrawTexture = (size, random) => {
  const field = new Float32Array(size * size);
  const falling = between(random, 0.5, 1.6);
  const sparsity = between(random, 1, 3);
  const [direction, spread] = [between(random, 0, Math.PI), random.uniform() < 0.4 ? between(random, 0.05, 0.6) : 9];
  const [smallest, largest] = [logBetween(random, 0.8, 3), logBetween(random, 5, 14)];
  const crests = between(random, 0.3, 2.2);
  for (let width = largest; width >= smallest; width /= 2) {
    const count = Math.min(500, Math.round(((between(random, 0.1, 0.5) * size) / width) ** 2));
    for (let atom = 0; atom < count; atom++) {
      const strength = random.normal() * Math.abs(random.normal()) ** (sparsity - 1) * (width / largest) ** falling;
      const angle = direction + random.normal(0, spread);
      const place = {
        x: between(random, 0, size),
        y: between(random, 0, size),
        phase: between(random, 0, 2 * Math.PI),
      };
      addWave(field, size, {
        ...place,
        width,
        strength,
        kx: (crests * Math.cos(angle)) / width,
        ky: (crests * Math.sin(angle)) / width,
      });
    }
  }
  normalize(field);
  return coloured(field, size, drawPalette(random));
};

interface Wave {
  readonly x: number;
  readonly y: number;
  /** Standard deviation of its envelope, pixels. */
  readonly width: number;
  readonly strength: number;
  readonly kx: number;
  readonly ky: number;
  readonly phase: number;
}

function addWave(field: Float32Array, size: number, { x, y, width, strength, kx, ky, phase }: Wave): void {
  const reach = 2.2 * width;
  const narrow = 0.5 / width ** 2;
  const lastRow = Math.min(size - 1, Math.floor(y + reach));
  const lastColumn = Math.min(size - 1, Math.floor(x + reach));
  for (let row = Math.max(0, Math.ceil(y - reach)); row <= lastRow; row++) {
    const dy = row - y;
    for (let column = Math.max(0, Math.ceil(x - reach)); column <= lastColumn; column++) {
      const dx = column - x;
      const envelope = Math.exp(-narrow * (dx * dx + dy * dy));
      field[row * size + column] += strength * envelope * Math.cos(kx * dx + ky * dy + phase);
    }
  }
}
