import type { CellEvent } from './jupyter';

/** What a progress line is written to: standard error, or a stand-in for tests. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressLine {
  /** Replaces the line on a terminal; elsewhere writes one every few seconds, and one for each `milestone`, such as an epoch. */
  update(text: string, milestone?: string): void;
  /** Writes a line that stays. */
  print(text: string): void;
  /** Takes the line off a terminal. */
  clear(): void;
}

const clearLine = '\r\u001b[2K';

/** A line that tells how far something is, quiet enough for log files. */
export function createProgressLine(stream: ProgressStream, intervalMilliseconds = 5000): ProgressLine {
  const terminal = stream.isTTY === true;
  let last = -Infinity;
  let lastMilestone: string | undefined;
  let shown = false;

  function clear(): void {
    if (shown) stream.write(clearLine);
    shown = false;
  }

  return {
    update(text, milestone = lastMilestone) {
      if (terminal) {
        // A line that wraps could not be replaced.
        stream.write(`${clearLine}${text.slice(0, (stream.columns ?? 80) - 1)}`);
        shown = true;
      } else if (milestone !== lastMilestone || performance.now() - last >= intervalMilliseconds) {
        last = performance.now();
        lastMilestone = milestone;
        stream.write(`${text}\n`);
      }
    },
    print(text) {
      clear();
      stream.write(`${text}\n`);
    },
    clear,
  };
}

/** What a notebook's cells tell while they run: the number of the cell, and how far its training is. */
export function cellProgress(line: ProgressLine, notebook: string): (event: CellEvent) => void {
  return ({ cell, cells, progress }) => {
    const place = `${notebook}: cell ${cell} of ${cells}`;
    if (progress === undefined) line.update(place);
    else line.update(`${place} · ${progress}`, /epoch \d+ of \d+/.exec(progress)?.[0]);
  };
}
