/** What the few-shot study claims, measured again. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { formatPercent } from '../../display/format';
import type { Displayable } from '../../display/mime';
import { intervalOverDraws, type Estimate } from '../../metrics/interval-over-draws';
import { pairedDifferences } from '../../metrics/paired-comparison';
import { metricOfImages, type SegmentationMetric } from '../../metrics/segmentation';
import {
  claimRows as rowsOfClaims,
  claimTable as tableOfClaims,
  differenceFinding,
  estimateOf,
  judge,
  notTested,
  shareOf,
  signed,
  type Claim,
  type Finding,
} from '../../workbench/claims';
import { isDataOfStudy, savedOfStudy, scoresOfStudy, sizesOfStudy } from './published';
import type { FewShotTraining, SeriesName } from './series';
import { groupTrainings } from './tables';

type StudyMetric = 'jaccard' | 'dice' | 'sensitivity';

/** Draws × images of a series at a size; undefined where it was not trained. */
function scoresAt(all: readonly FewShotTraining[], series: SeriesName, size: number, metric: SegmentationMetric) {
  const group = groupTrainings(all).find((one) => one.series === series && one.size === size);
  return group?.trainings.map(({ test }) => metricOfImages(test.scores, metric));
}

function published(series: SeriesName, size: number, metric: StudyMetric): number {
  return scoresOfStudy.find((row) => row.series === series && row.size === size)?.[metric] ?? NaN;
}

/** A mean difference with its interval; undefined where either was not trained. */
function difference(first: Float64Array[] | undefined, second: Float64Array[] | undefined): Estimate | undefined {
  if (first === undefined || second?.length !== first.length) return undefined;
  return intervalOverDraws(pairedDifferences(first, second));
}

/** F − E at a size. @param claimed what the study's text says of it, whatever its table has */
function frozenClaim(
  claim: string,
  metric: 'jaccard' | 'dice',
  size: number,
  claimed: 'above' | 'below',
): Claim<readonly FewShotTraining[]> {
  const ofStudy = published('F', size, metric) - published('E', size, metric);
  return {
    claim,
    published: signed(ofStudy),
    measure(all) {
      const estimate = difference(scoresAt(all, 'F', size, metric), scoresAt(all, 'E', size, metric));
      if (estimate === undefined) return notTested(`F and E were not trained on ${size} images`);
      return differenceFinding(`F − E, ${metric}`, estimate, { published: ofStudy, claimed, unit: 'draw' });
    },
  };
}

function sensitivityClaim(series: 'E' | 'F'): Claim<readonly FewShotTraining[]> {
  const ofStudy = published(series, 10, 'sensitivity') - published(series, 20, 'sensitivity');
  return {
    claim: `Sensitivity of ${series} rises from 20 images to 10`,
    published: signed(ofStudy),
    measure(all) {
      const estimate = difference(scoresAt(all, series, 10, 'sensitivity'), scoresAt(all, series, 20, 'sensitivity'));
      if (estimate === undefined) return notTested(`${series} was not trained on 20 and 10 images`);
      return differenceFinding(`${series}, 10 − 20 images`, estimate, {
        published: ofStudy,
        claimed: 'above',
        unit: 'draw',
      });
    },
  };
}

/**
 * Share of E's seconds that F saves with the encoder in every epoch, the mean over sizes; the interval is over draws.
 */
function measureSaved(all: readonly FewShotTraining[]): Finding {
  const find = (series: SeriesName, of: FewShotTraining) =>
    all.find(({ point }) => point.series === series && point.size === of.point.size && point.draw === of.point.draw);
  const pairs = all.flatMap((e) => {
    const f = e.point.series === 'E' ? find('F', e) : undefined;
    return f === undefined
      ? []
      : [{ draw: e.point.draw, saved: 1 - Number(f.row.secondsWithoutCache) / e.row.seconds }];
  });
  const draws = [...new Set(pairs.map(({ draw }) => draw))];
  if (draws.length === 0) return notTested('F and E were not trained on the same images');
  const ofDraws = draws.map((draw) => {
    const own = pairs.filter((pair) => pair.draw === draw);
    return own.reduce((sum, { saved }) => sum + saved, 0) / own.length;
  });
  const estimate = estimateOf(ofDraws.map((saved) => [saved]));
  const share = shareOf('seconds of F with the encoder in every epoch, against E', estimate, savedOfStudy);
  const interval = draws.length > 1 ? share.interval : undefined; // seconds are not of images
  return { ...share, interval, ...judge({ estimate, claimed: 'above', unit: 'draw' }) };
}

const few = [40, 20, 10] as const;

const claims: readonly Claim<readonly FewShotTraining[]>[] = [
  ...few.map((size) => frozenClaim(`F is ahead of E at ${size} images (Jaccard)`, 'jaccard', size, 'above')),
  ...few.map((size) => frozenClaim(`“Dice mirrors” that at ${size} images`, 'dice', size, 'above')),
  frozenClaim(`E is ahead of F at ${sizesOfStudy[0].size} images (Jaccard)`, 'jaccard', sizesOfStudy[0].size, 'below'),
  sensitivityClaim('E'),
  sensitivityClaim('F'),
  { claim: 'Freezing saves time', published: formatPercent(savedOfStudy, 2), measure: measureSaved },
];

/**
 * The study's claims on the trainings of one arm. @param comparable whether they can be held against the study's
 * numbers
 */
export function claimRows(trainings: readonly FewShotTraining[], { comparable }: { readonly comparable: boolean }) {
  return rowsOfClaims(claims, trainings, { comparable });
}

/** The study's claims on the trainings of one arm, which the run's results keep too. */
export function claimTable(trainings: readonly FewShotTraining[], data: SegmentationDataset): Displayable {
  const comparable = areComparable(trainings, data);
  return tableOfClaims(claimRows(trainings, { comparable }), { comparable, asked: `other data: ${data.title}` });
}

/** Whether trainings are on the study's data, at its size, with torchvision's weights. */
function areComparable(trainings: readonly FewShotTraining[], data: SegmentationDataset): boolean {
  const isOfStudy = ({ row: { encoder, weights } }: FewShotTraining): boolean =>
    encoder === 'vit_b_16.IMAGENET1K_V1' && weights !== 'random';
  return isDataOfStudy(data) && data.height === 224 && trainings.every(isOfStudy);
}
