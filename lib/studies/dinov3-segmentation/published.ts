/**
 * What the fourth study published: README of github.com/getrichthroughcode/dinov3-isic2018-segmentation. It has no calibration numbers, no
 * HD95 and no interval, though it names the first two.
 */

/** The study's four networks, by the letters that its table has. */
export const publishedNetworks = ['unet', 'small', 'base', 'large'] as const;
export type PublishedNetwork = (typeof publishedNetworks)[number];

/** Which of the study's networks an encoder belongs to; the tour's small ones stand for them. */
export const networkOfEncoder: Readonly<Record<string, PublishedNetwork>> = {
  none: 'unet',
  dinov3_vits16: 'small',
  dinov3_vitb16: 'base',
  dinov3_vitl16: 'large',
  dinov3_tour_s: 'small',
  dinov3_tour_b: 'base',
  dinov3_tour_l: 'large',
  vit_mini_patch4: 'base',
};

export const networkTitles: Readonly<Record<PublishedNetwork, string>> = {
  unet: 'U-Net',
  small: 'DINOv3-S',
  base: 'DINOv3-B',
  large: 'DINOv3-L',
};

/** The study's data: ISIC 2018 task 1 at 256×256, and its training images at each fraction. */
export const dataOfStudy = {
  title: 'ISIC 2018 task 1',
  imageSize: 256,
  train: 2594,
  val: 100,
  test: 1000,
  fractions: [0.25, 0.5, 1],
} as const;

export interface PublishedDice {
  readonly network: PublishedNetwork;
  readonly fraction: number;
  readonly dice: number;
}

/** Test Dice, section "Key Results". A mean over batches of means over images; one seed. */
export const publishedDice: readonly PublishedDice[] = (
  [
    ['unet', 0.828, 0.867, 0.898],
    ['small', 0.867, 0.887, 0.893],
    ['base', 0.876, 0.897, 0.885],
    ['large', 0.878, 0.877, 0.894],
  ] as const
).flatMap(([network, ...scores]) =>
  scores.map((dice, index) => ({ network, fraction: dataOfStudy.fractions[index], dice })),
);

export function publishedScore(network: PublishedNetwork, fraction: number): number {
  return publishedDice.find((row) => row.network === network && row.fraction === fraction)?.dice ?? NaN;
}

/** Sections "Key Results", "H1" to "H3" and "Practical recommendations" of the README. */
export const publishedClaims = {
  /** H1: Base − U-Net at 25 %. Large would be +0.050. */
  advantageAtQuarter: 0.048,
  /** H2: U-Net − Base at 100 %. */
  deficitAtAll: 0.013,
  /**
   * H2, "Win rate: 43.5 % → 62.5 %": the U-Net's, over test images. The README says neither against which network nor from which fraction;
   * it is read here as against Base, from 25 % to 100 %.
   */
  winRates: { quarter: 0.435, all: 0.625 },
  /** "< 1000 images: DINOv3", "> 2000 images: U-Net". */
  crossingBetween: [1000, 2000],
  /** H1: "7× more data-efficient". The README does not say how it was counted. */
  dataEfficiency: 7,
} as const;

/**
 * Values of the study's networks in millions, all and trained, section "Models Compared"; further down the README
 * says 152 for Large. Large has 12 of its 24 blocks.
 */
export const publishedMillions: Readonly<Record<PublishedNetwork, { readonly all: number; readonly trained: number }>> =
  {
    unet: { all: 7.76, trained: 7.76 },
    small: { all: 25, trained: 4 },
    base: { all: 90, trained: 4 },
    large: { all: 156, trained: 4 },
  };
