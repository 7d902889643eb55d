/**
 * Granulocytes as shapes and absorbances in micrometres. Sizes and features: WHO, Manual of basic techniques for a health laboratory
 * (2nd ed. 2003, chapter 9) and Palmer et al., ICSH recommendations (Int J Lab Hematol 37, 2015). Diameters keep to the lower half of the
 * textbooks' ranges, as in the photographs of Acevedo et al. (Data in Brief 30, 2020), which are BloodMNIST. Bands
 * and metamyelocytes overlap, as they do on a slide.
 */
import type { Random } from '../../random';
import { dose, nucleusInside, scatter, type Cell } from './cell';
import { between } from './noise';
import { bentNucleus, indentedNucleus, lobedNucleus, ovalNucleus } from './nucleus';
import { blend, type Stain } from './stain';

/** 9–14 µm; coarse, unequal, dark purple granules that hide a two- or three-lobed nucleus; some wash out of the cell. */
export function basophil(random: Random, stain: Stain): Cell {
  const radius = between(random, 4.6, 6.8);
  const washedOut = random.uniform() ** 2;
  const lobes = 2 + random.integer(2);
  const shape = lobedNucleus(random, lobes, radius * between(random, 0.4, 0.5), radius * 0.3);
  const spots = scatter(
    random,
    Math.round(radius ** 2 * between(random, 1.9, 2.6) * (1 - 0.5 * washedOut)),
    radius,
    0.3,
    0.62,
    0.5,
  );
  return {
    radius,
    stretch: between(random, 1, 1.2),
    roughness: between(random, 0.25, 0.6),
    bumpSize: 2.2,
    softness: 0.4,
    cytoplasm: blend([stain.eosin, between(random, 0.5, 1.2)], [stain.basophilia, between(random, 0.2, 0.7)]),
    mottling: 0.35,
    grain: 0.8,
    rim: 0,
    nucleus: nucleusInside(random, shape, radius * 0.9, 0.25, {
      absorbance: dose(random, stain.chromatin, 0.55, 0.85),
      clumping: 0.35,
      clumpSize: 1.4,
    }),
    granules: { spots, absorbance: dose(random, stain.basophilGranule, 0.65, 1), overNucleus: 0.65 },
    paleSpots: [],
  };
}

/** 10–14 µm; two lobes (sometimes three, or a band) and coarse, equal, orange-red granules that fill the cytoplasm. */
export function eosinophil(random: Random, stain: Stain): Cell {
  const radius = between(random, 4.9, 7);
  const kind = random.uniform();
  const shape =
    kind < 0.72
      ? lobedNucleus(random, 2, radius * between(random, 0.36, 0.44), between(random, 0.3, 1.2))
      : kind < 0.87
        ? lobedNucleus(random, 3, radius * between(random, 0.29, 0.35), between(random, 0.3, 0.8))
        : bentNucleus(random, radius * 0.5, between(random, 1.8, 3.4), radius * between(random, 0.24, 0.32));
  const spots = scatter(random, Math.round(radius ** 2 * between(random, 3.6, 5)), radius * 0.97, 0.27, 0.42);
  const granule = dose(random, stain.eosinophilGranule, 0.7, 1.1);
  return {
    radius,
    stretch: between(random, 1, 1.18),
    roughness: between(random, 0.15, 0.4),
    bumpSize: 2.5,
    softness: 0.35,
    cytoplasm: blend([stain.eosin, between(random, 0.8, 1.3)], [stain.basophilia, between(random, 0, 0.2)]),
    mottling: 0.2,
    grain: 0.7,
    rim: 0,
    nucleus: nucleusInside(random, shape, radius * 0.95, 0.35, {
      absorbance: dose(random, stain.chromatin, 0.8, 1.05),
      clumping: 0.35,
      clumpSize: 1.3,
    }),
    granules: { spots, absorbance: granule, overNucleus: 0.12 },
    paleSpots: [],
  };
}

