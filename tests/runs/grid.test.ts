import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { projectRoot } from '../../lib/paths';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { flip } from '../../lib/training/augmentations';
import { tf } from '../../lib/tf';
import { userError } from '../data/user-error';
import { withoutSeconds } from '../training/toy-segmentation';
import { toyPoints, trainToyGrid, type ToyPoint, type ToyRun } from './toy-grid';

const scratch = mkdtempSync(join(tmpdir(), 'grid-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const features = join(scratch, 'features');

/** Trains in a folder of its own, and asserts that nothing is left on the device. */
async function train(
  name: string,
  points: readonly ToyPoint[] = toyPoints,
  options: Parameters<typeof trainToyGrid>[2] = {},
) {
  const before = tf.memory().numTensors;
  const runs = await trainToyGrid({ folder: join(scratch, name), features }, points, options);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return runs;
}

/** Everything but times. */
function comparable(runs: readonly ToyRun[] | undefined) {
  assert.ok(runs);
  return runs.map(({ point, run, test, row }) => ({
    point,
    id: run.id,
    history: withoutSeconds(run.history),
    scores: test.scores,
    masks: [...test.readMasks()],
    row: { ...row, seconds: 0, secondsWithoutCache: 0, featureSeconds: 0 },
  }));
}

describe('a grid of trainings', () => {
  it('trains and tests each point once, with a row each, and keeps no weights', async () => {
    const runs = await train('whole');
    assert.deepEqual(
      runs?.map(({ point }) => point),
      toyPoints,
    );
    const [frozen, whole] = [runs[0].row, runs[2].row];
    assert.deepEqual(
      [frozen.protocol, frozen.trainImages, whole.trainImages, frozen.settings.imageSize],
      ['frozen', 12, 12, 16],
    );
    assert.equal(frozen.parameters, whole.parameters);
    assert.ok(frozen.trainableParameters < whole.trainableParameters);
    assert.equal(whole.trainableParameters, whole.parameters);
    assert.ok(Number(frozen.featureSeconds) > 0 && Number(frozen.secondsWithoutCache) > 0);
    const dice = runs[0].test.scores.reduce((sum, score) => sum + score.dice, 0) / runs[0].test.scores.length;
    assert.ok(Math.abs(frozen.testDice - dice) < 1e-12);
    const files = readdirSync(runs[0].directory)
      .map((name) => name.replace(/-[0-9a-f]{10}\./, '.'))
      .sort();
    assert.deepEqual(files, ['configuration.json', 'result.json', 'scores-best.txt']);
    const events: string[] = [];
    const again = await train('whole', toyPoints, { onPoint: ({ kind }) => events.push(kind) });
    assert.deepEqual([comparable(again), events], [comparable(runs), []]);
    assert.deepEqual(comparable(await train('other folder')), comparable(runs));
  });

  it('is the same whether the maps of a frozen encoder are in memory, on the disk, without room, or not kept', async () => {
    const [kept] = (await train('whole')) ?? [];
    const messages: string[] = [];
    const roomless = await trainToyGrid(
      { folder: join(scratch, 'no room'), features: join(scratch, 'none') },
      [toyPoints[0]],
      {
        featureCache: openFeatureCache({ directory: join(scratch, 'none'), limitBytes: 10 }),
        onProgress: (event) => event.kind === 'warning' && messages.push(event.message),
      },
    );
    assert.deepEqual(comparable(roomless), comparable([kept]));
    assert.match(messages[0], /^The maps of toy ViT take 0\.0 GB, more than the 0\.0 GB of the feature cache/);
    const [plain] = (await train('plain', [{ ...toyPoints[0], cache: false }])) ?? [];
    assert.equal(plain.row.featureSeconds, 0);
    plain.run.history.forEach((row, epoch) => {
      assert.ok(Math.abs(row.valLoss - kept.run.history[epoch].valLoss) < 1e-3);
    });
  });

  it('that is stopped, in a training, its validation or its test, continues to the same end', async () => {
    const whole = await train('whole');
    for (const [place, after] of [
      ['epoch', 1],
      ['epoch', 3],
      ['val', 2],
      ['test', 1],
    ] as const) {
      const name = `stopped-${place}-${after}`;
      const controller = new AbortController();
      let seen = 0;
      const count = (kind: string): void => void (kind === place && ++seen === after && controller.abort());
      const stopped = await train(name, toyPoints, {
        signal: controller.signal,
        onPoint: ({ kind }) => count(kind),
        onRead: count,
      });
      assert.equal(stopped, undefined, name);
      assert.deepEqual(comparable(await train(name)), comparable(whole), name);
    }
  });

  it('that is killed continues to the same end', async () => {
    const folder = join(scratch, 'killed');
    const script = join(__dirname, 'toy-grid.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder, features, '3'], {
      cwd: projectRoot,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL');
    const begun = readdirSync(folder).filter((id) => existsSync(join(folder, id, 'checkpoints', 'checkpoint.json')));
    assert.equal(begun.length, 1);
    const epochs: number[] = [];
    const runs = await train('killed', toyPoints, {
      onPoint: ({ training }) => training?.kind === 'epoch' && epochs.push(training.epoch),
    });
    assert.deepEqual(comparable(runs), comparable(await train('whole')));
    assert.ok(epochs[0] > 1, `goes on with epoch ${epochs[0]}`);
  });

  it('trains what a changed recipe says after all had been trained: no encoder was closed', async () => {
    await train('whole');
    const [first] = (await train('whole', [toyPoints[0]], { recipe: { epochs: 1 } })) ?? [];
    assert.equal(first.run.history.length, 1);
    const [turned] =
      (await train('whole', [toyPoints[0]], { recipe: { augment: [flip('horizontal'), flip('vertical')] } })) ?? [];
    assert.notEqual(turned.run.id, first.run.id);
  });

  it('fails with the first error after all others were tried, and names weights that were not kept', async () => {
    const points: ToyPoint[] = [{ ...toyPoints[0], images: 99 }, toyPoints[2]];
    await assert.rejects(train('failing', points), userError(/^train is 99/));
    const [run] = (await train('whole', [toyPoints[0]])) ?? [];
    assert.throws(() => run.run.best?.read(), userError(/those of this training were not kept/));
  });
});
