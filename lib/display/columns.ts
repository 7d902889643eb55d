/** How the columns of results are shown unless a table says otherwise. */

/** Decimals. */
export const columnDigits: Readonly<Record<string, number>> = {
  testAccuracy: 4,
  testMacroF1: 4,
  testAuc: 4,
  bestValAccuracy: 4,
  seconds: 1,
  headSeconds: 1,
  featureSeconds: 1,
  testHd95: 1,
  hd95: 1,
  learningRate: 6,
  weightDecay: 6,
};

export const columnHeadings: Readonly<Record<string, string>> = {
  trainImages: 'Images',
  testIou: 'IoU',
  testDice: 'Dice',
  testSensitivity: 'Sens.',
  testHd95: 'HD95',
};
