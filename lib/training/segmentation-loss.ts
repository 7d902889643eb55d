/** What a segmentation network is trained on and watched by: binary cross-entropy, soft Dice, Dice of the masks. */
import { sigmoidCrossEntropy } from '../tensor/losses';
import { tf, type Scalar, type Tensor1D, type Tensor4D } from '../tf';

export interface SegmentationLossOptions {
  /** Weight of the soft Dice loss beside the cross-entropy's 1; 0 by default. */
  readonly diceWeight?: number;
}

/** Mean binary cross-entropy of all pixels, plus the soft Dice loss where it has a weight. logits, masks: N×H×W×1. */
export function segmentationLoss(
  logits: Tensor4D,
  masks: Tensor4D,
  { diceWeight = 0 }: SegmentationLossOptions = {},
): Scalar {
  const entropy = sigmoidCrossEntropy(logits, masks).mean<Scalar>();
  return diceWeight === 0 ? entropy : entropy.add(softDiceLoss(logits, masks).mul(diceWeight));
}

const smoothing = 1e-5;

/**
 * 1 − Dice of probabilities, a mean over images: (2 Σ p·t + ε) / (Σ p + Σ t + ε) with ε = 10⁻⁵ (Milletari et al. 2016 without squares, as
 * MONAI's DiceLoss has it). logits, masks: N×H×W×1.
 */
export function softDiceLoss(logits: Tensor4D, masks: Tensor4D): Scalar {
  const count = logits.shape[0];
  const probabilities = logits.sigmoid().reshape([count, -1]);
  const truth = masks.reshape([count, -1]);
  const intersection = probabilities.mul(truth).sum(1);
  const total = probabilities.sum(1).add(truth.sum(1));
  const dice = intersection.mul(2).add(smoothing).div(total.add(smoothing));
  return tf.scalar(1).sub(dice.mean());
}

/**
 * Dice of each image's mask, the pixels with a positive logit (a probability above ½), N; 1 where it and the truth are empty. Without a
 * gradient. logits, masks: N×H×W×1.
 */
export function maskDice(logits: Tensor4D, masks: Tensor4D): Tensor1D {
  return tf.tidy(() => {
    const count = logits.shape[0];
    const predicted = logits.greater(0).toFloat().reshape([count, -1]);
    const truth = masks.reshape([count, -1]);
    const total = predicted.sum(1).add(truth.sum(1));
    const doubled = predicted.mul(truth).sum(1).mul(2);
    return tf.where(total.equal(0), tf.onesLike(total), doubled.div(total.maximum(1))) as Tensor1D;
  });
}
