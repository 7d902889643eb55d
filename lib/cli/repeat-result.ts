/** A result that is repeated, perhaps years later: with the parameters that it was made with, and what is another now. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { counted } from '../data/file-facts';
import { suggestion, UserError } from '../errors';
import type { Results } from '../runs/results';
import { isDatasetName } from './run-notebook';

/** Of results: what of a machine or a moment is in them, and not of the training. */
const ofTheMoment = /seconds|trainingkey|featureseconds|millisecondsperimage/i;

/**
 * The settings of a result as `--set` has them, with what is given in their place.
 * @param names of the notebook's present parameters
 * @throws UserError where the result has a parameter that there is no more, or data that cannot be found by its name
 */
export function settingsOfResult(
  { parameters, data }: Results,
  given: readonly string[],
  { names, folder }: { readonly names: readonly string[]; readonly folder: string },
): string[] {
  const own = new Set(given.map((setting) => setting.split('=', 1)[0]));
  const kept = Object.entries(parameters).filter(([name]) => !own.has(name) && name !== 'profile');
  const gone = kept.find(([name]) => !names.includes(name));
  if (gone !== undefined)
    throw new UserError(
      `The result has the parameter ${gone[0]}=${String(gone[1])}, which its notebook does not have any more${suggestion(gone[0], names)}: check out the commit that its "environment" names.`,
    );
  const { dataset } = parameters;
  if (
    typeof dataset === 'string' &&
    !isDatasetName(dataset) &&
    !own.has('dataset') &&
    !existsSync(resolve(folder, dataset))
  )
    throw new UserError(
      `The result is of ${dataset} (SHA-256 ${data.sha256.slice(0, 12)}…), which is not in ${folder}: say where it is, --set dataset=PATH.`,
    );
  return [...kept.map(([name, value]) => `${name}=${String(value)}`), ...given];
}

/** What is the same and what differs between a result and its repetition, a line each; the first line says how it stands. */
export function compareResults(before: Results, after: Results): { readonly same: boolean; readonly lines: string[] } {
  const rest = [...after.results];
  let [numbers, other] = [0, 0];
  const lines: string[] = [];
  for (const row of before.results) {
    const at = rest.findIndex(
      (each) => each.model === row.model && each.arm === row.arm && each.protocol === row.protocol,
    );
    const name = `${row.model}, ${row.protocol}, ${row.arm}`;
    if (at < 0) {
      lines.push(`${name}: there is no such row any more`);
      continue;
    }
    const [now] = rest.splice(at, 1);
    const [was, is] = [flat(row), flat(now)];
    for (const key of new Set([...was.keys(), ...is.keys()])) {
      if (ofTheMoment.test(key)) continue;
      numbers++;
      if (Object.is(was.get(key), is.get(key))) continue;
      other++;
      if (other <= mostShown) lines.push(`${name}: ${key} was ${shown(was.get(key))}, is ${shown(is.get(key))}`);
    }
  }
  for (const row of rest) lines.push(`${row.model}, ${row.protocol}, ${row.arm}: there was no such row`);
  if (other > mostShown) lines.push(`and ${other - mostShown} more values`);
  const same = lines.length === 0;
  const around = [
    ...differences(
      'data',
      { name: before.data.name, sha256: before.data.sha256, ...before.data.splits },
      { name: after.data.name, sha256: after.data.sha256, ...after.data.splits },
    ),
    ...differences('environment', before.environment, after.environment),
  ];
  const rows = counted(before.results.length, 'row');
  const head = same
    ? `The same to the last bit: ${numbers} values of ${rows}.`
    : `Not the same: ${other} of ${numbers} values of ${rows} differ.`;
  return { same, lines: [head, ...lines, ...around] };
}

const mostShown = 10;

function differences(
  what: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => `${what}: ${name} was ${shown(before[name])}, is ${shown(after[name])}`);
}

/** Values by their path. */
function flat(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return new Map([[path, value]]);
  const entries = Object.entries(value).map(([key, each]) => flat(each, path === '' ? key : `${path}.${key}`));
  return new Map(entries.flatMap((each) => [...each]));
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
