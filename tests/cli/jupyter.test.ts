import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { executeNotebook, type CellEvent } from '../../lib/cli/jupyter';
import { UserError } from '../../lib/errors';

const folder = mkdtempSync(join(tmpdir(), 'jupyter-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  /** Undefined where all cells succeeded. */
  readonly failure: Error | undefined;
  readonly events: readonly CellEvent[];
  /** The text that each code cell printed; undefined where nothing was written. */
  readonly outputs: readonly string[] | undefined;
}

interface Output {
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, string | readonly string[]>>;
}

/** Runs the cells, with a text before each, which does not count. */
async function run(name: string, ...cells: string[]): Promise<Run> {
  const source = join(folder, `${name}.ipynb`);
  const target = join(folder, `${name}-executed.ipynb`);
  const code = { cell_type: 'code', metadata: {}, outputs: [], execution_count: null };
  const text = { cell_type: 'markdown', metadata: {}, source: 'Text.' };
  const all = cells.flatMap((each, index) => [
    { ...text, id: `text-${index}` },
    { ...code, id: `code-${index}`, source: each },
  ]);
  const kernelspec = { name: 'tslab', display_name: 'TypeScript', language: 'typescript' };
  writeFileSync(source, JSON.stringify({ cells: all, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }));
  const events: CellEvent[] = [];
  const options = { environment: { TEST_OF_NOTEBOOKS: 'passed on' }, onCell: (event: CellEvent) => events.push(event) };
  const failure = await executeNotebook(source, target, options).then(
    () => undefined,
    (error: Error) => error,
  );
  if (!existsSync(target)) return { failure, events, outputs: undefined };
  const executed = JSON.parse(readFileSync(target, 'utf8')) as { cells: { cell_type: string; outputs: Output[] }[] };
  const outputs = executed.cells
    .filter((cell) => cell.cell_type === 'code')
    .map((cell) => cell.outputs.flatMap(({ text, data }) => text ?? data?.['text/plain'] ?? []).join(''));
  return { failure, events, outputs };
}

const notebooks = {
  passes: [
    `let epochs = 3;\nconst seed = 7;`,
    `const { seed: drawn, epochs: passes = 1 } = { epochs, seed };\n({ epochs, nested: { seed }, list: [{ epochs }] })`,
    `epochs = 4;\nconsole.log({ epochs, seed }, drawn, passes, process.env.TEST_OF_NOTEBOOKS, process.cwd());`,
    `import { writeSync } from 'node:fs';\nfor (const stream of [1, 2]) writeSync(stream, 'past Jupyter, as native code does\\n');\nvoid 0;`,
    `await new Promise((resolve) => setTimeout(resolve, 20));\nconst value = await Promise.resolve(5);\nvalue + 1`,
    `console.error('a note on standard error is no failure');\nconst late = Promise.reject(new Error('awaited'));\nawait late.catch(() => console.log('caught'));`,
    `import * as nb from './lib/notebook';`,
    `const report = nb.progressBar('Work');\nreport({ kind: 'batch', epoch: 1, epochs: 2, step: 1, steps: 3 });`,
  ],
  throws: [
    `const a = 1;`,
    `console.log('before');\nfunction f() {\n  throw new TypeError('boom\\nsecond line');\n}\nf();`,
    `console.log('never');`,
  ],
  floating: [
    `const a = 1;`,
    `async function f() { throw new Error('floating boom'); }\nvoid f();\nconsole.log('fine');`,
    `await new Promise((resolve) => setTimeout(resolve, 20));`,
    `a`,
  ],
  lastTimer: [`const a = 1;`, `void setTimeout(() => { throw new RangeError('late boom'); }, 150);`],
  ends: [`const a = 1;`, `process.exit(3);`, `a`],
  dies: [`const a = 1;`, `process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`, `a`],
} as const;
type Name = keyof typeof notebooks;

/** Each needs a kernel of its own, which takes seconds to start, so two run at a time. */
const runs = new Map<Name, Run>();
before(async () => {
  const waiting = Object.keys(notebooks) as Name[];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      runs.set(name, await run(name, ...notebooks[name]));
  };
  await Promise.all([worker(), worker()]);
});

test('a notebook without failures is written with its outputs, a variable in short form and how far a training is among them', () => {
  const { failure, events, outputs } = runs.get('passes') as Run;
  assert.equal(failure, undefined);
  assert.deepEqual(
    events.map(({ cell, cells, progress }) => [cell, cells, progress?.split(' · ')[1]]),
    [...[1, 2, 3, 4, 5, 6, 7, 8].map((cell) => [cell, 8, undefined]), [8, 8, 'starting'], [8, 8, 'epoch 1 of 2']],
  );
  assert.deepEqual(outputs, [
    '',
    '{ epochs: 3, nested: { seed: 7 }, list: [ { epochs: 3 } ] }',
    `{ epochs: 4, seed: 7 } 7 3 passed on ${join(__dirname, '..', '..')}\n`,
    '',
    '6',
    'a note on standard error is no failure\ncaught\n',
    '',
    'Work · epoch 1 of 2 · 16 % · batch 1 of 3',
  ]);
});

const failures: readonly [Name, string, string | RegExp][] = [
  [
    'throws',
    'an error that is thrown',
    `Cell 2 failed: TypeError: boom\nsecond line\n    at f, line 3 of cell [2]: throw new TypeError('boom\\nsecond line');\n    at line 5 of cell [2]: f();`,
  ],
  [
    'floating',
    'a promise that nobody awaits',
    `Cell 2 failed: UnhandledPromiseRejection: Error: floating boom\n    at f, line 1 of cell [2]: ${notebooks.floating[1].split('\n')[0]}\n    at line 2 of cell [2]: void f();`,
  ],
  [
    'lastTimer',
    'a timer of the last cell',
    `Cell 2 failed: UncaughtException: RangeError: late boom\n    at Timeout._onTimeout, line 1 of cell [2]: ${notebooks.lastTimer[1]}`,
  ],
  ['ends', 'the end of the kernel', /^Cell 2 failed: The kernel ended by itself, with exit code 3\.$/],
  [
    'dies',
    'a kernel that is killed',
    /^Cell 2 failed: The kernel was killed, as .* \(it had taken up to 0\.\d of \d+\.\d GB\): a smaller batchSize .* go on from what was reached\.$/,
  ],
];

test('each other notebook fails', () => {
  assert.deepEqual(
    failures.map(([name]) => name),
    Object.keys(notebooks).slice(1),
  );
});

for (const [name, what, message] of failures) {
  test(`${what} fails its cell, and nothing is written`, () => {
    const { failure, events, outputs } = runs.get(name) as Run;
    assert.ok(failure instanceof UserError, String(failure));
    if (typeof message === 'string') assert.equal(failure.message, message);
    else assert.match(failure.message, message);
    assert.equal(outputs, undefined);
    assert.deepEqual(events[1], { cell: 2, cells: notebooks[name].length });
    if (name !== 'floating') assert.equal(events.length, 2, 'no other cell is run');
  });
}

test('a notebook that cannot be read is refused in one line', async () => {
  const source = join(folder, 'broken.ipynb');
  writeFileSync(source, 'no notebook');
  await assert.rejects(executeNotebook(source, join(folder, 'out.ipynb')), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^The notebook could not be run: \S.*$/);
    return true;
  });
});
