/** Runs of the fourth study that differ in nothing but their seed, put together. */
import { groupRuns as groupsOf, type MaskGroup, type MaskPoint, type MaskRun } from '../../runs/mask-groups';
import { networkOfEncoder, networkTitles, type PublishedNetwork } from './published';
import { noEncoder, ownEncoders } from './parameters';
import { dinov3Encoders, encoderTitle } from './encoders';

/** One run: one network on one fraction with one seed. */
export interface Dinov3Point extends MaskPoint {
  /** Such as `dinov3_vits16`; `none` of a U-Net. */
  readonly encoder: string;
}

export type Dinov3Run = MaskRun<Dinov3Point>;

export interface RunGroup extends MaskGroup<Dinov3Point> {
  /** Which of the study's networks it is or stands for, whatever its weights. */
  readonly networkOfStudy: PublishedNetwork | undefined;
}

/** For tables and figures. */
export function networkTitle({ point: { encoder }, row: { weights } }: Pick<Dinov3Run, 'point' | 'row'>): string {
  if (encoder === noEncoder) return networkTitles.unet;
  const untrained = weights === 'random' && (encoder === ownEncoders[0] || Object.hasOwn(dinov3Encoders, encoder));
  return `${encoderTitle(encoder)}${untrained ? ', random weights' : ''}`;
}

/** See `groupRuns` of `lib/runs/mask-groups.ts`. */
export function groupRuns(runs: readonly Dinov3Run[]): RunGroup[] {
  return groupsOf(runs, networkTitle).map((group) => {
    const { encoder } = group.runs[0].point;
    return {
      ...group,
      networkOfStudy: Object.hasOwn(networkOfEncoder, encoder) ? networkOfEncoder[encoder] : undefined,
    };
  });
}
