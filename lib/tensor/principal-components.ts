import { tf, type Tensor2D } from '../tf';
import { attribute, executeMany } from './native';

export interface PrincipalComponents {
  /** Count × components: the rows along each component, the one with the largest variance first. */
  readonly scores: Float32Array;
  /** Components × width, each of length 1. */
  readonly components: Float32Array;
  /** Share of the variance along each component. */
  readonly explained: Float32Array;
}

const eigenAttributes = [attribute.type('T', 'float32'), attribute.bool('compute_v', true)];

/**
 * Principal components of rows, from the eigenvectors of their covariance. The sign of a component is such that its largest value is
 * positive, so that the same rows always give the same picture.
 * @param rows row-major count × width
 * @throws RangeError for fewer than two rows, and for more components than values a row
 */
export function principalComponents(rows: Float32Array, width: number, components: number): PrincipalComponents {
  const count = rows.length / width;
  if (!Number.isInteger(count) || count < 2)
    throw new RangeError(`${rows.length} values are not two or more rows of ${width}.`);
  if (!(Number.isInteger(components) && components >= 1 && components <= width))
    throw new RangeError(`There are no ${components} components of rows of ${width} values.`);
  let result: PrincipalComponents | undefined;
  tf.tidy(() => {
    const values = tf.tensor2d(rows.slice(), [count, width]);
    const centred = values.sub<Tensor2D>(values.mean(0));
    const covariance = centred.matMul(centred, true).div<Tensor2D>(count - 1);
    const [variances, vectors] = executeMany('SelfAdjointEigV2', eigenAttributes, [covariance], 2) as [
      Tensor2D,
      Tensor2D,
    ];
    // In ascending order, one vector a column.
    const largest = vectors
      .slice([0, width - components], [width, components])
      .reverse(1)
      .transpose<Tensor2D>();
    const sign = largest.max(1, true).add(largest.min(1, true)).sign().add(0.5).sign(); // 1 where both ends are equally far
    const axes = largest.mul<Tensor2D>(sign);
    const total = covariance.mul(tf.eye(width)).sum();
    result = {
      scores: centred.matMul(axes, false, true).dataSync<'float32'>(),
      components: axes.dataSync<'float32'>(),
      explained: variances.reverse(0).slice(0, components).div(total).dataSync<'float32'>(),
    };
  });
  return result as unknown as PrincipalComponents;
}
