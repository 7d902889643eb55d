import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { ensureDataset, type EnsureOptions } from '../data/download';
import type { DownloadEvent } from '../data/download-progress';
import { candidatePaths } from '../data/locate';
import { datasetFile, datasetNames, findDataset } from '../data/registry';
import { imageSizes, type DatasetRecord } from '../data/registry-types';
import type { PreparationProgress } from '../data/isic-store';
import { splitNames } from '../data/dataset';
import type { Verification } from '../data/verify-scan';
import { suggestion, UserError } from '../errors';
import { checkWritable } from '../files';
import { cacheDirectory as projectCache } from '../paths';
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
  verify PATH [--html FILE]         reads images from beginning to end and says what is in them, and what is wrong
  convert PATH --out FILE.npz       writes images in files as a MedMNIST-style .npz

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
  verify: `npm run data -- verify PATH [--html FILE.html] [--group-by PATTERN]

Reads an .npz file, a folder of classes (cats/1.jpg, or train, val and test with such folders), a CSV or TSV table (columns file, label,
and, where there are, split, group and weight), or a folder of images and masks (images/ID.jpg and masks/ID_segmentation.png, ID_mask.png
or ID.png, or ISIC 2017 or 2018 task 1 as it unzips) from beginning to end: counts, sizes, files that cannot be read and why, images that
are there twice, equal or alike, turned or mirrored, within a split and across, with the same label or another; groups in two splits,
classes that a split lacks, masks by value and area, files that are no images. Exit code 1 where something cannot be used.

  --html FILE.html    a page with the same, and the images that are there twice side by side
  --group-by PATTERN  a regular expression that finds whose an image is in its name, such as '^(patient[0-9]+)'

Examples
  npm run data -- verify data/cache/medmnist/bloodmnist.npz
  npm run data -- verify photographs/ --group-by '^(patient[0-9]+)' --html report.html`,
  convert: `npm run data -- convert PATH --out FILE.npz [--size PIXELS] [--seed N] [--group-by PATTERN]

Writes a folder of classes or a table of image files as an .npz of MedMNIST's layout: train_images, train_labels and so on, and
class_names. The shorter side is resized to --size (28 by default), and the middle cut out. Splits that are not given are drawn by the
seed (0 by default), stratified by class; the images of one group (the table's column, or what --group-by finds in the name) stay together.

Examples
  npm run data -- convert photographs/ --size 64 --out cells.npz
  npm run data -- convert table.csv --size 224 --seed 42 --out lesions.npz`,
} as const;

const commands = { list, download, verify, convert } as const;
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
  const { values, positionals } = parseCommandLine(args, { html: { type: 'string' }, 'group-by': { type: 'string' } });
  const [path, ...extra] = positionals;
  if (path === undefined) throw new UserError('Which file? For example "npm run data -- verify FILE.npz".');
  refuseExtra('verify', extra);
  const { html } = values;
  if (html !== undefined && !html.toLowerCase().endsWith('.html'))
    throw new UserError(`--html is "${html}", but must end in .html.`);
  if (html !== undefined) checkWritable(resolve(html));
  const found = await verifyPath(path, values['group-by'], context);
  context.output.write(found.lines.map((text) => `${text}\n`).join(''));
  if (html !== undefined) {
    await (await import('./data-report')).writeReport(path, html, found);
    context.output.write(`${html}\n`);
  }
  if (!found.ok) throw new UserError(`${path} is not in order; what is wrong is said above.`);
}

/** A file of images with classes, a table or a folder of image files, or a folder of images with masks. */
async function verifyPath(path: string, groupBy: string | undefined, context: CommandContext): Promise<Verification> {
  const line = createProgressLine(context.progress ?? process.stderr);
  const onProgress = ({ phase, done, total }: PreparationProgress): void =>
    line.update(`${phase}: ${done} of ${total}`);
  const { cacheDirectory = projectCache } = context;
  const { verifyDataset, verifyImages } = await import('../data/verify');
  const { hasMasks } = await import('../data/isic-layout');
  const { isTable } = await import('../data/open-images');
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isFolder && hasMasks(path)) {
    const { verifySegmentationFolder } = await import('../data/verify-segmentation');
    return verifySegmentationFolder(path, { groupBy, onProgress }).finally(() => line.clear());
  }
  if (isFolder || isTable(path))
    return verifyImages(path, { groupBy, cacheDirectory, onProgress }).finally(() => line.clear());
  return verifyDataset(path, { cacheDirectory: join(cacheDirectory, 'unpacked') });
}

async function convert(args: string[], context: CommandContext): Promise<void> {
  const { values, positionals } = parseCommandLine(args, {
    out: { type: 'string' },
    size: { type: 'string', default: '28' },
    seed: { type: 'string', default: '0' },
    'group-by': { type: 'string' },
  });
  const [path, ...extra] = positionals;
  if (path === undefined)
    throw new UserError('Which folder or table? For example "npm run data -- convert photographs/ --out cells.npz".');
  refuseExtra('convert', extra);
  if (path.toLowerCase().endsWith('.npz'))
    throw new UserError(`${path} is an .npz already: give a folder of classes or a table of image files.`);
  const { out } = values;
  if (out === undefined || !out.toLowerCase().endsWith('.npz'))
    throw new UserError(
      `--out is ${out === undefined ? 'missing' : `"${out}"`}: give the name of a file that ends in .npz.`,
    );
  checkWritable(resolve(out));
  const { openImages } = await import('../data/open-images');
  const { writeDataset } = await import('./data-convert');
  const line = createProgressLine(context.progress ?? process.stderr);
  const dataset = await openImages(path, {
    size: wholeNumber('size', values.size, 1),
    seed: wholeNumber('seed', values.seed, 0),
    groupBy: values['group-by'],
    cacheDirectory: context.cacheDirectory ?? projectCache,
    onProgress: ({ phase, done, total }) => line.update(`${phase}: ${done} of ${total}`),
  }).finally(() => line.clear());
  try {
    writeDataset(dataset, out);
    for (const note of dataset.notes ?? []) line.print(note);
    const counts = splitNames.map((name) => `${dataset.splits[name].count} ${name}`).join(', ');
    context.output.write(`${out}: ${counts}; ${dataset.classNames.join(', ')}\n`);
  } finally {
    dataset.close();
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= least) return number;
  throw new UserError(`--${name} is "${text}", but must be a whole number, ${least} or more.`);
}

function refuseExtra(command: string, extra: readonly string[]): void {
  if (extra.length > 0)
    throw new UserError(`${command} takes no "${extra[0]}"; "npm run data -- ${command} --help" shows an example.`);
}

if (require.main === module) runCommand(main);
