/** What the kernel of notebooks (lib/setup/kernel.cjs) and the library that runs in it know of each other. */

/** One message to the reader: the same thing in several forms, of which a program shows the best that it can. */
export interface DisplayMessage {
  readonly data: Readonly<Record<string, string | object>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly transient: { readonly display_id?: string };
}

export interface NotebookKernel {
  /** Where the notebook is. */
  readonly folder: string;
  /** Shows something below the cell that runs; `update` replaces what was shown with the same `display_id`. */
  readonly display: (message: DisplayMessage, update: boolean) => void;
  /**
   * Has a task called at the stop button, at once where the cell has been stopped before. It returns false where it has been called
   * before: the cell then ends without waiting for it.
   * @returns to be called when the task has ended
   */
  readonly onStop: (task: () => boolean) => () => void;
  /** Set by the library: the forms of what the last expression of a cell gives; undefined where the library knows none. */
  describe?: (value: unknown) => Readonly<Record<string, string | object>> | undefined;
}

/** The kernel, where this is its process and not one of its workers. */
export function notebookKernel(): NotebookKernel | undefined {
  return (globalThis as { [key: symbol]: unknown })[Symbol.for('notebook kernel')] as NotebookKernel | undefined;
}
