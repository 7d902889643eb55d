/** Features without a network, for tests of the cache. */
import { createHash } from 'node:crypto';
import { createRandom } from '../../lib/random';
import type { FeatureRequest } from '../../lib/training/feature-cache';
import type { FeatureWriter } from '../../lib/training/feature-writer';

export function exampleRequest(name = 'example', count = 30): FeatureRequest & { readonly of: string } {
  return { key: createHash('sha256').update(name).digest('hex'), of: name, count, width: 7 };
}

export function exampleRow(row: number, width: number): Float32Array {
  const random = createRandom(1, 'features', row);
  return Float32Array.from({ length: width }, () => random.normal());
}

export function exampleRows({ count, width }: { count: number; width: number }): Float32Array {
  return Float32Array.from(Array.from({ length: count }, (_, row) => [...exampleRow(row, width)]).flat());
}

/** An extraction that writes `rowsAtOnce` rows after the other, and records where it began. */
export function exampleExtraction(
  { count, width }: { count: number; width: number },
  { rowsAtOnce = 4, failAt = Infinity }: { rowsAtOnce?: number; failAt?: number } = {},
): { readonly begins: number[]; extract(writer: FeatureWriter): Promise<void> } {
  const begins: number[] = [];
  return {
    begins,
    async extract(writer) {
      begins.push(writer.finished);
      while (writer.finished < count) {
        if (writer.finished >= failAt) throw new Error('on purpose');
        const rows = Math.min(rowsAtOnce, count - writer.finished);
        const first = writer.finished;
        const values = Array.from({ length: rows }, (_, row) => [...exampleRow(first + row, width)]).flat();
        writer.append(Float32Array.from(values));
        await new Promise(setImmediate);
      }
    },
  };
}
