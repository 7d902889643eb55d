/** `npm run bench`: how long the library takes for what it is used for. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { suggestion, UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { alignColumns } from './align-columns';
import { readOtherResults, withRatio, type OtherResult } from './bench/compare';
import { dataCases } from './bench/data';
import { featureCases } from './bench/features';
import { measureCase, type BenchCase, type BenchResult, type BenchSize } from './bench/measure';
import { networkCases } from './bench/networks';
import { precisionCases } from './bench/precision';
import { programCases } from './bench/programs';
import { parseCommandLine, runCommand } from './command';
import { createProgressLine, type ProgressStream } from './progress-line';

/** What a test replaces. */
export interface BenchContext {
  readonly output?: ProgressStream;
  readonly progress?: ProgressStream;
  /** In place of the cases' own. */
  readonly size?: BenchSize;
  readonly cases?: readonly BenchCase[];
}

const allCases: readonly BenchCase[] = [
  ...networkCases,
  ...featureCases,
  ...precisionCases,
  ...dataCases,
  ...programCases,
];

const help = (
  cases: readonly BenchCase[],
): string => `npm run bench -- [CASE …] [--json] [--compare FILE] [--repeats N] [--out FILE]

Times what the library is used for: each case some times after a warm-up, of which the fastest counts. All cases by default; CASE may be
the beginning of names, up to a hyphen. A case that leaves a tensor behind ends the command with an error.

${alignColumns(
  cases.map(({ name, description }) => [`  ${name}`, description]),
  [],
)}

  --json          a JSON line for each case, as soon as it is done: case, milliseconds, best_of, images; per_second, of images; and more
  --compare FILE  JSON lines of another run, or of any program that prints such: adds the ratio ours/theirs, below 1 where ours is faster
  --repeats N     repetitions of each case, in place of its own number
  --out FILE      writes the JSON lines to a file

Images are noise or drawn, weights are random, and all of it is the same every time. Compare only runs on a machine that does nothing else.

Examples
  npm run bench -- resnet18 vit-tiny
  npm run --silent bench -- --json > ours.jsonl
  npm run bench -- --compare theirs.jsonl`;

const options = {
  json: { type: 'boolean' },
  compare: { type: 'string' },
  repeats: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The command `npm run bench`. Throws a UserError for what is misspelt or does not fit, before anything is run. */
export async function main(args: string[], context: BenchContext = {}): Promise<void> {
  const { output = process.stdout, progress = process.stderr, cases = allCases } = context;
  const { values, positionals } = parseCommandLine(args, options);
  if (values.help === true) {
    output.write(`${help(cases)}\n`);
    return;
  }
  const chosen = chooseCases(positionals, cases);
  if (values.out !== undefined) checkOut(values.out);
  const repeats = values.repeats === undefined ? undefined : parseRepeats(values.repeats);
  const sizeOf = ({ size }: BenchCase): BenchSize => context.size ?? size;
  const others = values.compare === undefined ? undefined : readOtherResults(values.compare);
  if (others !== undefined) checkComparable(others, chosen, sizeOf, values.compare ?? '');

  const line = createProgressLine(progress);
  const results: BenchResult[] = [];
  const leaks: string[] = [];
  try {
    for (const benchCase of chosen) {
      const onProgress = (text: string): void => line.update(`${benchCase.name}: ${text}`);
      const { result, leaked } = await measureCase(benchCase, { size: sizeOf(benchCase), repeats, onProgress });
      line.clear();
      if (leaked !== 0) leaks.push(`${benchCase.name} (${leaked})`);
      results.push(others === undefined ? result : withRatio(result, others));
      if (values.json === true) output.write(jsonLines(results.slice(-1)));
      // After each case, so that an interruption loses one at the most.
      if (values.out !== undefined) writeFileAtomic(values.out, jsonLines(results));
    }
  } finally {
    line.clear();
    if (values.json !== true && results.length > 0) output.write(describe(results, others !== undefined));
  }
  if (leaks.length > 0) throw new Error(`Tensors are left behind by ${leaks.join(', ')}.`);
}

/** Cases by name or the beginning of it, in the order of `cases`; without any, all that need not be named. */
function chooseCases(given: readonly string[], cases: readonly BenchCase[]): readonly BenchCase[] {
  if (given.length === 0) return cases.filter(({ onlyByName }) => onlyByName !== true);
  const names = cases.map(({ name }) => name);
  const wanted = new Set<string>();
  for (const text of given) {
    const found = names.includes(text) ? [text] : names.filter((name) => name.startsWith(`${text}-`));
    if (found.length === 0)
      throw new UserError(`There is no case "${text}"${suggestion(text, names) || '.'} --help shows all.`);
    for (const name of found) wanted.add(name);
  }
  return cases.filter(({ name }) => wanted.has(name));
}

function parseRepeats(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UserError(`--repeats is "${text}", but must be a whole number from 1 to 9999.`);
}

/** Results that could not be written would be lost at the end. */
function checkOut(path: string): void {
  if (path === '' || statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError(`--out is "${path}", but must be a file, such as results.jsonl.`);
  const folder = dirname(resolve(path));
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new UserError(`--out ${path} cannot be written: there is no folder ${folder}, or it is not yours to write.`);
  }
}

/** @throws UserError where the other run has none of the cases, or has done another amount of work */
function checkComparable(
  others: ReadonlyMap<string, OtherResult>,
  chosen: readonly BenchCase[],
  sizeOf: (benchCase: BenchCase) => BenchSize,
  path: string,
): void {
  const common = chosen.filter(({ name }) => others.has(name));
  if (common.length === 0) {
    const has = others.size === 0 ? 'it is empty' : `it has ${[...others.keys()].join(', ')}`;
    throw new UserError(`--compare ${path} has none of the cases that are run: ${has}.`);
  }
  for (const benchCase of common) {
    const [ours, theirs] = [sizeOf(benchCase).images, others.get(benchCase.name)?.images];
    if (theirs !== undefined && theirs !== ours)
      throw new UserError(`${benchCase.name} is of ${ours} images, but in ${path} of ${theirs}: leave it out there.`);
  }
}

function jsonLines(results: readonly BenchResult[]): string {
  return results.map((result) => `${JSON.stringify(result)}\n`).join('');
}

/** A table; what only some cases have is listed at the end of their rows. */
function describe(results: readonly BenchResult[], compared: boolean): string {
  const shown = (value: string | number | undefined): string => (value === undefined ? '' : String(value));
  const heading = ['case', 'ms', 'best of', 'images', 'images/s', ...(compared ? ['theirs, ms', 'ours/theirs'] : [])];
  const rows = results.map((result) => {
    const { case: name, milliseconds, best_of: repeats, images, per_second: rate, ...rest } = result;
    const { other_milliseconds: theirs, ratio, ...further } = rest;
    const notes = Object.entries(further).map(([key, value]) => `${key.replaceAll('_', ' ')} ${shown(value)}`);
    const cells = [name, shown(milliseconds), shown(repeats), images === 0 ? '' : shown(images), shown(rate)];
    return [...cells, ...(compared ? [shown(theirs), shown(ratio)] : []), notes.join(', ')];
  });
  const right = heading.map((_, column) => column).slice(1);
  return `${alignColumns([[...heading, ''], ...rows], right)}\n`;
}

if (require.main === module) runCommand(main);
