/** What does the runs of a grid: processes on this machine, or tasks on a cluster. */
import type { TrainingEvent } from '../../training/events';
import type { WorkerJob } from './messages';

/** How one attempt at a run ended. */
export type AttemptOutcome =
  | { readonly kind: 'finished'; readonly result: unknown }
  /** Softly, because it was asked to. */
  | { readonly kind: 'stopped' }
  /** By an error of its own, which it would meet again. */
  | { readonly kind: 'failed'; readonly message: string; readonly log: string }
  /** Its process or its machine is gone: another attempt continues it. */
  | { readonly kind: 'lost'; readonly message: string; readonly log: string };

export interface Attempt {
  readonly outcome: Promise<AttemptOutcome>;
  /** Ends it softly: what was reached is kept. */
  stop(): void;
}

export interface AttemptEvents {
  /** `where`: the machine, or the process. */
  onStarted(where: string): void;
  onProgress(event: TrainingEvent): void;
}

export interface Engine {
  /** Such as `2 processes of 1 thread`. */
  readonly description: string;
  /** How many runs at once, which may change while machines come and go. */
  capacity(): number;
  start(job: WorkerJob, events: AttemptEvents): Attempt;
  /** Calls back when the capacity has changed, with what there is to say about it. */
  onChange(listener: (note?: string) => void): void;
  /** Why nothing can be started any more; undefined while all is well. */
  failure(): Error | undefined;
  /** Ends whatever still runs, at once. */
  close(): Promise<void>;
}

const tailLines = 200;

/** The end of a log. */
export interface LogTail {
  add(line: string): void;
  text(): string;
}

export function createLogTail(): LogTail {
  const lines: string[] = [];
  return {
    add(line) {
      lines.push(line.slice(0, 2000));
      if (lines.length > tailLines) lines.shift();
    },
    text: () => lines.join('\n'),
  };
}
