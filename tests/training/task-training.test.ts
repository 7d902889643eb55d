import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { splitNames, type Dataset, type Split, type SplitName, type Task } from '../../lib/data/dataset';
import { quadraticWeightedKappa } from '../../lib/metrics/kappa';
import { argmaxRows } from '../../lib/metrics/scores';
import type { ParameterTable } from '../../lib/models/parameters';
import { linear } from '../../lib/models/scope';
import { createRandom } from '../../lib/random';
import { imagenetNormalization } from '../../lib/data/normalization';
import { tf, type Tensor2D } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { network, type Network } from '../../lib/models/network';
import type { TrainingControls } from '../../lib/training/train-network';
import type { OptimizerSettings } from '../../lib/training/create-optimizer';
import type { HistoryRow } from '../../lib/training/events';
import { lossFunction, lossOfTask, sumOfCorrect } from '../../lib/training/losses';
import { cosine } from '../../lib/training/schedules';
import { assertClose } from '../close';
import { testedTraining } from './tested-training';
import { metricsOf } from './toy';

interface GoldenRun {
  task: Task;
  outputs: number;
  optimizer: { name: OptimizerSettings['name']; learningRate: number };
  history: Pick<HistoryRow, 'trainLoss' | 'learningRate' | 'valLoss' | 'valAccuracy' | 'valAuc'>[];
  selectedEpoch: number;
  probabilities: number[];
  testAuc: number;
  testAccuracy: number;
  testMacroF1: number;
  testKappa: number | null;
}

/** Made by make_task_training.py. */
const golden = JSON.parse(readFileSync(join(__dirname, '../fixtures/task_training.json'), 'utf8')) as {
  side: number;
  counts: Record<SplitName, number>;
  schedule: { epochs: number; warmupEpochs: number; batchSize: number; patience: number; minDelta: number };
  runs: GoldenRun[];
};
const { side, schedule } = golden;
const pixels = side * side;
const scratch = mkdtempSync(join(tmpdir(), 'task-training-'));
after(() => rmSync(scratch, { recursive: true }));

/** What make_task_training.py draws, too. */
function drawSplit(task: Task, outputs: number, name: SplitName): Split {
  const multiLabel = task === 'multi-label';
  const random = createRandom(21, task, name);
  const count = golden.counts[name];
  const labelWidth = multiLabel ? outputs : 1;
  const labels = Int32Array.from({ length: count * labelWidth }, () => random.integer(multiLabel ? 2 : outputs));
  const images = Uint8Array.from({ length: count * pixels }, (_, at) => {
    const [image, place] = [Math.floor(at / pixels), (at % pixels) % outputs];
    const bright = multiLabel ? labels[image * outputs + place] === 1 : labels[image] === place;
    return random.integer(200) + (bright ? 45 : 0);
  });
  const readImages: Split['readImages'] = (indices, target) => {
    for (let position = 0; position < indices.length; position++)
      target.set(images.subarray(indices[position] * pixels, (indices[position] + 1) * pixels), position * pixels);
  };
  return { name, count, labels, labelWidth, readImages };
}

function drawDataset({ task, outputs }: GoldenRun): Dataset {
  const splits = splitNames.map((name) => [name, drawSplit(task, outputs, name)]);
  return {
    name: task,
    title: task,
    height: side,
    width: side,
    channels: 1,
    task,
    classNames: Array.from({ length: outputs }, (_, index) => `class ${index}`),
    splits: Object.fromEntries(splits) as Record<SplitName, Split>,
    sha256: '0'.repeat(64),
    synthetic: true,
    license: 'CC0-1.0',
    citation: '',
    close: () => undefined,
  };
}

function linearClassifier(outputs: number): Network {
  const inputs = 3 * pixels;
  const table: ParameterTable = {
    'fc.weight': { shape: [outputs, inputs], kind: 'linear', initial: { uniformIn: inputs } },
    'fc.bias': { shape: [outputs], kind: 'vector', initial: { uniformIn: inputs } },
  };
  const forward: Network['forward'] = (images, scope) => linear(images.reshape<Tensor2D>([-1, inputs]), scope.at('fc'));
  return network({ name: 'linear', table, forward, normalization: imagenetNormalization });
}

