import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { scoreSegmentation } from '../../lib/metrics/segmentation';
import { dinoUnetParameters } from '../../lib/models/dino-unet';
import { countParameters } from '../../lib/models/parameters';
import { projectRoot } from '../../lib/paths';
import { contactSheet, samplePictures, spacedSamples } from '../../lib/studies/dinov3-segmentation/overlays';
import { openTestProbabilities, quantizeProbabilities, type Dinov3Run } from '../../lib/studies/dinov3-segmentation/results'; // prettier-ignore
import { rowOfRun } from '../../lib/studies/dinov3-segmentation/rows';
import { openDinov3Store, readStoredRuns } from '../../lib/studies/dinov3-segmentation/runs';
import { decoderConfig, trainDinov3Run } from '../../lib/studies/dinov3-segmentation/training';
import { openSafetensors } from '../../lib/tensor/safetensors';
import { tf } from '../../lib/tf';
import { userError } from '../data/user-error';
import { withoutSeconds } from '../training/toy-segmentation';
import {
  openToyEncoder,
  toyConfiguration,
  toyData,
  toyRuns,
  trainToyRuns,
  type ToyRun,
} from './dinov3-segmentation/run';

const scratch = mkdtempSync(join(tmpdir(), 'dinov3-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const features = join(scratch, 'features');

/** Everything but times. */
function comparable(runs: readonly Dinov3Run[] | undefined) {
  assert.ok(runs);
  return runs.map(({ id, configuration, result }) => ({
    id,
    configuration,
    result: { ...result, history: withoutSeconds(result.history), seconds: 0, featureSeconds: 0, secondsPerEpoch: 0, millisecondsPerImage: 0 }, // prettier-ignore
  }));
}

/** Trains in a folder of its own, and asserts that no tensor is left behind. */
async function train(name: string, runs: readonly ToyRun[], controls: Parameters<typeof trainToyRuns>[2] = {}) {
  const tensors = tf.memory().numTensors;
  const trained = await trainToyRuns({ store: join(scratch, name), features }, runs, controls);
  assert.equal(tf.memory().numTensors, tensors, 'tensors are left behind');
  return trained;
}

const bytesOf = ({ directory, result }: Dinov3Run): Buffer => readFileSync(join(directory, result.probabilitiesFile));

describe('a run', () => {
  let whole: Dinov3Run[];
  before(async () => {
    whole = (await train('whole', toyRuns)) ?? [];
  });

  it('leaves what its record says: scores of each image, weights, probabilities; and no checkpoint', () => {
    const [unet, dino] = whole;
    assert.deepEqual([unet.result.trainImages, dino.result.trainImages], [10, 20]);
    for (const { result, directory, id } of whole) {
      const lengths = [result.testIds, result.scores, result.cleanedScores, result.calibration.before.imageErrors].map(({ length }) => length); // prettier-ignore
      assert.deepEqual(lengths, [7, 7, 7, 7]);
      assert.deepEqual(result.testIds, toyData.splits.test.ids);
      assert.equal(result.history.length, result.epochs);
      assert.equal(result.bestValDice, Math.max(...result.history.map(({ valDice }) => valDice)));
      assert.equal(result.history[result.selectedEpoch - 1].valDice, result.bestValDice);
      assert.deepEqual(readdirSync(directory).sort(), ['best.safetensors', 'configuration.json', 'probabilities.npy', 'result.json']); // prettier-ignore
      const weights = openSafetensors(join(directory, 'best.safetensors'));
      const trainable = [...weights.tensors].filter(([name]) => !name.includes('running_'));
      assert.equal(trainable.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0), result.trainableParameters); // prettier-ignore
      weights.close();
      assert.equal(openDinov3Store(join(directory, '..')).runs.idOf(whole.find((run) => run.id === id)?.configuration ?? unet.configuration), id); // prettier-ignore
    }
    assert.equal(unet.result.featureSeconds, 0);
    assert.ok(dino.result.featureSeconds > 0);
    assert.equal(dino.result.secondsPerEpoch[0], dino.result.history[0].seconds + dino.result.featureSeconds);
    assert.equal(dino.result.parameters - dino.result.trainableParameters > 100_000, true);
  });

  it('is the same where the feature cache has no room for its maps, and says so before', async () => {
    const [, dino] = whole;
    const events: string[] = [];
    const folders = { store: join(scratch, 'no-room'), features: join(scratch, 'no-room-features') };
    const trained = await trainToyRuns(folders, [toyRuns[1]], {
      limitBytes: 1000,
      onProgress: (event) => events.push(event.kind === 'warning' ? event.message : event.kind),
    });
    assert.deepEqual(comparable(trained), comparable([dino]));
    assert.match(events[0], /^The maps of dinov3_tour_s take 0\.0 GB, more than the 0\.0 GB of the feature cache/);
    assert.equal(events.filter((event) => event === events[0]).length, 1);
    assert.deepEqual(readdirSync(folders.features).filter((name) => /^[0-9a-f]{64}$/.test(name)), []); // prettier-ignore
  });

  it('has probabilities whose masks are the scored ones to the pixel', () => {
    for (const run of whole) {
      const probabilities = openTestProbabilities(run);
      const size = { height: probabilities.height, width: probabilities.width };
      run.result.scores.forEach((scores, index) => {
        const pixels = new Uint8Array(size.height * size.width);
        toyData.splits.test.readMasks([index], pixels);
        const predicted = probabilities.read(index).map((byte) => (byte > 127 ? 1 : 0));
        assert.deepEqual(scoreSegmentation({ ...size, pixels }, { ...size, pixels: predicted }), scores);
      });
      probabilities.close();
    }
    assert.deepEqual([...quantizeProbabilities([-100, -1e-9, 0, 1e-9, 100])], [0, 127, 127, 128, 255]);
  });

  it('is the same for the same seed, bit by bit, and another for another', async () => {
    const again = await train('again', toyRuns);
    assert.deepEqual(comparable(again), comparable(whole));
    whole.forEach((run, index) => assert.deepEqual(bytesOf(again?.[index] ?? run), bytesOf(run)));
    const [other] = (await train('other', [{ ...toyRuns[0], seed: 8 }])) ?? [];
    assert.notDeepEqual(other.result.history[0].trainLoss, whole[0].result.history[0].trainLoss);
  });

  it('is not trained a second time', async () => {
    const events: string[] = [];
    const again = await train('whole', toyRuns, { onRun: ({ kind }) => events.push(kind) });
    assert.deepEqual(again, whole);
    assert.deepEqual(events, []);
  });

  it('that is stopped continues to the same end: epochs, rate, early stopping and what is random', async () => {
    const epochs = whole[0].result.epochs;
    assert.ok(epochs < whole[0].configuration.settings.epochs, 'no training ended early');
    assert.equal(whole[1].result.epochs, whole[1].configuration.settings.epochs);
    for (const [run, epoch] of [
      [1, epochs - 1],
      [2, 1],
      [2, 4],
    ]) {
      // prettier-ignore
      const controller = new AbortController();
      let started = 0;
      const stopped = await train(`stopped-${run}-${epoch}`, toyRuns, {
        signal: controller.signal,
        onRun({ kind, training }) {
          if (kind === 'started') started++;
          if (started === run && training?.kind === 'epoch' && training.epoch === epoch) controller.abort();
        },
      });
      assert.equal(stopped, undefined);
      assert.deepEqual(comparable(await train(`stopped-${run}-${epoch}`, toyRuns)), comparable(whole));
    }
  });

  it('that is killed continues to the same end', async () => {
    const store = join(scratch, 'killed');
    const script = join(__dirname, 'dinov3-segmentation/run.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, store, features, '2', '3'], { cwd: projectRoot, stdio: ['ignore', 'ignore', 'inherit'] }); // prettier-ignore
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL');
    const { finished, unfinished } = readStoredRuns(store);
    assert.deepEqual([finished.length, unfinished.length], [1, 1]);
    assert.ok(existsSync(join(store, unfinished[0].id, 'checkpoints', 'checkpoint.json')));
    const epochs: number[] = [];
    const trained = await train('killed', toyRuns, {
      onRun: ({ training }) => training?.kind === 'epoch' && epochs.push(training.epoch),
    });
    assert.deepEqual(comparable(trained), comparable(whole));
    assert.ok(epochs[0] > 1, `goes on with epoch ${epochs[0]}`);
  });

  it('whose features are kept, in memory or on disk, is the one whose encoder runs in every step', async () => {
    const runs: ToyRun[] = [{ settings: { epochs: 3, learningRate: 0.005, flipTta: true } }];
    const [kept] = (await train('kept', runs)) ?? [];
    const [plain] = (await train('plain', runs, { cache: false })) ?? [];
    assert.equal(plain.result.featureSeconds, 0);
    kept.result.history.forEach((row, index) => {
      const other = plain.result.history[index];
      assert.ok(Math.abs(row.trainLoss - other.trainLoss) < 1e-3 && Math.abs(row.valLoss - other.valLoss) < 1e-3);
    });
    const difference = bytesOf(kept).map((byte, index) => Math.abs(byte - bytesOf(plain)[index]));
    assert.ok(Math.max(...difference) <= 2, `probabilities differ by ${Math.max(...difference)} of 255`);
    assert.equal(kept.result.flippedScores?.length, 7);
  });

  it('is refused with other data or another encoder than its own', async () => {
    const encoder = await openToyEncoder();
    const configuration = toyConfiguration(encoder);
    const run = (resources: Partial<Parameters<typeof trainDinov3Run>[1]>) =>
      trainDinov3Run(configuration, { dataset: toyData, encoder, ...resources }, join(scratch, 'refused'), 'key');
    await assert.rejects(run({ encoder: undefined }), userError(/^The run needs dinov3_tour_s with its random weights, but no encoder was opened/)); // prettier-ignore
    await assert.rejects(run({ encoder: { ...encoder, weightsKey: 'other' } }), userError(/^The run needs dinov3_tour_s/)); // prettier-ignore
    await assert.rejects(run({ dataset: { ...toyData, height: 32 } }), userError(/^The run is of squares at 16×16 pixels, but squares at 32×16 was opened/)); // prettier-ignore
    const swapped = { ...toyData.splits, val: toyData.splits.test, test: toyData.splits.val };
    await assert.rejects(run({ dataset: { ...toyData, splits: swapped } }), userError(/^The run has other images in its training, validation and test split/)); // prettier-ignore
    encoder.close();
  });

  it('has a row for results.json, with means over test images', () => {
    const [unet, dino] = whole.map(rowOfRun);
    assert.deepEqual([unet.protocol, dino.protocol, unet.model, dino.model], ['scratch', 'frozen', 'U-Net', 'Dino U-Net, tour S']); // prettier-ignore
    const { scores } = whole[1].result;
    assert.ok(Math.abs(dino.testDice - scores.reduce((sum, { dice }) => sum + dice, 0) / 7) < 1e-12);
    assert.equal(dino.trainingKey, whole[1].id);
    assert.equal(dino.settings.seed, 3);
  });

  it('is shown by test images from hard to easy', async () => {
    const positions = spacedSamples(whole, 3);
    const means = toyData.splits.test.ids.map((_, image) => whole.reduce((sum, { result }) => sum + result.scores[image].dice, 0)); // prettier-ignore
    assert.equal(means[positions[0]], Math.min(...means));
    assert.equal(means[positions[2]], Math.max(...means));
    const pictures = samplePictures(whole[1], toyData, positions);
    assert.deepEqual(pictures.map(({ id }) => id), positions.map((position) => toyData.splits.test.ids[position])); // prettier-ignore
    assert.deepEqual([...(await contactSheet(pictures)).subarray(1, 4)], [...Buffer.from('PNG')]);
    const other = { ...toyData, splits: { ...toyData.splits, test: toyData.splits.val } };
    assert.throws(() => samplePictures(whole[1], other, [0]), userError(/has other test images than squares/));
  });

  it('that is damaged does not hide the others', async () => {
    cpSync(join(scratch, 'whole'), join(scratch, 'damaged'), { recursive: true });
    const path = join(scratch, 'damaged', whole[0].id, 'result.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 500));
    const { finished, unfinished, problems } = readStoredRuns(join(scratch, 'damaged'));
    assert.deepEqual([finished.map(({ id }) => id), unfinished, problems.length], [[whole[1].id], [], 1]);
    assert.match(problems[0], /result\.json is damaged/);
  });
});

describe('the decoder of a width', () => {
  it('is the study’s at 256 channels', () => {
    const count = (inputs: number, arm: 'as-published' | 'corrected') => countParameters({ table: dinoUnetParameters(decoderConfig(inputs, 256, arm)) }); // prettier-ignore
    assert.deepEqual([384, 768, 1024].map((inputs) => count(inputs, 'as-published')), [4_030_433, 4_214_753, 4_337_633]); // prettier-ignore
  });
});
