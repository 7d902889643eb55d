import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main, type BenchContext } from '../../lib/cli/bench';
import type { BenchCase } from '../../lib/cli/bench/measure';
import { tf, type Tensor } from '../../lib/tf';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'bench-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

interface Printed {
  output: string;
  progress: string;
}

/** What the command prints, in `printed` also where it ends with an error. */
async function run(
  args: readonly string[],
  context: BenchContext = {},
  printed: Printed = { output: '', progress: '' },
) {
  await main([...args], {
    output: { write: (text) => (printed.output += text) },
    progress: { write: (text) => (printed.progress += text) },
    ...context,
  });
  return printed;
}

function parseLines(text: string): Record<string, string | number>[] {
  assert.ok(text.endsWith('\n'));
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string | number>);
}

/** A case whose repetitions take as many milliseconds as they say. */
function timed(name: string, milliseconds: readonly number[], more: Partial<BenchCase> = {}): BenchCase {
  return {
    name,
    description: `what ${name} does`,
    size: { images: 20, pixels: 1 },
    repeats: milliseconds.length - 1,
    warmUp: 1,
    prepare() {
      const left = [...milliseconds];
      return { run: () => left.shift() ?? NaN, dispose: () => undefined };
    },
    ...more,
  };
}

const cases = [
  timed('first-a', [1, 12.5, 8, 9]),
  timed('first-b', [1, 100, 200]),
  timed('second', [1, 1234.56], { withoutRate: true }),
  timed('by-name', [0, 5], { onlyByName: true, size: { images: 0, pixels: 0 } }),
];

test('the fastest repetition after the warm-up counts, and the lines are those of other programs', async () => {
  const { output } = await run(['--json'], { cases });
  assert.deepEqual(parseLines(output), [
    { case: 'first-a', milliseconds: 8, best_of: 3, images: 20, per_second: 2500 },
    { case: 'first-b', milliseconds: 100, best_of: 2, images: 20, per_second: 200 },
    { case: 'second', milliseconds: 1234.6, best_of: 1, images: 20 },
  ]);
});

test('cases are chosen by their names, or the beginning of them up to a hyphen', async () => {
  const names = async (...args: string[]) =>
    parseLines((await run([...args, '--json'], { cases })).output).map((line) => line.case);
  assert.deepEqual(await names('first'), ['first-a', 'first-b']);
  assert.deepEqual(await names('second', 'first-b', 'first'), ['first-a', 'first-b', 'second']);
  assert.deepEqual(await names('by-name'), ['by-name']);
  await assert.rejects(
    run(['by'], { cases: [timed('bye', [0, 1])] }),
    userError(/^There is no case "by", did you mean "bye"\? --help/),
  );
});

test('--repeats replaces the number of repetitions', async () => {
  const [line] = parseLines((await run(['first-a', '--repeats', '1', '--json'], { cases })).output);
  assert.deepEqual(line, { case: 'first-a', milliseconds: 12.5, best_of: 1, images: 20, per_second: 1600 });
});

test('--compare gives ours/theirs by precision, of several lines the fastest', async () => {
  const theirs = [
    '{"case": "first-a", "milliseconds": 40, "best_of": 5, "images": 20}',
    '',
    '{"case": "first-a", "milliseconds": 32, "best_of": 10, "images": 20, "setting": "eager", "versions": "Torch 2"}',
    '{"case": "second", "milliseconds": 1000, "note": "without images"}',
    '{"case": "first-a-bf16", "milliseconds": 16, "setting": "compiled", "versions": "Torch 2"}',
    '{"case": "another", "milliseconds": 3, "images": 1}',
  ];
  writeFileSync(at('theirs.jsonl'), theirs.join('\n'));
  const both = { cases: [...cases, timed('first-a-bf16', [1, 20])] };
  const { output } = await run(['--compare', at('theirs.jsonl'), '--json'], both);
  const found = parseLines(output).map((line) => [line.other_milliseconds, line.ratio, line.ratio_to_best]);
  assert.deepEqual(found, [
    [32, 0.25, 0.5],
    [undefined, undefined, undefined],
    [1000, 1.23, undefined],
    [16, 1.25, 1.25],
  ]);
  const table = (await run(['--compare', at('theirs.jsonl')], both)).output.split('\n');
  assert.match(table[0], /^.+, \d+ cores, kernels \S+; TensorFlow 2\.\S+, Node \S+; Torch 2$/);
  assert.match(table[2], /^float32 +ms +best of +images +images\/s +theirs, ms +ours\/theirs +to their best$/);
  assert.match(table[3], /^first-a +8 +3 +20 +2500 +32 +0\.25 +0\.5 +theirs: eager$/);
  assert.match(table[4], /^first-b +100 +2 +20 +200$/);
  assert.match(table[5], /^second +1234\.6 +1 +20 +1000 +1\.23$/);
  assert.match(table[7], /^bfloat16 +ms .* to their best$/);
  assert.match(table[8], /^first-a-bf16 +20 +1 +20 +1000 +16 +1\.25 +1\.25 +theirs: compiled$/);
});

