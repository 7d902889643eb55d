/** The trainings of the few-shot study as values: what each is called, and which they are. */
import type { Vit } from '../../models/encoders';
import type { MaskEvaluation } from '../../runs/evaluate-masks';
import type { Arm } from '../../runs/arms';
import type { GridRun } from '../../runs/grid';
import type { RowFacts } from '../../runs/results';
import type { Run } from '../../runs/train';

export type { Arm as FewShotArm };

/** What is trained: the encoder's weights as they are given, after denoising, or random; left alone or trained with the decoder. */
export interface Series {
  readonly encoder: 'pretrained' | 'denoised' | 'random';
  readonly training: 'frozen' | 'end-to-end';
}

/** The study's F and E first; with them alone, two things change at once. What the last one reaches, no pretraining was needed for. */
export const allSeries = {
  F: { encoder: 'denoised', training: 'frozen' },
  E: { encoder: 'pretrained', training: 'end-to-end' },
  'F without denoising': { encoder: 'pretrained', training: 'frozen' },
  'E from the denoiser': { encoder: 'denoised', training: 'end-to-end' },
  'F from random weights': { encoder: 'random', training: 'frozen' },
} as const satisfies Record<string, Series>;
export type SeriesName = keyof typeof allSeries;

/** One training. */
export interface FewShotPoint {
  readonly arm: Arm;
  readonly series: SeriesName;
  /** Training images. */
  readonly size: number;
  /** Counted from 0. */
  readonly draw: number;
}

/** What tables and figures take of a training. */
export interface FewShotTraining extends Pick<GridRun<FewShotPoint>, 'point' | 'row'> {
  readonly run: Pick<Run, 'history' | 'bestEpoch' | 'recipe'>;
  readonly test: Pick<MaskEvaluation, 'scores' | 'readMasks'>;
}

/** All series at all sizes and draws, in the order in which they run. */
export function pointsOf(
  arm: Arm,
  series: readonly SeriesName[],
  sizes: readonly number[],
  draws: number,
): FewShotPoint[] {
  return series.flatMap((name) =>
    sizes.flatMap((size) => Array.from({ length: draws }, (_, draw) => ({ arm, series: name, size, draw }))),
  );
}

/** What the row of a training says beside what was measured. */
export function rowOf({ arm, series, draw }: FewShotPoint, vit: Vit, settings: RowFacts['settings']): RowFacts {
  const { encoder, training } = allSeries[series];
  const isFromNothing = vit.weights.origin.source === 'random' && series === 'E';
  return {
    arm,
    encoder: vit.name,
    series,
    draw,
    pretraining: encoder === 'denoised' ? 'denoising' : 'none here',
    protocol: training === 'frozen' ? 'frozen' : isFromNothing ? 'scratch' : 'fine-tuned',
    settings,
  };
}
