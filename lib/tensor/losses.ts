import { tf, type Scalar, type Tensor1D, type Tensor2D } from '../tf';
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

/** Number of rows whose largest logit is that of the label. logits: N×C, labels: N → a scalar. */
export function countCorrect(logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.tidy(() => logits.argMax<Tensor1D>(1).equal(labels).sum<Scalar>().toFloat());
}
