/** Everything that notebook 07 shows of runs, in the order in which it does. */
export { publishedCostRows, publishedScoreRows } from './dinov3-segmentation-tables';
export { decoderLevels, resolutionPanel, resolutionRows } from './dinov3-segmentation-resolution';
export { diceOverImages, publishedDiceChart, reliabilityOfPixels, trainingCurves } from './dinov3-segmentation-figures';
export { areComparable, calibrationRows, cleaningRows, costRows, flipRows, scoreRows } from './dinov3-segmentation-tables'; // prettier-ignore
export { armRows, winRateRows } from './dinov3-segmentation-comparisons';
export { consensusPanel, samplePanel, worstPanel } from './dinov3-segmentation-panels';
export { consensusRows } from './dinov3-segmentation-masks';
export { claimRows, standInOfBase } from './dinov3-segmentation-claims';
export { leftOut } from './dinov3-segmentation-arms';
