import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from '../paths';
import type { Figure } from './figure';
import { status } from './status';

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

interface DisplayMessage {
  readonly data: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, never>>;
  readonly transient: { readonly display_id?: string };
}
/** The corner of tslab that sends a whole MIME bundle; its public interface sends one type a message. */
interface KernelMessages {
  readonly lastWriteDisplayData: ((message: DisplayMessage, update?: boolean) => void) | null;
}
interface KernelDisplays {
  readonly display: { html(source: string): void };
}

/** True in a cell of a notebook whose kernel was started by the project's launcher. */
export function inNotebook(): boolean {
  return kernelMessages() !== undefined;
}

/**
 * Shows something below the cell, or prints its text outside a notebook. Where there is nothing, as of a training that was stopped, it
 * says so.
 *
 * Charts go out as `text/html` only, not as `application/vnd.plotly.v1+json` too: a front end with a renderer of its own for that type
 * would prefer it, and lose the label, the caption, the data table and the theme.
 */
export function show(displayable: Displayable | undefined): void {
  const shown = displayable ?? stopped;
  if (!emit(shown)) console.log(shown.text);
}

/** What there is to see of a training that was stopped. */
const stopped = status(
  'There is nothing to show: a training was stopped. Run its cell again, which continues it.',
  'warning',
);

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

function emit({ html, text }: Displayable, id?: string, update = false): boolean {
  const messages = kernelMessages();
  if (messages === undefined) return false;
  if (typeof messages.lastWriteDisplayData === 'function') {
    const data = { 'text/html': html, 'text/plain': text };
    messages.lastWriteDisplayData({ data, metadata: {}, transient: { display_id: id } }, update);
  } else {
    (requireFromProject('tslab') as KernelDisplays).display.html(html);
  }
  return true;
}

/** The kernel's own module, if this process is the kernel: a worker that inherits NOTEBOOK_KERNEL has nobody to write to. */
function kernelMessages(): KernelMessages | undefined {
  if (process.env.NOTEBOOK_KERNEL !== '1') return undefined;
  const messages = requireFromProject('tslab/dist/jupyter') as KernelMessages;
  return messages.lastWriteDisplayData === null ? undefined : messages;
}

/** tslab is loaded on demand and never imported: it brings a TypeScript compiler along. */
function requireFromProject(name: string): unknown {
  return createRequire(join(projectRoot, 'package.json'))(name);
}
