/** Dice over the number of training images: where two networks change places, and how many images one needs for what the other reaches. */
import { crossingPoint, imagesToReach, type LearningCurve } from '../../metrics/learning-curves';
import { type RunGroup } from './groups';
import { fractionsOf } from '../../runs/mask-groups';
import { curvesOfPairs, type DiceCurves, type GroupsCompared } from '../../workbench/mask-claims';
import { dataOfStudy, publishedScore, type PublishedNetwork } from './published';

/** The groups of one arm at one fraction: the U-Net first, and the network that stands for the study's Base. */
export function pairAt(groups: readonly RunGroup[], fraction: number): GroupsCompared {
  const [first, second] = [unetOf(groups), baseOf(groups)].map((series) =>
    series.find((one) => one.fraction === fraction),
  );
  return first === undefined || second === undefined ? undefined : { first, second };
}

/** The other way round. */
export function swapped(pair: GroupsCompared): GroupsCompared {
  return pair && { first: pair.second, second: pair.first };
}

function unetOf(groups: readonly RunGroup[]): readonly RunGroup[] {
  return seriesOf(
    groups,
    groups.find(({ networkOfStudy }) => networkOfStudy === 'unet'),
  );
}

/** Base; where it was not run, the first frozen network there is. */
export function baseOf(groups: readonly RunGroup[]): readonly RunGroup[] {
  const frozen = groups.filter(({ networkOfStudy }) => networkOfStudy !== 'unet');
  return seriesOf(frozen, frozen.find(({ networkOfStudy }) => networkOfStudy === 'base') ?? frozen[0]);
}

function seriesOf(groups: readonly RunGroup[], of: RunGroup | undefined): readonly RunGroup[] {
  return groups.filter(({ network }) => network === of?.network);
}

/** Both networks at every fraction that both were trained at. */
export function curvesOf(groups: readonly RunGroup[]): DiceCurves | undefined {
  return curvesOfPairs(baseOf(groups).flatMap(({ fraction }) => pairAt(groups, fraction) ?? []));
}

/** Of the study's sizes, each with the next smaller one, at every fraction. */
export function stepsOf(groups: readonly RunGroup[]): NonNullable<GroupsCompared>[] {
  return fractionsOf(groups).flatMap((fraction) => {
    const sizes = (['small', 'base', 'large'] as const).flatMap(
      (size) => groups.find((one) => one.networkOfStudy === size && one.fraction === fraction) ?? [],
    );
    return sizes.slice(1).map((first, index) => ({ first, second: sizes[index] }));
  });
}

function publishedCurve(network: PublishedNetwork): LearningCurve {
  return {
    images: dataOfStudy.fractions.map((fraction) => Math.floor(dataOfStudy.train * fraction)),
    scores: dataOfStudy.fractions.map((fraction) => publishedScore(network, fraction)),
  };
}

/** Of Base and the U-Net, from the study's table. */
export function publishedCrossing(): number {
  return crossingPoint(publishedCurve('base'), publishedCurve('unet').scores);
}

/** How many times the images the U-Net needs for what Base reaches at 25 %, from the study's table. */
export function publishedEfficiency(): number {
  const { images } = publishedCurve('unet');
  return imagesToReach(publishedCurve('unet'), publishedScore('base', 0.25)) / images[0];
}
