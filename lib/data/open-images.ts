/** Folders of classes and tables of image files as a dataset. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { UserError } from '../errors';
import { listClassFolder } from './class-folder';
import { listClassTable } from './class-table';
import { splitNames, type Dataset, type Split, type SplitName, type Task } from './dataset';
import { counted, describeFacts, some } from './file-facts';
import { groupingHint, groupsByName } from './groups';
import { describeLeftOut } from './image-folder';
import { imagePreparation, imageStore, type ImageRow, type ImageStore, type ImageStoreOptions } from './image-store';
import type { LabelledFile, LabelledFiles } from './labelled-files';
import { completeSplits, type SplitFractions } from './splits';

export interface ImagesOptions extends Pick<ImageStoreOptions, 'cacheDirectory' | 'onProgress' | 'signal'> {
  /** Pixels a side that images are resized to. */
  readonly size: number;
  /** Draws the splits that are not given; 0 by default. */
  readonly seed?: number;
  /** Of the images that splits are drawn from; 0.7, 0.1 and 0.2 by default. */
  readonly fractions?: SplitFractions;
  /** A regular expression that finds whose an image is in its name (`groups.ts`), empty for none; a table's column comes first. */
  readonly groupBy?: string;
}

export interface ImagesDataset extends Dataset {
  /** How many files have which height×width. */
  readonly fileSizes: ReadonlyMap<string, number>;
}

/** Whether a file is named as a table. */
export function isTable(path: string): boolean {
  return ['.csv', '.tsv'].includes(extname(path).toLowerCase());
}

/**
 * Opens a folder of classes or a CSV or TSV table. Each file is decoded once for each size, and never again while it is the same. Splits
 * that are not given are drawn, stratified by class, and never part a group. Files that cannot be read are left out once the splits are
 * drawn, so that mending one moves no other.
 * @throws UserError where there are no labelled images, or a split is left without any
 */
