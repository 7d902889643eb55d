import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { openBackbone, type OpenedBackbone } from '../../lib/models/open-backbone';
import { cacheRows, probeOnce, type ProbeRun } from '../../lib/runs/probe';
import { tf } from '../../lib/tf';
import { openFeatures, type Features } from '../../lib/training/backbone-features';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { input } from '../../lib/training/input-transforms';
import { userError } from '../data/user-error';
import { cells } from '../studies/cells';

const folder = mkdtempSync(join(tmpdir(), 'probe-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const settings = { epochs: 4, batchSize: 16, learningRate: 1e-2, weightDecay: 1e-5, seed: 3 };
const cache = openFeatureCache({ directory: join(folder, 'cache') });
let backbone: OpenedBackbone;
before(async () => (backbone = await openBackbone({ model: 'vit_mini_patch4', weights: 'random', size: 28, seed: 1 })));

async function featuresOf({ kept = true, crop = 1 } = {}): Promise<Features> {
  const source = { backbone, data: cells(), input: input({ backbone, crop }) };
  return { ...source, kept: kept ? await openFeatures(source, { cache }) : undefined };
}

let serial = 0;
const linear = (features: Features, change: Partial<typeof settings> = {}, directory = `runs-${serial++}`) =>
  probeOnce(features, 'linear', { ...settings, ...change }, { folder: join(folder, directory), title: 'head' });

function numbers({ history, best, last, bestValAccuracy }: ProbeRun) {
  assert.ok(best && last);
  const rows = history.map(({ seconds, ...row }) => (assert.ok(seconds >= 0), row));
  return { rows, scores: [best.probabilities, last.probabilities], bestValAccuracy };
}

describe('a linear head on frozen features', () => {
  it('has the same history and scores to the last bit with the cache, from it, and without it', async () => {
    const tensors = tf.memory().numTensors;
    const runs = [
      await linear(await featuresOf()),
      await linear(await featuresOf()),
      await linear(await featuresOf({ kept: false })),
    ];
    assert.equal(tf.memory().numTensors, tensors);
    const rows = runs.map((run) => run.row('best', { arm: 'corrected' }));
    assert.deepEqual(
      rows.map((row) => [row?.features, row?.settings.cache]),
      [
        ['computed once', 'true'],
        ['in the cache', 'true'],
        ['computed in every epoch', 'false'],
      ],
    );
    for (const run of runs.slice(1)) assert.deepEqual(numbers(run), numbers(runs[0]));
    assert.ok((runs[0].bestValAccuracy ?? 0) > 0.5, 'something has been learned');
    const [kept, , everyEpoch] = cacheRows(rows.flatMap((row) => row ?? []));
    assert.equal(everyEpoch.secondsWithoutCache, everyEpoch.seconds);
    assert.equal(everyEpoch.share, '100.0 %');
    assert.ok(kept.secondsWithoutCache > kept.headSeconds);
  });

  it('is trained once: the same again is there at once, another setting or input is another training', async () => {
    const directory = 'once';
    const features = await featuresOf();
    const first = await linear(features, {}, directory);
    const again = await linear(features, {}, directory);
    assert.deepEqual([first.kept, again.kept], [false, true]);
    assert.deepEqual(numbers(again), numbers(first));
    const others = [
      await linear(features, { learningRate: 1e-3 }, directory),
      await linear(await featuresOf({ crop: 0.9 }), {}, directory),
      await linear(await featuresOf({ kept: false }), {}, directory),
    ];
    assert.ok(others.every(({ kept }) => !kept));
    assert.equal(new Set([first, ...others].map(({ id }) => id)).size, 4);
  });

  it('is tested as the arm says, and its row tells network, weights and settings', async () => {
    const run = await linear(await featuresOf({ crop: 0.9 }));
    const [last, best] = (['last', 'best'] as const).map((which) => run.row(which, { arm: 'as-published' }));
    assert.deepEqual([last?.epoch, best?.epoch], [4, run.bestEpoch]);
    assert.equal(last?.testAccuracy, run.last?.accuracy);
    const {
      model,
      network,
      weights,
      weightsSha256,
      protocol,
      parameters,
      trainableParameters,
      settings: given,
    } = last as NonNullable<typeof last>;
    assert.deepEqual([model, network, weights, protocol], ['mini ViT', 'vit_mini_patch4', 'random', 'frozen']);
    assert.equal(weightsSha256, backbone.weights.sha256);
    assert.deepEqual([parameters - trainableParameters, trainableParameters], [2679168, 579]);
    assert.deepEqual(given, { ...settings, cache: 'true', input: 'bicubic 28×28, crop 0.9' });
  });

  it('continues after a stop to the same end', async () => {
    const features = await featuresOf();
    const whole = await linear(features);
    const options = { folder: join(folder, 'stopped'), title: 'head' };
    const stop = new AbortController();
    const stopped = await probeOnce(features, 'linear', settings, {
      ...options,
      signal: stop.signal,
      onProgress: (event) => void (event.kind === 'epoch' && event.epoch === 2 && stop.abort()),
    });
    assert.deepEqual([stopped.stopped, stopped.history.length, stopped.best], [true, 2, undefined]);
    assert.equal(stopped.row('best', { arm: 'corrected' }), undefined);
    const rest = await probeOnce(features, 'linear', settings, options);
    assert.deepEqual(numbers(rest), numbers(whole));
  });
});

it('features stop with a message, with a cache and without', async () => {
  const source = { backbone, data: cells(28, { train: 200, val: 24, test: 200 }), input: input({ backbone }) };
  for (const used of [cache, 'off'] as const) {
    const stop = new AbortController();
    const options = { cache: used, signal: stop.signal, onProgress: () => stop.abort() };
    await assert.rejects(openFeatures(source, options), userError(/^Stopped after \d+ of 200 images of train/));
  }
});

it('neighbours and logistic regression stand beside it, with what was selected in their rows', async () => {
  for (const kept of [true, false]) {
    const features = await featuresOf({ kept });
    const options = { folder: join(folder, 'others'), title: 'probe' };
    const knn = await probeOnce(features, 'knn', { k: [1, 5] }, options);
    const logistic = await probeOnce(features, 'logistic', {}, options);
    const rows = [knn, logistic].map((run) => run.row('best', { arm: 'corrected' }));
    assert.deepEqual(
      rows.map((row) => [row?.protocol, row?.trainableParameters, row?.settings.probe, row?.settings.seed]),
      [
        ['knn', 0, 'kNN', 1],
        ['linear', 579, 'logistic regression', 1],
      ],
    );
    assert.ok(rows[0]?.settings.k === 1 || rows[0]?.settings.k === 5);
    assert.ok(Number.isFinite(rows[1]?.settings.regularization));
  }
});