/** What `tests/peers/pytorch_bench.py` does, without anything to measure: each round is faster than the one before. */
const peer = `
const [name, ...options] = process.argv.slice(2);
if (name === '--list') console.log('first-a second elsewhere');
else if (name === 'second') { console.error('a long story\\nno compiler'); process.exit(1); }
else {
  let round = 0;
  process.stdin.on('data', () => {
    console.log(JSON.stringify({ case: name, milliseconds: 100 / ++round, setting: options.join(' ') }));
    if (round === Number(options[1])) process.exit(0);
  });
}`;

test('--against runs the cases that another program has in turn with it, of which the fastest rounds count', async () => {
  writeFileSync(at('peer.cjs'), peer);
  const command = `"${process.execPath}" ${at('peer.cjs')}`;
  const rounds = [[1, 30], [1, 20], [1, 25]]; // prettier-ignore
  const ours = timed('first-a', [1, 1], {
    prepare() {
      const left = [...(rounds.shift() ?? [])];
      return { run: () => left.shift() ?? NaN, dispose: () => undefined };
    },
  });
  const { output } = await run(['--against', command, '--json'], { cases: [ours, timed('first-b', [1, 1])] });
  const [line, ...others] = parseLines(output);
  assert.deepEqual(others, []);
  assert.deepEqual([line.milliseconds, line.other_milliseconds, line.ratio], [20, 33.333333333333336, 0.6]);
  assert.deepEqual([line.other_setting, rounds], ['--rounds 3 --wait', []]);
  await assert.rejects(
    run(['second', '--against', command], { cases }),
    userError(/^.*peer\.cjs second --rounds 3 --wait ended without a result: no compiler$/),
  );
  await assert.rejects(
    run(['first-b', '--against', command], { cases }),
    userError(/peer\.cjs has none of the cases that are run: it has first-a, second, elsewhere\.$/),
  );
});

test('--out writes the lines, which --compare reads', async () => {
  const { output } = await run(['first', '--out', at('ours.jsonl'), '--json'], { cases });
  assert.equal(readFileSync(at('ours.jsonl'), 'utf8'), output);
  const again = await run(['first', '--compare', at('ours.jsonl'), '--json'], { cases });
  assert.deepEqual(
    parseLines(again.output).map((line) => line.ratio),
    [1, 1],
  );
});

test('a case that leaves a tensor behind, or has one too few, ends the command with an error after all others', async () => {
  const made: Tensor[] = [tf.scalar(0)];
  const leaking = timed('leaking', [], {
    repeats: 2,
    prepare: () => ({ run: () => void made.push(tf.scalar(1)), dispose: () => undefined }),
  });
  const taking = timed('taking', [], {
    repeats: 1,
    warmUp: 0,
    prepare: () => ({ run: () => made[0].dispose(), dispose: () => undefined }),
  });
  const printed: Printed = { output: '', progress: '' };
  await assert.rejects(
    run(['--json'], { cases: [leaking, taking, timed('good', [0, 1])] }, printed),
    /Tensors are left behind by leaking \(3\), taking \(-1\)/,
  );
  assert.deepEqual(
    parseLines(printed.output).map((line) => line.case),
    ['leaking', 'taking', 'good'],
  );
  tf.dispose(made.slice(1));
});