/** 10–14 µm; two to five lobes on thin filaments, or a band; pale pink cytoplasm dusted with fine granules. */
export function neutrophil(random: Random, stain: Stain): Cell {
  const radius = between(random, 5.1, 7.2);
  const kind = random.uniform();
  const lobes = kind < 0.2 ? 2 : kind < 0.55 ? 3 : kind < 0.74 ? 4 : 5;
  const shape =
    kind > 0.8
      ? bentNucleus(
          random,
          radius * between(random, 0.42, 0.55),
          between(random, 2.4, 4.6),
          radius * between(random, 0.19, 0.27),
        )
      : lobedNucleus(
          random,
          lobes,
          radius * (0.43 - 0.04 * lobes) * between(random, 0.92, 1.1),
          between(random, 0.15, 0.45),
        );
  return {
    radius,
    stretch: between(random, 1, 1.2),
    roughness: between(random, 0.15, 0.6),
    bumpSize: 4,
    softness: 0.4,
    cytoplasm: blend([stain.eosin, between(random, 0.6, 1.1)], [stain.basophilia, between(random, 0, 0.25)]),
    mottling: between(random, 0.15, 0.4),
    grain: 0.4,
    rim: 0,
    nucleus: nucleusInside(random, shape, radius * 0.9, 0.3, {
      absorbance: dose(random, stain.chromatin, 0.85, 1.08),
      clumping: between(random, 0.25, 0.5),
      clumpSize: 1.2,
    }),
    granules: {
      spots: scatter(random, Math.round(radius ** 2 * between(random, 0.6, 2)), radius * 0.93, 0.1, 0.19, 0.3),
      absorbance: dose(random, stain.azurophilGranule, 0.25, 0.5),
      overNucleus: 0.05,
    },
    paleSpots: [],
  };
}

/** 11–16 µm; promyelocyte (round nucleus, azurophilic granules), myelocyte (smaller oval nucleus), metamyelocyte (indented). */
export function immatureGranulocyte(random: Random, stain: Stain): Cell {
  const age = random.uniform();
  const radius = between(random, 5.6, 7.7) + 0.5 * (1 - age);
  const nuclear = radius * (0.76 - 0.16 * age) * between(random, 0.93, 1.07);
  const elongation = between(random, 0.1, 0.5);
  const shape =
    age < 0.6
      ? ovalNucleus(random, nuclear, elongation)
      : indentedNucleus(random, nuclear, elongation + 0.2, between(random, 0.15, 0.6));
  const azurophilic = Math.max(0, 0.75 - age) * 90 + 6 * random.uniform();
  const golgi = {
    x: 0,
    y: radius * 0.55,
    radius: radius * between(random, 0.2, 0.32),
    softness: 2.2,
    strength: between(random, 0, 0.65),
  };
  return {
    radius,
    stretch: between(random, 1, 1.2),
    roughness: between(random, 0.15, 0.5),
    bumpSize: 4,
    softness: 0.4,
    cytoplasm: blend(
      [stain.basophilia, 0.9 * (1 - age) * between(random, 0.7, 1.1) + 0.12],
      [stain.eosin, 0.35 + 0.75 * age * between(random, 0.7, 1.2)],
    ),
    mottling: between(random, 0.15, 0.35),
    grain: 0.5,
    rim: between(random, 0, 0.25),
    nucleus: nucleusInside(random, shape, radius * 0.96, 0.3, {
      absorbance: dose(random, stain.chromatin, 0.72, 0.98),
      clumping: between(random, 0.2, 0.4),
      clumpSize: 1.1,
    }),
    granules: {
      spots: scatter(random, Math.round(azurophilic), radius * 0.93, 0.16, 0.32),
      absorbance: dose(random, stain.azurophilGranule, 0.5, 0.8),
      overNucleus: 0.5,
    },
    paleSpots: [golgi],
  };
}
