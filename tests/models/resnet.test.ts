import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  countParameters,
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  readParameters,
  sizeOf,
  trainableNames,
  variableOf,
  type ParameterTable,
  type Parameters,
} from '../../lib/models/parameters';
import { tidyPart } from '../../lib/models/blocks';
import { resnetConfigs, resnetForward, resnetParameters, resnetStem, type ResnetName } from '../../lib/models/resnet';
import { createScope } from '../../lib/models/scope';
import { tf, type Scalar, type Tensor, type Tensor2D } from '../../lib/tf';
import { lossAndGradients } from '../../lib/training/gradients';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { kernelsOnly } from '../kernels-only';
import { liveBytes, type LiveBytes } from '../live-bytes';
import { noise } from '../noise';

/** Norm of a tensor's values, and their dot product with noise. */
type Fingerprint = [number, number];

interface Pass {
  size: number;
  training: boolean;
  stem: Fingerprint;
  stages: Fingerprint[];
  pooled: Fingerprint;
  logits: number[];
  gradients?: Record<string, Fingerprint>;
  statistics?: Record<string, Fingerprint>;
}

type Fixture = Record<ResnetName, { shapes: Record<string, number[]>; passes: Pass[] }>;

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/resnet.json'), 'utf8'));
const names = Object.keys(resnetConfigs) as ResnetName[];
const [classes, batch] = [8, 4];
/** Streams of noise beside those of the weights. */
const [imageStream, lossStream, dotStream] = [200_001, 100_001, 100_002];

function formulaWeights(name: string, shape: readonly number[], index: number): Float32Array {
  const values = noise(index, sizeOf(shape));
  if (shape.length === 4) {
    const bound = Math.sqrt(6 / (shape[0] * shape[2] * shape[3]));
    return Float32Array.from(values, (value) => value * bound);
  }
  if (shape.length === 2) return Float32Array.from(values, (value) => value / Math.sqrt(shape[1]));
  if (name.endsWith('running_var')) return Float32Array.from(values, (value) => 1 + 0.5 * value);
  if (name.endsWith('running_mean') || name.endsWith('bias')) return Float32Array.from(values, (value) => 0.2 * value);
  if (name.includes('.bn3.')) return Float32Array.from(values, (value) => 0.1 + 0.05 * value);
  return Float32Array.from(values, (value) => 0.6 + 0.3 * value);
}

function formulaModel(name: ResnetName): { parameters: Parameters; weights: Map<string, Float32Array> } {
  const table = resnetParameters(resnetConfigs[name], { classes });
  const weights = new Map(
    Object.entries(table).map(([key, { shape }], index) => [key, formulaWeights(key, shape, index)]),
  );
  // Constants are made faster than the random values that are about to be replaced.
  const constant: ParameterTable = Object.fromEntries(
    Object.entries(table).map(([key, spec]) => [key, { ...spec, initial: 0 }]),
  );
  const parameters = createParameters(constant, 0);
  importParameters(parameters, weights, 'noise');
  return { parameters, weights };
}

function fingerprint(values: ArrayLike<number>): Fingerprint {
  const weights = noise(dotStream, values.length);
  let [squares, dot] = [0, 0];
  for (let index = 0; index < values.length; index++) {
    squares += values[index] ** 2;
    dot += values[index] * weights[index];
  }
  return [Math.sqrt(squares), dot];
}

/** The dot product is a sum with random signs: its error is measured against the norm. */
function assertFingerprint(
  values: ArrayLike<number>,
  expected: Fingerprint | undefined,
  tolerance: number,
  what: string,
): void {
  assert.ok(expected, what);
  const [norm, dot] = fingerprint(values);
  const error = Math.max(Math.abs(norm - expected[0]), Math.abs(dot - expected[1])) / expected[0];
  assert.ok(error <= tolerance, `${what}: norm ${norm}, dot ${dot}; expected ${expected.join(', ')}; error ${error}`);
}

