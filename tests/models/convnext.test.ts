import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  checkConvnextSize,
  convnextConfigs,
  convnextForward,
  convnextParameters,
  type ConvnextConfig,
} from '../../lib/models/convnext';
import { disposeParameters, readParameters, trainableNames } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import type { StochasticDepth } from '../../lib/models/stochastic-depth';
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

type Images = Readonly<Record<'batch' | 'height' | 'width', number>>;
interface Trained {
  logits: number[];
  gradients: Record<string, Fingerprint>;
}
interface Fixture {
  passes: (Images & Trained & { shapes: Record<string, number[]>; stages: Fingerprint[]; pooled: number[] })[];
  dropped: Trained & Pick<StochasticDepth, 'rate'> & { seed: number };
  tiny: number[];
}

const { passes, dropped, tiny }: Fixture = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/convnext.json'), 'utf8'),
);
const classes = 5;
/** As in the fixture's script. */
const config: ConvnextConfig = { patchSize: 4, widths: [8, 12, 16, 20], depths: [1, 1, 2, 1], normEpsilon: 1e-6 };
const table = convnextParameters(config, { classes });
const load = () => parametersFromCheckpoint(table, noiseCheckpoint(passes[0].shapes), { source: 'noise' });

function imagesOf({ batch, height, width }: Images): Tensor4D {
  const values = Float32Array.from(noise(imageStream, batch * height * width * 3));
  return tf.tensor4d(values, [batch, height, width, 3]);
}

function assertTrained(images: Images, golden: Trained, stochasticDepth?: StochasticDepth): void {
  const before = tf.memory().numTensors;
  const parameters = load();
  tf.tidy(() => {
    const direction = tf.tensor2d(Float32Array.from(noise(lossStream, images.batch * classes)), [
      images.batch,
      classes,
    ]);
    const { gradients } = lossAndGradients(parameters, trainableNames(parameters), (scope) => {
      const { logits } = convnextForward(imagesOf(images), scope, config, stochasticDepth);
      assertClose(logits?.dataSync() ?? [], golden.logits, 4e-6, 'logits');
      return { loss: logits!.mul(direction).sum<Scalar>() };
    });
    assertGradients(gradients, golden.gradients, table);
  });
  disposeParameters(parameters);
  assert.equal(tf.memory().numTensors, before);
}

describe('ConvNeXt with the same weights as timm’s', () => {
  it('has its names and shapes', () => {
    const shapes = Object.entries(table).map(([name, { shape }]) => [name, [...shape]]);
    assert.deepEqual(Object.fromEntries(shapes), passes[0].shapes);
  });

  for (const golden of passes) {
    const size = `${golden.height}×${golden.width}`;

    it(`computes the same at ${size}`, () => {
      const parameters = load();
      tf.tidy(() => {
        const { stages, pooled } = convnextForward(imagesOf(golden), createScope(readParameters(parameters)), config);
        stages.forEach((stage, at) => assertFingerprint(stage.dataSync(), golden.stages[at], 2e-6, `stage ${at}`));
        assertClose(pooled.dataSync(), golden.pooled, 4e-6, 'pooled');
      });
      disposeParameters(parameters);
    });

    it(`has the same logits and gradients at ${size}`, () => assertTrained(golden, golden));
  }

  it('leaves out the branches that timm leaves out, with the same logits and gradients', () => {
    assert.notDeepEqual(dropped.logits, passes[0].logits);
    assertTrained(passes[0], dropped, { rate: dropped.rate, random: createRandom(dropped.seed, 'step', 0) });
  });

  it('computes the same at its own size: ConvNeXt-Tiny', () => {
    const whole = convnextParameters(convnextConfigs.convnext_tiny, { classes });
    const shapes = Object.fromEntries(Object.entries(whole).map(([name, { shape }]) => [name, [...shape]]));
    const parameters = parametersFromCheckpoint(whole, noiseCheckpoint(shapes), { source: 'noise' });
    tf.tidy(() => {
      const images = imagesOf({ batch: 1, height: 224, width: 224 });
      const scope = createScope(readParameters(parameters));
      const { logits } = convnextForward(images, scope, convnextConfigs.convnext_tiny);
      assertClose(logits?.dataSync() ?? [], tiny, 2e-5, 'logits');
    });
    disposeParameters(parameters);
  });
});

describe('ConvNeXt', () => {
  it('is read under its authors’ names', () => {
    const authors = new Map(
      [...noiseCheckpoint(passes[0].shapes)].map(([name, tensor]) => [
        name
          .replace(/^stem\./, 'downsample_layers.0.')
          .replace(/^stages\.(\d+)\.downsample\./, 'downsample_layers.$1.')
          .replace('.blocks.', '.')
          .replace('.conv_dw.', '.dwconv.')
          .replace('.mlp.fc', '.pwconv')
          .replace('head.norm.', 'norm.')
          .replace('head.fc.', 'head.'),
        tensor,
      ]),
    );
    assert.deepEqual([...translateNames(authors, 'convnext').keys()], Object.keys(passes[0].shapes));
    const own = translateNames(noiseCheckpoint(passes[0].shapes), 'convnext');
    assert.deepEqual([...own.keys()], Object.keys(passes[0].shapes));
  });

  it('says which images are too small', () => {
    assert.throws(
      () => checkConvnextSize({ height: 28, width: 64 }, config),
      userError(/^Images of 28×64 are too small: height and width must be at least 32\.$/),
    );
  });
});
