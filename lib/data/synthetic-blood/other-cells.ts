/**
 * Lymphocytes, monocytes, erythroblasts and platelets, after the sources that `granulocytes.ts` names. Large
 * lymphocytes and small monocytes overlap, as they do on a slide.
 */
import type { Random } from '../../random';
import { dose, nucleusInside, scatter, type Cell, type PaleSpot } from './cell';
import { between } from './noise';
import { bentNucleus, indentedNucleus, lobedNucleus, ovalNucleus } from './nucleus';
import { blend, type Stain } from './stain';

/** 8–13 µm; a round, dense, clumped nucleus in a thin blue rim; large ones have more, paler cytoplasm and a slight indentation. */
export function lymphocyte(random: Random, stain: Stain): Cell {
  const large = random.uniform() < 0.35;
  const radius = large ? between(random, 5.2, 6.6) : between(random, 4, 5.3);
  const nuclear = radius * (large ? between(random, 0.7, 0.85) : between(random, 0.82, 0.93));
  const elongation = between(random, 0, 0.3);
  const shape =
    random.uniform() < 0.3
      ? indentedNucleus(random, nuclear, elongation, between(random, 0.1, 0.3))
      : ovalNucleus(random, nuclear, elongation);
  return {
    radius,
    stretch: between(random, 1, large ? 1.25 : 1.12),
    roughness: between(random, 0.15, large ? 0.8 : 0.4),
    bumpSize: 4,
    softness: 0.35,
    cytoplasm: blend([stain.basophilia, large ? between(random, 0.5, 0.9) : between(random, 0.75, 1.25)]),
    mottling: 0.12,
    grain: 1,
    rim: between(random, 0, 0.3),
    nucleus: nucleusInside(random, shape, radius * 0.98, 0.25, {
      absorbance: dose(random, stain.chromatin, 0.85, 1.08),
      clumping: between(random, 0.3, 0.55),
      clumpSize: 1.6,
    }),
    granules: {
      spots: scatter(random, large ? random.integer(7) : 0, radius * 0.9, 0.15, 0.3),
      absorbance: stain.azurophilGranule,
      overNucleus: 0.2,
    },
    paleSpots: [],
  };
}

/** 11–16 µm, of irregular outline; a kidney-shaped, horseshoe or folded nucleus of loose chromatin; grey-blue cytoplasm, vacuoles. */
export function monocyte(random: Random, stain: Stain): Cell {
  const radius = between(random, 5.7, 7.9);
  const kind = random.uniform();
  const shape =
    kind < 0.45
      ? bentNucleus(
          random,
          radius * between(random, 0.42, 0.55),
          between(random, 1.5, 2.9),
          radius * between(random, 0.33, 0.42),
        )
      : kind < 0.75
        ? indentedNucleus(
            random,
            radius * between(random, 0.6, 0.76),
            between(random, 0.2, 0.6),
            between(random, 0.25, 0.6),
          )
        : lobedNucleus(
            random,
            2 + random.integer(2),
            radius * between(random, 0.38, 0.46),
            radius * between(random, 0.25, 0.4),
          );
  const vacuoles: PaleSpot[] = [];
  for (let count = random.uniform() < 0.55 ? 1 + random.integer(6) : 0; count > 0; count--) {
    const angle = 2 * Math.PI * random.uniform();
    const distance = radius * between(random, 0.45, 0.9);
    const size = between(random, 0.2, 0.6);
    vacuoles.push({
      x: distance * Math.cos(angle),
      y: distance * Math.sin(angle),
      radius: size,
      softness: 0.3 + 0.4 * size,
      strength: 0.7,
    });
  }
  return {
    radius,
    stretch: between(random, 1, 1.28),
    roughness: between(random, 0.4, 1.5),
    bumpSize: between(random, 3.5, 5.5),
    softness: 0.5,
    cytoplasm: blend([stain.basophilia, between(random, 0.5, 0.85)], [stain.eosin, between(random, 0.1, 0.4)]),
    mottling: between(random, 0.15, 0.3),
    grain: 0.55,
    rim: 0,
    nucleus: nucleusInside(random, shape, radius * 0.94, 0.3, {
      absorbance: dose(random, stain.chromatin, 0.66, 0.9),
      clumping: between(random, 0.2, 0.4),
      clumpSize: 0.9,
    }),
    granules: {
      spots: scatter(random, random.integer(25), radius * 0.9, 0.12, 0.22),
      absorbance: stain.azurophilGranule,
      overNucleus: 0.1,
    },
    paleSpots: vacuoles,
  };
}

/** 7–11 µm; a small, round, very dense nucleus; the cytoplasm turns from blue to greyish pink as haemoglobin fills it. */
export function erythroblast(random: Random, stain: Stain): Cell {
  const maturity = random.uniform();
  const radius = between(random, 3.7, 4.7) + 0.9 * (1 - maturity);
  const room = radius * (0.76 - 0.28 * maturity) * between(random, 0.92, 1.08);
  const cytoplasm = blend(
    [stain.basophilia, 0.15 + 1.15 * (1 - maturity) * between(random, 0.7, 1.2)],
    [stain.haemoglobin, 0.3 + 0.7 * maturity],
  );
  return {
    radius,
    stretch: between(random, 1, 1.3),
    roughness: between(random, 0.2, 0.7),
    bumpSize: 4,
    softness: 0.35,
    cytoplasm,
    mottling: 0.15,
    grain: 1.2,
    rim: 0.1,
    nucleus: nucleusInside(random, ovalNucleus(random, room, between(random, 0, 0.3)), radius * 0.98, 0.45, {
      absorbance: dose(random, stain.chromatin, 0.95, 1.25),
      clumping: between(random, 0.1, 0.35),
      clumpSize: 1.3,
    }),
    paleSpots: [],
  };
}

/** 3–5 µm, giant ones up to 8; no nucleus: purple granules gathered in a pale blue body. */
export function platelet(random: Random, stain: Stain): Cell {
  const radius = random.uniform() < 0.2 ? between(random, 2.6, 4) : between(random, 1.3, 2.6);
  return {
    radius,
    stretch: between(random, 1, 1.6),
    roughness: between(random, 0.3, 0.9),
    bumpSize: 1.5,
    softness: 0.5,
    cytoplasm: blend(
      [stain.basophilia, between(random, 0.3, 0.9)],
      [stain.azurophilGranule, between(random, 0.1, 0.45)],
    ),
    mottling: 0.3,
    grain: 0.6,
    rim: 0,
    granules: {
      spots: scatter(
        random,
        Math.round(4 + radius ** 2 * between(random, 2, 5)),
        radius * between(random, 0.6, 0.85),
        0.2,
        0.42,
      ),
      absorbance: dose(random, stain.azurophilGranule, 0.5, 1),
      overNucleus: 0,
    },
    paleSpots: [],
  };
}
