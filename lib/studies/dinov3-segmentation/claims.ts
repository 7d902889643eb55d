/** What the fourth study claims, measured again: one row a claim and arm. */
import { formatDecimal, formatPercent } from '../../display/format';
import type { Displayable } from '../../display/mime';
import { claimRowsByArm, claimTable as tableOfClaims, notTested, signed, type Claim } from '../../workbench/claims';
import { baseOf, curvesOf, pairAt, publishedCrossing, publishedEfficiency, stepsOf, swapped } from './curves';
import { groupRuns, type RunGroup } from './groups';
import type { Dinov3Run } from './groups';
import {
  crossing,
  dataEfficiency as efficiency,
  differenceOfDice,
  hardCases,
  noHierarchy,
  winRate,
} from '../../workbench/mask-claims';
import { dataOfStudy, publishedClaims, publishedScore } from './published';
import { areComparable } from './comparison';

const { advantageAtQuarter, deficitAtAll, winRates, crossingBetween, dataEfficiency } = publishedClaims;
const decline = publishedScore('base', 1) - publishedScore('base', 0.5);

const claims: readonly Claim<readonly RunGroup[]>[] = [
  {
    claim: 'Frozen DINOv3 is ahead at 25 %',
    published: signed(advantageAtQuarter),
    measure: (groups) => differenceOfDice(swapped(pairAt(groups, 0.25)), advantageAtQuarter),
  },
  {
    claim: 'The U-Net is ahead at 100 %',
    published: signed(deficitAtAll),
    measure: (groups) => differenceOfDice(pairAt(groups, 1), deficitAtAll),
  },
  {
    claim: 'U-Net wins less than half of the images at 25 %',
    published: formatPercent(winRates.quarter),
    measure: (groups) => winRate(pairAt(groups, 0.25), winRates.quarter),
  },
  {
    claim: 'U-Net wins more than half of the images at 100 %',
    published: formatPercent(winRates.all),
    measure: (groups) => winRate(pairAt(groups, 1), winRates.all),
  },
  {
    claim: 'Up to some size DINOv3 is ahead, then the U-Net',
    published: `${crossingBetween.join(' – ')} images (table: ${Math.round(publishedCrossing())})`,
    measure: (groups) => crossing(curvesOf(groups)),
  },
  {
    claim: 'DINOv3 needs a seventh of the U-Net’s images',
    published: `${dataEfficiency}× (table: ${formatDecimal(publishedEfficiency(), 1)}×)`,
    measure: (groups) => efficiency(curvesOf(groups), dataEfficiency),
  },
  {
    claim: 'Base declines from 50 % to 100 %',
    published: signed(decline),
    measure: (groups) => {
      const [half, all] = [0.5, 1].map((fraction) => baseOf(groups).find((one) => one.fraction === fraction));
      return differenceOfDice(half && all && { first: all, second: half }, decline);
    },
  },
  {
    claim: 'Larger encoders are not better in order',
    published: '1 of 3 in order',
    measure: (groups) => noHierarchy(stepsOf(groups)),
  },
  {
    claim: 'DINOv3 is more robust on hard cases',
    published: 'no number',
    measure: (groups) => hardCases(swapped(pairAt(groups, dataOfStudy.fractions[0]))),
  },
  {
    claim: 'Annotation costs are saved',
    published: '$12–14K',
    measure: () => notTested('the study does not state the prices'),
  },
];

/**
 * The study's claims, a row for each arm in which the runs are. Without runs of Base, the first frozen network stands
 * for it; the column `compared` says which it was.
 * @param comparable whether these runs can be held against the study's numbers: its data, and its networks with their
 * published weights
 */
export function claimRows(runs: readonly Dinov3Run[], { comparable }: { readonly comparable: boolean }) {
  return claimRowsByArm(claims, groupRuns(runs), { comparable });
}

/** The study's claims, which the run's results keep too. The caption says which network stands for the study's Base. */
export function claimTable(
  runs: readonly Dinov3Run[],
  data: Parameters<typeof areComparable>[1] & { readonly title: string },
): Displayable {
  const comparable = areComparable(runs, data);
  const note = `DINOv3 is ${baseOf(groupRuns(runs))[0]?.network ?? 'not run'} where no size is named`;
  return tableOfClaims(claimRows(runs, { comparable }), { comparable, asked: `other data: ${data.title}`, note });
}
