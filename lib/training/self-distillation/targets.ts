/** What the teacher says: scores of prototypes to probabilities that neither all agree on one nor all lie even. */
import { tf, type Tensor2D } from '../../tf';

/**
 * Centring and sharpening (Caron et al. 2021, eq. 1 and Algorithm 1): softmax((scores − centre) / temperature).
 * scores: N×K, centre: 1×K → N×K.
 */
export function centredTargets(scores: Tensor2D, centre: Tensor2D, temperature: number): Tensor2D {
  return tf.tidy(() => scores.sub(centre).div(temperature).softmax() as Tensor2D);
}

/** The centre after a batch (Caron et al. 2021, eq. 4): momentum · centre + (1 − momentum) · mean of the scores. 1×K. */
export function movedCentre(centre: Tensor2D, scores: Tensor2D, momentum: number): Tensor2D {
  return tf.tidy(() => centre.mul(momentum).add(scores.mean(0, true).mul(1 - momentum)));
}

/**
 * Sinkhorn and Knopp's algorithm, which makes all prototypes equally likely over the batch (Caron et al., SwAV, NeurIPS 2020; in place of
 * the centre in DINOv2, Oquab et al. 2023). scores: N×K → N×K, each row's sum 1.
 */
export function sinkhornTargets(scores: Tensor2D, temperature: number, iterations = 3): Tensor2D {
  return tf.tidy(() => {
    // A common factor falls out; the largest score's exponential is 1.
    let shares = scores.sub(scores.max()).div<Tensor2D>(temperature).exp();
    for (let iteration = 0; iteration < iterations; iteration++) {
      shares = shares.div(shares.sum(0, true).maximum(1e-30));
      shares = shares.div(shares.sum(1, true).maximum(1e-30));
    }
    return shares;
  });
}
