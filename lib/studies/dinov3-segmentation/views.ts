/** Everything that notebook 07 shows of runs, in the order in which it does; nothing of those that were stopped. */
import * as charts from '../../workbench/mask-charts';
import * as panels from '../../workbench/mask-panels';
import * as tables from '../../workbench/mask-tables';
import { whenTrained } from '../../workbench/when-trained';
import * as claims from './claims';
import * as comparison from './comparison';
import { groupRuns, type RunGroup } from './groups';
import type { Dinov3Run } from './groups';

export { publishedCostRows, publishedDiceChart, publishedScoreRows } from './comparison';
export { decoderLevels, resolutionPanel, resolutionRows } from './resolution';
export { armsOf, leftOut, pointsOf, seedsFrom, workOf } from './arms';
export { encoderRequest, encodersOf } from './encoders';
export { fractionsOf } from './parameters';
export type { Dinov3Point } from './groups';
export { noEncoder } from './parameters';
export { reportedRuns } from '../../runs/mask-groups';
export { dinoUnetBlocks } from '../../models/feature-maps';

/** A view of groups as one of runs. */
function ofRuns<A extends readonly unknown[], R>(view: (groups: readonly RunGroup[], ...rest: A) => R) {
  return whenTrained((runs: readonly Dinov3Run[], ...rest: A) => view(groupRuns(runs), ...rest));
}

export const diceOverImages = whenTrained(comparison.diceOverImages);
export const reliabilityOfPixels = ofRuns(charts.reliabilityOfPixels);
export const trainingCurves = ofRuns(charts.trainingCurves);
export const areComparable = whenTrained(comparison.areComparable);
export const calibrationRows = ofRuns(tables.calibrationRows);
export const cleaningRows = ofRuns(tables.cleaningRows);
export const costRows = ofRuns(tables.costRows);
export const flipRows = ofRuns(tables.flipRows);
export const scoreRows = ofRuns(tables.scoreRows);
export const armRows = ofRuns(tables.armRows);
export const winRateRows = ofRuns(tables.winRateRows);
export const consensusPanel = ofRuns(panels.consensusPanel);
export const consensusRows = ofRuns(panels.consensusRows);
export const samplePanel = ofRuns(panels.samplePanel);
export const worstPanel = ofRuns(panels.worstPanel);
export const claimTable = whenTrained(claims.claimTable);
