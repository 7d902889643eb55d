/** Everything that notebook 06 shows of trainings, in the order in which it does; nothing of those that were stopped. */
import { whenTrained } from '../../workbench/when-trained';
import * as claims from './claims';
import * as figures from './figures';
import * as tables from './tables';

export { decoderWidths, encoderRequest } from './encoder';
export { denoisingLosses, denoisingPanel } from '../../workbench/denoising';
export { segmentationLosses } from '../../workbench/mask-charts';
export { caseNames, publishedScores } from './figures';
export { lengthAt, planRows, usableSizes, validationAt } from './published';
export { allSeries, pointsOf, rowOf, type FewShotArm, type FewShotPoint, type FewShotTraining } from './series';
export { modelSizes } from './tables';

export const casePanel = whenTrained(figures.casePanel);
export const scoresOverImages = whenTrained(figures.scoresOverImages);
export const seriesLosses = whenTrained(figures.seriesLosses);
export const scoreTable = whenTrained(tables.scoreTable);
export const comparisonRows = whenTrained(tables.comparisonRows);
export const timingRows = whenTrained(tables.timingRows);
export const claimTable = whenTrained(claims.claimTable);
