/** How long one pass of a network takes. */
import { readResult } from '../tensor/read';
import type { Tensor } from '../tf';

/** Passes that are measured, after one that is not. */
const passes = 5;

/** Milliseconds of the fastest of several passes, until the values are read. Tensors are disposed. */
export function fastestPass(compute: () => Tensor): number {
  readResult(compute);
  let fastest = Infinity;
  for (let pass = 0; pass < passes; pass++) {
    const start = performance.now();
    readResult(compute);
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}
