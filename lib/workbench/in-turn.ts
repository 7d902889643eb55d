/**
 * Does the work of each item, one after the other, and gives what came of it. Where the work of one gives undefined, as after the stop
 * button, the rest is left for the next call: what was finished is there at once then.
 */
export async function untilStopped<T, R>(items: readonly T[], work: (item: T) => Promise<R | undefined>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) {
    const result = await work(item);
    if (result === undefined) break;
    results.push(result);
  }
  return results;
}
