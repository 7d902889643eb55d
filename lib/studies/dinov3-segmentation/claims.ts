/** What the fourth study claims, measured again: one row a claim and arm, with the uncertainty, and what follows from it. */
import { formatDecimal, formatPercent } from '../../display/format';
import { baseOf, pairAt, publishedCrossing, publishedEfficiency } from './curves';
import { armTitle, groupRuns, type RunGroup } from './groups';
import type { Dinov3Run } from './results';
import { type IntervalOptions } from './scores'; // prettier-ignore
import { crossingClaim, differenceClaim, efficiencyClaim, hardCasesClaim, hierarchyClaim, signed, winRateClaim, type Measured } from './measures'; // prettier-ignore
import { publishedClaims, publishedScore } from './published';

export interface ClaimContext {
  readonly options: IntervalOptions;
  /**
   * Whether these runs can be held against the study's numbers: its data, and its networks with their published weights. Otherwise only the
   * direction of a difference is compared, and the verdict is of other data (`here`).
   */
  readonly comparable: boolean;
}

/** The verdict in words. `within`: whether the published number is in our interval; said only where the data are the study's. */
export function verdictText({ outcome, within }: Pick<Measured, 'outcome' | 'within'>, comparable: boolean): string {
  if (outcome === 'not testable') return 'cannot be tested';
  if (outcome === 'not run') return 'not run';
  if (!comparable) {
    return {
      holds: 'holds here',
      fails: 'does not hold here',
      undecided: 'undecided here',
    }[outcome];
  }
  const size = within === undefined ? '' : within ? '; its size fits too' : '; of another size';
  return { holds: `confirmed${size}`, fails: 'contradicted', undecided: `undecided${size}` }[outcome];
}

interface Claim {
  readonly claim: string;
  readonly published: string;
  measure(groups: readonly RunGroup[], options: IntervalOptions): Measured;
}

const { advantageAtQuarter, deficitAtAll, winRates, crossingBetween, dataEfficiency } = publishedClaims;
const decline = publishedScore('base', 1) - publishedScore('base', 0.5);

const claims: readonly Claim[] = [
  {
    claim: 'Frozen DINOv3 is ahead at 25 %',
    published: signed(advantageAtQuarter),
    measure: (groups, options) => differenceClaim(dinoFirst(pairAt(groups, 0.25)), advantageAtQuarter, options),
  },
  {
    claim: 'The U-Net is ahead at 100 %',
    published: signed(deficitAtAll),
    measure: (groups, options) => differenceClaim(unetFirst(pairAt(groups, 1)), deficitAtAll, options),
  },
  {
    claim: 'U-Net wins less than half of the images at 25 %',
    published: formatPercent(winRates.quarter),
    measure: (groups, options) => winRateClaim(groups, 0.25, winRates.quarter, options),
  },
  {
    claim: 'U-Net wins more than half of the images at 100 %',
    published: formatPercent(winRates.all),
    measure: (groups, options) => winRateClaim(groups, 1, winRates.all, options),
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
    measure: (groups, options) => {
      const [half, all] = [0.5, 1].map((fraction) => baseOf(groups).find((one) => one.fraction === fraction));
      return differenceClaim(half && all && { first: all, second: half }, decline, options);
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
    measure: () => ({ compared: 'prices that the study does not state', value: '', outcome: 'not testable' }),
  },
];

type Pair = ReturnType<typeof pairAt>;
const dinoFirst = (pair: Pair) => pair && { first: pair.dino, second: pair.unet };
const unetFirst = (pair: Pair) => pair && { first: pair.unet, second: pair.dino };

/**
 * The study's claims, a row for each arm in which the runs are. Without runs of Base, the first frozen network stands for it; the column
 * `compared` says which it was.
 */
export function claimRows(runs: readonly Dinov3Run[], { options, comparable }: ClaimContext) {
  const groups = groupRuns(runs);
  const arms = [...new Set(groups.map(({ arm }) => arm))];
  return claims.flatMap(({ claim, published, measure }) =>
    arms.map((arm) => {
      const ofArm = groups.filter((group) => group.arm === arm);
      const measured = measure(ofArm, options);
      return {
        claim,
        published,
        arm: armTitle(arm),
        compared: measured.compared,
        ours: measured.value,
        interval: measured.interval ?? '',
        difference: comparable ? (measured.difference ?? NaN) : NaN,
        verdict: verdictText(measured, comparable),
      };
    }),
  );
}

/** The network that stands for the study's Base in the claims, for a caption; undefined where there is none. */
export function standInOfBase(runs: readonly Dinov3Run[]): string | undefined {
  return baseOf(groupRuns(runs))[0]?.network;
}
