import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { executeNotebook, failureText, type CellEvent } from '../../lib/cli/jupyter';
import { UserError } from '../../lib/errors';

const folder = mkdtempSync(join(tmpdir(), 'jupyter-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What tslab 1.0.22 printed, colours removed. */
const frames = `    at evalmachine.<anonymous>:4:3
    at sigintHandlersWrap (node:vm:280:12)
    at Script.runInThisContext (node:vm:135:14)
    at Object.execute (/project/node_modules/tslab/dist/executor.js:160:38)
    at async JupyterHandlerImpl.handleExecute (/project/node_modules/tslab/dist/jupyter.js:208:21)`;
const printed = {
  types: `1:7 - Type 'string' is not assignable to type 'number'.\n2:7 - Cannot find name 'epoch'. Did you mean 'epochs'?`,
  thrown: `evalmachine.<anonymous>:4\n    throw new TypeError('boom\\nsecond line');\n    ^\n\nTypeError: boom\nsecond line\n    at f (evalmachine.<anonymous>:4:11)\n${frames}`,
  library: `RangeError: There is no row 9.\n    at readRows (/project/lib/data/npz.ts:5:3)\n    at open (/project/lib/data/open.ts:6:3)\n    at a (/project/lib/a.ts:1:1)\n    at b (/project/lib/b.ts:1:1)\n${frames}`,
  user: `evalmachine.<anonymous>:2\nthrow new exports.UserError('epochs is 0.');\n^\n\nUserError: epochs is 0.\n${frames}`,
  unhandled: `UnhandledPromiseRejection: Error: floating boom\n    at evalmachine.<anonymous>:3:42\n${frames}`,
  unhandledUser: `UnhandledPromiseRejection: UserError: epochs is 0.\n    at evalmachine.<anonymous>:3:42\n${frames}`,
  text: 'just a text',
};

test('a failure is told without the kernel’s own frames', () => {
  assert.equal(failureText(printed.types), printed.types);
  assert.equal(failureText(printed.thrown), 'TypeError: boom\nsecond line');
  assert.equal(
    failureText(printed.library),
    'RangeError: There is no row 9.\n    at readRows (/project/lib/data/npz.ts:5:3)\n    at open (/project/lib/data/open.ts:6:3)\n    at a (/project/lib/a.ts:1:1)',
  );
  assert.equal(failureText(printed.unhandled), 'UnhandledPromiseRejection: Error: floating boom');
  assert.equal(failureText(printed.text), 'just a text');
  assert.equal(failureText(''), '');
});

test('of a UserError, the message is enough', () => {
  assert.equal(failureText(printed.user), 'epochs is 0.');
  assert.equal(failureText(printed.unhandledUser), 'epochs is 0.');
});

test('of many type errors, the first six are told', () => {
  const many = Array.from({ length: 9 }, (_, line) => `${line + 1}:1 - Cannot find name 'x${line}'.`);
  assert.equal(failureText(many.join('\n')), many.slice(0, 6).join('\n'));
});

interface Run {
  /** Undefined where all cells succeeded. */
  readonly failure: Error | undefined;
  readonly events: readonly CellEvent[];
  /** The text that each code cell printed; undefined where nothing was written. */
  readonly outputs: readonly string[] | undefined;
}

interface Output {
  readonly text: string | readonly string[];
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
    .map((cell) => cell.outputs.flatMap((output) => output.text).join(''));
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
  ],
  throws: [
    `const a = 1;`,
    `console.log('before');\nfunction f() {\n  throw new TypeError('boom\\nsecond line');\n}\nf();`,
    `console.log('never');`,
  ],
  types: [`const epochs = 3;`, `const text: number = 'text';\nepoch + 1`, `console.log('never');`],
  user: [
    `import { UserError } from './lib/errors';`,
    `async function check() {\n  throw new UserError('epochs is 0, but must be more.');\n}\nawait check();`,
  ],
  floating: [
    `const a = 1;`,
    `async function f() { throw new Error('floating boom'); }\nvoid f();\nconsole.log('fine');`,
    `await new Promise((resolve) => setTimeout(resolve, 20));`,
    `a`,
  ],
  timer: [
    `const a = 1;`,
    `setTimeout(() => { throw new RangeError('late boom'); }, 20);\nawait new Promise((resolve) => setTimeout(resolve, 300));`,
    `a`,
  ],
  lastFloating: [`const a = 1;`, `void Promise.reject(new Error('floating boom'));`],
  lastTimer: [`const a = 1;`, `void setTimeout(() => { throw new RangeError('late boom'); }, 150);`],
  dies: [`const a = 1;`, `process.exit(3);`, `a`],
} as const;
type Name = keyof typeof notebooks;

/** Each needs a kernel of its own, which takes seconds to start, so two run at a time. */
const runs = new Map<Name, Run>();
before(
  async () => {
    const waiting = Object.keys(notebooks) as Name[];
    const worker = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
        runs.set(name, await run(name, ...notebooks[name]));
    };
    await Promise.all([worker(), worker()]);
  },
  { timeout: 180_000 },
);

test('a notebook without failures is written with its outputs, a variable in short form among them', () => {
  const { failure, events, outputs } = runs.get('passes') as Run;
  assert.equal(failure, undefined);
  assert.deepEqual(
    events,
    [1, 2, 3, 4, 5, 6].map((cell) => ({ cell, cells: 6 })),
  );
  assert.deepEqual(outputs, [
    '',
    '{ epochs: 3, nested: { seed: 7 }, list: [ { epochs: 3 } ] }\n',
    `{ epochs: 4, seed: 7 } 7 3 passed on ${join(__dirname, '..', '..')}\n`,
    '',
    '6\n',
    'a note on standard error is no failure\ncaught\n',
  ]);
});

const failures: readonly [Name, string, string][] = [
  ['throws', 'an error that is thrown', 'Cell 2 failed: TypeError: boom\nsecond line'],
  [
    'types',
    'a type error',
    `Cell 2 failed: 1:7 - Type 'string' is not assignable to type 'number'.\n2:1 - Cannot find name 'epoch'. Did you mean 'epochs'?`,
  ],
  ['user', 'a UserError', 'Cell 2 failed: epochs is 0, but must be more.'],
  ['floating', 'a promise that nobody awaits', 'Cell 2 failed: UnhandledPromiseRejection: Error: floating boom'],
  ['timer', 'a timer', 'Cell 2 failed: UncaughtException: RangeError: late boom'],
  ['lastFloating', 'a promise of the last cell', 'Cell 2 failed: UnhandledPromiseRejection: Error: floating boom'],
  ['lastTimer', 'a timer of the last cell', 'Cell 2 failed: UncaughtException: RangeError: late boom'],
  ['dies', 'the end of the kernel', 'Cell 2 failed: The kernel died, perhaps for lack of memory.'],
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
    assert.equal(failure.message, message);
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
