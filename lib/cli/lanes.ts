/** Work on several things at once, such as running notebooks, as far as the machine has cores and memory for it. */
import { cores, memoryBytes } from '../machine';

export interface LaneOptions<T> {
  /** How many at once; as many as the machine has cores, and for each `bytesEach` of memory, four at most by default. */
  readonly lanes?: number;
  /** Bytes of memory that one takes; 1 GiB by default. */
  readonly bytesEach?: number;
  /** What has to be done before an item begins, as far as it is among the items. */
  readonly after?: (item: T) => readonly T[];
}

/**
 * Begins in the order of the items. Where one fails, no other is begun, and those that have begun come to their end.
 * @throws what the first to fail threw
 */
export async function inLanes<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  { bytesEach = 2 ** 30, lanes = lanesOf(bytesEach), after = () => [] }: LaneOptions<T> = {},
): Promise<void> {
  const waiting = [...items];
  const running = new Map<T, Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const isReady = (item: T): boolean => !after(item).some((other) => running.has(other) || waiting.includes(other));
  const begin = (item: T): void => {
    waiting.splice(waiting.indexOf(item), 1);
    const ended = work(item)
      .catch((error: unknown) => void (failure ??= { error }))
      .finally(() => running.delete(item));
    running.set(item, ended);
  };
  while (failure === undefined) {
    const ready = running.size < lanes ? waiting.find(isReady) : undefined;
    if (ready !== undefined) begin(ready);
    else if (running.size > 0) await Promise.race(running.values());
    else break;
  }
  await Promise.all(running.values());
  if (failure !== undefined) throw failure.error;
}

function lanesOf(bytesEach: number): number {
  return Math.max(1, Math.min(4, cores(), Math.floor(memoryBytes() / bytesEach)));
}
