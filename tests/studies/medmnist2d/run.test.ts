import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeNpz, type NpzArray } from '../../../lib/data/npz-writer';
import { splitNames } from '../../../lib/data/dataset';
import { openDataset } from '../../../lib/data/open';
import { openSyntheticTask, syntheticTasks, type SyntheticTaskName } from '../../../lib/data/synthetic-tasks';
import { evaluatePredictionFile } from '../../../lib/metrics/medmnist-files';
import { onceEach } from '../../../lib/runs/once';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import { gridConfigurations } from '../grid-of';
import { referenceTo, type DatasetReference } from '../../../lib/data/dataset-references';
import { openGridNetwork } from '../../../lib/studies/medmnist2d/networks';
import { gridResultSchema, type GridResult } from '../../../lib/studies/medmnist2d/results';
import { trainGridRun, type GridRunClaim, type GridRunContext } from '../../../lib/studies/medmnist2d/run';
import { loadModel } from '../../../lib/runs/saved-model';
import { openRunStore } from '../../../lib/runs/store';
import { tf } from '../../../lib/tf';
import { userError } from '../../data/user-error';
import { syntheticRun } from '../synthetic-run';

const scratch = mkdtempSync(join(tmpdir(), 'medmnist2d-run-'));
after(() => rmSync(scratch, { recursive: true }));
const folder = (name: string): string => mkdtempSync(join(scratch, `${name}-`));

/** Runs, and asserts that no tensor is left behind. */
async function run(claim: GridRunClaim, context: GridRunContext = {}): Promise<GridResult | undefined> {
  const tensors = tf.memory().numTensors;
  try {
    return await trainGridRun(claim, context);
  } finally {
    assert.equal(tf.memory().numTensors, tensors, 'tensors are left behind');
  }
}

async function finished(claim: GridRunClaim, context: GridRunContext = {}): Promise<GridResult> {
  const result = await run(claim, context);
  assert.ok(result !== undefined);
  return result;
}

/** Everything but the time that it took. */
function metricsOf(result: GridResult | undefined) {
  assert.ok(result !== undefined);
  return { ...result, seconds: 0, history: result.history.map((row) => ({ ...row, seconds: 0 })) };
}

describe('a run of the grid', () => {
  for (const name of Object.keys(syntheticTasks) as SyntheticTaskName[])
    it(`learns and is scored as MedMNIST scores its file: ${name}`, async () => {
      const directory = folder(name);
      // The optimizer that learns it in a few steps.
      const optimizers = [name === 'synthetic-multi-label' ? 'adamw' : 'sgd'];
      const claim = syntheticRun(directory, { datasets: [name], optimizers });
      const result = await finished(claim, { modelFolder: 'model' });
      assert.deepEqual(gridResultSchema.parse(JSON.parse(JSON.stringify(result))), result);
      assert.ok(result.testAuc > 0.7, `AUC ${result.testAuc}`);
      assert.equal(result.testKappa !== undefined, name === 'synthetic-ordinal');
      assert.ok((result.testKappa ?? 1) > 0.5);
      assert.equal(result.valAuc, result.history[result.selectedEpoch - 1].valAuc);
      assert.equal(result.weightsSha256, undefined);

      const { task, classNames, splits } = openSyntheticTask(name);
      const labels = { task, truth: splits.test.labels, classes: classNames.length };
      const { auc, accuracy } = evaluatePredictionFile(join(directory, result.predictionFile), labels);
      assert.deepEqual([auc, accuracy], [result.testAuc, result.testAccuracy]);
      assert.match(result.predictionFile, new RegExp(`^synthetic[a-z]+_test_.*@${claim.id}\\.csv$`));
      assert.ok(!existsSync(join(directory, 'checkpoints')), 'checkpoints are gone');
      const { description: kept } = loadModel(join(directory, 'model'));
      assert.deepEqual([kept.task, kept.classNames, kept.training.epoch], [task, classNames, result.selectedEpoch]);
      assert.ok(Math.abs((kept.scores?.values.accuracy.value ?? NaN) - accuracy) < 1e-6);
    });

  it('trains a transformer too, and as it was published', async () => {
    const options = { networks: ['swin_tour'], arms: ['as-published'], optimizers: ['adamw'], epochs: 2 };
    const claim = syntheticRun(folder('swin'), options);
    assert.equal(claim.configuration.evaluation.cropFraction, 224 / 256);
    assert.equal((await finished(claim, { modelFolder: 'model' })).epochs, 2);
    assert.equal(loadModel(join(claim.directory, 'model')).description.network.family, 'swin');
  });
});

