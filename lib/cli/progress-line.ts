/** What a progress line is written to: standard error, or a stand-in for tests. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressLine {
  /** Replaces the line on a terminal; elsewhere writes one every few seconds. */
  update(text: string): void;
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
  let shown = false;

  function clear(): void {
    if (shown) stream.write(clearLine);
    shown = false;
  }

  return {
    update(text) {
      if (terminal) {
        // A line that wraps could not be replaced.
        stream.write(`${clearLine}${text.slice(0, (stream.columns ?? 80) - 1)}`);
        shown = true;
      } else if (performance.now() - last >= intervalMilliseconds) {
        last = performance.now();
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
