import type { ImageBatch } from '../data/batches';
import type { Task } from '../data/dataset';
import { countCorrect, crossEntropy, sigmoidCrossEntropy } from '../tensor/losses';
import { tf, type Scalar, type Tensor2D } from '../tf';

/** Not an interface, which tf.tidy would not take. */
export type TaskLoss = {
  readonly loss: Scalar;
  /** Images that are classified correctly; of a multi-label task, the sum over images of the share of their labels that are. */
  readonly reported: { readonly correct: Scalar };
};

/**
 * Mean loss of a batch: cross-entropy over images, or for multi-label tasks binary cross-entropy over images and labels (PyTorch's
 * CrossEntropyLoss and BCEWithLogitsLoss). Grades are learnt as classes. logits: N×classes or N×labels.
 */
export function taskLoss(
  task: Task,
  logits: Tensor2D,
  { labels, labelRows }: Pick<ImageBatch, 'labels' | 'labelRows'>,
): TaskLoss {
  if (task !== 'multi-label')
    return { loss: crossEntropy(logits, labels).mean<Scalar>(), reported: { correct: countCorrect(logits, labels) } };
  if (labelRows === undefined) throw new Error('A multi-label task needs rows of labels.');
  return {
    loss: sigmoidCrossEntropy(logits, labelRows).mean<Scalar>(),
    reported: { correct: countCorrectLabels(logits, labelRows) },
  };
}

function countCorrectLabels(logits: Tensor2D, labelRows: Tensor2D): Scalar {
  return tf.tidy(() => logits.greater(0).equal(labelRows.greater(0.5)).toFloat().mean(1).sum<Scalar>());
}
