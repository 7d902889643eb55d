/** `npm run bench`: how long the library takes for what it is used for. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { suggestion, UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { environment } from '../system';
import { alignColumns } from './align-columns';
import { isNarrow, keepFastest, readOtherResults, withRatio, type OtherResult } from './bench/compare';
import { dataCases } from './bench/data';
import { featureCases } from './bench/features';
import { measureCase, type BenchCase, type BenchResult, type BenchSize } from './bench/measure';
import { mixedPrecisionCases } from './bench/mixed-precision';
import { networkCases } from './bench/networks';
import { casesOfProgram, inTurn } from './bench/other-program';
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
  ...mixedPrecisionCases,
  ...dataCases,
  ...programCases,
];

const help = (
  cases: readonly BenchCase[],
): string => `npm run bench -- [CASE …] [--json] [--compare FILE | --against COMMAND] [--rounds N] [--repeats N] [--out FILE]

Times what the library is used for: each case some times after a warm-up, of which the fastest counts. All cases by default; CASE may be
the beginning of names, up to a hyphen. A case that leaves a tensor behind ends the command with an error.

${alignColumns(
  cases.map(({ name, description }) => [`  ${name}`, description]),
  [],
)}

  --json          a JSON line for each case, as soon as it is done: case, milliseconds, best_of, images; per_second, of images; and more
  --compare FILE  JSON lines of another run, or of any program that prints such: adds the ratio ours/theirs, below 1 where ours is faster
  --against COMMAND  the same with a program that is run in turn, such as "python tests/peers/pytorch_bench.py", on the cases that it has
  --rounds N      how often all of a case is measured, of which the fastest counts; 1, in turn 3
  --repeats N     repetitions of each case, in place of its own number
  --out FILE      writes the JSON lines to a file

Tables beside another program are by precision. "to their best" is ours to the faster of their two precisions.

Images are noise or drawn, weights are random, and all of it is the same every time. Compare only runs on a machine that does nothing else.

Examples
  npm run bench -- resnet18 vit-tiny
  npm run --silent bench -- --json > ours.jsonl
  npm run bench -- --compare theirs.jsonl
  npm run bench -- --against "python tests/peers/pytorch_bench.py"`;

const options = {
  json: { type: 'boolean' },
  compare: { type: 'string' },
  against: { type: 'string' },
  rounds: { type: 'string' },
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
  const { compare, against } = values;
  if (compare !== undefined && against !== undefined)
    throw new UserError('--compare and --against are both given: one of them has the results to compare with.');
  const named = chooseCases(positionals, cases);
  if (values.out !== undefined) checkOut(values.out);
  const repeats = parseCount('repeats', values.repeats);
  const rounds = parseCount('rounds', values.rounds) ?? (against === undefined ? 1 : 3);
  const sizeOf = ({ size }: BenchCase): BenchSize => context.size ?? size;
  const others = new Map(compare === undefined ? [] : readOtherResults(compare));
  if (compare !== undefined) checkComparable(others, named, sizeOf, compare);
  const chosen = against === undefined ? named : await commonCases(named, against);

  const line = createProgressLine(progress);
  const results = new Map<string, BenchResult>();
  const leaks: string[] = [];
  const found = (): BenchResult[] => [...results.values()].map((result) => withRatio(result, others));
  try {
    for (const benchCase of chosen) {
      const { name } = benchCase;
      const measure = async (): Promise<void> => {
        const onProgress = (text: string): void => line.update(`${name}: ${text}`);
        const { result, leaked } = await measureCase(benchCase, { size: sizeOf(benchCase), repeats, onProgress });
        if (leaked !== 0) leaks.push(`${name} (${leaked})`);
        keepFastest(results, result);
      };
      if (against === undefined) for (let round = 1; round <= rounds; round++) await measure();
      else {
        const onTheirs = (result: OtherResult): void => keepFastest(others, result);
        line.update(`${name}: ${against}`);
        await inTurn(against, name, { rounds, onTheirs, ours: measure });
      }
      line.clear();
      if (values.json === true) output.write(jsonLines(found().slice(-1)));
      // After each case, so that an interruption loses one at the most.
      if (values.out !== undefined) writeFileAtomic(values.out, jsonLines(found()));
    }
  } finally {
    line.clear();
    if (values.json !== true && results.size > 0) output.write(describe(found(), others));
  }
  if (leaks.length > 0) throw new Error(`Tensors are left behind by ${leaks.join(', ')}.`);
}

/** @throws UserError where the program has none of the cases */
async function commonCases(named: readonly BenchCase[], command: string): Promise<readonly BenchCase[]> {
  const has = await casesOfProgram(command);
  const common = named.filter(({ name }) => has.includes(name));
  if (common.length > 0) return common;
  throw new UserError(`${command} has none of the cases that are run: it has ${has.join(', ')}.`);
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

function parseCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,3}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new UserError(`--${option} is "${text}", but must be a whole number from 1 to 9999.`);
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

/** A table, beside another program's one for each precision; what only some cases have is listed at the end of their rows. */
function describe(results: readonly BenchResult[], others: ReadonlyMap<string, OtherResult>): string {
  if (others.size === 0) return table(results, 'case', []);
  const compared = ['theirs, ms', 'ours/theirs', 'to their best'];
  const { cpu, cores, kernels, tensorflow, node } = environment();
  const versions = [...new Set([...others.values()].flatMap((other) => other.versions ?? []))];
  const heading = [`${cpu}, ${cores} cores, kernels ${kernels}`, `TensorFlow ${tensorflow}, Node ${node}`, ...versions];
  const narrow = results.filter(isNarrow);
  const wide = results.filter((result) => !isNarrow(result));
  const tables = [
    ...(wide.length > 0 ? [table(wide, 'float32', compared)] : []),
    ...(narrow.length > 0 ? [table(narrow, 'bfloat16', compared)] : []),
  ];
  return `${heading.join('; ')}\n\n${tables.join('\n')}`;
}

function table(results: readonly BenchResult[], of: string, compared: readonly string[]): string {
  const shown = (value: string | number | undefined): string => (value === undefined ? '' : String(value));
  const heading = [of, 'ms', 'best of', 'images', 'images/s', ...compared];
  const rows = results.map((result) => {
    const { case: name, milliseconds, best_of: repeats, images, per_second: rate, ...rest } = result;
    const { other_milliseconds: theirs, ratio, ratio_to_best: toBest, other_setting: setting, ...further } = rest;
    const notes = Object.entries(further).map(([key, value]) => `${key.replaceAll('_', ' ')} ${shown(value)}`);
    const cells = [name, shown(milliseconds), shown(repeats), images === 0 ? '' : shown(images), shown(rate)];
    const beside = compared.length > 0 ? [theirs, ratio, toBest].map(shown) : [];
    const theirSetting = setting === undefined ? [] : [`theirs: ${setting}`];
    return [...cells, ...beside, [...theirSetting, ...notes].join('; ')];
  });
  const right = heading.map((_, column) => column).slice(1);
  return `${alignColumns([[...heading, ''], ...rows], right)}\n`;
}

if (require.main === module) runCommand(main);
