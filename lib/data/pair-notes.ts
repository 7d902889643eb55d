/** What should be said of images and their masks before anything is computed with them. */
import { counted, describeFacts, some } from './file-facts';
import { usualReading } from './mask-values';
import type { PreparedPair } from './pair-worker';

export type PairFacts = Pick<PreparedPair, 'reading' | 'orientations' | 'dark' | 'pages'>;

export interface NamedPairFacts extends PairFacts {
  readonly id: string;
}

/** A line for each kind of pair that may not be what it seems. */
export function describePairs(pairs: readonly NamedPairFacts[]): string[] {
  const turned = pairs.filter(({ orientations: [image, mask] }) => image !== mask).map(({ id }) => id);
  const together = pairs.map(({ id, orientations: [image, mask], dark, pages }) => ({
    name: id,
    orientation: image === mask ? image : 1,
    dark,
    pages,
  }));
  return [
    ...describeReadings(pairs),
    ...(turned.length === 0
      ? []
      : [
          `${counted(turned.length, 'image')} turned by another EXIF orientation than the mask, and both as they say: look whether they fit (${some(turned)})`,
        ]),
    ...describeFacts(together),
  ];
}

/** Such as `masks by value: 280 of 0 and 255, 12 of 0 and 1`; nothing where all are as most are. */
function describeReadings(pairs: readonly PairFacts[]): string[] {
  if (pairs.every(({ reading }) => reading === usualReading)) return [];
  const counts = new Map<string, number>();
  for (const { reading } of pairs) counts.set(reading, (counts.get(reading) ?? 0) + 1);
  const kinds = [...counts].sort(([, first], [, second]) => second - first);
  return [`masks by value: ${some(kinds.map(([reading, count]) => `${count} of ${reading}`))}`];
}
