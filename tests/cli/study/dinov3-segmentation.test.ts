import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { main } from '../../../lib/cli/study';
import { readTrainOptions } from '../../../lib/cli/study/dinov3-options';
import { openMaskData } from '../../../lib/runs/mask-parameters';
import { readStoredRuns } from '../../../lib/cli/study/dinov3-runs';
import { loadModel } from '../../../lib/runs/saved-model';
import { runTable, writePictures } from '../../../lib/cli/study/dinov3-report';
import { UserError } from '../../../lib/errors';
import { userError } from '../../data/user-error';
import { recordOf } from '../../studies/dinov3-segmentation/records';
import { toySegmentation } from '../../training/toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'study-dinov3-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** What the command prints. */
async function study(...args: string[]): Promise<{ output: string; progress: string }> {
  const printed = { output: '', progress: '' };
  await main(['dinov3-segmentation', ...args], {
    output: { write: (text: string) => (printed.output += text) },
    progress: { write: (text: string) => (printed.progress += text) },
  });
  return printed;
}

describe('the options of training', () => {
  it('are the study’s, with its settings where nothing is said', () => {
    const request = readTrainOptions([]);
    assert.ok(request);
    const { epochs, learningRate, batchSize, imageSize, dataset, weights, seed } = request.parameters;
    assert.deepEqual(
      { epochs, learningRate, batchSize, imageSize, dataset, weights, seed },
      {
        epochs: 100,
        learningRate: 3e-4,
        batchSize: 8,
        imageSize: 256,
        dataset: 'synthetic-lesions',
        weights: 'hub',
        seed: 42,
      },
    );
    assert.deepEqual(request.selection, {
      arms: ['corrected'],
      models: ['dino-unet'],
      fractions: [0.25, 0.5, 1],
      seeds: [42],
    });
    assert.deepEqual(
      [request.resume, request.parameters.cache, request.json, request.parameters.encoders],
      [false, true, false, 'dinov3_vits16'],
    );
    assert.deepEqual([request.keepModels, request.parameters.groupBy], [true, '']);
  });

  it('are what was given, and the study’s names mean its networks', () => {
    const request = readTrainOptions(
      '--model baseline,dinov3 --encoder base --data-fraction 0.25 --seed 1,2 --arm as-published --lr 1e-3 --early-patience 5 --base-channels 16 --no-cache --flips --resume --group-by ^p(\\d+) --keep-empty --keep none'.split(
        ' ',
      ),
    );
    assert.ok(request);
    assert.deepEqual(request.selection, {
      arms: ['as-published'],
      models: ['unet', 'dino-unet'],
      fractions: [0.25],
      seeds: [1, 2],
    });
    const { encoders, learningRate, patience, unetWidth, flips, groupBy, keepEmpty } = request.parameters;
    assert.deepEqual([encoders, learningRate, patience, unetWidth, flips], ['dinov3_vitb16', 1e-3, 5, 16, true]);
    assert.deepEqual([groupBy, keepEmpty, request.keepModels], ['^p(\\d+)', true, false]);
    assert.deepEqual([request.resume, request.parameters.cache], [true, false]);
    const named = readTrainOptions(['--model', 'dinov3_small,dinov3_large']);
    assert.equal(named?.parameters.encoders, 'dinov3_vits16,dinov3_vitl16');
    assert.deepEqual(named.selection.models, ['dino-unet']);
    assert.equal(readTrainOptions(['--help']), undefined);
  });

  it('that are misspelt, out of range or of no use are refused in one line', () => {
    const refusals: [string, RegExp][] = [
      ['--modle unet', /^There is no option --modle, did you mean "--model"\?/],
      ['--model unte', /^There is no model "unte", did you mean "unet"\? There are unet and dino-unet\.$/],
      ['--arm correct', /^There is no arm "correct", did you mean "corrected"\?/],
      ['--data-fraction 2', /^--data-fraction is "2", but must be numbers above 0 and at most 1/],
      ['--seed x', /^--seed is "x", but must be whole numbers from 0/],
      ['--lr abc', /^--lr is "abc", but must be a number\.$/],
      ['--lr 100', /^--lr is 100, but must be a number from 1e-8 to 10\.$/],
      ['--epochs 1.5', /^--epochs is 1\.5, but must be a whole number/],
      ['--num-workers 4', /^--num-workers is an option of the study's code that is not needed here: /],
      ['--freeze-encoder', /^--freeze-encoder is an option of the study's code/],
      ['--model dinov3_small --encoder base', /^--model dinov3_small names its encoder already/],
      ['--model unet,', /^--model is "unet,", but must be names with commas between them\.$/],
      ['runs', /^train takes no "runs" without an option's name/],
      ['--lr', /^--lr needs a value/],
      ['--keep all', /^--keep is "all"\. It must be best or none\.$/],
    ];
    for (const [line, message] of refusals)
      assert.throws(() => readTrainOptions(line.split(' ')), userError(message), line);
  });
});

describe('the table of runs', () => {
  const dice = [0.8, 0.9];
  const heads = (runs: Parameters<typeof runTable>[0]) => runTable(runs).split('\n')[0].split(/ {2,}/);

  it('has a column for whatever runs differ in: size, width, splits and data', () => {
    const plain = recordOf({ dice });
    const all = ['run', 'arm', 'network', 'data', 'seed', 'images'];
    assert.deepEqual(heads([plain, recordOf({ dice, seed: 43 })]).slice(0, 7), [...all, 'Dice']);
    const differing = [
      plain,
      recordOf({ dice, settings: { imageSize: 32 } }),
      recordOf({ dice, settings: { unetWidth: 8 } }),
      recordOf({ dice, ids: ['a', 'b'] }),
      recordOf({ dice, weights: 'hub' }),
    ];
    assert.deepEqual(heads(differing).slice(0, 10), [...all, 'test images', 'weights', 'imageSize', 'unetWidth']);
    const lines = runTable(differing).trimEnd().split('\n').slice(1);
    assert.equal(new Set(lines.map((line) => line.slice(12))).size, differing.length, 'no two rows look the same');
  });
});

describe('the command', () => {
  const store = join(scratch, 'store');
  const small = [
    '--profile',
    'tour',
    '--synthetic-images',
    '16',
    '--image-size',
    '48',
    '--weights',
    'random',
    '--encoder',
    'dinov3_tour_s',
    '--epochs',
    '1',
    '--decoder-channels',
    '8',
    '--base-channels',
    '2',
    '--output-dir',
    store,
  ];

  it('trains each run once, shows all in a table, and refuses runs that were begun unless it is to continue them', async () => {
    const trained = await study('train', ...small, '--model', 'unet,dino-unet', '--data-fraction', '0.5', '--no-cache');
    assert.match(trained.progress, /1\/2 {2}[0-9a-f]{10} {2}unet, corrected, 50 %, seed 42/);
    const lines = trained.output.trimEnd().split('\n');
    assert.deepEqual([lines.length, lines[0].split(/ {2,}/)[0]], [3, 'run']);
    assert.match(lines[2], /dino-unet dinov3_tour_s +50 % +42 +8 /);
    // Options alone train, as in the study.
    const kept = readStoredRuns(store).finished.map(({ directory }) => loadModel(join(directory, 'model')));
    assert.deepEqual(
      kept.map(({ description }) => [description.task, description.data.splits.train]),
      [
        ['segmentation', 8],
        ['segmentation', 8],
      ],
    );
    const again = await study(...small, '--model', 'unet', '--data-fraction', '0.5');
    assert.ok(!again.progress.includes('1/'));
    assert.equal(again.output.split('\n')[1].split(' ')[0], lines[1].split(' ')[0]);

    const [unet] = readdirSync(store).filter((id) => lines[1].startsWith(id));
    rmSync(join(store, unet, 'result.json'));
    await assert.rejects(
      study('train', ...small, '--model', 'unet', '--data-fraction', '0.5'),
      userError(new RegExp(`^Run ${unet} \\(unet, corrected, 50 %, seed 42\\) was begun: --resume continues it`)),
    );
    const resumed = await study(
      'train',
      ...small,
      '--model',
      'unet',
      '--data-fraction',
      '0.5',
      '--resume',
      '--keep',
      'none',
      '--json',
    );
    const record = JSON.parse(resumed.output) as { runs: { id: string; scores: unknown[] }[] };
    assert.deepEqual(
      record.runs.map(({ id }) => id),
      [unet],
    );
    assert.ok(record.runs[0].scores.length > 0);
  });

  it('evaluates all runs that are whole, and names those that are not', async () => {
    writeFileSync(join(scratch, 'notes.txt'), '');
    const { output, progress } = await study('evaluate', '--output-dir', store);
    assert.equal(output.split('\n').filter((line) => /^[0-9a-f]{10} /.test(line)).length, 2);
    assert.equal(progress, '');
    const written = JSON.parse(readFileSync(join(store, 'evaluation.json'), 'utf8')) as {
      runs: { row: { testDice: number } }[];
    };
    assert.ok(written.runs.every(({ row }) => row.testDice >= 0 && row.testDice <= 1));
    assert.deepEqual(JSON.parse((await study('evaluate', '--output-dir', store, '--json')).output), written);
    const [first] = readdirSync(store).filter((id) => existsSync(join(store, id, 'run.json')));
    const path = join(store, first, 'run.json');
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, '{');
    const damaged = await study('evaluate', '--output-dir', store);
    assert.match(damaged.progress, /run\.json is damaged/);
    assert.equal(damaged.output.split('\n').filter((line) => /^[0-9a-f]{10} /.test(line)).length, 1);
    writeFileSync(path, whole);
  });

  it('draws the same test images of all runs, and refuses another dataset', async () => {
    const data = ['--output-dir', store, '--synthetic-images', '16'];
    const { output } = await study('visualize', ...data, '--num-samples', '2');
    const folders = output.trimEnd().split('\n');
    assert.equal(folders.length, 2);
    const files = folders.map((folder) => readdirSync(folder).sort());
    assert.deepEqual(files[1], files[0]);
    assert.equal(files[0].length, 3);
    assert.ok(files[0].includes('contact-sheet.png'));
    await assert.rejects(
      study('visualize', ...data.slice(0, 2), '--synthetic-images', '40'),
      userError(/has other test images than synthetic-lesions/),
    );
    await assert.rejects(study('visualize', ...data, '--num-samples', '0'), userError(/^--num-samples is 0/));
    await assert.rejects(study('visualize', ...data, '--run', 'x'), userError(/has no finished run "x"/));
  });

  it('says how to choose where runs are of several splits', async () => {
    const { finished } = readStoredRuns(store);
    const skipped: string[] = [];
    const other = recordOf({ dice: [0.5, 0.6] });
    const open = () =>
      openMaskData({ dataset: 'synthetic-lesions', imageSize: 48, syntheticImages: 16, skipBroken: false, seed: 42 });
    const written: string[] = [];
    const request = {
      samples: 1,
      folder: join(scratch, 'pictures'),
      open,
      onWritten: (path: string) => written.push(path),
    };
    await writePictures({ ...request, runs: [...finished, other], onSkipped: (message) => skipped.push(message) });
    assert.equal(written.length, finished.length);
    assert.match(skipped[0], /^Run [0-9a-f]{10} has other test images than synthetic-lesions .*--run ID.*--split-seed/);
    await assert.rejects(
      writePictures({ ...request, runs: [other], open: () => Promise.resolve(toySegmentation()) }),
      userError(/--split-seed/),
    );
  });

  it('says what it can do, and what it cannot', async () => {
    const { output } = await study('--help');
    for (const option of ['--model', '--encoder', '--data-fraction', '--resume', 'evaluate', 'visualize', 'Examples'])
      assert.ok(output.includes(option), option);
    for (const line of output.split('\n')) assert.ok(line.length <= 130, line);
    await assert.rejects(study('evaluat'), userError(/^There is no "evaluat", did you mean "evaluate"\?/));
    await assert.rejects(study(), userError(/^Which of train, evaluate, visualize\?/));
    await assert.rejects(
      study('evaluate', '--output-dir', join(scratch, 'nothing')),
      userError(/^There is no folder .*nothing: train a run first/),
    );
    await assert.rejects(study('evaluate', '--output-dir', scratch), userError(/has no finished run, 0 unfinished/));
    await assert.rejects(study('evaluate', 'runs'), userError(/^evaluate takes no "runs"/));
    await assert.rejects(
      study('train', '--image-size', '100', '--weights', 'random'),
      (error) => error instanceof UserError && error.message.startsWith('--image-size is 100'),
    );
  });
});
