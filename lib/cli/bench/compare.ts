/** The results of another run, or of another program that prints the same JSON lines. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../../errors';
import type { BenchResult } from './measure';

const lineSchema = z.object({
  case: z.string().min(1),
  milliseconds: z.number().positive(),
  images: z.int().nonnegative().optional(),
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
    const earlier = results.get(result.case);
    if (earlier === undefined || result.milliseconds < earlier.milliseconds) results.set(result.case, result);
  });
  return results;
}

function parseLine(line: string): OtherResult | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/**
 * The result with the other's milliseconds and `ratio`, ours/theirs: below 1, ours is faster. As it is where the other has not this case.
 */
export function withRatio(result: BenchResult, others: ReadonlyMap<string, OtherResult>): BenchResult {
  const other = others.get(result.case);
  if (other === undefined) return result;
  return {
    ...result,
    other_milliseconds: other.milliseconds,
    ratio: Number((result.milliseconds / other.milliseconds).toPrecision(3)),
  };
}
