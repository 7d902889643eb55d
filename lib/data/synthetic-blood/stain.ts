import type { Random } from '../../random';

/** Optical density, natural logarithm, of red, green and blue light. Layers of a smear add up (Beer–Lambert). */
export type Absorbance = readonly [red: number, green: number, blue: number];

/**
 * What each component absorbs where it is dense, close to the colours of published BloodMNIST pictures (May-Grünwald-Giemsa, CellaVision
 * DM96; Acevedo et al. 2020): methylene azure binds DNA and RNA, eosin binds haemoglobin and the granules of eosinophils.
 */
const dyes = {
  chromatin: [1.12, 1.68, 0.55],
  basophilia: [0.52, 0.58, 0.12],
  eosin: [0.2, 0.36, 0.17],
  haemoglobin: [0.22, 0.33, 0.28],
  eosinophilGranule: [0.26, 0.86, 0.56],
  azurophilGranule: [0.72, 1.42, 0.4],
  basophilGranule: [1.25, 1.78, 0.6],
} satisfies Record<string, Absorbance>;

/** The dyes as one slide took them up. */
export type Stain = Readonly<Record<keyof typeof dyes, Absorbance>>;

/** A slide's stain: no two batches are equally strong, equally red or equally blue. */
export function drawStain(random: Random): Stain {
  const strength = Math.exp(random.normal(0, 0.14));
  const azure = Math.exp(random.normal(0, 0.09));
  const hue = [0, 1, 2].map(() => Math.exp(random.normal(0, 0.035)));
  const stained = Object.entries(dyes).map(([name, dye]) => {
    const acid = name === 'eosin' || name === 'haemoglobin' || name === 'eosinophilGranule';
    const uptake = strength * (acid ? 1 / azure : azure) * Math.exp(random.normal(0, 0.05));
    return [name, dye.map((density, channel) => density * uptake * hue[channel] * Math.exp(random.normal(0, 0.04)))];
  });
  return Object.fromEntries(stained) as Stain;
}

/** The density of several components in one place, each with its amount. */
export function blend(...parts: readonly (readonly [dye: Absorbance, amount: number])[]): Absorbance {
  const sum = (channel: 0 | 1 | 2) => parts.reduce((total, [dye, amount]) => total + dye[channel] * amount, 0);
  return [sum(0), sum(1), sum(2)];
}
