import type { Random } from '../../random';
import type { Absorbance } from '../synthetic-blood/stain';
import { absorb, type Samples } from '../synthetic-blood/grid';
import { between, valueNoise } from '../synthetic-blood/noise';

/** Bound once: some loaders turn an import into a getter, which the inner loops would feel. */
const [noise, add] = [valueNoise, absorb];

/** What colours skin, where it is dense: optical density (natural logarithm) of red, green and blue light. */
export const chromophores = {
  melanin: [0.42, 0.7, 0.92],
  haemoglobin: [0.06, 0.44, 0.34],
} satisfies Record<string, Absorbance>;

export interface Skin {
  /** Amounts of melanin (0.1 fair to 1.3 dark) and of blood. */
  readonly melanin: number;
  readonly blood: number;
  /** Part by which blood and melanin vary over millimetres. */
  readonly flush: number;
  readonly mottling: number;
  /** Depth of the fine furrows, as density; the direction that they prefer, radians; millimetres from one to the next. */
  readonly furrows: number;
  readonly angle: number;
  readonly spacing: number;
  readonly phase: number;
}

/** Mostly fair, as in the ISIC archive; one in six is brown or dark. */
export function drawSkin(random: Random): Skin {
  const dark = random.uniform() < 0.16;
  return {
    melanin: dark ? between(random, 0.5, 1.15) : between(random, 0.08, 0.42),
    blood: between(random, 0.25, 0.95),
    flush: between(random, 0.08, 0.4),
    mottling: between(random, 0.04, 0.18),
    furrows: between(random, 0.01, 0.07),
    angle: Math.PI * random.uniform(),
    spacing: between(random, 0.35, 0.7),
    phase: 64 * random.uniform(),
  };
}

export function drawSkinInto(samples: Samples, skin: Skin): void {
  const { width, pitch } = samples;
  const { melanin, blood, flush, mottling, spacing, phase } = skin;
  const [cos, sin] = [Math.cos(skin.angle), Math.sin(skin.angle)];
  // Furrows that are finer than a pixel are not seen.
  const furrows = skin.furrows * Math.min(1, Math.max(0, spacing / pitch - 1.5) / 2);
  for (let row = 0, at = 0; row < width; row++) {
    const y = (row + 0.5 - width / 2) * pitch;
    for (let column = 0; column < width; column++, at++) {
      const x = (column + 0.5 - width / 2) * pitch;
      const slow = noise(x * 0.16 + phase, y * 0.16);
      const patches = noise(x * 0.6, y * 0.6 + phase);
      const fine = noise(x * 2.7 + phase, y * 2.7 + phase);
      let relief = 0;
      if (furrows > 0) {
        const u = (x * cos + y * sin) / spacing + 0.3 * patches;
        const v = (y * cos - x * sin) / spacing;
        // Two families of creases that cross at an acute angle: noise stretched along each, deep where it changes its sign.
        const first = noise(0.3 * u + phase, v + 0.25 * u);
        const second = noise(0.3 * u, v - 0.35 * u + phase);
        relief = furrows * (1 - 2.5 * Math.min(Math.abs(first), Math.abs(second)));
      }
      add(samples, at, chromophores.melanin, melanin * (1 + mottling * (1.2 * slow + patches + 0.5 * fine)) + relief);
      add(samples, at, chromophores.haemoglobin, blood * (1 + flush * (1.3 * slow - 0.8 * patches)) + 0.5 * relief);
    }
  }
}