test('a case that fails is freed, and what was measured before it is shown', async () => {
  let freed = 0;
  const fails = timed('fails', [], {
    repeats: 1,
    prepare: () => ({ run: () => Promise.reject(new Error('boom')), dispose: () => void freed++ }),
  });
  const printed: Printed = { output: '', progress: '' };
  await assert.rejects(run([], { cases: [...cases, fails] }, printed), /boom/);
  assert.equal(freed, 1);
  assert.match(printed.output, /^case .*\nfirst-a .*\nfirst-b .*\nsecond .*\n$/);
});

test('what is misspelt or does not fit is answered in one line, before anything is run', async () => {
  const refused = async (args: string[], pattern: RegExp): Promise<void> => {
    const printed: Printed = { output: '', progress: '' };
    await assert.rejects(run(args, {}, printed), userError(pattern), args.join(' '));
    assert.deepEqual(printed, { output: '', progress: '' });
  };
  const save = (name: string, text: string): string => {
    writeFileSync(at(name), text);
    return at(name);
  };
  const other = save('other.jsonl', '{"case": "another", "milliseconds": 3, "images": 1}\n');
  const smaller = save('smaller.jsonl', '{"case": "hd95-1000-256", "milliseconds": 3, "images": 10}\n');
  const header = save('header.jsonl', `\n> bench\n${readFileSync(other, 'utf8')}`);
  await refused(
    ['resnet18-trian-28-b128'],
    /^There is no case "resnet18-trian-28-b128", did you mean "resnet18-train-28-b128"\?/,
  );
  await refused(['quantum'], /^There is no case "quantum"\. --help shows all\.$/);
  await refused(['--jsno'], /^There is no option --jsno, did you mean "--json"\?/);
  for (const text of ['0', '1.5', 'many'])
    for (const option of ['--repeats', '--rounds'])
      await refused([option, text], new RegExp(`^${option} is ".*", but must be a whole`));
  await refused(['--repeats', '--json'], /^--repeats needs a value/);
  await refused(['--compare', at('none.jsonl')], /^--compare .*none\.jsonl cannot be read \(ENOENT\)/);
  await refused(['--compare', header], /^Line 2 of .*header\.jsonl is no result of a benchmark, such as \{/);
  await refused(['--compare', save('zero.jsonl', '{"case": "start", "milliseconds": 0}')], /^Line 1 of .*zero\.jsonl/);
  await refused(['--compare', other], /other\.jsonl has none of the cases that are run: it has another\.$/);
  await refused(['--compare', save('empty.jsonl', '\n')], /none of the cases that are run: it is empty\.$/);
  await refused(['--compare', smaller], /^hd95-1000-256 is of 1000 images, but in .*smaller\.jsonl of 10/);
  await refused(['--compare', other, '--against', 'python'], /^--compare and --against are both given/);
  await refused(['--out', folder], /^--out is ".*", but must be a file/);
  await refused(['--out', at('none/ours.jsonl')], /^--out .* cannot be written: there is no folder .*none/);
});

test('--help lists every case', async () => {
  const { output } = await run(['--help']);
  for (const name of [
    'resnet18-train-28-b128',
    'unet-train-256-b8',
    'npz-batches-224-b32',
    'kernel-first-result',
    'start',
  ])
    assert.match(output, new RegExp(`^ {2}${name} {2,}\\S`, 'm'));
});

/** The real cases with little work, by the multiple of pixels that their models take. */
const small: readonly [pixels: number, cases: Record<string, readonly string[]>][] = [
  [
    32,
    {
      'resnet18-train-28-b128': ['per_second'],
      'vit-tiny-forward-224-b32': ['per_second'],
      'vit-tiny-train-224-b32': ['per_second'],
      'dinov3-small-forward-256-b16': ['per_second'],
      'unet-train-256-b8': ['per_second'],
      'dino-unet-small-train-256-b8': ['per_second'],
      'dino-unet-small-train-256-b8-bf16': ['per_second'],
      'jpeg-features': ['per_second'],
      'frozen-probe-cached': ['again_milliseconds'],
      'frozen-probe-uncached': [],
      'npz-batches-28-b128': ['per_second', 'batches_per_second', 'share_of_resnet18_step'],
      'npz-batches-224-b32': ['per_second', 'batches_per_second', 'share_of_resnet18_step'],
      'resnet18-epoch-28-b128': ['per_second'],
      'hd95-1000-256': ['per_second'],
    },
  ],
  [28, { 'dinov2-small-forward-224-b16': ['per_second'], 'dinov2-small-forward-224-b16-bf16': ['per_second'] }],
];

for (const [pixels, expected] of small) {
  test(`cases run on images of ${pixels} pixels, give numbers, and leave neither tensors nor files`, async () => {
    const [tensors, files] = [tf.memory().numTensors, benchFolders()];
    const context = { size: { images: 8, pixels } };
    const { output, progress } = await run([...Object.keys(expected), '--repeats', '1', '--json'], context);
    assert.equal(tf.memory().numTensors, tensors);
    assert.deepEqual(benchFolders(), files);
    assert.notEqual(progress, '');
    const lines = parseLines(output);
    assert.deepEqual(
      lines.map((line) => [line.case, Object.keys(line).slice(1)]),
      Object.entries(expected).map(([name, more]) => [name, ['milliseconds', 'best_of', 'images', ...more]]),
    );
    for (const { case: name, ...values } of lines) {
      assert.deepEqual([values.best_of, values.images], [1, 8]);
      for (const [key, value] of Object.entries(values))
        assert.ok(typeof value === 'number' && Number.isFinite(value) && value > 0, `${name}: ${key} is ${value}`);
    }
  });
}

test('bfloat16 is held against float32 on a network that is trained for it', async () => {
  const [tensors, files] = [tf.memory().numTensors, benchFolders()];
  const { output } = await run(['bfloat16-accuracy', '--json'], { size: { images: 24, pixels: 28 } });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(benchFolders(), files);
  const [line] = parseLines(output);
  const distances = ['one_minus_cosine', 'centred_one_minus_cosine'].flatMap((name) => [
    line[name],
    line[`largest_${name}`],
  ]);
  for (const distance of distances as number[]) assert.ok(distance > 0 && distance < 0.01, `${distance}`);
  for (const probe of ['logistic', 'knn'])
    for (const precision of ['float32', 'bfloat16']) {
      const accuracy = line[`${probe}_accuracy_${precision}`] as number;
      assert.ok(accuracy >= 0 && accuracy <= 1, `${probe} ${precision}: ${accuracy}`);
    }
});

for (const [name, pixels, seeds] of [
  ['vit', 28, 2],
  ['dino-unet', 48, 1],
] as const)
  // prettier-ignore
  test(`trainings of ${name} in both precisions are held against each other, seeds: ${seeds}`, async () => {
    const [tensors, files] = [tf.memory().numTensors, benchFolders()];
    const args = [`mixed-precision-${name}`, '--repeats', String(seeds), '--json'];
    const [line] = parseLines((await run(args, { size: { images: 16, pixels } })).output);
    assert.equal(tf.memory().numTensors, tensors);
    assert.deepEqual(benchFolders(), files);
    const { float32_mean: full, float32_deviation: spread, bfloat16_mean: mixed, difference } = line;
    for (const score of [full, mixed]) assert.ok((score as number) >= 0 && (score as number) <= 1, `${score}`);
    // One seed has no deviation.
    if (seeds === 1) assert.equal(spread, null);
    else assert.ok((spread as number) >= 0);
    assert.ok(Math.abs((difference as number) - ((mixed as number) - (full as number))) < 1e-3);
  });

test('the notebook kernel tells when it began and Jupyter when it had the result', async () => {
  const [line] = parseLines((await run(['kernel-first-result', '--repeats', '1', '--json'])).output);
  assert.deepEqual(Object.keys(line), ['case', 'milliseconds', 'best_of', 'images']);
  assert.equal(line.images, 0);
  // Loading TensorFlow alone takes a part of a second.
  assert.ok((line.milliseconds as number) > 100, `${line.milliseconds} ms`);
});

function benchFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`bench-${process.pid}-`));
}
