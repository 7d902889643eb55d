/** What a case of `npm run bench` is, and how its time is taken: the best of some repetitions after a warm-up. */
import { tf } from '../../tf';

/** At the end of the name of a case in bfloat16, whose twin in float32 has the same name without it. */
export const narrowSuffix = '-bf16';

/** How much work a repetition is. */
export interface BenchSize {
  /** Images, masks or pairs of them; 0 where the work has none. */
  readonly images: number;
  /** A side. */
  readonly pixels: number;
}

export interface BenchCase {
  readonly name: string;
  /** For --help. */
  readonly description: string;
  readonly size: BenchSize;
  readonly repeats: number;
  /** Repetitions before those that count. */
  readonly warmUp: number;
  /** Whether images a second say nothing of it. */
  readonly withoutRate?: boolean;
  /** Whether it is left out unless it is named in full. */
  readonly onlyByName?: boolean;
  /** Everything that is not to be timed. */
  prepare(size: BenchSize): BenchWork | Promise<BenchWork>;
}

/** A case that is ready to be run. */
export interface BenchWork {
  /** One repetition: all of it is timed, unless it returns milliseconds, which then count. */
  run(): void | number | Promise<void | number>;
  /** Further numbers for the case's line, by name; `milliseconds` is the best repetition's. */
  further?(milliseconds: number): Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>;
  dispose(): void | Promise<void>;
}

/** A result, named as in the JSON lines. */
export interface BenchResult {
  readonly case: string;
  readonly milliseconds: number;
  readonly best_of: number;
  readonly images: number;
  /** Images. */
  readonly per_second?: number;
  readonly [further: string]: string | number | undefined;
}

export interface MeasureOptions {
  /** In place of the case's own. */
  readonly size?: BenchSize;
  readonly repeats?: number;
  readonly onProgress?: (text: string) => void;
}

/** Prepares a case, repeats it, and frees what it has made. `leaked` counts tensors that are left. */
export async function measureCase(
  { name, prepare, warmUp, withoutRate, ...defaults }: BenchCase,
  { size = defaults.size, repeats = defaults.repeats, onProgress = () => undefined }: MeasureOptions = {},
): Promise<{ readonly result: BenchResult; readonly leaked: number }> {
  const tensors = tf.memory().numTensors;
  onProgress('preparing');
  const work = await prepare(size);
  let result: BenchResult;
  try {
    const best = await bestOf(work, { repeats, warmUp, onProgress });
    const milliseconds = rounded(best);
    const further = Object.entries((await work.further?.(best)) ?? {});
    result = {
      case: name,
      milliseconds,
      best_of: repeats,
      images: size.images,
      ...(size.images > 0 && withoutRate !== true ? { per_second: rounded((1000 * size.images) / best) } : {}),
      ...Object.fromEntries(further.map(([key, value]) => [key, rounded(value)])),
    };
  } finally {
    await work.dispose();
  }
  return { result, leaked: tf.memory().numTensors - tensors };
}

export interface RepeatOptions {
  readonly repeats: number;
  readonly warmUp: number;
  readonly onProgress?: (text: string) => void;
}

/** The milliseconds of the fastest of `repeats` repetitions after `warmUp` others. */
export async function bestOf(
  { run }: Pick<BenchWork, 'run'>,
  { repeats, warmUp, onProgress }: RepeatOptions,
): Promise<number> {
  let best = Infinity;
  for (let repetition = 1 - warmUp; repetition <= repeats; repetition++) {
    onProgress?.(repetition < 1 ? 'warming up' : `${repetition} of ${repeats}`);
    const start = performance.now();
    const own = await run();
    const milliseconds = own ?? performance.now() - start;
    if (repetition >= 1) best = Math.min(best, milliseconds);
  }
  return best;
}

/** To four digits, or tenths where that is less. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value * 10) / 10 : Number(value.toPrecision(4));
}
