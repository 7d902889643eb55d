import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { main } from '../../../lib/cli/study';
import { findEmbedded } from '../../../lib/models/embedded';
import { pretrainedModel } from '../../../lib/cli/study/dino-training';
import { openSafetensors, type SafetensorsFile } from '../../../lib/tensor/safetensors';
import { userError } from '../../data/user-error';

const scratch = mkdtempSync(join(tmpdir(), 'dino-pretraining-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

async function study(...args: string[]): Promise<{ output: string; progress: string }> {
  const printed = { output: '', progress: '' };
  await main(['dino-pretraining', ...args], {
    output: { write: (text: string) => (printed.output += text) },
    progress: { write: (text: string) => (printed.progress += text) },
  });
  return printed;
}

interface Record {
  epochs: number;
  finished: boolean;
  settings: { seed: number };
  history: { valAccuracy: number | null; monitors: { [name: string]: number } }[];
}

describe('the command that trains the project’s own weights', () => {
  const small = ['--images', '4', '--batch-size', '4', '--epochs', '2', '--probes', 'synthetic-multi-class'];

  it('leaves weights and a record, and does nothing twice', async () => {
    const folder = join(scratch, 'whole');
    const { output, progress } = await study(...small, '--out', folder);
    assert.match(output, /^2 of 2 epochs in .*weights\.safetensors\n$/);
    assert.match(progress, /^epoch 2: loss \d.*, neighbours 0\.\d{3} \(.*rank synthetic-multi-class/m);
    const record = JSON.parse(readFileSync(join(folder, 'training.json'), 'utf8')) as Record;
    assert.deepEqual([record.epochs, record.finished, record.settings.seed, record.history.length], [2, true, 1, 2]);
    const weights = readFileSync(join(folder, 'weights.safetensors'));
    const file = openSafetensors(join(folder, 'weights.safetensors'));
    const embedded = openSafetensors(findEmbedded(pretrainedModel));
    const described = ({ tensors }: SafetensorsFile) =>
      [...tensors].map(([name, { type, shape }]) => [name, type, shape]);
    assert.deepEqual(described(file), described(embedded), 'what comes with the project is what the command gives');
    for (const each of [file, embedded]) each.close();
    const again = await study(...small, '--out', folder);
    assert.equal(again.progress, '');
    assert.deepEqual(readFileSync(join(folder, 'weights.safetensors')), weights);
  });

  it('ends softly after the minutes that it has, and goes on', async () => {
    const folder = join(scratch, 'stopped');
    const without = [...small.slice(0, -1), 'none', '--out', folder];
    const { output } = await study(...without, '--minutes', '0');
    assert.match(output, /^0 of 2 epochs in .*\nStopped: the same command continues\.\n$/);
    assert.ok(existsSync(join(folder, 'checkpoint', 'checkpoint.json')));
    await assert.rejects(study(...without, '--precision', 'bfloat16'), userError(/ is of another training /));
    assert.match((await study(...without)).output, /^2 of 2 epochs/);
  });

  it('says in one line what is wrong', async () => {
    const refusals: [string, RegExp][] = [
      ['--epoch 3', /^There is no option --epoch, did you mean "--epochs"\?/],
      ['--epochs 1.5', /^--epochs is 1\.5, but must be a whole number\.$/],
      ['--images 10', /^--images is "10", but must be a number from 64 /],
      ['--learning-rate x', /^--learning-rate is "x", but must be a number from 1e-8 to 1\.$/],
      [
        '--precision float16',
        /^--precision is "float16", did you mean "bfloat16"\? It must be float32 or bfloat16 or auto\.$/,
      ],
      ['--probes synthetic-blod', /^There is no dataset "synthetic-blod", did you mean "synthetic-blood"\?/],
      ['now', /^dino-pretraining takes no "now" without an option's name/],
    ];
    for (const [args, message] of refusals)
      await assert.rejects(study(...args.split(' '), '--out', join(scratch, 'refused')), userError(message));
    assert.match((await study('--help')).output, /npm run study -- dino-pretraining --minutes 60/);
  });
});
