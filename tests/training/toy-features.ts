/** The toy's network as a frozen backbone, and what is needed around it. */
import type { ImageTransform } from '../../lib/models/network';
import assert from 'node:assert/strict';
import { halfNormalization } from '../../lib/data/normalization';
import {
  createParameters,
  importParameters,
  sizeOf,
  type Parameters,
  type ParameterTable,
} from '../../lib/models/parameters';
import { batchNorm, convolution, type Scope } from '../../lib/models/scope';
import { tf, type Tensor2D, type Tensor4D } from '../../lib/tf';
import type { FeatureBackbone } from '../../lib/training/features';
import { drawn } from './drawn';
import { toyTable } from './toy';

/** The toy without its linear layer. */
export const backboneTable: ParameterTable = Object.fromEntries(
  Object.entries(toyTable).filter(([name]) => !name.startsWith('fc.')),
);

/** images: N×H×W×3 → N×4. */
export function pooledFeatures(images: Tensor4D, p: Scope): Tensor2D {
  const features = batchNorm(convolution(images, p.at('conv1'), { padding: 1 }), p.at('bn1')).relu(); // N×H×W×4
  return features.mean<Tensor2D>([1, 2]);
}

export const toyBackbone: FeatureBackbone = {
  name: 'toy',
  width: 4,
  forward: (images, scope) => ({ pooled: pooledFeatures(images, scope) }),
};

/** Values for the backbone, with statistics of batch norm as a pretrained network has them. */
export function backboneValues(seed = 5): Map<string, Float32Array> {
  const values = drawn(backboneTable, seed, 'backbone');
  values.set('bn1.running_var', new Float32Array(sizeOf(backboneTable['bn1.running_var'].shape)).fill(0.3));
  return values;
}

export function backboneParameters(seed?: number): Parameters {
  const parameters = createParameters(backboneTable, 0);
  importParameters(parameters, backboneValues(seed), 'the toy');
  return parameters;
}

/** Each pixel four times. */
export const doubled: ImageTransform = {
  key: 'doubled 12×12',
  height: 12,
  width: 12,
  normalization: halfNormalization,
  apply(bytes, [count, height, width, channels]) {
    const target = new Uint8Array(4 * bytes.length);
    for (let position = 0; position < target.length; position++) {
      const channel = position % channels;
      const column = Math.floor(position / channels) % (2 * width);
      const row = Math.floor(position / channels / (2 * width)) % (2 * height);
      const image = Math.floor(position / channels / (4 * width * height));
      assert.ok(image < count);
      target[position] = bytes[((image * height + (row >> 1)) * width + (column >> 1)) * channels + channel];
    }
    return target;
  },
};

/** Runs something and asserts that it leaves no tensor behind, whether it fails or not. */
export async function withoutLeak<T>(run: () => Promise<T>): Promise<T> {
  const before = tf.memory().numTensors;
  try {
    return await run();
  } finally {
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  }
}
