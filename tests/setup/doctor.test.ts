import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { projectRoot } from '../../lib/paths';

interface Report {
  readonly problems: readonly { readonly problem: string; readonly next: string }[];
  readonly facts: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const bare = mkdtempSync(join(tmpdir(), 'doctor-'));
for (const name of ['lib/setup', 'package.json', 'package-lock.json'])
  cpSync(join(projectRoot, name), join(bare, name), { recursive: true });
for (const folder of ['lib/tensor/kernels']) cpSync(join(projectRoot, folder), join(bare, folder), { recursive: true });
after(() => rmSync(bare, { recursive: true, force: true }));

function doctor(folder: string, args: string[], env: Record<string, string> = {}) {
  const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return spawnSync(process.execPath, ['lib/setup/run.cjs', 'doctor', ...args], options);
}

test('where nothing is set up, it says so first, with the next step', () => {
  const { status, stdout, stderr } = doctor(bare, []);
  assert.equal(status, 1, stderr);
  assert.match(stdout, /^1\. (.|\n)*Missing or outdated: npm packages, .*\n +run `npm run setup`/);
  assert.match(stdout, /\nmachine\n {2}processor .*\n/);
});

test('where all is set up, it tells the libraries that are used, in JSON for bug reports', () => {
  const { stdout, stderr } = doctor(projectRoot, ['--json']);
  const { problems, facts } = JSON.parse(stdout) as Report;
  // Where no compiler works, all is set up but the project's own operations.
  const others = problems.filter(({ problem }) => !problem.includes('own operations are left out'));
  assert.equal(others.filter(({ problem }) => /Missing|TensorFlow/.test(problem)).length, 0, stderr);
  assert.match(facts.libraries.tensorflow, /^2\.\d+\.\d+, computes on the [CG]PU$/);
  assert.match(facts.programs.node, /^\d+\.\d+\.\d+ /);
  assert.match(facts.machine.cores, /^\d+ of \d+/);
});

test('no password is in it', () => {
  const env = { HTTPS_PROXY: 'http://me:hidden@proxy.example:3128', HF_TOKEN: 'hidden' };
  const { stdout } = doctor(bare, [], env);
  assert.match(stdout, /HTTPS_PROXY +http:\/\/\*\*\*@proxy\.example:3128/);
  assert.match(stdout, /HF_TOKEN +set/);
  assert.doesNotMatch(stdout, /hidden/);
});

test('an unknown option is refused', () => {
  const { status, stderr } = doctor(bare, ['--fast']);
  assert.equal(status, 1);
  assert.match(stderr, /no option "--fast": use --json/);
});
