/** What segmentation networks are trained on beside cross-entropy, and watched by: soft Dice, and Dice of the masks. */
import { tf, type Scalar, type Tensor1D, type Tensor4D } from '../tf';

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
