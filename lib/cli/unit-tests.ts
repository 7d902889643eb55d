/** Runs the project's tests by Node's own runner, the files of one run in one process. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { projectRoot } from '../paths';
import { runTool } from './run-tool';

export interface TestRun {
  readonly files: readonly string[];
  /** The program that runs them; this process's own by default. */
  readonly node?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * @returns the runner's closing count, such as "12 passed, 1 skipped"
 * @throws UserError with the runner's whole report where one failed
 */
export async function runTests(run: TestRun): Promise<string> {
  const { files, node = process.execPath, env } = run;
  const program = join(projectRoot, 'lib', 'cli', 'test-process.cjs');
  const { status, output } = await runTool(
    node,
    // What a test that failed left open, such as a program that it started, would keep the process from its end.
    ['--import', 'tsx', '--test-force-exit', '--test-reporter', 'spec', program, ...files],
    env,
  );
  if (status !== 0) throw new UserError(`${output}\nA test failed.`);
  const count = (what: string): number => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  // The status tells that all have run; the end of the report does not always come through where much else computes.
  const passed = count('pass');
  const skipped = count('skipped');
  return `${passed > 0 ? `${passed} ` : ''}passed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** All below `folder` of tests whose names have that ending. */
export function testFiles(folder = '', ending = '.test.ts'): string[] {
  return readdirSync(join(projectRoot, 'tests', folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
