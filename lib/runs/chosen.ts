/** Which of several trainings is told of first, starred and marked: one rule for sentences, tables and charts. */

interface OfArm {
  readonly arm: string;
}

/** The corrected ones, or all where there are none: what a study did wrong is never what is chosen. */
export function candidates<T extends OfArm>(rows: readonly T[]): readonly T[] {
  const corrected = rows.filter(({ arm }) => arm === 'corrected');
  return corrected.length > 0 ? corrected : rows;
}

/**
 * The candidate with the highest score on the validation images, the first of several: the best on the test images would be told too good.
 * Undefined where none has a score.
 */
export function chosenRow<T extends OfArm>(rows: readonly T[], score: (row: T) => unknown): T | undefined {
  let best: { readonly row: T; readonly score: number } | undefined;
  for (const row of candidates(rows)) {
    const own = score(row);
    if (typeof own === 'number' && Number.isFinite(own) && own > (best?.score ?? -Infinity)) best = { row, score: own };
  }
  return best?.row;
}

/** Why a cell of it is starred. */
export const chosenHow = 'chosen by the validation images';
