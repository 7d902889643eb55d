/** A linear classifier on features: `head.weight` and `head.bias`. */
import { softmax } from '../metrics/scores';
import { readParameters, type Parameters } from '../models/parameters';
import { linear, type Scope } from '../models/scope';
import { attribute, execute, executeMany } from '../tensor/native';

import { countCorrect, crossEntropy } from '../tensor/losses';
import { defineOperation } from '../tensor/operation';
import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor2D } from '../tf';
import type { FeatureRows } from './feature-rows';

const float32 = attribute.type('T', 'float32');
const product = [float32, attribute.bool('transpose_a', false), attribute.bool('transpose_b', false)];
const transposedProduct = [float32, attribute.bool('transpose_a', true), attribute.bool('transpose_b', false)];
const lossAttributes = [float32, attribute.type('Tlabels', 'int32')];
const largest = [float32, attribute.type('Tidx', 'int32'), attribute.type('output_type', 'int32')];
const equal = [attribute.type('T', 'int32'), attribute.bool('incompatible_shape_error', true)];
const toFloat = [attribute.type('SrcT', 'bool'), attribute.type('DstT', 'float32'), attribute.bool('Truncate', false)];
const reduction = [float32, attribute.type('Tidx', 'int32'), attribute.bool('keep_dims', false)];

/** One node of the gradient's tape: a step of so small a network is nothing but the overhead of its operations. */
const runHeadLoss = defineOperation<'features' | 'weight' | 'bias' | 'labels', Record<string, never>>({
  name: 'LinearHeadLoss',
  saveInputs: ['features'],
  saveOutputs: [2],
  forward({ features, weight, bias, labels }) {
    const values = logits(features, weight, bias);
    const [losses, gradient] = executeMany('SparseSoftmaxCrossEntropyWithLogits', lossAttributes, [values, labels], 2);
    const predicted = execute('ArgMax', largest, [values, tf.scalar(1, 'int32')]);
    const isCorrect = execute('Cast', toFloat, [execute('Equal', equal, [predicted, labels])]);
    const axis = tf.tensor1d([0], 'int32');
    return [execute('Mean', reduction, [losses, axis]), execute('Sum', reduction, [isCorrect, axis]), gradient];
  },
  gradient([outputGradient], [features, logitsGradient]) {
    const scaled = logitsGradient.mul(outputGradient.div(features.shape[0]));
    return {
      weight: () => execute('MatMul', transposedProduct, [features, scaled]),
      bias: () => execute('BiasAddGrad', [float32], [scaled]),
    };
  },
});

/** Mean cross-entropy of a batch and the number of its correctly classified images. features: N×C, labels and weights: N. */
export function headLoss(
  features: Tensor2D,
  labels: Tensor1D,
  p: Scope,
  weights?: Tensor1D,
): { loss: Scalar; correct: Scalar } {
  if (weights !== undefined) {
    const values = linear(features, p);
    return { loss: crossEntropy(values, labels).mul(weights).mean<Scalar>(), correct: countCorrect(values, labels) };
  }
  const [loss, correct] = runHeadLoss({ features, labels, weight: p.get('weight'), bias: p.get('bias') }, {});
  return { loss: loss as Scalar, correct: correct as Scalar };
}

/** Probabilities of all rows: row-major N × classes. */
export function headProbabilities(rows: FeatureRows, parameters: Parameters): Float64Array {
  const classes = parameters.table['head.bias'].shape[0];
  const values = new Float32Array(rows.count * classes);
  for (const { features, start } of rows.chunks(8192)) {
    tf.tidy(() => {
      const read = readParameters(parameters);
      const [weight, bias] = ['head.weight', 'head.bias'].map((name) => read.get(name) as Tensor);
      values.set(logits(features, weight, bias).dataSync<'float32'>(), start * classes);
    });
    features.dispose();
  }
  return softmax(values, classes);
}

/** features: N×C, weight: C×classes, bias: classes → N×classes. */
function logits(features: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return execute('BiasAdd', [float32], [execute('MatMul', product, [features, weight]), bias]);
}
