import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openSyntheticTask } from '../../lib/data/synthetic-tasks';
import { datasetSource, drawnSource } from '../../lib/data/view-batches';
import { createBackbone } from '../../lib/models/architecture';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  readParameters,
  variableOf,
} from '../../lib/models/parameters';
import { resamplePositions } from '../../lib/models/positions';
import { createScope } from '../../lib/models/scope';
import { createRandom } from '../../lib/random';
import { readResult } from '../../lib/tensor/read';
import { tf, type Tensor4D } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import type { TrainingEvent } from '../../lib/training/events';
import {
  trainSelfDistillation,
  type SelfDistillationControls,
  type SelfDistillationSettings,
} from '../../lib/training/self-distillation';
import { distilledVit } from '../../lib/training/self-distillation/network';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { withoutLeak } from './toy-features';

const network = distilledVit('vit_mini_patch4');
const settings: SelfDistillationSettings = {
  epochs: 3,
  batchSize: 4,
  seed: 3,
  learningRate: 1e-3,
  warmupEpochs: 1,
  weightDecay: [0.04, 0.4],
  momentum: [0.9, 1],
  studentTemperature: 0.1,
  teacherTemperature: [0.04, 0.07],
  teacherWarmupEpochs: 1,
  targets: 'centred',
  centreMomentum: 0.9,
  head: { hidden: 32, bottleneck: 16, outputs: 24 },
  views: {
    globalSize: 16,
    localSize: 8,
    locals: 2,
    globalScale: [0.3, 1],
    localScale: [0.05, 0.3],
    brightness: 0.3,
    contrast: 0.3,
    saturation: 0.2,
    hue: 0.05,
    grey: 0.1,
    blur: 1,
    solarize: 0.1,
  },
  masks: { share: 0.5, ratio: [0.1, 0.5] },
  patchWeight: 1,
  spreadWeight: 0.1,
  maxGradientNorm: 3,
  frozenPrototypeEpochs: 1,
};
const sources = {
  train: drawnSource({ seed: 1, size: 48, shares: { noise: 1, cells: 1 } }, 12),
  val: drawnSource({ seed: 2, size: 48, shares: { noise: 1, cells: 1 } }, 4),
};
const train = (changes: Partial<SelfDistillationSettings> = {}, controls: SelfDistillationControls = {}) =>
  withoutLeak(() => trainSelfDistillation(network, sources, { ...settings, ...changes }, controls));

describe('self-distillation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'self-distillation-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('trains a backbone, tells how it goes and leaves nothing behind', async () => {
    const probe = openSyntheticTask('synthetic-multi-class', { size: 16 });
    const { history, values, stopped } = await train({}, { probes: [probe] });
    assert.equal(stopped, false);
    assert.deepEqual([...values.keys()], Object.keys(network.table));
    assert.equal(history.length, 3);
    for (const row of history) {
      const { trainLoss, valLoss, trainAccuracy, valAccuracy, valTeacherEntropy, valMeanEntropy } = row;
      assert.ok(
        [trainLoss, valLoss].every((loss) => loss > 0 && loss < 20),
        `${trainLoss}, ${valLoss}`,
      );
      assert.ok(trainAccuracy >= 0 && trainAccuracy <= 1 && valAccuracy > 0.1 && valAccuracy <= 1);
      for (const name of ['Neighbours', 'Spread', 'Rank'])
        assert.ok(Number.isFinite(row[`val${name} ${probe.name}`]), name);
      assert.ok(valTeacherEntropy > 0 && valTeacherEntropy <= valMeanEntropy + 1e-4, `${valTeacherEntropy}`);
      assert.ok(valMeanEntropy <= Math.log(24) + 1e-4, `${valMeanEntropy}`);
    }
  });

  const variations: Record<string, Partial<SelfDistillationSettings>> = {
    centred: { views: { ...settings.views, locals: 0 } },
    sinkhorn: { targets: 'sinkhorn' },
    'mixed precision': { targets: 'sinkhorn', precision: 'bfloat16' },
  };
  const trained = new Map<string, ReturnType<typeof train>>();
  const trainWhole = (what: string): ReturnType<typeof train> => {
    const result = trained.get(what) ?? train(variations[what]);
    trained.set(what, result);
    return result;
  };
  for (const [what, changes] of Object.entries(variations))
    it(`continues after a stop as if there had been none, bit for bit: ${what}`, async () => {
      const whole = await trainWhole(what);
      const open = () => openCheckpoints(join(folder, what), 'key');
      const controller = new AbortController();
      const onProgress = ({ kind }: TrainingEvent): void => {
        if (kind === 'epoch') controller.abort();
      };
      const part = await train(changes, { checkpoints: open(), signal: controller.signal, onProgress });
      assert.deepEqual([part.stopped, part.history.length], [true, 1]);
      const rest = await train(changes, { checkpoints: open() });
      assert.equal(rest.history.length, 3);
      const withoutTime = (rows: typeof whole.history) => rows.map((row) => ({ ...row, seconds: 0 }));
      assert.deepEqual(withoutTime(rest.history), withoutTime(whole.history));
      for (const [name, values] of whole.values) assert.deepEqual(rest.values.get(name), values, name);
    });

  it('goes in mixed precision as in float32, whose values it keeps', async () => {
    const [wide, mixed] = [await trainWhole('sinkhorn'), await trainWhole('mixed precision')];
    const losses = ({ history }: typeof wide) => history.flatMap(({ trainLoss, valLoss }) => [trainLoss, valLoss]);
    assert.notDeepEqual(losses(mixed), losses(wide));
    losses(wide).forEach((loss, at) => assert.ok(Math.abs(losses(mixed)[at] - loss) < 0.01 * loss, `${at}: ${loss}`));
    const matrix = mixed.values.get('blocks.0.attn.qkv.weight') ?? new Float32Array();
    const rounded = new Uint32Array(matrix.slice().buffer).filter((bits) => (bits & 0xffff) === 0);
    assert.ok(rounded.length < 0.01 * matrix.length, `${rounded.length} of ${matrix.length} are bfloat16`);
  });

  it('learns to tell the views of a few images from those of others', async () => {
    const few = {
      identity: {},
      images: () => ({ kind: 'drawn', seed: 1, size: 48 }) as const,
      order: () => [0, 1, 2, 3].flatMap((index) => [index, index, index]),
      count: 12,
    };
    const changes = {
      epochs: 10,
      targets: 'sinkhorn',
      momentum: [0.9, 1],
      learningRate: 2e-3,
      frozenPrototypeEpochs: 0,
      patchWeight: 0,
      spreadWeight: 0,
    } as const;
    const { history } = await withoutLeak(() =>
      trainSelfDistillation(network, { train: few, val: few }, { ...settings, ...changes }),
    );
    const [first, last] = [history[0], history[history.length - 1]];
    assert.ok(last.trainLoss < 0.9 * first.trainLoss, `${first.trainLoss} → ${last.trainLoss}`);
  });

  it('takes any images without looking at labels, and refuses too few of them', async () => {
    const dataset = openSyntheticTask('synthetic-binary');
    const own = { train: datasetSource(dataset, 'val'), val: drawnSource({ seed: 2, size: 48 }, 40) };
    const { history } = await withoutLeak(() =>
      trainSelfDistillation(network, own, { ...settings, epochs: 1, batchSize: 40, warmupEpochs: 0 }),
    );
    assert.ok(history[0].trainLoss > 0);
    assert.throws(
      () => distilledVit('resnet18'),
      userError(/^resnet18 is a resnet; self-distillation is for a vision/),
    );
    await assert.rejects(train({ batchSize: 13 }), userError(/batchSize is 13, but train has only 12 images/));
  });
});

