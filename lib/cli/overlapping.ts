/** Work of two parts, such as running a notebook and making its page, on one thing after the other. */

/**
 * Begins with each as soon as the first part of the one before is done, so that its second part runs beside. Where one fails, no other
 * is begun, and those that have begun come to their end.
 * @param work calls `onFirstPart` when the next may begin; without that, it may when all is done
 * @throws what the first to fail threw
 */
export async function overlapping<T>(
  items: readonly T[],
  work: (item: T, onFirstPart: () => void) => Promise<void>,
): Promise<void> {
  const begun: Promise<void>[] = [];
  try {
    for (const item of items) {
      const firstPart = new Promise<void>((resolve) => begun.push(work(item, resolve)));
      await Promise.race([firstPart, Promise.all(begun)]);
    }
    await Promise.all(begun);
  } finally {
    await Promise.allSettled(begun);
  }
}