describe('ResNet', () => {
  for (const name of names) {
    it(`has torchvision's names and shapes: ${name}`, () => {
      const table = resnetParameters(resnetConfigs[name], { classes });
      const shapes = Object.entries(table).map(([key, { shape }]) => [key, shape]);
      assert.deepEqual(shapes, Object.entries(fixture[name].shapes));
    });
  }

  it('has as many trained values as published', () => {
    const count = (name: ResnetName, options: { classes: number; channels?: number }) =>
      countParameters({ table: resnetParameters(resnetConfigs[name], options) });
    assert.equal(count('resnet18', { classes: 8 }), 11_180_616);
    assert.equal(count('resnet50', { classes: 8 }), 23_524_424);
    assert.equal(count('resnet18', { classes: 1000 }), 11_689_512);
    assert.equal(count('resnet50', { classes: 1000 }), 25_557_032);
    assert.equal(count('resnet50', { classes: 0 }), 25_557_032 - 1000 * 2049);
    assert.equal(count('resnet18', { classes: 8, channels: 1 }), 11_180_616 - 2 * 64 * 49);
  });

  for (const name of names) {
    describe(`${name} with the same weights as torchvision's`, () => {
      const { parameters } = formulaModel(name);
      for (const golden of fixture[name].passes) {
        const { size, training } = golden;
        it(`computes the same, ${training ? 'training' : 'evaluation'} at ${size}×${size}`, () => {
          const initial = exportStatistics(parameters);
          const before = tf.memory().numTensors;
          tf.tidy(() => {
            const images = tf.tensor4d(Float32Array.from(noise(imageStream, batch * size * size * 3)), [
              batch,
              size,
              size,
              3,
            ]);
            const check = (scope: ReturnType<typeof createScope>): Tensor2D => {
              const { stages, pooled, logits } = resnetForward(images, scope, resnetConfigs[name]);
              assert.ok(logits);
              assertFingerprint(resnetStem(images, scope).dataSync(), golden.stem, 1e-5, 'stem');
              stages.forEach((stage, index) =>
                assertFingerprint(stage.dataSync(), golden.stages[index], 1e-4, `stage ${index + 1}`),
              );
              assertFingerprint(pooled.dataSync(), golden.pooled, 1e-4, 'pooled');
              assert.deepEqual(logits.shape, [batch, classes]);
              assertClose(logits.dataSync(), golden.logits, 1e-4, 'logits');
              return logits;
            };
            if (training) checkTraining(parameters, golden, check);
            else check(createScope(readParameters(parameters)));
          });
          assert.equal(tf.memory().numTensors, before);
          if (training) {
            const changed = exportStatistics(parameters);
            assert.deepEqual([...changed.keys()].sort(), Object.keys(golden.statistics ?? {}).sort());
            for (const [key, values] of changed)
              assertFingerprint(values, golden.statistics?.[key], 1e-5, `${key} after one step`);
            for (const [key, values] of initial) tf.tidy(() => variableOf(parameters, key).assign(tf.tensor(values)));
          }
        });
      }
    });
  }
});

describe('memory of a pass', kernelsOnly, () => {
  const config = resnetConfigs.resnet18;
  const [count, size] = [2, 64];
  /** Bytes that the stem's convolution gives; what else is large has a half of it, a quarter, an eighth and so on. */
  const unit = (count * size * size * 64 * 4) / 4;
  const images = () =>
    tf.tensor4d(Float32Array.from(noise(imageStream, count * size * size * 3)), [count, size, size, 3]);

  it('in training is what the gradients need: of a block what each convolution gives and the output', () => {
    const { parameters } = formulaModel('resnet18');
    tf.tidy(() => {
      const given = images();
      let forward: LiveBytes | undefined;
      const whole = liveBytes(() =>
        tf.tidy(() => {
          lossAndGradients(parameters, trainableNames(parameters), (scope) => {
            let loss: Scalar | undefined;
            forward = liveBytes(() => {
              loss = tidyPart(
                scope,
                () => resnetForward(given, scope, config).logits?.square().mean<Scalar>() as Scalar,
              );
            });
            return { loss: loss as Scalar };
          });
        }),
      );
      // The stem keeps the pooled maxima and their places, and computes its convolution again; each block two
      // convolutions, that of the shortcut, its output.
      const stages = [0, 1, 2, 3].map((stage) => (2 * 3 + (stage === 0 ? 0 : 1)) / (4 * 2 ** stage));
      const kept = 2 / 4 + stages.reduce((total, stage) => total + stage);
      assert.ok(forward);
      assert.ok(forward.after < (kept + 0.2) * unit, `${forward.after / unit} units after the forward pass`);
      assert.ok(forward.most < (kept + 0.25) * unit, `${forward.most / unit} units at the most in the forward pass`);
      // On the way back, gradients take the place of what they have used up: all of them, and the weights as they were read.
      const weights = 2 * 4 * countParameters(parameters);
      assert.ok(
        whole.most < weights + 3.2 * unit,
        `${(whole.most - weights) / unit} units beside weights and gradients`,
      );
    });
    disposeParameters(parameters);
  });

  it('in evaluation is what the stem needs: its convolution, the batch norm of that, the maxima and their places', () => {
    const { parameters } = formulaModel('resnet18');
    tf.tidy(() => {
      const [given, scope] = [images(), createScope(readParameters(parameters))];
      const { after, most } = liveBytes(() => tf.tidy(() => void resnetForward(given, scope, config)));
      assert.equal(after, 0);
      assert.ok(most < 2.6 * unit, `${most / unit} units`);
    });
    disposeParameters(parameters);
  });
});

