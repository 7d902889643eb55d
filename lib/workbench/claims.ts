/**
 * A study's claims, measured again: one row a claim, with its number, ours, the uncertainty, what follows from it, and
 * why.
 */
import { formatDecimal, formatInterval, formatPercent } from '../display/format';
import { differenceChart, type Difference } from '../display/difference-chart';
import type { FigureDisplay } from '../display/figure';
import { displayable } from '../display/forms';
import type { Displayable } from '../display/mime';
import { table } from '../display/tables';
import { intervalOverDraws, type Estimate } from '../metrics/interval-over-draws';
import { grouped } from '../grouped';
import { armTitle, type Arm } from '../runs/arms';
import { currentRun } from '../runs/current-run';
import { recordClaims } from '../runs/notebook-run';

export type Outcome = 'holds' | 'fails' | 'undecided' | 'not tested';

/** What was measured of a claim. */
export interface Finding {
  /** What was compared, in words. */
  readonly compared: string;
  readonly value: string;
  /** Its 95 % interval, where it has one. */
  readonly interval?: string;
  /** A difference of scores as a number, which can be drawn beside others. */
  readonly estimate?: Estimate;
  /** The published difference. */
  readonly ofStudy?: number;
  /** Ours minus the published number, for claims that have one. */
  readonly difference?: number;
  /** Whether the published number is within the interval. */
  readonly within?: boolean;
  readonly outcome: Outcome;
  /** What the outcome rests on. */
  readonly why: string;
}

/** A claim of a study in its words, and how it is measured on what was run. */
export interface Claim<T> {
  readonly claim: string;
  /** The study's number. */
  readonly published: string;
  measure(evidence: T): Finding;
}

/** @param why what is lacking */
export function notTested(why: string): Finding {
  return { compared: '', value: '', outcome: 'not tested', why };
}

/** A number whose side of a threshold is claimed. */
export interface DirectionalClaim {
  readonly estimate: Estimate;
  /** Default 0. */
  readonly threshold?: number;
  readonly claimed: 'above' | 'below';
  /** What a draw is called. Default seed. */
  readonly unit?: string;
}

/**
 * A claim holds where all of the interval is on the claimed side, fails where all of it is on the other, and cannot be
 * told between. One training tells of itself, not of the method: with a single draw or seed nothing can be told.
 */
export function judge({
  estimate,
  threshold = 0,
  claimed,
  unit = 'seed',
}: DirectionalClaim): Pick<Finding, 'outcome' | 'why'> {
  const { low, high, draws } = estimate;
  if (draws === 1) return { outcome: 'undecided', why: `one ${unit}: another may turn it round` };
  const [above, below] = [low > threshold, high < threshold];
  const at = formatDecimal(threshold, threshold === 0 ? 0 : 2);
  if (!above && !below) return { outcome: 'undecided', why: `${at} is within the interval` };
  const why = `all of the interval is ${above ? 'above' : 'below'} ${at}`;
  return { outcome: above === (claimed === 'above') ? 'holds' : 'fails', why };
}

/** A difference that the study puts a number on, or only a sign. @param published its number, where it has one */
export function differenceFinding(
  compared: string,
  estimate: Estimate,
  {
    published,
    claimed,
    unit,
    digits = 3,
    of = 'images',
  }: {
    readonly published?: number;
    readonly claimed: 'above' | 'below';
    readonly unit?: string;
    readonly digits?: number;
    /** What an interval of a single draw is over. */
    readonly of?: string;
  },
): Finding {
  const ofNumber =
    published === undefined ? {} : { difference: estimate.mean - published, within: isWithin(published, estimate) };
  return {
    compared,
    estimate,
    ofStudy: published,
    value: signed(estimate.mean, digits),
    interval: `${formatInterval(estimate, digits)}${estimate.draws === 1 ? ` (${of} only)` : ''}`,
    ...ofNumber,
    ...judge({ estimate, claimed, unit }),
  };
}

/** A share as a percentage beside the study's; of images alone where there is one draw. */
export function shareOf(
  compared: string,
  estimate: Estimate,
  published: number,
): Omit<Finding, 'outcome' | 'why'> & { readonly within: boolean } {
  const [low, high] = [estimate.low, estimate.high].map((end) => formatPercent(end));
  return {
    compared,
    value: formatPercent(estimate.mean),
    interval: `${low} – ${high}${estimate.draws === 1 ? ' (images only)' : ''}`,
    difference: estimate.mean - published,
    within: isWithin(published, estimate),
  };
}

/**
 * Of draws (or seeds) × what each was measured on, which may be one thing alone: then the interval is Student's over
 * draws, and of one draw there is none.
 */
export function estimateOf(values: readonly (readonly number[])[]): Estimate {
  if (values[0].length > 1) return intervalOverDraws(values);
  const only = values.map(([value]) => value);
  const [mean] = only;
  if (only.length === 1) return { mean, low: mean, high: mean, draws: 1 };
  return { ...intervalOverDraws([only]), draws: only.length };
}

