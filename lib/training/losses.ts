/** Losses and metrics as parts of a recipe. */
import type { Task } from '../data/dataset';
import { countCorrect, crossEntropy as crossEntropyOf, sigmoidCrossEntropy } from '../tensor/losses';
import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import { maskDice, softDiceLoss } from './segmentation-loss';

/** What a loss is given beside the network's output: a batch of images with labels, or with masks. */
export interface Targets {
  readonly count: number;
  /** N, int32: the class of each image, or the first label of several. */
  readonly labels?: Tensor1D;
  /** N×L: 0 and 1 of images with several labels, or the share of each class where images were mixed. */
  readonly labelRows?: Tensor2D;
  /** N×H×W×1: 1 in the mask, 0 outside. */
  readonly masks?: Tensor4D;
  /** N: what each image counts in training, 1 in the mean; undefined where all count alike. A loss of one's own has to use it itself. */
  readonly weights?: Tensor1D;
}

/** The mean loss of a batch, as a function of its own name; inside `tf.tidy`. */
export type LossFunction = (output: Tensor, batch: Targets) => Scalar;

/** A loss of the library: name and options say what it is. */
export interface NamedLoss {
  readonly name: string;
  readonly options: object;
  readonly compute: LossFunction;
}

export type Loss = NamedLoss | LossFunction;

/** A number for each image (N), or the mean over the batch; recorded under the function's name, without a gradient. */
export type Metric = (output: Tensor, batch: Targets) => Tensor1D | Scalar;

export interface CrossEntropyOptions {
  /** The share that is taken from the true class and given to all alike (Szegedy et al. 2016); 0 by default. */
  readonly labelSmoothing?: number;
}

/** Mean cross-entropy over images with one class each: PyTorch's CrossEntropyLoss. Of mixed images, that of the shares. Weights count. */
export function crossEntropy(options: CrossEntropyOptions = {}): NamedLoss {
  const { labelSmoothing = 0 } = options;
  return {
    name: 'cross-entropy',
    options,
    compute(output, { labels, labelRows, weights }) {
      const logits = output as Tensor2D;
      if (labelRows === undefined && labelSmoothing === 0)
        return weighted(crossEntropyOf(logits, required(labels, 'cross-entropy', 'labels')), weights).mean<Scalar>();
      const classes = logits.shape[1];
      const rows = labelRows ?? (tf.oneHot(required(labels, 'cross-entropy', 'labels'), classes) as Tensor2D);
      const shares = rows.mul(1 - labelSmoothing).add(labelSmoothing / classes);
      return weighted(tf.logSoftmax(logits).mul<Tensor2D>(shares).sum<Tensor1D>(1), weights).mean<Scalar>().neg();
    },
  };
}

/** What each image gives, times what it counts. */
function weighted(losses: Tensor1D, weights: Tensor1D | undefined): Tensor1D {
  return weights === undefined ? losses : losses.mul(weights);
}

/** Mean binary cross-entropy over all labels, or all pixels: PyTorch's BCEWithLogitsLoss. Weights count. */
export function binaryCrossEntropy(): NamedLoss {
  return {
    name: 'binary cross-entropy',
    options: {},
    compute(output, { labelRows, masks, weights }) {
      const targets = required<Tensor>(masks ?? labelRows, 'binary cross-entropy', 'masks or several labels');
      const losses = sigmoidCrossEntropy(output, targets);
      if (weights === undefined) return losses.mean<Scalar>();
      return weighted(losses.reshape([weights.shape[0], -1]).mean<Tensor1D>(1), weights).mean<Scalar>();
    },
  };
}

/** The soft Dice loss of masks times `weight` (1 by default), to be added to another one; see `softDiceLoss`. */
export function dice({ weight = 1 }: { readonly weight?: number } = {}): NamedLoss {
  return {
    name: 'dice',
    options: { weight },
    compute: (output, { masks }) =>
      softDiceLoss(output as Tensor4D, required(masks, 'dice', 'masks')).mul<Scalar>(weight),
  };
}

function required<T>(target: T | undefined, loss: string, what: string): T {
  if (target === undefined) throw new Error(`The loss ${loss} is for images with ${what}.`);
  return target;
}

/** The function of a loss, or of the sum of several. */
export function lossFunction(loss: Loss | readonly Loss[]): LossFunction {
  const functions = [loss].flat().map((one: Loss) => (typeof one === 'function' ? one : one.compute));
  if (functions.length === 1) return functions[0];
  return (output, batch) => tf.addN(functions.map((one) => one(output, batch)));
}

/**
 * What is learnt with where a recipe says nothing: cross-entropy, or binary cross-entropy of several labels. Grades
 * are learnt as classes.
 */
export function lossOfTask(task: Task): NamedLoss {
  return task === 'multi-label' ? binaryCrossEntropy() : crossEntropy();
}

/**
 * The sum over a batch's images of what `accuracy` is: images that are classified correctly, or of several labels the share that is. Of
 * mixed images, the class of the larger share counts.
 */
export function sumOfCorrect(task: Task, output: Tensor, { labels, labelRows }: Targets): Scalar {
  const logits = output as Tensor2D;
  if (task !== 'multi-label') return countCorrect(logits, required(labels, 'accuracy', 'labels'));
  const rows = required(labelRows, 'accuracy', 'several labels');
  return tf.tidy(() => logits.greater(0).equal(rows.greater(0.5)).toFloat().mean(1).sum<Scalar>());
}

/** The sum over a batch's images of the Dice of their masks. */
export function sumOfDice(output: Tensor, { masks }: Targets): Scalar {
  return maskDice(output as Tensor4D, required(masks, 'dice', 'masks')).sum<Scalar>();
}

/** The sum over a batch's images of a metric of one's own. */
export function sumOfMetric(metric: Metric, output: Tensor, batch: Targets): Scalar {
  return tf.tidy(() => {
    const values = metric(output, batch);
    return values.rank === 0 ? values.mul<Scalar>(batch.count) : values.sum<Scalar>();
  });
}
