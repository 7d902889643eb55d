import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Mask } from '../../lib/data/mask';

export interface RunLengths {
  height: number;
  width: number;
  /** Row by row, background first. */
  runs: number[];
}

export function maskOf({ height, width, runs }: RunLengths): Mask {
  const pixels = new Uint8Array(height * width);
  let start = 0;
  runs.forEach((length, index) => {
    // Any value but 0 is foreground.
    if (index % 2 === 1) pixels.fill(index % 4 === 1 ? 1 : 255, start, start + length);
    start += length;
  });
  return { pixels, height, width };
}

export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', name), 'utf8')) as T;
}