export function isWithin(value: number, { low, high }: Pick<Estimate, 'low' | 'high'>): boolean {
  return low <= value && value <= high;
}

/** With its sign, so that a gain is not read as a score. */
export function signed(value: number, digits = 3): string {
  return `${value > 0 ? '+' : ''}${formatDecimal(value, digits)}`;
}

/**
 * The verdict in words.
 * @param comparable whether the study's own data and networks were run. Otherwise a verdict is of what was run
 * (`here`), not of the study.
 */
export function verdictText({ outcome, within }: Pick<Finding, 'outcome' | 'within'>, comparable: boolean): string {
  if (outcome === 'not tested') return outcome;
  if (outcome === 'undecided') return 'cannot be told here';
  if (!comparable) return outcome === 'holds' ? 'holds here' : 'does not hold here';
  const size = within === undefined ? '' : within ? '; its size fits too' : '; of another size';
  return outcome === 'holds' ? `confirmed${size}` : 'contradicted';
}

/** What a row of claims says; what a run records of its study. */
export type ClaimRow = ReturnType<typeof claimRows>[number] & { readonly arm?: string };

/** One row a claim. */
export function claimRows<T>(
  claims: readonly Claim<T>[],
  evidence: T,
  { comparable }: { readonly comparable: boolean },
) {
  return claims.map(({ claim, published, measure }) => {
    const finding = measure(evidence);
    return {
      claim,
      published,
      compared: finding.compared,
      ours: finding.value,
      interval: finding.interval ?? '',
      difference: comparable ? (finding.difference ?? NaN) : NaN,
      verdict: verdictText(finding, comparable),
      why: finding.why,
      outcome: finding.outcome,
      estimate: finding.estimate,
      ofStudy: finding.ofStudy,
    };
  });
}

/** A row for each claim and arm, of what was run in it. */
export function claimRowsByArm<T extends { readonly arm: Arm }>(
  claims: readonly Claim<readonly T[]>[],
  evidence: readonly T[],
  options: { readonly comparable: boolean },
) {
  const byArm = [...grouped(evidence, ({ arm }) => arm).values()].map((own) => ({
    arm: armTitle(own[0].arm),
    rows: claimRows(claims, own, options),
  }));
  return claims.flatMap((_, index) =>
    byArm.map(({ arm, rows }) => {
      const { claim, published, ...found } = rows[index];
      return { claim, published, arm, ...found };
    }),
  );
}

/**
 * The claims that are differences of scores: a dot with its interval for each arm beside the published number, and what follows from it;
 * undefined where none was measured.
 */
export function claimFigure(rows: readonly ClaimRow[]): FigureDisplay | undefined {
  const measured = rows.filter(({ estimate }) => estimate !== undefined);
  if (measured.length === 0) return undefined;
  const claims = [...new Set(measured.map(({ claim }) => claim))];
  const arms = [...new Set(measured.map(({ arm }) => arm))];
  const of = (claim: string, arm: string | undefined): ClaimRow | undefined =>
    measured.find((row) => row.claim === claim && row.arm === arm);
  const title = 'The claims that are differences of scores';
  return differenceChart(
    {
      title,
      rows: claims,
      series: arms.map((arm = 'measured here') => ({
        name: arm,
        differences: claims.map((claim): Difference | null => {
          const { estimate } = of(claim, arms.length === 1 ? arms[0] : arm) ?? {};
          return estimate === undefined ? null : { value: estimate.mean, interval: [estimate.low, estimate.high] };
        }),
      })),
      xTitle: 'Difference',
      sides: ['below 0', 'above 0'],
      intervalTitle: '95 % intervals',
      ordered: true,
      published: claims.map((claim) => measured.find((row) => row.claim === claim)?.ofStudy ?? null),
      verdicts: arms.map((arm) => claims.map((claim) => of(claim, arm)?.verdict ?? '')),
    },
    { label: `${title}: measured here with their intervals, beside the published ones and the verdict` },
  );
}

/**
 * The claims as a figure and a table, which are recorded in the run's results too: the gallery tells them.
 * @param asked what the claims are asked of, where that is not the study's data and networks
 */
export function claimTable(
  rows: readonly ClaimRow[],
  { comparable, asked, note }: { readonly comparable: boolean; readonly asked: string; readonly note?: string },
): Displayable {
  recordClaims(currentRun(), { comparable, rows: [...rows] });
  const arms = rows.some(({ arm }) => arm !== undefined) ? ['arm'] : [];
  const all = table(rows, {
    caption: `The study’s claims, ${comparable ? 'measured again' : `asked of ${asked}`}${note === undefined ? '' : `; ${note}`}`,
    columns: [
      ...['claim', 'published', ...arms, 'ours', 'interval'],
      ...(comparable ? ['difference'] : []),
      ...['verdict', 'why'],
    ],
  });
  const drawn = claimFigure(rows);
  return drawn === undefined
    ? all
    : displayable({ html: `${drawn.html}${all.html}`, text: `${drawn.text}\n\n${all.text}` });
}
