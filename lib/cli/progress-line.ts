import type { CellEvent } from './jupyter';

/** What a progress line is written to: standard error, or a stand-in for tests. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressLine {
  /**
   * Replaces the line on a terminal; elsewhere writes one every few seconds, and one for each `milestone`, such as an epoch. Where
   * several things are done at once, `of` says which: a terminal shows how far the one is that began first.
   */
  update(text: string, milestone?: string, of?: string): void;
  /** Writes a line that stays. @param of what is done with it */
  print(text: string, of?: string): void;
  /** Takes the line off a terminal. */
  clear(): void;
}

const clearLine = '\r\u001b[2K';

/** A line that tells how far something is, quiet enough for log files. */
export function createProgressLine(stream: ProgressStream, intervalMilliseconds = 5000): ProgressLine {
  const terminal = stream.isTTY === true;
  /** When each of what is done was told of last, and at which milestone; in the order in which they began. */
  const told = new Map<string, { readonly at: number; readonly milestone?: string }>();
  let shown = false;

  function clear(): void {
    if (shown) stream.write(clearLine);
    shown = false;
  }

  return {
    update(text, milestone, of = '') {
      const last = told.get(of);
      const isDue =
        last === undefined ||
        (milestone !== undefined && milestone !== last.milestone) ||
        performance.now() - last.at >= intervalMilliseconds;
      if (terminal || isDue) told.set(of, { at: performance.now(), milestone: milestone ?? last?.milestone });
      if (!terminal) {
        if (isDue) stream.write(`${text}\n`);
      } else if (of === [...told.keys()][0]) {
        // A line that wraps could not be replaced.
        stream.write(`${clearLine}${text.slice(0, (stream.columns ?? 80) - 1)}`);
        shown = true;
      }
    },
    print(text, of = '') {
      clear();
      told.delete(of);
      stream.write(`${text}\n`);
    },
    clear,
  };
}

/** What a notebook's cells tell while they run: the number of the cell, and how far its training is. */
export function cellProgress(line: ProgressLine, notebook: string): (event: CellEvent) => void {
  return ({ cell, cells, progress }) => {
    const place = `${notebook}: cell ${cell} of ${cells}`;
    if (progress === undefined) line.update(place, undefined, notebook);
    else line.update(`${place} · ${progress}`, /epoch \d+ of \d+|takes about .*/.exec(progress)?.[0], notebook);
  };
}
