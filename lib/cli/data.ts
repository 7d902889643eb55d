import { existsSync, statSync } from 'node:fs';

import { ensureDataset, type DownloadEvent, type EnsureOptions } from '../data/download';
import { candidatePaths } from '../data/locate';
import { datasetFile, datasetNames, findDataset } from '../data/registry';
import { imageSizes, type DatasetRecord } from '../data/registry-types';
import type { PreparationProgress } from '../data/isic-store';
import type { Verification } from '../data/verify';
import { suggestion, UserError } from '../errors';
import { alignColumns } from './align-columns';
import { parseCommandLine, runCommand } from './command';
import { showDownload } from './download-progress';
import { createProgressLine, type ProgressStream } from './progress-line';

/** What a test replaces. */
export interface DataContext extends EnsureOptions {
  readonly output?: ProgressStream;
  readonly progress?: ProgressStream;
}

const help = `npm run data -- COMMAND

  list [--json]                     the datasets of the registry, and which sizes are on this machine
  download NAME... [--size PIXELS]  downloads what is missing and prints where the files are; 28 pixels by default
  verify PATH                       reads a file or a folder from beginning to end and says what is wrong with it

Examples
  npm run data -- list
  npm run data -- download bloodmnist --size 64
  npm run data -- verify data/cache/medmnist/bloodmnist_64.npz`;

const commandHelp = {
  list: `npm run data -- list [--json]

Shows the datasets of the registry: task, classes, channels, images per split, sizes that are on this machine, licence.

Examples
  npm run data -- list
  npm run --silent data -- list --json > datasets.json`,
  download: `npm run data -- download NAME... [--size ${imageSizes.join('|')}]

Downloads what is not on this machine yet, compares MD5 checksums and prints where the files are. An interrupted download is
continued. Files of the Python package medmnist in ~/.medmnist are used as they are.

Examples
  npm run data -- download bloodmnist
  npm run data -- download bloodmnist dermamnist --size 224`,
  verify: `npm run data -- verify PATH

Reads an .npz file from beginning to end: counts, damaged arrays, constant images, and duplicates within and across splits. Of a folder
of images and masks (images/ID.jpg and masks/ID_segmentation.png, or ISIC 2017 or 2018 task 1 as it unzips), lists what has no mask or
no image, cannot be read, differs in size, or has an all-zero mask.

Examples
  npm run data -- verify data/cache/medmnist/bloodmnist.npz
  npm run data -- verify isic2018`,
} as const;

const commands = { list, download, verify } as const;
type CommandName = keyof typeof commands;

/** The command `npm run data`. Throws a UserError for anything that is misspelt or missing. */
export async function main(args: string[], context: DataContext = {}): Promise<void> {
  const output = context.output ?? process.stdout;
  const [command, ...rest] = args;
  if (command === '--help' || command === '-h') {
    output.write(`${help}\n`);
    return;
  }
  const names = Object.keys(commands) as CommandName[];
  if (command === undefined)
    throw new UserError(`Which of ${names.join(', ')}? "npm run data -- --help" shows examples.`);
  const known = names.find((name) => name === command);
  if (known === undefined) {
    throw new UserError(
      `There is no command "${command}"${suggestion(command, names) || '.'} There are ${names.join(', ')}.`,
    );
  }
  if (rest.includes('--help') || rest.includes('-h')) output.write(`${commandHelp[known]}\n`);
  else await commands[known](rest, { ...context, output });
}

type CommandContext = DataContext & { readonly output: ProgressStream };

function list(args: string[], context: CommandContext): void {
  const { values, positionals } = parseCommandLine(args, { json: { type: 'boolean' } });
  refuseExtra('list', positionals);
  const records = datasetNames().map((name) => {
    const record = findDataset(name);
    return { ...record, present: presentFiles(record, context) };
  });
  if (values.json === true) {
    context.output.write(`${JSON.stringify(records, undefined, 2)}\n`);
    return;
  }
  const rows = records.map(({ name, task, classNames, channels, splits, present, license }) => [
    name,
    task,
    String(classNames.length),
    String(channels),
    [splits.train, splits.val, splits.test].join('/'),
    present.map(({ size }) => size).join(' ') || '–',
    license,
  ]);
  const header = ['name', 'task', 'classes', 'channels', 'train/val/test', 'present', 'licence'];
  context.output.write(`${alignColumns([header, ...rows], [2, 3, 4])}\n`);
}

/** Files that are there by name; `download` compares their checksums. */
function presentFiles(record: DatasetRecord, context: DataContext): { size: number; path: string }[] {
  return imageSizes.flatMap((size) => {
    const path = candidatePaths(datasetFile(record, size).fileName, context).find((candidate) => existsSync(candidate));
    return path === undefined ? [] : [{ size, path }];
  });
}

async function download(args: string[], context: CommandContext): Promise<void> {
  const { values, positionals } = parseCommandLine(args, { size: { type: 'string', default: '28' } });
  if (positionals.length === 0) {
    throw new UserError(
      'Which dataset? For example "npm run data -- download bloodmnist"; "npm run data -- list" shows all.',
    );
  }
  const size = imageSizes.find((candidate) => String(candidate) === values.size);
  if (size === undefined)
    throw new UserError(`--size is "${values.size}", but must be one of ${imageSizes.join(', ')}.`);
  // Every name is checked before the first byte is requested.
  const records = positionals.map(findDataset);

  const line = createProgressLine(context.progress ?? process.stderr);
  for (const { name, title } of records) {
    const onProgress = (event: DownloadEvent): void => showDownload(event, `${title} ${size}×${size}`, line);
    const { path, warnings } = await ensureDataset(name, size, { ...context, onProgress }).finally(() => line.clear());
    for (const warning of warnings) line.print(warning);
    context.output.write(`${path}\n`);
  }
}

async function verify(args: string[], context: CommandContext): Promise<void> {
  const { positionals } = parseCommandLine(args, {});
  const [path, ...extra] = positionals;
  if (path === undefined) throw new UserError('Which file? For example "npm run data -- verify FILE.npz".');
  refuseExtra('verify', extra);
  const { ok, lines } = await verifyPath(path, context);
  context.output.write(lines.map((text) => `${text}\n`).join(''));
  if (!ok) throw new UserError(`${path} is not in order; what is wrong is said above.`);
}

/** A file of images with classes, or a folder of images with masks. */
async function verifyPath(path: string, context: CommandContext): Promise<Verification> {
  if (!(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false))
    return (await import('../data/verify')).verifyDataset(path);
  const { verifySegmentationFolder } = await import('../data/verify-segmentation');
  const line = createProgressLine(context.progress ?? process.stderr);
  const onProgress = ({ phase, done, total }: PreparationProgress): void =>
    line.update(`${phase}: ${done} of ${total}`);
  const { cacheDirectory } = context;
  return verifySegmentationFolder(path, { cacheDirectory, onProgress }).finally(() => line.clear());
}

function refuseExtra(command: string, extra: readonly string[]): void {
  if (extra.length > 0)
    throw new UserError(`${command} takes no "${extra[0]}"; "npm run data -- ${command} --help" shows an example.`);
}

if (require.main === module) runCommand(main);