export async function openImages(path: string, options: ImagesOptions): Promise<ImagesDataset> {
  const { size } = options;
  if (!Number.isInteger(size) || size < 1 || size > 4096)
    throw new UserError(`size is ${size}; allowed are whole numbers of pixels from 1 to 4096.`);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const listing = isFolder ? await listClassFolder(path) : listClassTable(path);
  const { files, notes } = withGroups(listing.files, options.groupBy);
  const { splits, note } = drawMissing(files, options);
  const paths = files.map((file) => file.path);
  const plane = { height: size, width: size };
  const store = await imageStore(resolve(path), paths, { ...options, size: plane });
  try {
    const broken = files.flatMap(({ name }, at) => {
      const reason = store.rows[at].broken;
      return reason === undefined ? [] : [{ name, reason }];
    });
    const position = new Map(files.map(({ name }, at) => [name, at]));
    const used = (name: SplitName): number[] =>
      splits[name].map((id) => position.get(id) ?? -1).filter((at) => store.rows[at].broken === undefined);
    const parts = Object.fromEntries(
      splitNames.map((name) => [name, openPart(name, used(name), files, listing, store)]),
    ) as Record<SplitName, Split>;
    const empty = splitNames.find((name) => parts[name].count === 0);
    if (empty !== undefined)
      throw new UserError(
        `Of ${path}, no ${empty} image is usable${broken.length > 0 ? ` (${counted(broken.length, 'file')} cannot be read, the first: ${broken[0].reason})` : ''}: every split needs one.`,
      );
    const task = taskOf(listing);
    return {
      name: basename(path),
      title: basename(path),
      ...plane,
      channels: 3,
      task,
      classNames: listing.classNames,
      splits: parts,
      sha256: identityOf({ size, task, listing, rows: store.rows, used, files }),
      notes: [
        ...listing.notes,
        ...notes,
        ...(note === undefined ? [] : [note]),
        ...describeFiles(listing, broken, store.rows, size),
      ],
      broken,
      fileSizes: sizesOf(store.rows),
      synthetic: false,
      license: 'not stated',
      citation: basename(path),
      close: () => store.close(),
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

function withGroups(files: readonly LabelledFile[], groupBy: string | undefined) {
  const names = files.map(({ name }) => name);
  if (files.some(({ group }) => group !== undefined)) return { files, notes: [] };
  if (groupBy) {
    const groups = groupsByName(names, groupBy);
    return { files: files.map((file, at) => ({ ...file, group: groups[at] })), notes: [] };
  }
  const hint = files.some(({ split }) => split === undefined) ? groupingHint(names) : undefined;
  return { files, notes: hint === undefined ? [] : [hint] };
}

function drawMissing(files: readonly LabelledFile[], { seed = 0, fractions }: ImagesOptions) {
  const byName = new Map(files.map((file) => [file.name, file]));
  const grouped = files.some(({ group }) => group !== undefined);
  return completeSplits([...byName.keys()], (name) => byName.get(name)?.split, {
    seed,
    ...(fractions && { fractions }),
    strataOf: (name) => byName.get(name)?.labels ?? [],
    // An empty cell is no group of its own.
    ...(grouped && { groupOf: (name: string) => byName.get(name)?.group || ` ${name}` }),
  });
}

function openPart(
  name: SplitName,
  rows: readonly number[],
  files: readonly LabelledFile[],
  { several, classNames }: LabelledFiles,
  store: ImageStore,
): Split {
  const numbers = new Map(classNames.map((label, index) => [label, index]));
  const labelWidth = several ? classNames.length : 1;
  const labels = new Int32Array(rows.length * labelWidth);
  rows.forEach((row, at) => {
    for (const label of files[row].labels) {
      const number = numbers.get(label) ?? 0;
      if (several) labels[at * labelWidth + number] = 1;
      else labels[at] = number;
    }
  });
  const weighted = files.some(({ weight }) => weight !== undefined);
  const grouped = files.some(({ group }) => group !== undefined);
  return {
    name,
    count: rows.length,
    labels,
    labelWidth,
    names: rows.map((row) => files[row].name),
    ...(grouped && { groups: rows.map((row) => files[row].group || files[row].name) }),
    ...(weighted && { weights: Float32Array.from(rows, (row) => files[row].weight ?? 1) }),
    readImages: (indices, target) =>
      store.readImages(
        Array.from(indices, (index) => rows[index]),
        target,
      ),
  };
}

function taskOf({ several, classNames }: LabelledFiles): Task {
  if (several) return 'multi-label';
  return classNames.length === 2 ? 'binary-class' : 'multi-class';
}

interface Identified {
  readonly size: number;
  readonly task: Task;
  readonly listing: LabelledFiles;
  readonly rows: readonly ImageRow[];
  readonly files: readonly LabelledFile[];
  readonly used: (name: SplitName) => readonly number[];
}

/** In the order of the names, which is the order of training; where the folder is and how old its files are does not matter. */
function identityOf({ size, task, listing, rows, files, used }: Identified): string {
  const parts = splitNames.map((name) =>
    used(name).map((at) => [rows[at].sha256, files[at].labels, files[at].weight ?? 1]),
  );
  const whole = JSON.stringify([imagePreparation, size, task, listing.classNames, parts]);
  return createHash('sha256').update(whole).digest('hex');
}

function describeFiles(
  { files, leftOut }: LabelledFiles,
  broken: NonNullable<Dataset['broken']>,
  rows: readonly ImageRow[],
  size: number,
): string[] {
  const others = describeLeftOut(leftOut);
  const different = [...sizesOf(rows).keys()].filter((shown) => shown !== `${size}×${size}`).sort();
  const oblong = rows.filter(({ height, width }) => height !== width).length;
  const cut = oblong === 0 ? '' : `; of ${counted(oblong, 'image')} that is not square, the middle is used`;
  return [
    ...(others === undefined ? [] : [others]),
    ...(broken.length === 0
      ? []
      : [
          `${counted(broken.length, 'file')} that cannot be read left out (${some(broken.map(({ name }) => name))}), the first: ${broken[0].reason}`,
        ]),
    ...(different.length === 0
      ? []
      : [
          `resized to ${size}×${size} pixels from ${some(different)}${cut.replace('images that is', 'images that are')}`,
        ]),
    ...describeFacts(
      files.flatMap(({ name }, at) => {
        const { facts } = rows[at];
        return facts === undefined ? [] : [{ name, ...facts }];
      }),
    ),
    ...equalFiles(files, rows),
  ];
}

function sizesOf(rows: readonly ImageRow[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { height, width, broken } of rows)
    if (broken === undefined) counts.set(`${height}×${width}`, (counts.get(`${height}×${width}`) ?? 0) + 1);
  return counts;
}

/** Equal files with unequal labels: one of the labels is wrong. */
function equalFiles(files: readonly LabelledFile[], rows: readonly ImageRow[]): string[] {
  const first = new Map<string, LabelledFile>();
  const unequal: string[] = [];
  files.forEach((file, at) => {
    if (rows[at].broken !== undefined) return;
    const earlier = first.get(rows[at].sha256);
    if (earlier === undefined) first.set(rows[at].sha256, file);
    else if (earlier.labels.join(';') !== file.labels.join(';')) unequal.push(`${file.name} = ${earlier.name}`);
  });
  return unequal.length === 0
    ? []
    : [`${counted(unequal.length, 'file')} equal to another with another label (${some(unequal)})`];
}
