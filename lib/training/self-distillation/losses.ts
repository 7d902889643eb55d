/** How far the student is from the teacher. */
import { multiply } from '../../tensor/linear';
import { softCrossEntropy } from '../../tensor/losses';
import { tf, type Scalar, type Tensor1D, type Tensor2D } from '../../tf';
import { unitLength } from './network';

/**
 * DINO's loss (Caron et al. 2021, eq. 3): the mean cross-entropy of every pair of a teacher's view and another view of the same image
 * that the student sees.
 * @param scores the student's (2 + L)·N×K, view by view, the two large ones first
 * @param targets the teacher's 2·N×K, view by view
 */
export function viewLoss(scores: Tensor2D, targets: Tensor2D, temperature: number): Scalar {
  const [rows, outputs] = scores.shape;
  const images = targets.shape[0] / 2;
  const locals = rows / images - 2;
  const [first, second] = [0, images].map((start) => targets.slice([start, 0], [images, outputs]));
  const both = tf.addN([first, second]).div<Tensor2D>(2); // of two pairs, whose sum is linear in the target
  const wanted = tf.concat2d([second, first, ...Array<Tensor2D>(locals).fill(both)], 0);
  const pairs = Float32Array.from({ length: rows }, (_, row) => (row < 2 * images ? 1 : 2));
  const losses = softCrossEntropy(scores.div(temperature), wanted).mul(tf.tensor1d(pairs));
  return losses.sum<Scalar>().div(images * (2 + 2 * locals));
}

/**
 * The patch loss of iBOT (Zhou et al., ICLR 2022, eq. 3) as DINOv2 weighs it: the cross-entropy at masked patches, of an image its mean,
 * over all images.
 * @param scores the student's at masked patches, M×K
 * @param targets the teacher's, who sees these patches, M×K
 * @param weights 1 / the number of masked patches in the image, M
 */
export function patchLoss(
  scores: Tensor2D,
  targets: Tensor2D,
  weights: Tensor1D,
  { temperature, images }: { readonly temperature: number; readonly images: number },
): Scalar {
  return softCrossEntropy(scores.div(temperature), targets).mul(weights).sum<Scalar>().div(images);
}

/**
 * KoLeo's regulariser, which spreads features over the sphere (Sablayrolles et al., ICLR 2019): −the mean logarithm of the distance to
 * the nearest other one. features: N×C.
 */
export function spreadLoss(features: Tensor2D): Scalar {
  const unit = unitLength(features, 1);
  const nearest = tf.tidy(() => {
    const [count] = unit.shape;
    const cosines = multiply(unit, unit, { transposeB: true }).sub(tf.eye(count).mul(4)); // no one is its own neighbour
    return cosines.argMax<Tensor1D>(1);
  });
  const difference = unit.sub(tf.gather(unit, nearest)).add(1e-8);
  return difference.square().sum(1).sqrt().add(1e-8).log().mean<Scalar>().neg();
}
