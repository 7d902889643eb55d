import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { UserError } from '../errors';
import { notebookKernel } from '../notebook-kernel';
import type { Figure } from './figure';
import { forms } from './forms';
import { displayLibrary } from './library';
import { status } from './status';
import { describeValue, type Showable } from './values';

/** Something that a reader can look at: HTML for notebooks and pages, text for terminals and logs. */
export interface Displayable {
  readonly html: string;
  readonly text: string;
  /** What the HTML was made from, where it is a chart. */
  readonly figure?: Figure;
}

/** One place in a cell's output that can be written again and again. */
export interface LiveDisplay {
  update(displayable: Displayable): void;
}

/** True in a cell of a notebook whose kernel was started by the project's launcher. */
export function inNotebook(): boolean {
  return notebookKernel() !== undefined;
}

const kernel = notebookKernel();
if (kernel !== undefined) {
  kernel.describe = (value) => {
    const described = describeValue(value);
    return described && forms(described);
  };
}

/**
 * Shows something below the cell, or prints its text outside a notebook: a figure, a table, a data frame of danfo, a tensor. Where there
 * is nothing (`undefined`), as of a training that was stopped, it says so.
 *
 * @throws UserError for anything else
 */
export function show(value: Showable | undefined): void {
  const displayable = value === undefined ? stopped : describeValue(value);
  if (displayable === undefined)
    throw new UserError(
      `show was given ${describe(value)}, but takes a figure, a table, a data frame or a tensor: print the rest with console.log.`,
    );
  if (!emit(displayable)) console.log(displayable.text);
}

/**
 * Makes displays work in this notebook: the set-up cell calls it once, and its output holds what they need. Nearly all charts are of the
 * kinds in this bundle; where one is of another kind, JupyterLab's page fetches a larger one (figure-runtime.js).
 */
export function initializeDisplay(): void {
  show(displayLibrary('cartesian'));
}

function describe(value: unknown): string {
  return value instanceof Promise ? 'a promise (is there an `await` missing?)' : inspect(value, { depth: 0 });
}

/** What there is to see of a training that was stopped. */
const stopped = status('There is nothing to show: a training was stopped. Run its cell again, which continues it.', {
  kind: 'warning',
});

/** A display that is updated in place. Outside a notebook it shows nothing: whoever uses it logs what is worth a line. */
export function liveDisplay(): LiveDisplay {
  const id = randomBytes(8).toString('hex');
  let shown = false;
  return {
    update(displayable) {
      if (emit(displayable, id, shown)) shown = true;
    },
  };
}

function emit(displayable: Displayable, id?: string, update = false): boolean {
  const kernel = notebookKernel();
  kernel?.display({ data: forms(displayable), metadata: {}, transient: { display_id: id } }, update);
  return kernel !== undefined;
}
