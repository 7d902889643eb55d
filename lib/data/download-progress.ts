/** The state of a transfer, part of every event. Without a total the server did not say how long the file is. */
export interface DownloadState {
  /** Bytes of the file that are on disk, those of an earlier attempt included. */
  readonly received: number;
  readonly total?: number;
  /** Of the running attempt; 0 before its first bytes. */
  readonly bytesPerSecond: number;
}

/** What `onProgress` is told. `wait` means that another process is downloading the same file. */
export type DownloadEvent = DownloadState &
  (
    | { readonly kind: 'wait'; readonly pid?: number }
    | { readonly kind: 'start'; readonly url: string; readonly destination: string }
    | { readonly kind: 'progress' }
    | { readonly kind: 'retry'; readonly attempt: number; readonly reason: string; readonly delayMilliseconds: number }
    | { readonly kind: 'verify' }
    | { readonly kind: 'done'; readonly path: string }
  );

const progressMilliseconds = 100;

/** Turns what a transfer does into events that carry its state. */
export interface Reporter {
  /** `restarts` where an attempt begins, from which the speed is measured. */
  update(received: number, total: number | undefined, restarts: boolean): void;
  send(event: EventDetail): void;
  sendProgress(): void;
}

type WithoutState<T> = T extends DownloadEvent ? Omit<T, keyof DownloadState> : never;
type EventDetail = WithoutState<DownloadEvent>;

export function createReporter(onProgress: (event: DownloadEvent) => void = () => undefined): Reporter {
  let received = 0;
  let total: number | undefined;
  let attempt = { start: performance.now(), offset: 0 };
  let lastProgress = 0;

  function state(): DownloadState {
    const seconds = (performance.now() - attempt.start) / 1000;
    return { received, total, bytesPerSecond: seconds > 0 ? (received - attempt.offset) / seconds : 0 };
  }

  return {
    update(newReceived, newTotal, restarts) {
      received = newReceived;
      total = newTotal;
      if (restarts) attempt = { start: performance.now(), offset: newReceived };
    },
    send: (event) => onProgress({ ...event, ...state() }),
    sendProgress() {
      if (performance.now() - lastProgress < progressMilliseconds && received !== total) return;
      lastProgress = performance.now();
      onProgress({ kind: 'progress', ...state() });
    },
  };
}