describe('initial values', () => {
  const all = resnetParameters(resnetConfigs.resnet18, { classes });
  const some: ParameterTable = Object.fromEntries(
    Object.entries(all).filter(([name]) => /^(conv1|bn1|fc|layer[12]\.0)/.test(name)),
  );
  const initial = (table: ParameterTable, seed: number): Map<string, Float32Array> => {
    const parameters = createParameters(table, seed);
    const values = exportParameters(parameters);
    disposeParameters(parameters);
    return values;
  };
  const values = initial(some, 42);
  const valuesOf = (name: string): Float32Array => values.get(name) ?? new Float32Array();
  const moment = (of: Float32Array, power: number) => of.reduce((sum, value) => sum + value ** power, 0) / of.length;

  it('of convolutions are normal with variance 2 over fan out, as PyTorch draws them', () => {
    const convolutions = Object.entries(some).filter(([, { kind }]) => kind === 'convolution');
    assert.equal(convolutions.length, 6);
    for (const [name, { shape }] of convolutions) {
      const scaled = valuesOf(name).map((value) => value / Math.sqrt(2 / (shape[0] * shape[2] * shape[3])));
      // Five standard errors of the first, second and fourth moment of a standard normal.
      const limit = 5 / Math.sqrt(scaled.length);
      assert.ok(Math.abs(moment(scaled, 1)) < limit, `${name}: mean`);
      assert.ok(Math.abs(moment(scaled, 2) - 1) < limit * Math.sqrt(2), `${name}: variance`);
      assert.ok(Math.abs(moment(scaled, 4) - 3) < limit * Math.sqrt(96), `${name}: fourth moment`);
    }
  });

  it('of the linear layer are uniform up to one over the root of its inputs', () => {
    const bound = 1 / Math.sqrt(512);
    const weight = valuesOf('fc.weight').map((value) => value / bound);
    assert.ok(weight.every((value) => Math.abs(value) <= 1 + 1e-6));
    assert.ok(Math.max(...weight) > 0.995 && Math.min(...weight) < -0.995);
    assert.ok(Math.abs(moment(weight, 1)) < 5 / Math.sqrt(3 * weight.length));
    assert.ok(Math.abs(moment(weight, 2) - 1 / 3) < 5 * Math.sqrt(4 / 45 / weight.length));
    const bias = valuesOf('fc.bias').map((value) => value / bound);
    assert.ok(bias.every((value) => Math.abs(value) <= 1 + 1e-6));
    assert.equal(new Set(bias).size, classes);
  });

  it('of batch norm leave the input as it is', () => {
    const constants = { weight: 1, bias: 0, running_mean: 0, running_var: 1 };
    for (const [name, constant] of Object.entries(constants))
      assert.deepEqual(valuesOf(`layer2.0.downsample.1.${name}`), new Float32Array(128).fill(constant), name);
  });

  it('depend on the seed and the name, and on nothing else', () => {
    assert.deepEqual(initial(some, 42), values);
    const other = initial(some, 43);
    const conv = 'layer1.0.conv1.weight';
    assert.deepEqual(initial({ [conv]: some[conv] }, 42).get(conv), values.get(conv));
    assert.notDeepEqual(other.get(conv), values.get(conv));
    // Same shape, another name or seed: no relation.
    for (const unrelated of [valuesOf('layer1.0.conv2.weight'), other.get(conv) ?? new Float32Array()]) {
      assert.equal(unrelated.length, valuesOf(conv).length);
      const products = valuesOf(conv).map((value, index) => value * unrelated[index]);
      const correlation = moment(products, 1) / Math.sqrt(moment(valuesOf(conv), 2) * moment(unrelated, 2));
      assert.ok(Math.abs(correlation) < 5 / Math.sqrt(unrelated.length));
    }
  });
});

