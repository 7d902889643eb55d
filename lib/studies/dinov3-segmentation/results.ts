/** A run of the fourth study: one network on one fraction with one seed, and what tables and figures take of it. */
import type { MaskEvaluation, MaskReport } from '../../runs/evaluate-masks';
import type { GridRun } from '../../runs/grid';
import type { SegmentationRow } from '../../runs/results';
import type { Run } from '../../runs/train';

export const dinov3Arms = ['as-published', 'corrected'] as const;
export type Dinov3Arm = (typeof dinov3Arms)[number];

/** The encoder of a U-Net, which has none of its own. */
export const noEncoder = 'none';

/** One run. */
export interface Dinov3Point {
  readonly arm: Dinov3Arm;
  /** Such as `dinov3_vits16`; `none` of a U-Net. */
  readonly encoder: string;
  /** Of the training images, above 0 and at most 1. */
  readonly fraction: number;
  readonly seed: number;
}

/** What tables and figures need of a run, be it just trained or read from its folder. */
export interface Dinov3Run {
  readonly point: Dinov3Point;
  readonly directory: string;
  readonly row: SegmentationRow;
  readonly run: Pick<Run, 'id' | 'history' | 'bestEpoch'>;
  readonly test: Pick<MaskEvaluation, 'ids' | 'scores'> & { readonly report: MaskReport };
}

/** @throws Error where a point was tested without a report */
export function reportedRuns(runs: readonly GridRun<Dinov3Point>[]): Dinov3Run[] {
  return runs.map(({ point, directory, row, run, test }) => {
    const { ids, scores, report } = test;
    if (report === undefined)
      throw new Error('A run of this study is tested with a report: give `test: { report: {} }`.');
    const { id, history, bestEpoch } = run;
    return { point, directory, row, run: { id, history, bestEpoch }, test: { ids, scores, report } };
  });
}
