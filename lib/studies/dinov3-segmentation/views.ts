/** Everything that notebook 07 shows of runs, in the order in which it does; nothing of those that were stopped. */
import { whenTrained } from '../../workbench/when-trained';
import * as claims from './claims';
import * as figures from './figures';
import { consensusRows as consensus } from './masks';
import * as panels from './panels';
import * as tables from './tables';

export { publishedCostRows, publishedScoreRows } from './tables';
export { decoderLevels, resolutionPanel, resolutionRows } from './resolution';
export { publishedDiceChart } from './figures';
export { armsOf, leftOut, pointsOf, seedsFrom, workOf } from './arms';
export { encoderRequest, encodersOf } from './encoders';
export { fractionsOf } from './parameters';
export { noEncoder, reportedRuns, type Dinov3Point } from './results';
export { dinoUnetBlocks } from '../../models/feature-maps';

export const diceOverImages = whenTrained(figures.diceOverImages);
export const reliabilityOfPixels = whenTrained(figures.reliabilityOfPixels);
export const trainingCurves = whenTrained(figures.trainingCurves);
export const areComparable = whenTrained(tables.areComparable);
export const calibrationRows = whenTrained(tables.calibrationRows);
export const cleaningRows = whenTrained(tables.cleaningRows);
export const costRows = whenTrained(tables.costRows);
export const flipRows = whenTrained(tables.flipRows);
export const scoreRows = whenTrained(tables.scoreRows);
export const armRows = whenTrained(tables.armRows);
export const winRateRows = whenTrained(tables.winRateRows);
export const consensusPanel = whenTrained(panels.consensusPanel);
export const samplePanel = whenTrained(panels.samplePanel);
export const worstPanel = whenTrained(panels.worstPanel);
export const consensusRows = whenTrained(consensus);
export const claimTable = whenTrained(claims.claimTable);