describe('a network for self-distillation', () => {
  const images = (size: number): Tensor4D => {
    const random = createRandom(size, 'images');
    return tf.tensor4d(
      Float32Array.from({ length: 2 * size * size * 3 }, () => random.normal()),
      [2, size, size, 3],
    );
  };

  it('brings learned positions to the grid of the images, as at loading', () => {
    const name = 'vit_tiny_patch16_224';
    const { table, forward } = distilledVit(name);
    const parameters = createParameters(table, 1);
    const small = createBackbone(name, { size: 48 });
    const resized = createParameters(small.table, 0);
    try {
      const published = exportParameters(parameters);
      for (const [tensor, variable] of resized.variables) {
        if (tensor !== 'pos_embed') tf.tidy(() => variable.assign(variableOf(parameters, tensor).read()));
        else
          tf.tidy(() =>
            variable.assign(
              tf.tensor(resamplePositions(published.get(tensor) as Float32Array, 192, 14, [3, 3]), [1, 10, 192]),
            ),
          );
      }
      const found = readResult(() => forward(images(48), createScope(readParameters(parameters))).tokens);
      const expected = readResult(() => small.forward(images(48), createScope(readParameters(resized))).map);
      assertClose(found, expected, 1e-5, 'tokens');
    } finally {
      for (const each of [parameters, resized]) disposeParameters(each);
    }
  });

  it('shows the student nothing of a hidden patch', () => {
    const { table } = network;
    const parameters = createParameters(
      { ...table, mask_token: { shape: [1, 192], kind: 'vector', initial: { normal: 0.02 } } },
      1,
    );
    try {
      const tokensOf = (hidden: (patch: number) => boolean, changed: boolean): Float32Array =>
        readResult(() => {
          const masked = tf.tensor3d(
            Float32Array.from({ length: 32 }, (_, at) => (hidden(at % 16) ? 1 : 0)),
            [2, 16, 1],
          );
          // The first patch covers the first four rows and columns.
          const given = changed
            ? images(16).add<Tensor4D>(
                tf.pad(tf.ones([2, 4, 4, 3]), [
                  [0, 0],
                  [0, 12],
                  [0, 12],
                  [0, 0],
                ]),
              )
            : images(16);
          return network.forward(given, createScope(readParameters(parameters)), masked).tokens;
        });
      const first = (patch: number): boolean => patch === 0;
      assert.deepEqual(tokensOf(first, true), tokensOf(first, false));
      assert.notDeepEqual(
        tokensOf((patch) => patch === 1, true),
        tokensOf((patch) => patch === 1, false),
      );
      assert.notDeepEqual(
        tokensOf(first, false),
        tokensOf(() => false, false),
      );
    } finally {
      disposeParameters(parameters);
    }
  });
});