describe('a run that is ended', () => {
  let alone: GridResult;
  before(async () => {
    alone = await finished(syntheticRun(folder('alone')));
  });

  it('by kill -9, again and again, ends with the same bits as one that was left alone', async () => {
    const directory = folder('killed');
    const worker = join(__dirname, 'run-worker.ts');
    // While the checkpoint of the first epoch is written, in the third, and between training and test.
    for (const [kind, epoch] of [
      ['epoch', 1],
      ['epoch', 3],
      ['done', 5],
    ]) {
      const { signal } = spawnSync(process.execPath, [
        '--import',
        'tsx',
        worker,
        directory,
        String(kind),
        String(epoch),
      ]);
      assert.equal(signal, 'SIGKILL', `${kind} ${epoch}`);
      assert.ok(!existsSync(join(directory, 'measured.json')));
    }
    let epochs = 0;
    const count: GridRunContext['onProgress'] = ({ kind }) => (epochs += kind === 'epoch' ? 1 : 0);
    assert.deepEqual(metricsOf(await run(syntheticRun(directory), { onProgress: count })), metricsOf(alone));
    assert.equal(epochs, 0, 'the training was finished');
    assert.deepEqual(readdirSync(directory).sort(), ['measured.json', alone.predictionFile].sort());
  });

  it('by its signal gives nothing and is continued, in training as in the test', async () => {
    for (const [kind, epoch] of [
      ['epoch', 2],
      ['done', 5],
    ]) {
      const directory = folder('stopped');
      const controller = new AbortController();
      const stop: GridRunContext['onProgress'] = (event) => {
        if (event.kind === kind && ('epoch' in event ? event.epoch : event.epochs) === epoch) controller.abort();
      };
      const { signal } = controller;
      assert.equal(await run(syntheticRun(directory), { signal, onProgress: stop, saveEverySeconds: 0 }), undefined);
      assert.deepEqual(metricsOf(await run(syntheticRun(directory))), metricsOf(alone));
    }
  });

  it('after its end, before its result is in the store, is not trained again', async () => {
    const directory = folder('measured');
    const claim = syntheticRun(directory, { epochs: 1 });
    const first = await finished(claim);
    const events: string[] = [];
    const again = await run(claim, { onProgress: ({ kind }) => events.push(kind) });
    assert.deepEqual([again, events], [first, []]);
    // Nothing that is damaged counts.
    writeFileSync(join(directory, 'measured.json'), '{"testAuc": 1}');
    assert.deepEqual(metricsOf(await run(claim)), metricsOf(first));
  });
});

describe('the runs of a grid', () => {
  it('are trained from a store, each once, and failures are told', async () => {
    const store = openRunStore<GridConfiguration, GridResult>(folder('store'), gridResultSchema);
    const known = syntheticRun('', { epochs: 1 }).configuration;
    const unknown = { ...known, dataset: { ...known.dataset, name: 'nothing' } };
    const work = (configuration: GridConfiguration, directory: string, id: string) =>
      run({ id, configuration, directory });
    const summary = await onceEach(store, [unknown, known], work);
    assert.deepEqual(summary.finished, [store.idOf(known)]);
    assert.match(summary.failed[0].error.message, /There is no dataset "nothing"/);
    assert.equal(store.read(known)?.epochs, 1);
    assert.deepEqual((await onceEach(store, [known], work)).finished, []);
  });
});

