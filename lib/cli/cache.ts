import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { counted } from '../data/file-facts';
import { clearPreparedData, listPreparedData, preparedKinds, type PreparedData } from '../data/prepared-data';
import { suggestion, UserError } from '../errors';
import {
  clearFeatureCache,
  featureCacheDirectory,
  listFeatureCache,
  type FeatureEntry,
} from '../training/feature-cache';
import { parseCommandLine, runCommand } from './command';
import type { ProgressStream } from './progress-line';

/** What a test replaces. */
export interface CacheContext {
  readonly output?: ProgressStream;
  /** Of features; prepared data are beside it. */
  readonly directory?: string;
}

const help = `npm run cache -- COMMAND

  list [--json]               the features that frozen networks were run for, the most recently used first, and prepared data
  clear [--older-than DAYS]   deletes all features, or those that were not used for so many days
  clear --data                deletes prepared data: unpacked files, resized images, drawn images

The features of a frozen network are computed once and kept in data/cache/features: up to 20 GB, then those that were not used for
longest are deleted. FEATURE_CACHE_GIGABYTES sets another limit, PREPARED_DATA_GIGABYTES that of prepared data, also 20. Everything that is
deleted is computed again when it is needed.

Examples
  npm run cache -- list
  npm run cache -- clear --older-than 30
  npm run cache -- clear --data`;

const commands = { list, clear } as const;

/** The command `npm run cache`. Throws a UserError for anything that is misspelt or missing. */
export async function main(args: string[], context: CacheContext = {}): Promise<void> {
  const { output = process.stdout, directory = featureCacheDirectory } = context;
  const [command, ...rest] = args;
  if ([command, ...rest].some((argument) => argument === '--help' || argument === '-h')) {
    output.write(`${help}\n`);
    return;
  }
  const names = Object.keys(commands) as (keyof typeof commands)[];
  if (command === undefined)
    throw new UserError(`Which of ${names.join(', ')}? "npm run cache -- --help" shows examples.`);
  const known = names.find((name) => name === command);
  if (known === undefined) {
    throw new UserError(
      `There is no command "${command}"${suggestion(command, names) || '.'} There are ${names.join(', ')}.`,
    );
  }
  await commands[known](rest, { output, directory });
}

function list(args: string[], { output, directory }: Required<CacheContext>): void {
  const { values, positionals } = parseCommandLine(args, { json: { type: 'boolean' } });
  refuseExtra('list', positionals);
  const entries = listFeatureCache({ directory });
  const prepared = listPreparedData(dirname(directory));
  if (values.json === true) {
    output.write(`${JSON.stringify({ features: entries, prepared }, undefined, 2)}\n`);
    return;
  }
  for (const entry of entries) output.write(`${describe(entry)}\n`);
  output.write(`Features: ${summary(entries)} in ${directory.replace(homedir(), '~')}\n`);
  for (const row of prepared.filter(({ entries: count }) => count > 0)) output.write(`${describePrepared(row)}\n`);
}

async function clear(args: string[], { output, directory }: Required<CacheContext>): Promise<void> {
  const { values, positionals } = parseCommandLine(args, {
    'older-than': { type: 'string' },
    data: { type: 'boolean' },
  });
  refuseExtra('clear', positionals);
  if (values.data === true) {
    if (values['older-than'] !== undefined)
      throw new UserError('--older-than is for features: leave it or --data out.');
    const deleted = clearPreparedData(dirname(directory));
    const bytes = deleted.reduce((sum, row) => sum + row.bytes, 0);
    output.write(`Deleted ${megabytes(bytes).trim()} of prepared data.\n`);
    return;
  }
  const given = values['older-than'];
  const olderThanDays = given === undefined ? 0 : Number(given);
  if (!(olderThanDays >= 0) || given?.trim() === '')
    throw new UserError(`--older-than is "${given}", but must be a number of days.`);
  output.write(`Deleted ${summary(await clearFeatureCache({ directory, olderThanDays }))}.\n`);
}

function describe({ of, state, count, width, bytes, lastUsed, seconds }: FeatureEntry): string {
  if (state === 'damaged') return `${megabytes(bytes)}  damaged: computed again when it is needed`;
  const used = `${state === 'whole' ? 'used' : 'unfinished,'} ${lastUsed.toISOString().slice(0, 10)}`;
  return `${megabytes(bytes)}  ${used}  ${seconds.toFixed(0).padStart(5)} s  ${of}, ${count}×${width}`;
}

function describePrepared({ kind, entries, bytes }: PreparedData): string {
  return `Prepared data: ${counted(entries, 'entry')}, ${megabytes(bytes).trim()}, ${preparedKinds[kind]}`;
}

function summary(entries: readonly FeatureEntry[]): string {
  const bytes = entries.reduce((total, entry) => total + entry.bytes, 0);
  return `${counted(entries.length, 'entry')}, ${megabytes(bytes).trim()}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1).padStart(8)} MB`;
}

function refuseExtra(command: string, extra: readonly string[]): void {
  if (extra.length > 0)
    throw new UserError(`${command} takes no "${extra[0]}"; "npm run cache -- --help" shows examples.`);
}

if (require.main === module) runCommand(main);
