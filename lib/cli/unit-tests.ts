/** Runs the project's tests by Node's own runner. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { cores } from '../machine';
import { projectRoot } from '../paths';

export interface TestRun {
  /** Of the files' names. */
  readonly ending?: string;
  /** All with that ending by default. */
  readonly files?: readonly string[];
  readonly atOnce?: number;
  /** The program that runs them; this process's own by default. */
  readonly node?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * The runner's closing count is shown; its whole report only where a test failed.
 * @throws UserError where one failed
 */
export function runTests(run: TestRun = {}): void {
  const { ending = '.test.ts', atOnce = Math.min(4, cores()), node = process.execPath, env = process.env } = run;
  const files = run.files ?? testFiles(join(projectRoot, 'tests'), ending);
  const args = ['--import', 'tsx', '--test', `--test-concurrency=${atOnce}`, '--test-reporter', 'spec', ...files];
  const { status, stdout, stderr } = spawnSync(node, args, {
    cwd: projectRoot,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const closing = stdout.lastIndexOf('\nℹ tests ');
  console.log(status === 0 && closing >= 0 ? stdout.slice(closing + 1).trimEnd() : stdout + stderr);
  if (status !== 0) throw new UserError('A test failed.');
}

function testFiles(folder: string, ending: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