describe('data of a file', () => {
  const path = join(scratch, 'My Cells.npz');
  let dataset: DatasetReference;

  before(async () => {
    const source = openSyntheticTask('synthetic-binary');
    const arrays: Record<string, NpzArray> = {};
    for (const split of splitNames) {
      const count = 40;
      const bytes = new Uint8Array(count * 28 * 28);
      source.splits[split].readImages(
        Int32Array.from({ length: count }, (_, index) => index),
        bytes,
      );
      arrays[`${split}_images`] = { type: '|u1', shape: [count, 28, 28], bytes };
      arrays[`${split}_labels`] = {
        type: '|u1',
        shape: [count, 1],
        bytes: Uint8Array.from(source.splits[split].labels.slice(0, count)),
      };
    }
    writeNpz(path, arrays);
    const opened = await openDataset(path, { cacheDirectory: scratch });
    dataset = referenceTo(opened, { horizontalFlip: false });
    opened.close();
  });

  const claimOf = (changes: Partial<DatasetReference> = {}): GridRunClaim =>
    syntheticRun(folder('file'), { datasets: [{ ...dataset, ...changes }], epochs: 1 });
  const data = { files: { 'My Cells.npz': path }, cacheDirectory: scratch };

  it('are found wherever they are, and named in the prediction file as the evaluator reads it', async () => {
    const { predictionFile } = await finished(claimOf(), { data });
    assert.match(predictionFile, /^mycells_test_\[AUC\]/);
  });

  it('are refused where they are not those of the configuration', async () => {
    const refused = (changes: Partial<DatasetReference>, message: RegExp): Promise<void> =>
      assert.rejects(run(claimOf(changes), { data }), userError(message));
    await refused(
      { hash: 'f00' },
      /has the SHA-256 [0-9a-f]{64}, but the grid was made for My Cells\.npz with f00: give/,
    );
    await refused(
      { classes: 3 },
      /is binary-class, 2 classes, 28×28, but the grid was made for binary-class, 3 classes/,
    );
    await refused({ task: 'ordinal-regression' }, /but the grid was made for ordinal-regression/);
  });

  it('are refused before the training where a class is absent from the test images', async () => {
    const lacking = join(scratch, 'lacking.npz');
    const arrays: Record<string, NpzArray> = {};
    for (const split of splitNames) {
      arrays[`${split}_images`] = { type: '|u1', shape: [6, 28, 28], bytes: new Uint8Array(6 * 784) };
      const labels = split === 'test' ? [0, 1, 0, 1, 0, 1] : [0, 1, 2, 0, 1, 2];
      arrays[`${split}_labels`] = { type: '|u1', shape: [6, 1], bytes: Uint8Array.from(labels) };
    }
    writeNpz(lacking, arrays);
    const opened = await openDataset(lacking, { cacheDirectory: scratch });
    const claim = syntheticRun(folder('lacking'), { datasets: [referenceTo(opened, { horizontalFlip: true })] });
    opened.close();
    const refusal = run(claim, { data: { files: { 'lacking.npz': lacking }, cacheDirectory: scratch } });
    await assert.rejects(refusal, userError(/AUC of lacking\.npz is undefined on its test split, where .* class 2/));
  });
});

describe('the networks of the grid', () => {
  it('begin as timm makes them: residual branches of ResNets as 0, and Swin with stochastic depth', async () => {
    const grid = gridConfigurations({
      datasets: ['synthetic-binary'],
      initializations: ['scratch'],
      networks: ['resnet50', 'swin_b', 'resnet_tour'],
      optimizers: ['adamw'],
      seeds: [0],
    });
    assert.deepEqual(
      grid.map(({ stochasticDepth }) => stochasticDepth),
      [0, 0.1, 0],
    );
    const tables = await Promise.all(grid.map(async (one) => (await openGridNetwork(one)).network.table));
    const zeros = tables.map((table) =>
      Object.keys(table).filter((name) => /weight$/.test(name) && table[name].initial === 0),
    );
    assert.deepEqual(
      zeros.map(({ length }) => length),
      [3 + 4 + 6 + 3, 0, 4],
    );
    assert.deepEqual([zeros[0][0], zeros[2][0]], ['layer1.0.bn3.weight', 'layer1.0.bn2.weight']);
    assert.deepEqual(tables[1]['head.fc.weight'].shape, [2, 1024]);
  });

  it('are asked for as weights that are there', async () => {
    const [configuration] = gridConfigurations({ datasets: ['synthetic-binary'], initializations: ['pretrained'] });
    const claim: GridRunClaim = { id: '0', configuration, directory: folder('weights') };
    const weights = { environment: { HF_HUB_OFFLINE: '1', HF_HOME: scratch }, weightsDirectory: scratch };
    await assert.rejects(run(claim, { weights }), userError(/resnet50\.a1_in1k/));
  });
});
