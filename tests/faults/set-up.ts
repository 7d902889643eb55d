/** The set-up of a copy of the project, in this process, with stand-ins for the programs that it starts. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UserError } from '../../lib/errors';
import { layOutProject as layOutFiles, layOutTools } from '../setup/stand-ins';
import { digest } from './digest';

interface SetUpModule {
  setUp(options: { readonly log: (line: string) => void }): Promise<boolean>;
}

export function layOutProject(folder: string): void {
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  layOutFiles(folder);
  layOutTools(join(folder, 'tools'), logs);
}

/** @returns what stands for all that it has left */
export async function setUpProject(folder: string): Promise<string> {
  endHolder(join(folder, '.set-up.lock'));
  const { PATH, HOME, CANNOT } = process.env;
  // Without the project's operations, of which each level would be tested in a process.
  Object.assign(process.env, { PATH: join(folder, 'tools'), HOME: folder, CANNOT: 'kernels.cc' });
  try {
    await loaded(folder).setUp({ log: () => undefined });
  } catch (error) {
    throw error instanceof Error && error.constructor.name === 'MissingNeed' ? new UserError(error.message) : error;
  } finally {
    restore({ PATH, HOME, CANNOT });
  }
  const left = ['.set-up.lock', '.set-up.tmp'].filter((name) => existsSync(join(folder, name)));
  const contents = resultFiles.map((name) => readFileSync(join(folder, '.venv', name), 'utf8'));
  return digest([left, ...contents.map((content) => content.replaceAll(folder, ''))]);
}

const resultFiles = [
  '.set-up-environment',
  '.set-up-tensorflow',
  '.set-up-requirements',
  'tfjs/tfjs_binding.node',
  'share/jupyter/kernels/tslab/kernel.json',
  'share/jupyter/lab/settings/overrides.json',
];

/** Whoever has left a lock was a process that has ended since, though here it was this one. */
function endHolder(lock: string): void {
  if (existsSync(lock)) writeFileSync(lock, readFileSync(lock, 'utf8').replace(/"pid":\d+/, '"pid":999999999'));
}

/** As a process that has just begun has it. */
function loaded(folder: string): SetUpModule {
  const path = join(folder, 'lib', 'setup', 'setup.cjs');
  const load = createRequire(path);
  for (const name of Object.keys(load.cache))
    if (name.startsWith(join(folder, 'lib', 'setup'))) delete load.cache[name];
  return load(path) as SetUpModule;
}

function restore(variables: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