/** Trains as the second study does, and asserts that no tensor is left behind. */
async function train(run: GoldenRun, controls: TrainingControls = {}) {
  const { epochs, batchSize, patience, minDelta } = schedule;
  const { name, learningRate, ...options } = run.optimizer;
  const optimizer = { name, options } as OptimizerSettings;
  const rates = cosine({ learningRate, warmup: schedule.warmupEpochs, peakInWarmup: true });
  const recipe = { epochs, batchSize, seed: 4, optimizer, schedule: rates, select: 'auc', minDelta, patience };
  const before = tf.memory().numTensors;
  try {
    return await testedTraining(linearClassifier(run.outputs), drawDataset(run), recipe, controls);
  } finally {
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  }
}

describe('a training on each kind of task', () => {
  for (const run of golden.runs)
    it(`is PyTorch's, scored as MedMNIST scores: ${run.task} with ${run.optimizer.name}`, async () => {
      const { history, bestEpoch, test, stopped } = await train(run);
      assert.deepEqual([history.length, bestEpoch, stopped], [run.history.length, run.selectedEpoch, false]);
      run.history.forEach(({ valAuc = NaN, valAccuracy, ...expected }, index) => {
        const row = history[index];
        for (const name of ['trainLoss', 'valLoss', 'learningRate'] as const)
          assertClose([row[name]], [expected[name]], 2e-6, `${name} of epoch ${index + 1}`);
        assertClose([row.valAuc ?? NaN, row.valAccuracy], [valAuc, valAccuracy], 1e-11, `scores of epoch ${index + 1}`);
      });
      assert.ok(test !== undefined);
      assertClose(test.probabilities, run.probabilities, 5e-6, 'probabilities');
      const scores = [test.auc ?? NaN, test.accuracy, test.macroF1];
      assertClose(scores, [run.testAuc, run.testAccuracy, run.testMacroF1], 1e-12, 'test scores');
      if (run.testKappa === null) return;
      const { labels } = drawSplit(run.task, run.outputs, 'test');
      const kappa = quadraticWeightedKappa(labels, argmaxRows(test.probabilities, run.outputs), run.outputs);
      assertClose([kappa], [run.testKappa], 1e-12, 'kappa');
    });

  it('counts the labels that are right, an image at a time', async () => {
    const run = golden.runs.find(({ task }) => task === 'multi-label') as GoldenRun;
    const { history } = await train(run);
    for (const { trainAccuracy } of history) assert.ok(trainAccuracy > 0.4 && trainAccuracy < 1, String(trainAccuracy));
    tf.tidy(() => {
      const labels = tf.tensor1d([0, 1], 'int32');
      const rows = [tf.tensor2d([1, 0, 1, 0], [1, 4]), tf.tensor2d([0, 0, 0, 0], [1, 4])];
      const logits = tf.tensor2d([2, -1, -0.5, 0, 1, 1, -1, -1], [2, 4]);
      const correct = sumOfCorrect('multi-label', logits, { count: 2, labels, labelRows: tf.concat(rows) });
      assert.equal(correct.dataSync()[0], 3 / 4 + 2 / 4);
      assert.throws(() => sumOfCorrect('multi-label', logits, { count: 2, labels }), /with several labels/);
      assert.throws(() => lossFunction(lossOfTask('multi-label'))(logits, { count: 2, labels }), /several labels/);
    });
  });

  it('continues to the same bits after each epoch, with the slots of SGD as with those of AdamW', async () => {
    for (const [index, run] of golden.runs.entries()) {
      if (run.task !== 'multi-label') continue;
      const whole = await train(run);
      const checkpoints = openCheckpoints(join(scratch, String(index)), 'run');
      for (let part = 1; part < whole.history.length; part++) {
        const controller = new AbortController();
        const onProgress: TrainingControls['onProgress'] = ({ kind }) => kind === 'epoch' && controller.abort();
        const { stopped, test } = await train(run, { checkpoints, signal: controller.signal, onProgress });
        assert.deepEqual([stopped, test], [true, undefined]);
      }
      const continued = await train(run, { checkpoints });
      assert.deepEqual(metricsOf(continued.history), metricsOf(whole.history));
      assert.deepEqual(continued.test, whole.test);
    }
  });
});
