import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  countParameters,
  createParameters,
  disposeParameters,
  readParameters,
  trainableNames,
  type Parameters,
} from '../../lib/models/parameters';
import { resamplePositions } from '../../lib/models/positions';
import { createScope } from '../../lib/models/scope';
import type { StochasticDepth } from '../../lib/models/stochastic-depth';
import { patchGrid, vitConfigs, vitForward, vitParameters, type VitConfig } from '../../lib/models/vit';
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
  height: number;
  width: number;
  shapes: Record<string, number[]>;
  tokens: number[];
  pooled: number[];
  logits: number[];
  blocks: Fingerprint[];
  normalizedFirstBlock: Fingerprint;
  attentions: Fingerprint[];
  gradients: Record<string, Fingerprint>;
}

const variants = ['supervised', 'dinov2', 'dinov3'] as const;
type Fixture = Record<(typeof variants)[number], Golden> & {
  torchvision: Pick<Golden, 'height' | 'width' | 'shapes' | 'logits'>;
};
const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/vit.json'), 'utf8'));
const [batch, classes] = [2, 5];

/** As in the fixture's script. */
const base = { patchSize: 8, width: 24, depth: 2, heads: 3 };
const configs: Record<(typeof variants)[number], VitConfig> = {
  supervised: { ...vitConfigs.vit_tiny_patch16_224, ...base, grid: [4, 4] },
  dinov2: { ...vitConfigs.vit_small_patch14_dinov2, ...base, patchSize: 7, grid: [4, 6] },
  dinov3: { ...vitConfigs.vit_small_patch16_dinov3, ...base, width: 32, heads: 2 },
};

function load(config: VitConfig, shapes: Record<string, number[]>): Parameters {
  const checkpoint = translateNames(noiseCheckpoint(shapes), 'vit');
  return parametersFromCheckpoint(vitParameters(config, { classes }), checkpoint, {
    source: 'noise',
    grid: config.grid,
  });
}

function imagesOf({ height, width }: { height: number; width: number }, count = batch): Tensor4D {
  const values = Float32Array.from(noise(imageStream, count * height * width * 3));
  return tf.tensor4d(values, [count, height, width, 3]);
}

/** Of a training step whose loss is the logits' product with noise. */
function assertTrained(
  { config, shapes, images }: { config: VitConfig; shapes: Record<string, number[]>; images: () => Tensor4D },
  golden: Pick<Golden, 'logits' | 'gradients'>,
  stochasticDepth?: StochasticDepth,
): void {
  const before = tf.memory().numTensors;
  const parameters = load(config, shapes);
  tf.tidy(() => {
    const { gradients } = lossAndGradients(parameters, trainableNames(parameters), (scope) => {
      const { logits } = vitForward(images(), scope, config, { stochasticDepth });
      assert.ok(logits);
      assertClose(logits.dataSync(), golden.logits, 2e-6, 'logits');
      const direction = tf.tensor2d(Float32Array.from(noise(lossStream, logits.size)), logits.shape);
      return { loss: logits.mul(direction).sum<Scalar>() };
    });
    // timm's gradient of positions is that of the new grid, which its model was built for.
    assertGradients(gradients, golden.gradients, parameters.table);
  });
  disposeParameters(parameters);
  assert.equal(tf.memory().numTensors, before);
}

/** Made by make_stochastic_depth.py. */
const { vit: dropped } = JSON.parse(readFileSync(join(__dirname, '../fixtures/stochastic_depth.json'), 'utf8')) as {
  vit: Pick<Golden, 'logits' | 'gradients'> & { batch: number; rate: number; seed: number };
};

