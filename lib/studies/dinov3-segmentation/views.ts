/** Everything that notebook 07 shows of runs, in the order in which it does. */
export { publishedCostRows, publishedScoreRows } from './tables';
export { decoderLevels, resolutionPanel, resolutionRows } from './resolution';
export { diceOverImages, publishedDiceChart, reliabilityOfPixels, trainingCurves } from './figures';
export { areComparable, calibrationRows, cleaningRows, costRows, flipRows, scoreRows } from './tables'; // prettier-ignore
export { armRows, winRateRows } from './comparisons';
export { consensusPanel, samplePanel, worstPanel } from './panels';
export { consensusRows } from './masks';
export { claimRows, standInOfBase } from './claims';
export { leftOut } from './arms';
