/** "How this was run": what a reader needs to run it again and to compare machines, from results.json and the notebook. */
import { datasetNames } from '../../data/registry';
import { isSyntheticTask } from '../../data/synthetic-tasks';
import { formatDuration, formatInteger } from '../../display/format';
import { UserError } from '../../errors';
import { withoutFolders } from '../../paths';
import { findNotebook } from '../../notebooks';
import { resolveParameters } from '../../runs/parameters';
import type { Results } from '../../runs/results';

export interface ProvenanceGroup {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string])[];
}

export interface Provenance {
  /** What runs the notebook again with the same parameters; undefined where the notebook is not of this project. */
  readonly command?: string;
  readonly groups: readonly ProvenanceGroup[];
}

/** Undefined where nothing is known. */
export function provenance(results: Results | undefined, seconds: number | undefined): Provenance | undefined {
  const time: [string, string][] = seconds === undefined ? [] : [['Run time', formatDuration(seconds)]];
  if (results === undefined) return time.length === 0 ? undefined : { groups: [{ title: 'Run', rows: time }] };
  const { runId, profile, seed, parameters, environment, data } = results;
  const splits = Object.entries(data.splits).map(([name, count]) => `${formatInteger(count)} ${name}`);
  const others = Object.entries(parameters).filter(([name]) => !['profile', 'seed', 'dataset'].includes(name));
  const groups: ProvenanceGroup[] = [
    { title: 'Run', rows: [['Run', runId], ['Profile', profile], ['Seed', String(seed)], ...time] },
    {
      title: 'Data',
      rows: [
        ['Dataset', data.name],
        ['SHA-256', data.sha256],
        ['Images', splits.join(', ')],
      ],
    },
    { title: 'Parameters', rows: others.map(([name, value]) => [name, published(value)]) },
    {
      title: 'Software',
      rows: rowsOf(environment, {
        project: 'Project',
        commit: 'Commit',
        tensorflow: 'TensorFlow',
        tfjs: 'TensorFlow.js',
        node: 'Node.js',
      }),
    },
    {
      title: 'Hardware',
      rows: rowsOf(environment, {
        device: 'Device',
        kernels: 'Kernels',
        cpu: 'CPU',
        cores: 'Cores',
        memoryGigabytes: 'Memory (GB)',
        platform: 'System',
      }),
    },
  ];
  return { command: repeatCommand(results), groups: groups.filter(({ rows }) => rows.length > 0) };
}

function rowsOf(
  record: Readonly<Record<string, unknown>>,
  titles: Readonly<Record<string, string>>,
): [string, string][] {
  return Object.entries(titles).flatMap(([key, title]): [string, string][] =>
    record[key] === undefined || record[key] === null ? [] : [[title, text(record[key])]],
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function published(value: unknown): string {
  return withoutFolders(text(value));
}

/** `name=value` for a command. In which folder a file is, the reader knows. */
function setting(name: string, value: unknown, { data }: Results): string {
  const told = published(value);
  const known = (part: string): boolean =>
    part === 'auto' || part.startsWith('synthetic-') || isSyntheticTask(part) || datasetNames().includes(part);
  const isFile = (part: string): boolean =>
    /\.(npz|npy|safetensors)$/.test(part) || name === 'store' || told === data.name || told !== text(value);
  return `${name}=${told
    .split(',')
    .map((part) => (isFile(part) && !known(part) ? `path/to/${part}` : part))
    .join(',')}`;
}

/** `npm run notebook -- 01 --set epochs=5`: the parameters that differ from the profile's; undefined for an unknown notebook. */
export function repeatCommand(results: Results): string | undefined {
  const { notebook, profile, parameters } = results;
  try {
    const { name, specs } = findNotebook(notebook);
    const usual: Readonly<Record<string, unknown>> = resolveParameters(specs, { profile });
    const settings = Object.entries(parameters)
      .filter(([key, value]) => key in usual && JSON.stringify(value) !== JSON.stringify(usual[key]))
      .map(([key, value]) => ` --set ${shellWord(setting(key, value, results))}`);
    return `npm run notebook -- ${name.slice(0, 2)}${profile === 'tour' ? '' : ` --profile ${profile}`}${settings.join('')}`;
  } catch (error) {
    if (error instanceof UserError) return undefined; // of another version, or not this project's
    throw error;
  }
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