describe('vision transformers with the same weights as timm’s', () => {
  for (const variant of variants) {
    const [config, golden] = [configs[variant], fixture[variant]];

    it(`have its names and shapes: ${variant}`, () => {
      // Positions are learned for 3×3 patches in the file and wanted for 4×6.
      const table = vitParameters({ ...config, grid: variant === 'dinov2' ? [3, 3] : config.grid }, { classes });
      const shapes = Object.fromEntries(Object.entries(table).map(([name, { shape }]) => [name, [...shape]]));
      assert.deepEqual(shapes, golden.shapes);
    });

    it(`compute the same: ${variant}`, () => {
      const before = tf.memory().numTensors;
      const parameters = load(config, golden.shapes);
      tf.tidy(() => {
        const options = { tokensOf: [0, 1], attentionOf: [0, 1] };
        const [images, scope] = [imagesOf(golden), createScope(readParameters(parameters))];
        const { tokens, pooled, logits, blockTokens, attentions, prefixTokens } = vitForward(
          images,
          scope,
          config,
          options,
        );
        const [rows, columns] = patchGrid(golden, config);
        const count = prefixTokens + rows * columns;
        assert.deepEqual(tokens.shape, [batch, count, config.width]);
        assert.equal(prefixTokens, variant === 'dinov3' ? 5 : 1);
        assertClose(tokens.dataSync(), golden.tokens, 2e-6, 'tokens');
        assertClose(pooled.dataSync(), golden.pooled, 2e-6, 'pooled');
        assert.ok(logits);
        assertClose(logits.dataSync(), golden.logits, 2e-6, 'logits');
        blockTokens.forEach((block, index) => {
          assert.deepEqual(block.shape, tokens.shape);
          assertFingerprint(block.dataSync(), golden.blocks[index], 2e-6, `block ${index}`);
        });
        attentions.forEach((attention, index) => {
          assert.deepEqual(attention.shape, [batch, config.heads, count, count]);
          assertFingerprint(attention.dataSync(), golden.attentions[index], 2e-6, `attention ${index}`);
          assertClose(
            attention.sum(-1).dataSync(),
            new Float32Array(batch * config.heads * count).fill(1),
            1e-6,
            'sums',
          );
        });
        const again = vitForward(images, scope, config, { tokensOf: [1, 0], normalizeTokens: true });
        assertFingerprint(again.blockTokens[1].dataSync(), golden.normalizedFirstBlock, 2e-6, 'normalised block');
        assertClose(again.blockTokens[0].dataSync(), golden.tokens, 2e-6, 'normalised last block');
      });
      disposeParameters(parameters);
      assert.equal(tf.memory().numTensors, before);
    });

    it(`have the same gradients: ${variant}`, () =>
      assertTrained({ config, shapes: golden.shapes, images: () => imagesOf(golden) }, golden));
  }

  it('leave out the branches that timm leaves out, with the same logits and gradients', () => {
    const { batch: count, rate, seed } = dropped;
    const { shapes } = fixture.dinov2;
    const images = (): Tensor4D => imagesOf({ height: 21, width: 21 }, count);
    const network = { config: { ...configs.dinov2, grid: [3, 3] as const }, shapes, images };
    assertTrained(network, dropped, { rate, random: createRandom(seed, 'step', 0) });
  });

  it('are read under torchvision’s names, old and new', () => {
    const { shapes, logits: expected, ...size } = fixture.torchvision;
    const legacy = Object.entries(shapes).map(([name, shape]): [string, number[]] => [
      name.replace('.mlp.0.', '.mlp.linear_1.').replace('.mlp.3.', '.mlp.linear_2.'),
      shape,
    ]);
    assert.ok(legacy.some(([name]) => name.includes('linear_2')));
    for (const names of [shapes, Object.fromEntries(legacy)]) {
      const parameters = load(configs.supervised, names);
      tf.tidy(() => {
        const { logits } = vitForward(imagesOf(size), createScope(readParameters(parameters)), configs.supervised);
        assert.ok(logits);
        assertClose(logits.dataSync(), expected, 2e-6, 'logits');
      });
      disposeParameters(parameters);
    }
  });

  it('are read under Meta’s names of DINOv3, whose biases are zero', () => {
    const { shapes } = fixture.dinov3;
    const meta = new Map(
      [...noiseCheckpoint(shapes)].map(([name, tensor]) => [
        name.replace('reg_token', 'storage_tokens').replace(/gamma_([12])/, 'ls$1.gamma'),
        tensor,
      ]),
    );
    const constant = (count: number, value: number) => ({
      shape: [count],
      read: () => new Float32Array(count).fill(value),
    });
    meta.set('mask_token', constant(32, 1));
    meta.set('rope_embed.periods', constant(4, 1));
    meta.set('blocks.0.attn.qkv.bias_mask', constant(96, 1));
    meta.set('blocks.0.attn.qkv.bias', constant(96, 0));
    assert.deepEqual([...translateNames(meta, 'vit').keys()], Object.keys(shapes));
    meta.set('blocks.1.attn.qkv.bias', constant(96, 0.1));
    assert.deepEqual([...translateNames(meta, 'vit').keys()], [...Object.keys(shapes), 'blocks.1.attn.qkv.bias']);
  });
});

describe('vision transformers', () => {
  it('have as many trained values as published', () => {
    const count = (name: keyof typeof vitConfigs, outputs: number) =>
      countParameters({ table: vitParameters(vitConfigs[name], { classes: outputs }) });
    assert.equal(count('vit_tiny_patch16_224', 1000), 5_717_416);
    assert.equal(count('vit_base_patch16_224', 1000), 86_567_656);
    assert.equal(count('vit_small_patch14_dinov2', 0), 22_056_192);
    assert.equal(count('vit_small_patch16_dinov3', 0), 21_586_944);
    assert.equal(count('vit_base_patch16_dinov3', 0), 85_641_216);
    assert.equal(count('vit_large_patch16_dinov3', 0), 303_079_424);
  });

  it('say which image sizes fit', () => {
    const parameters = createParameters(vitParameters(configs.supervised, { classes: 0 }), 1);
    const before = tf.memory().numTensors;
    const forward = (height: number, width: number) => () =>
      tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        return vitForward(tf.zeros([1, height, width, 3]), scope, configs.supervised).pooled;
      });
    assert.throws(
      forward(32, 33),
      userError(/^Images of 32×33 do not divide into patches: height and width must be multiples of 8, such as 32\.$/),
    );
    assert.throws(forward(16, 64), userError(/2×8 patches, but positions are known for 4×4/));
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });
});

describe('learned positions', () => {
  interface Case {
    from: number;
    to: [number, number];
    values: number[];
  }
  const { width, positions }: { width: number; positions: Case[] } = JSON.parse(
    readFileSync(join(__dirname, '../fixtures/resample.json'), 'utf8'),
  );

  for (const { from, to, values } of positions) {
    it(`come to another grid as timm’s do: ${from}×${from} to ${to.join('×')}`, () => {
      const given = Float32Array.from(noise(imageStream, (1 + from * from) * width));
      const resampled = resamplePositions(given, width, from, to);
      assertClose(resampled, values, 3e-6, 'positions');
      assert.deepEqual(resampled.slice(0, width), given.slice(0, width));
    });
  }
});
