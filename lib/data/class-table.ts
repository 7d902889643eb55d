/** Tables of image files with their labels: CSV or TSV, columns by name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { printable, UserError } from '../errors';
import { splitNames, type SplitName } from './dataset';
import { counted, some } from './file-facts';
import { imageExtensions, leadsToFolder } from './image-folder';
import { naturalOrder, splitOfName, type LabelledFile, type LabelledFiles } from './labelled-files';
import { byCharacters } from './splits';

/** What a column may be called, in lower case; of several that are there, the first counts. */
const columnNames = {
  file: [
    'file',
    'filename',
    'file_name',
    'path',
    'filepath',
    'file_path',
    'image',
    'image_path',
    'image_name',
    'image_id',
    'isic_id',
    'id',
  ],
  label: [
    'label',
    'labels',
    'class',
    'class_name',
    'classname',
    'target',
    'category',
    'diagnosis',
    'dx',
    'finding',
    'findings',
  ],
  split: ['split', 'set', 'subset', 'partition'],
  group: [
    'group',
    'patient',
    'patient_id',
    'patientid',
    'subject',
    'subject_id',
    'case',
    'case_id',
    'lesion_id',
    'slide_id',
  ],
  weight: ['weight', 'sample_weight'],
} as const;
type Role = keyof typeof columnNames;

const layoutHelp =
  'expected are the columns file and label, and, where you have them, split, group and weight; or file and a column of 0 and 1 for each label';

type Row = Readonly<Record<string, string>>;

/**
 * Lists the images of a table. Files are relative to the table's folder (or to its `images`); their ending may be left out. Several labels
 * stand in one cell with `;` between them, or in columns of 0 and 1; where each row of these has one 1, they are classes, and a single such
 * column tells two apart.
 * @throws UserError in one line where columns are missing, or values of a row are none
 */
export function listClassTable(path: string): LabelledFiles {
  const { rows, columns } = readTable(path);
  const roles = findRoles(columns);
  const { file } = roles;
  if (file === undefined)
    throw new UserError(`${path} has no column of files (there are ${listed(columns)}): ${layoutHelp}.`);
  const taken = Object.values(roles);
  const flags =
    roles.label === undefined
      ? columns.filter((name) => !taken.includes(name) && rows.every((row) => isFlag(row[name])))
      : [];
  if (roles.label === undefined && flags.length === 0)
    throw new UserError(`${path} has no column of labels (there are ${listed(columns)}): ${layoutHelp}.`);
  const isSingle = flags.length === 1;
  const flagClasses = isSingle ? [`not ${flags[0]}`, flags[0]] : flags;
  const labelsOf = (row: Row): string[] =>
    isSingle
      ? [flagClasses[Number(row[flags[0]])]]
      : roles.label === undefined
        ? flags.filter((name) => Number(row[name]) === 1)
        : naturalOrder(
            row[roles.label]
              .split(';')
              .map((label) => label.trim().normalize('NFC'))
              .filter((label) => label !== ''),
          );
  const several =
    rows.some((row) => labelsOf(row).length > 1) ||
    (flags.length > 0 && rows.some((row) => labelsOf(row).length !== 1));
  const unlabelled = several ? [] : rows.filter((row) => labelsOf(row).length === 0);
  const used = several ? rows : rows.filter((row) => labelsOf(row).length > 0);
  const find = fileFinder(dirname(resolve(path)));
  const files = used.map((row): LabelledFile => ({
    ...find(row[file]),
    labels: labelsOf(row),
    split: roles.split === undefined ? undefined : splitOf(path, row, roles.split),
    group: roles.group === undefined ? undefined : row[roles.group],
    weight: roles.weight === undefined ? undefined : weightOf(path, row, roles.weight),
  }));
  checkOnce(path, files);
  const classNames = flags.length > 0 ? flagClasses : naturalOrder(files.flatMap(({ labels }) => labels));
  if (classNames.length < (several ? 1 : 2))
    throw new UserError(`${path} has ${counted(classNames.length, 'class')}: two or more are needed.`);
  return {
    files: files.sort((first, second) => byCharacters(first.name, second.name)),
    several,
    classNames,
    leftOut: [],
    notes: notesOf(
      roles,
      flags,
      several,
      unlabelled.map((row) => row[file]),
    ),
  };
}

/** A cell in quotes may go over lines, a message may not. */
function listed(columns: readonly string[]): string {
  return columns.map(printable).join(', ');
}

