/**
 * What frozen features are worth, by three methods that need no network: `knnProbe` trains nothing, `linearProbe` (and its grid) trains a
 * linear layer as the first study does, `logisticRegression` finds the linear layer with the lowest penalised loss, `tokenGrid` is DINOv2's
 * own evaluation. All take the features of the three splits and return the same shape.
 */
export { knnProbe, type KnnSettings } from './knn-probe';
export {
  linearProbe,
  linearProbeGrid,
  linearProbeRecipe,
  type GridRow,
  type GridSettings,
  type LinearProbeSettings,
} from './linear-probe';
export {
  logisticRegression,
  type LogisticFit,
  type LogisticResult,
  type LogisticRow,
  type LogisticSettings,
} from './logistic-regression';
export type { ProbeControls, ProbeResult } from './probe-result';
export { tokenGrid, type TokenGridSettings } from './token-grid';
