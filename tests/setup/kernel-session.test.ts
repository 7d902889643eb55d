import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { jupyterEnvironment, pythonPath } from '../../lib/cli/jupyter';
import { projectRoot } from '../../lib/paths';

interface Cell {
  readonly status: 'ok' | 'error' | 'aborted';
  readonly count: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly error?: string;
  readonly results: readonly Readonly<Record<string, string>>[];
  readonly displays: readonly Readonly<Record<string, string>>[];
}
interface Step {
  readonly run?: readonly string[];
  readonly stop?: readonly string[];
  readonly complete?: string;
  readonly inspect?: string;
  readonly dies?: string;
}

/** What the kernel answers to steps, in a process of its own: see kernel_client.py. */
async function drive(steps: readonly Step[]): Promise<unknown[]> {
  const child = spawn(pythonPath, [join(__dirname, 'kernel_client.py'), join(projectRoot, 'notebooks')], {
    env: jupyterEnvironment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let answers = '';
  child.stdout.on('data', (piece: Buffer) => (answers += piece.toString()));
  child.stdin.end(JSON.stringify(steps));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0);
  return JSON.parse(answers) as unknown[];
}

const endless = `(async () => { for (;;) { await new Promise((resolve) => setTimeout(resolve, 5)); turns++; } })()`;
/** Works until it is stopped, as a training does. */
const task = `async (signal) => {
  console.log('task begins');
  await new Promise<void>((resolve) => signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve()));
  return 'as far as it came';
}`;
const steps = {
  manyLines: { run: [`for (let i = 0; i < 400; i++) console.log('line', i);`, `1 + 1`] },
  millionLines: { run: [`for (let i = 0; i < 1_000_000; i++) console.log('line', i);`, `console.error('after')`] },
  before: { run: [`const kept = 'old', replaced = 'old';\nlet later = 1;\nimport { sep } from 'node:path';`] },
  fails: {
    run: [
      [
        `const replaced = 2;`,
        ``,
        `// A comment, and lines that the JavaScript has not.`,
        `interface Point {`,
        `  x: number;`,
        `}`,
        `function check(point: Point): number {`,
        `  if (point.x > 1)`,
        `    throw new RangeError('too far');`,
        `  return point.x;`,
        `}`,
        `later = check({ x: 1 }) + 1;`,
        `const kept = check({ x: 2 });`,
        `const unset = check({ x: 1 });`,
      ].join('\n'),
      `console.log('not run')`,
    ],
  },
  after: {
    run: [
      `[kept, replaced, later, typeof check, sep]`,
      `const text: string = kept;\nconst number: number = replaced;`,
      `unset`,
    ],
  },
  renames: {
    run: [
      `const found = { a: 1, inner: { b: [2] } };`,
      `const { a: renamed, inner: { b: [first] } } = found;\nawait null;\n[renamed, first]`,
      `const { a: again = 3 } = found;\nfunction sum({ a: one }: typeof found): number { return one + again; }\nsum(found)`,
    ],
  },
  waits: {
    run: [`let turns = 0;\nconsole.log('waits');\nawait ${endless};`, `console.log('not run')`],
    stop: ['waits'],
  },
  waitsNoMore: {
    run: [`const seen = turns;\nawait new Promise((resolve) => setTimeout(resolve, 200));\nseen === turns`],
  },
  iterates: {
    run: [
      `async function* ticks() { for (let i = 0; ; i++) { await null; yield i; } }\nlet tick = 0;`,
      `for await (tick of ticks()) { if (tick % 1000 === 0) { await new Promise(setImmediate); console.log('ticks'); } }`,
    ],
    stop: ['ticks'],
  },
  computes: {
    run: [
      `import * as nb from './lib/notebook';\nconst { tf } = nb;\nconst square = tf.ones([60, 60]);`,
      `console.log('computes');\ntf.tidy(() => { for (;;) tf.matMul(square, square); });`,
    ],
    stop: ['computes'],
  },
  computesAgain: {
    run: [
      `const engine: any = tf.engine();\n[engine.state.kernelDepth, engine.state.scopeStack.length, engine.state.gradientDepth]`,
      `const tensors = tf.memory().numTensors;\ntf.tidy(() => { tf.matMul(square, square); });\ntf.memory().numTensors - tensors`,
      `tf.grad((x: any) => x.square())(tf.scalar(3)).dataSync()[0]`,
    ],
  },
  task: {
    run: [
      `const result = await nb.interruptible(${task});\nconsole.log(result);\nawait nb.interruptible(async (signal) => console.log(signal.aborted));`,
      `console.log('not run')`,
    ],
    stop: ['task begins'],
  },
  taskAgain: { run: [`result`, `await nb.interruptible(async (signal) => signal.aborted)`] },
  stubborn: {
    run: [
      `await nb.interruptible(async (signal) => {\n  signal.addEventListener('abort', () => console.log('heard'));\n  console.log('goes on');\n  await new Promise(() => undefined);\n});`,
    ],
    stop: ['goes on', 'heard'],
  },
  values: {
    run: [
      `nb.table([{ name: 'a', value: 1 }], { caption: 'Values' })`,
      `tf.tensor2d([[1, 2], [3, 4]])`,
      `import * as dfd from 'danfojs-node';\nnew dfd.DataFrame([{ name: '<b>', value: 1.5 }, { name: 'b', value: 2 }])`,
      `Promise.resolve(nb.status('later'))`,
      `({ [Symbol.for('Jupyter.display')]: () => ({ 'text/markdown': '*own*' }) })`,
      `undefined`,
      `'text'`,
      `nb.show(undefined)`,
      `nb.show(Promise.resolve(1) as any)`,
    ],
  },
  errors: {
    run: [`import { UserError } from './lib/errors';\nthrow new UserError('epochs is 0, but must be more.');`],
  },
  libraryError: { run: [`nb.table([{ a: 1 }], { caption: 'A', columns: ['b'] })`] },
  cause: { run: [`throw new Error('outer', { cause: new Error('inner') })`] },
  paths: {
    run: [`await nb.openDataset('01_resnet_from_scratch.ipynb')`, `await nb.openDataset('./none.npz')`].map(
      (code) => `try { ${code} } catch (error: any) { console.log(error.message) }`,
    ),
  },
  inspect: { inspect: 'nb.imageGrid' },
  complete: { complete: 'nb.interrup' },
  dies: {
    dies: `// It takes too much.\nconst run = process.kill(process.pid, 'SIGKILL');\nawait new Promise(() => undefined);`,
  },
  afterDeath: { run: [`1 + 1`, `2 + 2`] },
} satisfies Record<string, Step>;
type Name = keyof typeof steps;

const answers = new Map<string, unknown>();
const cells = (name: Name): readonly Cell[] => answers.get(name) as readonly Cell[];
const shown = (name: Name): readonly (string | undefined)[] =>
  cells(name).map(({ results }) => results[0]?.['text/plain']);

before(async () => {
  const all = await drive(Object.values(steps));
  Object.keys(steps).forEach((name, index) => answers.set(name, all[index]));
});

test('hundreds of lines arrive, and the notebook goes on', () => {
  const [first, second] = cells('manyLines');
  assert.equal(first.stdout.split('\n').length, 401);
  assert.deepEqual([first.status, first.count, second.count], ['ok', 1, 2]);
  assert.deepEqual(second.results, [{ 'text/plain': '2' }]);
});

test('a million lines are cut with a word, and their end is shown', () => {
  const [first, second] = cells('millionLines');
  assert.equal(first.status, 'ok');
  assert.match(first.stdout, /^line 0\nline 1\n/);
  assert.match(first.stdout, /line 999998\nline 999999\n$/);
  assert.ok(first.stdout.length < 600_000, `${first.stdout.length} characters`);
  assert.match(first.stderr, /\[Cut here: a cell shows 500000 characters\. .*\]\n\[\d+ characters are left out here; /);
  assert.equal(second.stderr, 'after\n');
});

test('an error is told with the lines of the cell that led to it, and ends the cells that wait', () => {
  const [failed, waiting] = cells('fails');
  const expected = [
    'RangeError: too far',
    `    at check, line 9 of cell [6]: throw new RangeError('too far');`,
    '    at line 13 of cell [6]: const kept = check({ x: 2 });',
  ];
  assert.deepEqual([failed.status, failed.error], ['error', expected.join('\n')]);
  assert.deepEqual([waiting.status, waiting.stdout], ['aborted', '']);
});

test('of a cell that fails, what it has set is there, and all else keeps its value and its type', () => {
  assert.equal(shown('after')[0], `[ 'old', 2, 2, 'function', '/' ]`);
  assert.equal(cells('after')[1].status, 'ok');
  assert.match(cells('after')[2].error ?? '', /^1:1 - Cannot find name 'unset'/);
});

test('a part of an earlier cell’s value may be given another name, with and without await', () => {
  assert.deepEqual(
    cells('renames').map(({ status }) => status),
    ['ok', 'ok', 'ok'],
  );
  assert.deepEqual(shown('renames').slice(1), ['[ 1, 2 ]', '2']);
});

test('the stop button ends what a cell awaits, and all cells that wait', () => {
  const [stopped, waiting] = cells('waits');
  assert.deepEqual([stopped.status, stopped.error, waiting.status], ['error', 'The cell was stopped.', 'aborted']);
  assert.deepEqual(shown('waitsNoMore'), ['true']);
  assert.equal(cells('iterates')[1].error, 'The cell was stopped.');
});

test('the stop button ends a computation, and TensorFlow.js computes on as if it had ended by itself', () => {
  assert.equal(cells('computes')[1].error, 'The cell was stopped.');
  assert.deepEqual(shown('computesAgain'), ['[ 0, 0, 0 ]', '0', '6']);
});

test('a task that stops softly gives its result, and the cells that wait are not run', () => {
  const [stopped, waiting] = cells('task');
  assert.equal(stopped.stdout, 'task begins\nas far as it came\ntrue\n');
  assert.deepEqual([stopped.status, stopped.error, waiting.status], ['error', undefined, 'aborted']);
  assert.deepEqual(shown('taskAgain'), ['as far as it came', 'false']);
});

test('a second stop ends the cell also where the task goes on', () => {
  const [cell] = cells('stubborn');
  assert.deepEqual([cell.status, cell.error], ['error', 'The cell was stopped.']);
});

test('what is made to be looked at displays itself as the last expression of a cell', () => {
  const [table, tensor, frame, later, own, nothing, text, none, promise] = cells('values');
  assert.match(table.results[0]['text/html'], /<strong>Values</);
  assert.match(tensor.results[0]['text/plain'], /^Tensor float32 \[2, 2\]\n.*\[1, 2\],\n.*\[3, 4\]/);
  assert.match(frame.results[0]['text/html'], /<strong>Data frame, 2 × 2.*&lt;b&gt;/s);
  assert.match(later.results[0]['text/html'], /later/);
  assert.deepEqual(own.results, [{ 'text/markdown': '*own*' }]);
  assert.deepEqual(nothing.results, []);
  assert.deepEqual(text.results, [{ 'text/plain': 'text' }]);
  assert.match(none.displays[0]['text/plain'], /stopped/);
  assert.match(promise.error ?? '', /^show was given a promise \(is there an `await` missing\?\)/);
});

test('a UserError is told by its message, another error with its place in the library and its cause', () => {
  assert.equal(cells('errors')[0].error, 'epochs is 0, but must be more.');
  assert.equal(cells('libraryError')[0].error, 'The table has no column "b", did you mean "a"?; it has a.');
  assert.match(cells('cause')[0].error ?? '', /^Error: outer\n.*\nCaused by Error: inner\n/);
});

test('a file is looked for beside the notebook, then in the project', () => {
  const [found, missing] = cells('paths');
  assert.ok(found.stdout.includes(join(projectRoot, 'notebooks', '01_resnet_from_scratch.ipynb')), found.stdout);
  const tried = ['notebooks/none.npz', 'none.npz'].map((name) => join(projectRoot, name)).join(' and ');
  assert.equal(missing.stdout, `There is no file or folder "./none.npz": tried ${tried}.\n`);
});

test('docstrings are shown, and names completed', () => {
  const inspected = answers.get('inspect') as { data: Readonly<Record<string, string>> };
  assert.match(inspected.data['text/plain'], /function imageGrid\(.*\n\n.*[A-Z].*/s);
  assert.deepEqual((answers.get('complete') as { matches: string[] }).matches, ['interruptible']);
});

test('a kernel that was killed is told of by the next one: in which cell, with how much memory, and what to do', () => {
  const [first, second] = cells('afterDeath');
  assert.match(
    first.stderr,
    /^The kernel came to its end while cell \[\d+\] ran \(const run = process\.kill\(process\.pid, 'SIGKILL'\);\); it had taken up to \d\.\d of \d+\.\d GB\..* a smaller batchSize needs less\..* go on from what was reached\.\n$/,
  );
  assert.equal(second.stderr, '');
});
