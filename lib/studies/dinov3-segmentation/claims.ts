/** What the fourth study claims, measured again: one row a claim and arm. */
import { formatDecimal, formatPercent } from '../../display/format';
import type { Displayable } from '../../display/mime';
import {
  claimRows as rowsOfClaims,
  claimTable as tableOfClaims,
  notTested,
  signed,
  type Claim,
} from '../../workbench/claims';
import { baseOf, pairAt, publishedCrossing, publishedEfficiency } from './curves';
import { armTitle, groupRuns, type RunGroup } from './groups';
import type { Dinov3Run } from './results';
import {
  crossingClaim,
  differenceClaim,
  efficiencyClaim,
  hardCasesClaim,
  hierarchyClaim,
  winRateClaim,
} from './measures';
import { publishedClaims, publishedScore } from './published';
import { areComparable } from './tables';

const { advantageAtQuarter, deficitAtAll, winRates, crossingBetween, dataEfficiency } = publishedClaims;
const decline = publishedScore('base', 1) - publishedScore('base', 0.5);

const claims: readonly Claim<readonly RunGroup[]>[] = [
  {
    claim: 'Frozen DINOv3 is ahead at 25 %',
    published: signed(advantageAtQuarter),
    measure: (groups) => differenceClaim(dinoFirst(pairAt(groups, 0.25)), advantageAtQuarter),
  },
  {
    claim: 'The U-Net is ahead at 100 %',
    published: signed(deficitAtAll),
    measure: (groups) => differenceClaim(unetFirst(pairAt(groups, 1)), deficitAtAll),
  },
  {
    claim: 'U-Net wins less than half of the images at 25 %',
    published: formatPercent(winRates.quarter),
    measure: (groups) => winRateClaim(groups, 0.25, winRates.quarter),
  },
  {
    claim: 'U-Net wins more than half of the images at 100 %',
    published: formatPercent(winRates.all),
    measure: (groups) => winRateClaim(groups, 1, winRates.all),
  },
  {
    claim: 'Up to some size DINOv3 is ahead, then the U-Net',
    published: `${crossingBetween.join(' – ')} images (table: ${Math.round(publishedCrossing())})`,
    measure: crossingClaim,
  },
  {
    claim: 'DINOv3 needs a seventh of the U-Net’s images',
    published: `${dataEfficiency}× (table: ${formatDecimal(publishedEfficiency(), 1)}×)`,
    measure: efficiencyClaim,
  },
  {
    claim: 'Base declines from 50 % to 100 %',
    published: signed(decline),
    measure: (groups) => {
      const [half, all] = [0.5, 1].map((fraction) => baseOf(groups).find((one) => one.fraction === fraction));
      return differenceClaim(half && all && { first: all, second: half }, decline);
    },
  },
  {
    claim: 'Larger encoders are not better in order',
    published: '1 of 3 in order',
    measure: hierarchyClaim,
  },
  {
    claim: 'DINOv3 is more robust on hard cases',
    published: 'no number',
    measure: hardCasesClaim,
  },
  {
    claim: 'Annotation costs are saved',
    published: '$12–14K',
    measure: () => notTested('the study does not state the prices'),
  },
];

type Pair = ReturnType<typeof pairAt>;
const dinoFirst = (pair: Pair) => pair && { first: pair.dino, second: pair.unet };
const unetFirst = (pair: Pair) => pair && { first: pair.unet, second: pair.dino };

/**
 * The study's claims, a row for each arm in which the runs are. Without runs of Base, the first frozen network stands
 * for it; the column `compared` says which it was.
 * @param comparable whether these runs can be held against the study's numbers: its data, and its networks with their
 * published weights
 */
export function claimRows(runs: readonly Dinov3Run[], { comparable }: { readonly comparable: boolean }) {
  const groups = groupRuns(runs);
  const arms = [...new Set(groups.map(({ arm }) => arm))];
  const byArm = arms.map((arm) =>
    rowsOfClaims(
      claims,
      groups.filter((group) => group.arm === arm),
      { comparable },
    ),
  );
  return claims.flatMap((_, index) =>
    arms.map((arm, place) => {
      const { claim, published, ...found } = byArm[place][index];
      return { claim, published, arm: armTitle(arm), ...found };
    }),
  );
}

/** The study's claims, which the run's results keep too. The caption says which network stands for the study's Base. */
export function claimTable(
  runs: readonly Dinov3Run[],
  data: Parameters<typeof areComparable>[1] & { readonly title: string },
): Displayable {
  const comparable = areComparable(runs, data);
  const note = `DINOv3 is ${standInOfBase(runs) ?? 'not run'} where no size is named`;
  return tableOfClaims(claimRows(runs, { comparable }), { comparable, asked: `other data: ${data.title}`, note });
}

/** The network that stands for the study's Base in the claims; undefined where there is none. */
function standInOfBase(runs: readonly Dinov3Run[]): string | undefined {
  return baseOf(groupRuns(runs))[0]?.network;
}
