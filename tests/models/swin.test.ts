import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  countParameters,
  disposeParameters,
  readParameters,
  trainableNames,
  type Parameters,
} from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { blockRates } from '../../lib/models/stochastic-depth';
import { checkSwinSize, swinConfigs, swinForward, swinParameters, type SwinConfig } from '../../lib/models/swin';
import { translateNames } from '../../lib/models/weight-names';
import { parametersFromCheckpoint } from '../../lib/models/weights-file';
import { createRandom } from '../../lib/random';
import { tf, type Scalar, type Tensor4D } from '../../lib/tf';
import { lossAndGradients } from '../../lib/training/gradients';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import {
  assertFingerprint,
  assertGradients,
  imageStream,
  lossStream,
  noise,
  noiseCheckpoint,
  type Fingerprint,
} from '../noise';

interface Golden {
  batch: number;
  height: number;
  width: number;
  shapes: Record<string, number[]>;
  stages: Fingerprint[];
  features: Fingerprint;
  pooled: number[];
  logits: number[];
  gradients: Record<string, Fingerprint>;
}

const fixture: Golden[] = JSON.parse(readFileSync(join(__dirname, '../fixtures/swin.json'), 'utf8'));
/** Made by make_stochastic_depth.py. */
const dropped = JSON.parse(readFileSync(join(__dirname, '../fixtures/stochastic_depth.json'), 'utf8')) as {
  batch: number;
  rate: number;
  seed: number;
  kept: number[][];
  logits: number[];
  gradients: Record<string, Fingerprint>;
};
const classes = 5;
/** As in the fixture's script. */
const config: SwinConfig = { patchSize: 4, window: 4, width: 16, depths: [2, 2], heads: [2, 4], normEpsilon: 1e-5 };
const table = swinParameters(config, { classes });

function load(shapes: Record<string, number[]>): Parameters {
  return parametersFromCheckpoint(table, noiseCheckpoint(shapes), { source: 'noise' });
}

function imagesOf({ batch, height, width }: Golden): Tensor4D {
  const values = Float32Array.from(noise(imageStream, batch * height * width * 3));
  return tf.tensor4d(values, [batch, height, width, 3]);
}

describe('Swin transformer with the same weights as timm’s', () => {
  it('has its names and shapes', () => {
    for (const { shapes } of fixture)
      assert.deepEqual(
        Object.fromEntries(Object.entries(table).map(([name, { shape }]) => [name, [...shape]])),
        shapes,
      );
  });

  for (const golden of fixture) {
    const size = `${golden.height}×${golden.width}`;

    it(`computes the same at ${size}`, () => {
      const before = tf.memory().numTensors;
      const parameters = load(golden.shapes);
      tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        const { stages, features, pooled, logits } = swinForward(imagesOf(golden), scope, config);
        const [rows, columns] = [golden.height / 8, golden.width / 8];
        assert.deepEqual(stages[0].shape, [golden.batch, 2 * rows, 2 * columns, 16]);
        assert.deepEqual(features.shape, [golden.batch, rows, columns, 32]);
        stages.forEach((stage, index) =>
          assertFingerprint(stage.dataSync(), golden.stages[index], 2e-6, `stage ${index}`),
        );
        assertFingerprint(features.dataSync(), golden.features, 2e-6, 'features');
        assertClose(pooled.dataSync(), golden.pooled, 2e-6, 'pooled');
        assert.ok(logits);
        assertClose(logits.dataSync(), golden.logits, 2e-6, 'logits');
      });
      disposeParameters(parameters);
      assert.equal(tf.memory().numTensors, before);
    });

    it(`has the same gradients at ${size}`, () => {
      const before = tf.memory().numTensors;
      const parameters = load(golden.shapes);
      tf.tidy(() => {
        const images = imagesOf(golden);
        const { batch } = golden;
        const direction = tf.tensor2d(Float32Array.from(noise(lossStream, batch * classes)), [batch, classes]);
        const { gradients } = lossAndGradients(parameters, trainableNames(parameters), (scope) => {
          const { logits } = swinForward(images, scope, config);
          assert.ok(logits);
          return { loss: logits.mul(direction).sum<Scalar>() };
        });
        assertGradients(gradients, golden.gradients, parameters.table);
      });
      disposeParameters(parameters);
      assert.equal(tf.memory().numTensors, before);
    });
  }
});

