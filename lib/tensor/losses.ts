import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor2D } from '../tf';
import { attribute, executeMany } from './native';
import { defineOperation } from './operation';

const runCrossEntropy = defineOperation<'logits' | 'labels', Record<string, never>>({
  name: 'SparseCrossEntropy',
  saveOutputs: [1],
  forward: ({ logits, labels }) =>
    executeMany(
      'SparseSoftmaxCrossEntropyWithLogits',
      [attribute.type('T', 'float32'), attribute.type('Tlabels', 'int32')],
      [logits, labels],
      2,
    ),
  gradient: ([outputGradient], [logitsGradient]) => ({
    logits: () => logitsGradient.mul(outputGradient.expandDims(1)),
  }),
});

/** Cross-entropy of logits (N×C) and class numbers (N, int32), a value an image (N); its gradient is softmax − one-hot. */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  return runCrossEntropy({ logits, labels }, {})[0] as Tensor1D;
}

const runSoftCrossEntropy = defineOperation<'logits' | 'targets', Record<string, never>>({
  name: 'SoftCrossEntropy',
  saveOutputs: [1],
  forward: ({ logits, targets }) =>
    executeMany('SoftmaxCrossEntropyWithLogits', [attribute.type('T', 'float32')], [logits, targets], 2),
  gradient: ([outputGradient], [logitsGradient]) => ({
    logits: () => logitsGradient.mul(outputGradient.expandDims(1)),
  }),
});

/** Cross-entropy of logits (N×C) and probabilities (N×C, each row's sum is 1), a value a row (N). The targets have no gradient. */
export function softCrossEntropy(logits: Tensor2D, targets: Tensor2D): Tensor1D {
  return runSoftCrossEntropy({ logits, targets }, {})[0] as Tensor1D;
}

const runSigmoidCrossEntropy = defineOperation<'logits' | 'targets', Record<string, never>>({
  name: 'SigmoidCrossEntropy',
  saveInputs: ['logits', 'targets'],
  // max(x, 0) − x·z + log(1 + exp(−|x|)): no exponential of a large number.
  forward: ({ logits, targets }) => logits.relu().sub(logits.mul(targets)).add(logits.abs().neg().softplus()),
  gradient: ([outputGradient], [logits, targets]) => ({
    logits: () => logits.sigmoid().sub(targets).mul(outputGradient),
  }),
});

/**
 * Binary cross-entropy of logits and targets in [0, 1] of the same shape, a value an element; its gradient is sigmoid − target. As
 * PyTorch's `binary_cross_entropy_with_logits` before the mean. The targets have no gradient.
 */
export function sigmoidCrossEntropy<T extends Tensor>(logits: T, targets: T): T {
  tf.util.assertShapesMatch(logits.shape, targets.shape, 'Logits and targets need the same shape: ');
  return runSigmoidCrossEntropy({ logits, targets }, {})[0] as T;
}

/** Number of rows whose largest logit is that of the label. logits: N×C, labels: N → a scalar. */
export function countCorrect(logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.tidy(() => logits.argMax<Tensor1D>(1).equal(labels).sum<Scalar>().toFloat());
}
