import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assumedThroughput, createEstimator, imagesOfRun } from '../../../lib/cli/study/medmnist2d-estimate';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import { gridConfigurations, gridRunId } from '../../studies/grid-of';
import type { GridFinishedRun } from '../../../lib/studies/medmnist2d/results';

const one = (options: Parameters<typeof gridConfigurations>[0]): GridConfiguration =>
  gridConfigurations({
    initializations: ['scratch'],
    optimizers: ['sgd'],
    seeds: [0],
    networks: ['resnet50'],
    ...options,
  })[0];

function finished(configuration: GridConfiguration, epochs: number, seconds: number): GridFinishedRun {
  const result = {
    testAuc: 1,
    testAccuracy: 1,
    testMacroF1: 1,
    valAuc: 1,
    selectedEpoch: 1,
    epochs,
    seconds,
    predictionFile: 'x',
    history: [],
  };
  return { id: gridRunId(configuration), configuration, result };
}

const core = { kind: 'cpu', cores: 1 } as const;

test('the images of a run are its epochs’ and the test split’s, an evaluated one for a third', () => {
  // BreastMNIST: 546 to train with, 78 and 156 to evaluate.
  assert.equal(imagesOfRun({ name: 'breastmnist' }, 10), 10 * (546 + 78 / 3) + 156 / 3);
  assert.equal(imagesOfRun({ name: 'my.npz' }, 10), undefined);
});

test('without any finished run, the throughput that was measured elsewhere decides', () => {
  const configuration = one({ datasets: ['breastmnist'], epochs: 10 });
  const images = imagesOfRun(configuration.dataset, 10) ?? NaN;
  const { core: perCore = NaN, gpu = NaN } = assumedThroughput.resnet50 ?? {};
  assert.deepEqual(createEstimator([], { kind: 'cpu', cores: 4 })(configuration), {
    seconds: images / (4 * perCore),
    source: 'assumed',
  });
  assert.deepEqual(createEstimator([], { kind: 'gpu' })(configuration), { seconds: images / gpu, source: 'assumed' });
  const small = one({ datasets: ['breastmnist'], networks: ['resnet_tour'] });
  assert.equal(createEstimator([], core)(small), undefined);
});

test('finished runs of the network decide, those of the same dataset before others', () => {
  const [breast, retina, chest] = ['breastmnist', 'retinamnist', 'chestmnist'].map((name) =>
    one({ datasets: [name], epochs: 10 }),
  );
  const estimate = createEstimator(
    [finished(breast, 5, 50), finished({ ...breast, seed: 1 }, 10, 70), finished(retina, 2, 6)],
    core,
  );
  assert.deepEqual(estimate(breast), { seconds: 80, source: 'measured' });
  assert.deepEqual(estimate(retina), { seconds: 30, source: 'measured' });
  const images = [imagesOfRun(breast.dataset, 5), imagesOfRun(breast.dataset, 10), imagesOfRun(retina.dataset, 2)];
  const perImage = 126 / images.reduce<number>((sum, count) => sum + (count ?? NaN), 0);
  const expected = perImage * (imagesOfRun(chest.dataset, 10) ?? NaN);
  assert.ok(Math.abs((estimate(chest)?.seconds ?? NaN) / expected - 1) < 1e-12);
  assert.equal(estimate(chest)?.source, 'measured');
  assert.equal(estimate(one({ datasets: ['chestmnist'], networks: ['swin_b'] }))?.source, 'assumed');
});
