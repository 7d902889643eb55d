/** Dice over the number of training images: where two networks change places, and how many images one needs for what the other reaches. */
import { crossingPoint, imagesToReach, type LearningCurve } from '../../metrics/learning-curves';
import { type RunGroup } from './groups';
import { metricBySeed, withSharedSeeds } from '../../runs/mask-scores';
import { dataOfStudy, publishedScore, type PublishedNetwork } from './published';

/** The groups of one arm at one fraction: the U-Net, and the network that stands for the study's Base. */
export function pairAt(groups: readonly RunGroup[], fraction: number): { unet: RunGroup; dino: RunGroup } | undefined {
  const [unet, dino] = [unetOf(groups), baseOf(groups)].map((series) =>
    series.find((one) => one.fraction === fraction),
  );
  return unet === undefined || dino === undefined ? undefined : { unet, dino };
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

/** Both networks at every fraction that both were trained at, by the seeds that all have; undefined without two fractions or a seed. */
export function curvesOf(groups: readonly RunGroup[]) {
  const found = baseOf(groups).flatMap(({ fraction }) => pairAt(groups, fraction) ?? []);
  const shared = withSharedSeeds(found.flatMap(({ unet, dino }) => [unet, dino]));
  const pairs = found.map((_, index) => ({ unet: shared[2 * index], dino: shared[2 * index + 1] }));
  if (pairs.length < 2 || shared[0].runs.length === 0) return undefined;
  const dice = pairs.map(({ unet, dino }) => ({ unet: metricBySeed(unet, 'dice'), dino: metricBySeed(dino, 'dice') }));
  return { images: pairs.map(({ unet }) => unet.trainImages), pairs, dice };
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
