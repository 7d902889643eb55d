/** Which of several trainings is told of first, starred and marked: one rule for sentences, tables and charts. */

interface OfArm {
  readonly arm: string;
}

/** The corrected ones, or all where there are none: what a study did wrong is never what is chosen. */
export function candidates<T extends OfArm>(rows: readonly T[]): readonly T[] {
  const corrected = rows.filter(({ arm }) => arm === 'corrected');
  return corrected.length > 0 ? corrected : rows;
}

/** The highest score on the validation images first, equal ones as they came; what has no score is left out. */
export function ranked<T>(all: readonly T[], score: (one: T) => unknown): readonly T[] {
  return all
    .flatMap((one) => {
      const own = score(one);
      return typeof own === 'number' && Number.isFinite(own) ? [{ one, own }] : [];
    })
    .sort((a, b) => b.own - a.own)
    .map(({ one }) => one);
}

/**
 * The first of the ranked candidates: the best on the test images would be told too good. Undefined where none has a score.
 */
export function chosenRow<T extends OfArm>(rows: readonly T[], score: (row: T) => unknown): T | undefined {
  return ranked(candidates(rows), score)[0];
}

/** Why a cell of it is starred. */
export const chosenHow = 'chosen by the validation images';
