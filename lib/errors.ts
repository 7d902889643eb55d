import { distance } from 'fastest-levenshtein';

/**
 * An error whose message is meant for the person at the keyboard: one line that says what was given, what is expected and the next
 * step. Commands print the message alone; anything else is a defect and is printed with its stack.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, which the kernel needs, too
export const { fileProblem } = require('./setup/file-problems.cjs') as {
  /** One line of what the system says of a file that cannot be written; undefined for other errors. */
  fileProblem(error: unknown): string | undefined;
};

/** The code of an error of the operating system or of Node, such as `ENOENT`; undefined for others. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A given value in one line. JSON has no NaN, no infinity and no functions. */
export function shown(value: unknown): string {
  if (typeof value === 'function')
    return value.name === '' ? 'a function without a name' : `the function ${value.name}`;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? 'not given';
}

/** A name from a file that may be hostile, for a line of a message: cut, and without what would break the line or command the terminal. */
export function printable(name: string): string {
  return name.slice(0, 100).replace(/\p{C}/gu, '?');
}

/** `, did you mean "epochs"?` where one of the names is close to the given one, else an empty text. */
export function suggestion(given: string, names: readonly string[]): string {
  const near = nearestName(given, names);
  return near === undefined ? '' : `, did you mean "${near}"?`;
}

/** The name with the fewest edits from the given one, if that is at most a third of its length (and at least two). */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  let best: { name: string; edits: number } | undefined;
  for (const name of names) {
    const edits = distance(given.toLowerCase(), name.toLowerCase());
    if (best === undefined || edits < best.edits) best = { name, edits };
  }
  return best !== undefined && best.edits <= Math.max(2, best.name.length / 3) ? best.name : undefined;
}