function readTable(path: string): { rows: Row[]; columns: string[] } {
  if (!existsSync(path)) throw new UserError(`There is no file ${path}: check the path.`);
  const text = readFileSync(path, 'utf8');
  // No file's name can have one, and no text: a table of a spreadsheet's in UTF-16 is full of them.
  if (text.includes('\0'))
    throw new UserError(`${path} has characters of zero, so that it is no text in UTF-8: save it as CSV in UTF-8.`);
  const [firstLine] = text.split('\n', 1);
  const delimiter =
    extname(path).toLowerCase() === '.tsv' || firstLine.includes('\t')
      ? '\t'
      : firstLine.includes(';') && !firstLine.includes(',')
        ? ';'
        : ',';
  try {
    const rows: Row[] = parse(text, {
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim()),
      delimiter,
      skip_empty_lines: true,
      trim: true,
    });
    if (rows.length === 0) throw new UserError(`${path} has no rows: ${layoutHelp}.`);
    return { rows, columns: Object.keys(rows[0]) };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UserError(`${path} cannot be read as a table (${error.message}).`);
  }
}

function findRoles(columns: readonly string[]): Partial<Record<Role, string>> {
  const find = (role: Role): string | undefined =>
    columnNames[role]
      .map((wanted) => columns.find((name) => name.toLowerCase() === wanted))
      .find((name) => name !== undefined);
  const roles = (Object.keys(columnNames) as Role[]).map((role) => [role, find(role)]);
  return Object.fromEntries(roles.filter(([, name]) => name !== undefined)) as Partial<Record<Role, string>>;
}

function isFlag(cell: string): boolean {
  return cell !== '' && (Number(cell) === 0 || Number(cell) === 1);
}

function splitOf(path: string, row: Row, column: string): SplitName {
  const split = splitOfName(row[column]);
  if (split !== undefined) return split;
  throw new UserError(
    `${path} has "${printable(row[column])}" in the column ${printable(column)}, but a split is one of ${splitNames.join(', ')}.`,
  );
}

function weightOf(path: string, row: Row, column: string): number {
  const weight = row[column] === '' ? NaN : Number(row[column]);
  if (weight >= 0 && weight < Infinity) return weight;
  throw new UserError(
    `${path} has "${printable(row[column])}" in the column ${printable(column)}, but a weight is a number, 0 or more.`,
  );
}

function checkOnce(path: string, files: readonly LabelledFile[]): void {
  const seen = new Set<string>();
  for (const { name } of files) {
    if (seen.has(name))
      throw new UserError(
        `${path} has ${printable(name)} in two rows: several labels of an image stand in one, with ; between them.`,
      );
    seen.add(name);
  }
}

/** Finds files by what stands in a cell. What is not there keeps the path that was looked for: it is broken when it is read. */
function fileFinder(folder: string): (cell: string) => Pick<LabelledFile, 'name' | 'path'> {
  const listings = new Map<string, Map<string, string>>();
  /** The names in a folder by themselves, whichever way their accents are written. */
  const listing = (path: string): Map<string, string> => {
    const known = listings.get(path);
    if (known !== undefined) return known;
    const names = leadsToFolder(path) ? readdirSync(path) : [];
    const found = new Map(names.map((name) => [name.normalize('NFC'), name]));
    listings.set(path, found);
    return found;
  };
  return (cell) => {
    const name = cell.replaceAll('\\', '/').normalize('NFC');
    for (const base of [folder, join(folder, 'images')]) {
      const parent = dirname(resolve(base, name));
      const wanted = name.slice(name.lastIndexOf('/') + 1);
      for (const ending of ['', ...imageExtensions, ...imageExtensions.map((extension) => extension.toUpperCase())]) {
        const found = listing(parent).get(wanted + ending);
        if (found !== undefined) return { name: name + ending, path: join(parent, found) };
      }
    }
    return { name, path: resolve(folder, name) };
  };
}

function notesOf(
  roles: Partial<Record<Role, string>>,
  flags: readonly string[],
  several: boolean,
  unlabelled: readonly string[],
): string[] {
  const columns = (Object.entries(roles) as [Role, string][]).map(([role, name]) =>
    role === name ? name : `${name} as ${role}`,
  );
  const notes = [`columns: ${listed(columns)}`];
  if (flags.length === 1) {
    const [flag] = flags.map(printable);
    notes.push(`labels: the column ${flag}, 0 for not ${flag} and 1 for ${flag}`);
  }
  if (flags.length > 1 && !several)
    notes.push(`labels: each row has one 1 in the columns ${some(flags)}, so they are taken as classes`);
  if (flags.length > 1 && several)
    notes.push(`labels: the columns ${some(flags)}, of 0 and 1; an image has several or none`);
  if (unlabelled.length > 0)
    notes.push(`${counted(unlabelled.length, 'row')} without a label left out (${some(unlabelled)})`);
  return notes;
}
