/** Gratings: waves of one kind and their sums, along lines, rings, rays and spirals, some of them bent. */
import { between, choose, coloured, drawPalette, logBetween, type DrawTexture } from './canvas';
import { gradientNoise } from './noise';

export const drawGrating: DrawTexture = (size, random) => {
  const waves = Array.from({ length: 1 + random.integer(3) }, () => ({
    kind: choose(random, ['lines', 'lines', 'lines', 'rings', 'rays', 'spiral'] as const),
    turn: between(random, 0, 2 * Math.PI),
    count: logBetween(random, 1.5, size / 4),
    arms: 1 + random.integer(7),
    x: between(random, -0.2, 1.2),
    y: between(random, -0.2, 1.2),
    chirp: random.uniform() < 0.3 ? between(random, -0.6, 0.6) : 0,
    strength: between(random, 0.4, 1),
  }));
  const profile = choose(random, [
    (wave: number) => wave,
    (wave: number) => Math.max(-0.6, Math.min(0.6, 3 * wave)),
    (wave: number) => 1 - 2 * Math.abs(wave),
  ]);
  const multiplies = random.uniform() < 0.3;
  const bend = random.uniform() < 0.5 ? between(random, 0.02, 0.15) : 0;
  const [phase, scale] = [between(random, 0, 256), between(random, 1.5, 5)];
  const field = new Float32Array(size * size);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      let [x, y] = [column / size, row / size];
      if (bend > 0) {
        const shift = bend * gradientNoise(scale * x + phase, scale * y);
        y += bend * gradientNoise(scale * x, scale * y + phase);
        x += shift;
      }
      let value = multiplies ? 1 : 0;
      for (const { kind, turn, count, arms, x: middleX, y: middleY, chirp, strength } of waves) {
        const [dx, dy] = [x - middleX, y - middleY];
        const away = Math.sqrt(dx * dx + dy * dy);
        const along = kind === 'lines' ? dx * Math.cos(turn) + dy * Math.sin(turn) : away;
        const around = kind === 'rays' || kind === 'spiral' ? arms * Math.atan2(dy, dx) : 0;
        const radial = kind === 'rays' ? 0 : 2 * Math.PI * count * along * (1 + chirp * along);
        const wave = strength * profile(Math.sin(radial + around + turn));
        value = multiplies ? value * (0.3 + wave) : value + wave;
      }
      field[at] = value;
    }
  }
  return coloured(field, size, drawPalette(random));
};
