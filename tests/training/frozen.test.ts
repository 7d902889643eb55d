/** A frozen network is run once: training on its cached features is the training that runs it in every epoch. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { network as networkOf, unfreeze } from '../../lib/models/network';
import { disposeParameters, linearHead } from '../../lib/models/parameters';
import { linear } from '../../lib/models/scope';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { extractAllFeatures, type ExtractOptions, type FeatureSets } from '../../lib/training/features';
import { knnProbe } from '../../lib/training/knn-probe';
import { linearProbe } from '../../lib/training/linear-probe';
import { logisticRegression } from '../../lib/training/logistic-regression';
import type { ProbeResult } from '../../lib/training/probe-result';
import { assertClose } from '../close';
import { studyRecipe, testedTraining } from './tested-training';
import { metricsOf, toyDataset } from './toy';
import {
  backboneParameters,
  backboneTable,
  backboneValues,
  doubled,
  pooledFeatures,
  toyBackbone,
  withoutLeak,
} from './toy-features';

const scratch = mkdtempSync(join(tmpdir(), 'frozen-'));
after(() => rmSync(scratch, { recursive: true }));

const settings = { epochs: 8, batchSize: 16, learningRate: 0.05, weightDecay: 0.01, seed: 3 };

/** The features of the three splits, and how often images were read for them. */
async function featuresOf(options: Pick<ExtractOptions, 'cache' | 'memoryBytes'>) {
  const parameters = backboneParameters();
  let reads = 0;
  const dataset = toyDataset({ noise: 20, read: () => reads++ });
  const common = { backbone: toyBackbone, parameters, dataset, transform: doubled, batchSize: 16 };
  const sets = await extractAllFeatures({ ...common, ...options });
  disposeParameters(parameters);
  return { sets, reads };
}

function comparable(result: ProbeResult): ProbeResult {
  return { ...result, history: metricsOf(result.history), seconds: 0 };
}

describe('a head on frozen features', () => {
  it('has the same history and tests, bit for bit, from the cache as from features extracted anew', async () => {
    const cache = openFeatureCache({ directory: join(scratch, 'cache') });
    const probes: ((sets: FeatureSets) => Promise<ProbeResult>)[] = [
      (sets) => linearProbe(sets, settings),
      (sets) => knnProbe(sets, { k: [1, 5, 20] }),
      (sets) => logisticRegression(sets),
    ];
    const runs: ProbeResult[][] = [];
    const reads: number[] = [];
    await withoutLeak(async () => {
      for (const options of [
        { cache: 'off' },
        { cache },
        { cache },
        { cache, memoryBytes: 0 },
        { cache: 'off' },
      ] as const) {
        const features = await featuresOf(options);
        reads.push(features.reads);
        const results: ProbeResult[] = [];
        for (const probe of probes) results.push(comparable(await probe(features.sets)));
        for (const set of Object.values(features.sets)) set.close();
        runs.push(results);
      }
    });
    // 50, 40 and 40 images, 16 at once: the network saw each image once, however many epochs there were.
    assert.deepEqual(reads, [10, 10, 0, 0, 10]);
    for (const results of runs.slice(1)) assert.deepEqual(results, runs[0]);
    const [{ history, test }] = runs[0];
    assert.equal(history.length, 8);
    assert.ok(test && test.accuracy > 0.5 && history[7].trainLoss < history[0].trainLoss);
    assert.ok(new Set(history.map(({ valAccuracy }) => valAccuracy)).size > 1);
  });

  it('learns what the whole network learns where it is run in every epoch with a frozen backbone', async () => {
    const classifier = networkOf({
      name: 'frozen',
      table: { ...backboneTable, ...linearHead(4, 3) },
      forward: (images, scope) => linear(pooledFeatures(images, scope), scope.at('head')),
      normalization: doubled.normalization,
      transform: doubled,
      initial: backboneValues(),
    });
    const dataset = toyDataset({ noise: 20 });
    const network = await withoutLeak(() =>
      testedTraining(unfreeze(classifier, 'head'), dataset, studyRecipe(settings)),
    );
    const { sets } = await featuresOf({ cache: 'off' });
    const head = await withoutLeak(() => linearProbe(sets, settings));
    assert.equal(network.history.length, head.history.length);
    const expected = metricsOf(network.history);
    metricsOf(head.history).forEach((row, index) => {
      for (const name of Object.keys(row) as (keyof typeof row)[])
        assert.ok(
          Math.abs(row[name] - expected[index][name]) <= 2e-6,
          `${name} of epoch ${row.epoch}: ${row[name]}, expected ${expected[index][name]}`,
        );
    });
    assert.equal(head.bestEpoch, network.bestEpoch);
    assert.deepEqual(head.test?.confusionMatrix, network.test?.confusionMatrix);
    assertClose(head.test?.probabilities ?? [], network.test?.probabilities ?? [], 2e-6, 'best');
    assertClose(head.testOfLast?.probabilities ?? [], network.testOfLast?.probabilities ?? [], 2e-6, 'last');

    // The comparison can fail: with the backbone trained too, another history comes out.
    const whole = await withoutLeak(() => testedTraining(classifier, dataset, studyRecipe(settings)));
    assert.ok(Math.abs(whole.history[7].trainLoss - head.history[7].trainLoss) > 1e-3);
  });
});