describe('stochastic depth', () => {
  it('leaves out the branches that timm leaves out, with the same logits and gradients', () => {
    const { batch, rate, seed, kept } = dropped;
    const golden = { ...fixture[0], batch, height: 32, width: 32 };
    const before = tf.memory().numTensors;
    const parameters = load(golden.shapes);
    const random = createRandom(seed, 'step', 0);
    let drawn = 0;
    const uniform = (): number => {
      drawn++;
      return random.uniform();
    };
    tf.tidy(() => {
      const images = imagesOf(golden);
      const direction = tf.tensor2d(Float32Array.from(noise(lossStream, batch * classes)), [batch, classes]);
      let logits: number[] = [];
      const { gradients } = lossAndGradients(parameters, trainableNames(parameters), (scope) => {
        const output = swinForward(images, scope, config, { rate, random: { uniform } });
        assert.ok(output.logits);
        logits = [...output.logits.dataSync()];
        return { loss: output.logits.mul(direction).sum<Scalar>() };
      });
      assertClose(logits, dropped.logits, 2e-6, 'logits');
      assertGradients(gradients, dropped.gradients, parameters.table);
    });
    assert.equal(drawn, kept.flat().length);
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('is as if it were not there at rate 0', () => {
    const parameters = load(fixture[0].shapes);
    tf.tidy(() => {
      const scope = createScope(readParameters(parameters), true);
      const random = { uniform: (): number => assert.fail('nothing is drawn') };
      const { logits } = swinForward(imagesOf(fixture[0]), scope, config, { rate: 0, random });
      assertClose(logits?.dataSync() ?? [], fixture[0].logits, 2e-6, 'logits');
    });
    disposeParameters(parameters);
  });

  it('rises evenly over all blocks', () => {
    assert.deepEqual(blockRates(0.4, [2, 3]), [
      [0, 0.1],
      [0.2, 0.30000000000000004, 0.4],
    ]);
    assert.deepEqual(blockRates(0.4, [1]), [[0]]);
  });
});

describe('Swin transformer', () => {
  it('has as many trained values as published', () => {
    const large = swinParameters(swinConfigs.swin_base_patch4_window7_224, { classes: 1000 });
    assert.equal(countParameters({ table: large }), 87_768_224);
  });

  it('is read under its authors’ names, without their buffers', () => {
    const { shapes } = fixture[0];
    const authors = new Map(
      [...noiseCheckpoint(shapes)].map(([name, tensor]) => [
        name.replace('layers.1.downsample', 'layers.0.downsample').replace('head.fc', 'head'),
        tensor,
      ]),
    );
    const buffer = { shape: [16, 16], read: () => new Float32Array(256) };
    authors.set('layers.0.blocks.0.attn.relative_position_index', buffer);
    authors.set('layers.0.blocks.1.attn_mask', buffer);
    assert.deepEqual([...translateNames(authors, 'swin').keys()].sort(), Object.keys(shapes).sort());
    assert.deepEqual([...translateNames(noiseCheckpoint(shapes), 'swin').keys()], Object.keys(shapes));
  });

  it('says which image sizes fit', () => {
    checkSwinSize({ height: 32, width: 32 }, config);
    checkSwinSize({ height: 64, width: 96 }, config);
    assert.throws(
      () => checkSwinSize({ height: 64, width: 48 }, config),
      userError(/^Images of 64×48 do not divide into windows: height and width must be multiples of 32\.$/),
    );
    assert.throws(
      () => checkSwinSize({ height: 32, width: 64 }, config),
      userError(/^Images of 32×64 have one window in one direction only: take 32×32, or more in both\.$/),
    );
  });
});
