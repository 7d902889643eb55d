/** The results of another run, or of another program that prints the same JSON lines. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../../errors';
import { narrowSuffix, type BenchResult } from './measure';

const lineSchema = z.object({
  case: z.string().min(1),
  milliseconds: z.number().positive(),
  images: z.int().nonnegative().optional(),
  /** What was fastest, of what was tried. */
  setting: z.string().optional(),
  /** Of the program and its libraries. */
  versions: z.string().optional(),
});
export type OtherResult = z.infer<typeof lineSchema>;

const example = '{"case": "resnet18-train-28-b128", "milliseconds": 250, "best_of": 5, "images": 128}';

/**
 * The other's results by case; of several of one case, the fastest.
 * @throws UserError where the file cannot be read or a line is none of a benchmark
 */
export function readOtherResults(path: string): ReadonlyMap<string, OtherResult> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `--compare ${path} cannot be read (${(error as NodeJS.ErrnoException).code}): give a file of JSON lines, such as --out writes.`,
    );
  }
  const results = new Map<string, OtherResult>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const result = parseLine(line);
    if (result === undefined)
      throw new UserError(`Line ${index + 1} of ${path} is no result of a benchmark, such as ${example}.`);
    keepFastest(results, result);
  });
  return results;
}

/** Of several results of one case, the fastest stays. */
export function keepFastest<R extends OtherResult>(results: Map<string, R>, result: R): void {
  const earlier = results.get(result.case);
  if (earlier === undefined || result.milliseconds < earlier.milliseconds) results.set(result.case, result);
}

/** Undefined where the line is none of a benchmark. */
export function parseLine(line: string): OtherResult | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Whether a case is of bfloat16. */
export function isNarrow({ case: name }: Pick<OtherResult, 'case'>): boolean {
  return name.endsWith(narrowSuffix);
}

/**
 * The result with the other's milliseconds and `ratio`, ours/theirs: below 1, ours is faster; and `ratio_to_best`, to the faster of the
 * other's two precisions, where it has both. As it is where the other has not this case.
 */
export function withRatio(result: BenchResult, others: ReadonlyMap<string, OtherResult>): BenchResult {
  const other = others.get(result.case);
  if (other === undefined) return result;
  const twin = others.get(isNarrow(result) ? result.case.slice(0, -narrowSuffix.length) : result.case + narrowSuffix);
  const to = (milliseconds: number): number => Number((result.milliseconds / milliseconds).toPrecision(3));
  return {
    ...result,
    other_milliseconds: other.milliseconds,
    ratio: to(other.milliseconds),
    ...(twin && { ratio_to_best: to(Math.min(other.milliseconds, twin.milliseconds)) }),
    ...(other.setting !== undefined && { other_setting: other.setting }),
  };
}