describe('values of a model', () => {
  const table: ParameterTable = {
    'conv.weight': { shape: [4, 3, 2, 5], kind: 'convolution', initial: 0 },
    'bn.running_mean': { shape: [4], kind: 'statistic', initial: 0 },
    'fc.weight': { shape: [6, 4], kind: 'linear', initial: 0 },
    'fc.bias': { shape: [6], kind: 'vector', initial: 0 },
  };
  const values = new Map(
    Object.entries(table).map(([name, { shape }], index) => [name, formulaWeights(name, shape, index)]),
  );

  it('come out in the published layout as they went in, and are copies', () => {
    const before = tf.memory().numTensors;
    const parameters = createParameters(table, 1);
    // Often, since TensorFlow shares only memory that happens to be aligned.
    for (let repetition = 0; repetition < 50; repetition++) {
      const given = new Map([...values].map(([name, value]) => [name, value.slice()]));
      importParameters(parameters, given, 'the test');
      for (const value of given.values()) value.fill(7);
      assert.deepEqual(exportParameters(parameters), values);
    }
    const exported = exportParameters(parameters);
    assert.deepEqual([...exported.keys()], Object.keys(table));
    for (const value of exported.values()) value.fill(8);
    assert.deepEqual(exportParameters(parameters), values);
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('lie in memory as TensorFlow wants them', () => {
    const parameters = createParameters(table, 1);
    importParameters(parameters, values, 'the test');
    tf.tidy(() => {
      const [convolution, linear] = ['conv.weight', 'fc.weight'].map((name) => variableOf(parameters, name).read());
      assert.deepEqual(convolution.shape, [2, 5, 3, 4]);
      assert.deepEqual(linear.shape, [4, 6]);
      const [inConvolution, inLinear] = [convolution.dataSync(), linear.dataSync()];
      const [o, i, h, w] = [3, 1, 1, 2];
      assert.equal(
        inConvolution[((h * 5 + w) * 3 + i) * 4 + o],
        values.get('conv.weight')?.[((o * 3 + i) * 2 + h) * 5 + w],
      );
      assert.equal(inLinear[i * 6 + o], values.get('fc.weight')?.[o * 4 + i]);
    });
    disposeParameters(parameters);
  });

  it('that do not fit are listed, and nothing is changed', () => {
    const parameters = createParameters(table, 1);
    const before = exportParameters(parameters);
    const tensors = tf.memory().numTensors;
    const wrong = new Map<string, Float32Array>([
      ...values,
      ['fc.scale', new Float32Array(6)],
      ['head', new Float32Array(1)],
    ]);
    wrong.delete('bn.running_mean');
    wrong.set('conv.weight', new Float32Array(119));
    assert.throws(
      () => importParameters(parameters, wrong, 'weights.safetensors'),
      userError(
        /^weights\.safetensors does not fit the model; missing: bn\.running_mean; not in the model: fc\.scale, head; of another shape: conv\.weight \(has 119 values, the model 4×3×2×5\)\.$/,
      ),
    );
    const none = resnetParameters(resnetConfigs.resnet18, { classes });
    assert.throws(
      () => importParameters({ table: none, variables: new Map() }, new Map(), 'nothing.safetensors'),
      userError(/; missing: conv1\.weight, bn1\.weight, .* and 94 more\.$/),
    );
    assert.deepEqual(exportParameters(parameters), before);
    assert.equal(tf.memory().numTensors, tensors);
    disposeParameters(parameters);
  });
});

function checkTraining(
  parameters: Parameters,
  golden: Pass,
  forward: (scope: ReturnType<typeof createScope>) => Tensor2D,
): void {
  const weights = tf.tensor2d(Float32Array.from(noise(lossStream, batch * classes)), [batch, classes]);
  const { gradients } = lossAndGradients(parameters, trainableNames(parameters), (scope) => ({
    loss: forward(scope).mul(weights).sum<Scalar>(),
  }));
  assert.deepEqual([...gradients.keys()], Object.keys(golden.gradients ?? {}));
  for (const [key, gradient] of gradients) {
    const published = publishedLayout(gradient, parameters.table[key].shape);
    // Rounding makes up to 4e-4 of it, here; another processor rounds otherwise.
    assertFingerprint(published, golden.gradients?.[key], 2e-3, `gradient of ${key}`);
  }
}

/** Written out here, so that the library's own translation is checked too. */
function publishedLayout(value: Tensor, shape: readonly number[]): Float32Array {
  const axes = shape.length === 4 ? [3, 2, 0, 1] : shape.length === 2 ? [1, 0] : [0];
  const published = value.transpose(axes);
  assert.deepEqual(published.shape, shape);
  return published.dataSync<'float32'>();
}

function exportStatistics(parameters: Parameters): Map<string, Float32Array> {
  const all = exportParameters(parameters);
  return new Map([...all].filter(([name]) => parameters.table[name].kind === 'statistic'));
}
