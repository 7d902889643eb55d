import { tf, type Tensor } from '../tf';

/**
 * The values of a float32 result; it and everything made on the way to it are disposed. An array that was returned from `tf.tidy` itself
 * would be searched for tensors number by number, which takes seconds for the weights of a network.
 */
export function readResult(compute: () => Tensor): Float32Array {
  const result = tf.tidy(compute);
  try {
    return result.dataSync<'float32'>();
  } finally {
    result.dispose();
  }
}
