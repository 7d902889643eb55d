/** Which precision a training computes in, where that is left to the machine. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readRecord, recordText, writeFileAtomic } from '../files';
import { cacheDirectory } from '../paths';
import type { Precision, PrecisionSetting } from '../precisions';
import { tf } from '../tf';
import { multiply } from './linear';
import { hasBfloat16, kernelLevel } from './native';
import { toPrecision } from './precision';

/**
 * `auto` is bfloat16 where the processor multiplies it natively and one product, which is timed once and remembered, says that it is faster;
 * float32 elsewhere, and where nothing is asked for.
 */
export function choosePrecision(setting: PrecisionSetting = 'float32'): Precision {
  if (setting !== 'auto') return setting;
  if (!hasBfloat16) return 'float32';
  const speeds = rememberedSpeeds();
  return speeds.bfloat16 < speeds.float32 ? 'bfloat16' : 'float32';
}

/** Milliseconds of one product. */
type Speeds = Readonly<Record<Precision, number>>;
const speedsSchema = z.record(z.string(), z.object({ float32: z.number(), bfloat16: z.number() }));

/** By processor: machines may share the folder. What a training computes in must not change where it is continued. */
function rememberedSpeeds(): Speeds {
  const file = join(cacheDirectory, 'precision.json');
  const known = speedsSchema.safeParse(readRecord(file)).data ?? {};
  const processor = `${cpus()[0]?.model ?? process.arch}, kernels ${kernelLevel}`;
  if (processor in known) return known[processor];
  const measured = { float32: millisecondsOf('float32'), bfloat16: millisecondsOf('bfloat16') };
  writeFileAtomic(file, recordText({ ...known, [processor]: measured }, 1));
  return measured;
}

/** The fastest of some. */
function millisecondsOf(precision: Precision): number {
  return tf.tidy(() => {
    const [a, b] = [
      [1024, 1024],
      [1024, 512],
    ].map((shape) => toPrecision(tf.ones(shape), precision));
    const times = Array.from({ length: 8 }, () => {
      const start = performance.now();
      multiply(a, b);
      return performance.now() - start;
    });
    return Math.min(...times);
  });
}
