import { parseArgs, type ParseArgsConfig } from 'node:util';

import { counted } from '../data/file-facts';
import type { BrokenImage } from '../data/image-folder';
import { fileProblem, suggestion, UserError } from '../errors';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>;

/**
 * Options and positionals of a command line. Throws a UserError, one line with the nearest name, for an option that is not in
 * `options`, lacks its value or has one too many.
 */
export function parseCommandLine<T extends Options>(args: string[], options: T): Parsed<T> {
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (!Object.hasOwn(options, token.name)) {
      throw new UserError(
        `There is no option ${token.rawName}${nearestOption(token.name, Object.keys(options))} --help shows all.`,
      );
    }
    const wantsValue = options[token.name].type === 'string';
    // A value that looks like an option is one: "--size --help" has forgotten the size.
    const hasValue = token.value !== undefined && (token.inlineValue || !token.value.startsWith('-'));
    if (wantsValue && !hasValue) throw new UserError(`${token.rawName} needs a value; --help shows an example.`);
    if (!wantsValue && hasValue) throw new UserError(`${token.rawName} takes no value.`);
  }
  return parseArgs({ args, options, allowPositionals: true, strict: true });
}

interface CommandFacts {
  readonly command: string;
  readonly help: string;
  readonly output: { write(text: string): unknown };
}

/**
 * The options of a command that takes no word without an option's name; undefined where `--help` asks for its help, which is printed then.
 * @throws UserError as `parseCommandLine`, and for such a word
 */
export function readOptions<T extends Options>(
  args: string[],
  options: T,
  { command, help, output }: CommandFacts,
): Parsed<T>['values'] | undefined {
  const { values, positionals } = parseCommandLine(args, options);
  if ('help' in values && values.help === true) {
    output.write(`${help}\n`);
    return undefined;
  }
  refusePositionals(command, positionals);
  return values;
}

/** @throws UserError for a word without an option's name */
export function refusePositionals(command: string, [first]: readonly string[]): void {
  if (first !== undefined)
    throw new UserError(`${command} takes no "${first}" without an option's name; --help shows examples.`);
}

/** @throws UserError where an option that has to be there is not */
export function required(value: string | undefined, name: string, example: string): string {
  if (value !== undefined && value !== '') return value;
  throw new UserError(`--${name} is missing, for example --${name} ${example}; --help shows all.`);
}

/** @throws UserError for a value that is none of those allowed, with the nearest of them */
export function choice<T extends string>(option: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === given);
  if (found !== undefined) return found;
  throw new UserError(
    `--${option} is "${given}"${suggestion(given, allowed) || '.'} It must be ${allowed.join(' or ')}.`,
  );
}

function nearestOption(given: string, names: readonly string[]): string {
  return suggestion(given, names).replace(/"(.*)"/, '"--$1"') || '.';
}

/** 2: the command did what it could, and left something out that it has named. */
export type ExitCode = 0 | 2;

/**
 * Runs a command's `main` with the arguments of the process. A UserError ends it with its message alone on standard error and exit
 * code 1, any other error with its stack and 1, an interruption with 130; otherwise the code is what `main` gives, or 0.
 */
export function runCommand(main: (args: string[]) => Promise<ExitCode | void>): void {
  process.once('SIGINT', () => {
    process.stderr.write('\n');
    process.exit(130);
  });
  process.on('unhandledRejection', fail);
  process.on('uncaughtException', fail);
  // "… | head" closes the pipe; there is nobody left to tell.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EPIPE' ? process.exit(0) : fail(error),
  );
  // Nothing is left to do, but the work is not done: what it waits for will never come.
  const unfinished = (): never => fail(new UserError('The command has come to its end before its work was done.'));
  process.once('beforeExit', unfinished);
  main(process.argv.slice(2)).then((code) => {
    process.removeListener('beforeExit', unfinished);
    if (code) process.exitCode = code;
  }, fail);
}

/** Lists the files that could not be read and were left out, and gives the exit code. */
export function reportBroken(broken: readonly BrokenImage[], output: { write(text: string): unknown }): ExitCode {
  if (broken.length === 0) return 0;
  output.write(
    `${counted(broken.length, 'file')} ${broken.length === 1 ? 'was' : 'were'} left out:\n${broken.map(({ reason }) => `  ${reason}\n`).join('')}`,
  );
  return 2;
}

function fail(error: unknown): never {
  const told = error instanceof UserError ? error.message : fileProblem(error);
  const text = told ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
