import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { projectRoot } from '../../lib/paths';
import { environment } from '../../lib/system';
import { execute, kernelLevel, usesGpu } from '../../lib/tensor/native';

interface Compiler {
  readonly command: string;
  readonly args: readonly string[];
  readonly version: string;
}

/* eslint-disable @typescript-eslint/no-require-imports -- plain JavaScript that runs before anything is installed */
const { names } = require('../../lib/setup/check-compilers.cjs') as { names: string[] };
const { compilersAmong } = require('../../lib/setup/needs.cjs') as { compilersAmong(commands: string[][]): Compiler[] };
const { kernelRecord } = require('../../lib/setup/addon.cjs') as {
  kernelRecord(): { operations?: string; levels: Record<string, { works: boolean; problem?: string }> };
};
const { compileLevel, levels, testLevel } = require('../../lib/setup/levels.cjs') as {
  compileLevel(compiler: Compiler, level: string, flags: string[], object: string): Promise<void>;
  levels(): [name: string, flags: string[]][];
  testLevel(addon: string, level: string): Promise<string | undefined>;
};
/* eslint-enable @typescript-eslint/no-require-imports */

const addon = join(projectRoot, '.venv', 'tfjs', 'tfjs_binding.node');

describe('each level of the project’s own operations', () => {
  const record = kernelRecord();
  const working = Object.keys(record.levels).filter((level) => record.levels[level].works);
  for (const level of [...working, 'off'])
    it(`computes what loops in double precision give, if the processor has it: ${level}`, async (t) => {
      if (level !== 'off' && record.operations !== undefined) return t.skip(record.operations);
      const problem = await testLevel(addon, level);
      if (/which this processor does not have/.test(problem ?? '')) t.skip('the processor does not have it');
      else assert.equal(problem, undefined);
    });

  it('is the highest that works here, unless another one is named, and part of what a result says of its origin', () => {
    const known = ['off', ...working];
    const { NOTEBOOKS_KERNELS: named } = process.env;
    if (named) assert.equal(kernelLevel, usesGpu() ? 'off' : named);
    else if (!usesGpu() && record.operations === undefined)
      assert.equal(kernelLevel, working.filter((level) => record.levels[level].problem === undefined).at(-1));
    assert.ok(known.includes(kernelLevel));
    assert.equal(environment().kernels, kernelLevel);
  });

  it('is off where the addon was built without them, which TensorFlow tells by its code for what is not found', () => {
    assert.throws(() => execute('NotebookOperationThatIsNotThere', [], []), /TF_Status: 5\b/);
  });

  it('is refused in one line where there is none of that name', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, args, {
        cwd: projectRoot,
        encoding: 'utf8',
        env: { ...process.env, NOTEBOOKS_KERNELS: 'v9', TF_CPP_MIN_LOG_LEVEL: '3' },
      });
    const { status, stderr } = run('lib/setup/run.cjs', 'bench', '--help');
    assert.equal(status, 1);
    assert.match(stderr, /^NOTEBOOKS_KERNELS is "v9", [^\n]*\n$/);
  });

  it('has a test of every operation that is registered', () => {
    const sources = (folder: string, ending: RegExp): string =>
      readdirSync(join(projectRoot, folder))
        .filter((name) => ending.test(name))
        .map((name) => readFileSync(join(projectRoot, folder, name), 'utf8'))
        .join('\n');
    const tests = sources('lib/setup/self-test', /\.cjs$/);
    const registered = [...sources('lib/tensor/kernels', /\.h$/).matchAll(/REGISTER_OP\("(\w+)"\)/g)];
    assert.ok(registered.length > 10);
    for (const [, name] of registered) assert.ok(tests.includes(`'${name}'`), name);
  });
});

describe('the arithmetic', () => {
  const folder = mkdtempSync(join(tmpdir(), 'levels-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const hasNm = spawnSync('nm', ['--version']).status === 0;

  for (const compiler of compilersAmong(names.map((name) => [name])))
    it(`compiles at each level with ${compiler.command}, and shows the linker nothing but its table`, async (t) => {
      const check = async ([level, flags]: [string, string[]]): Promise<void> => {
        const object = join(folder, `${level}.o`);
        try {
          await compileLevel(compiler, level, flags, object);
        } catch (error) {
          // The set-up leaves such a level out.
          const message = error instanceof Error ? error.message : String(error);
          if (flags.length > 0 && /unrecognized|unknown|unsupported/.test(message)) return t.diagnostic(message);
          throw error;
        }
        if (!hasNm) return;
        // What is weak or shared would be merged with the same of another level, whose instructions the processor may lack.
        const { stdout } = spawnSync('nm', ['--defined-only', object], { encoding: 'utf8' });
        const shown = stdout.split('\n').filter((line) => / [A-Zuvw] /.test(line));
        assert.equal(shown.length, 1, stdout);
        assert.match(shown[0], new RegExp(level.replace('-', '_')));
      };
      await Promise.all(levels().map(check));
    });
});
