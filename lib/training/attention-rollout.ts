/** Where that comes from which a vision transformer classifies by, through all blocks: attention roll-out (Abnar & Zuidema 2020). */
import type { VitConfig } from '../models/vit';
import { tf, type Tensor3D, type Tensor4D } from '../tf';

/**
 * Attention of each block, mean of the heads and half of it the token itself (the shortcut), multiplied from the first block to the last.
 * @param attentions N×H×T×T of every block, in their order
 * @param prefixTokens before the first patch
 * @param pool what the head is given: the class token, or the mean of the patches' tokens
 * @returns N × patches: how much of that comes from each patch; with the share of the tokens before them, the sum is 1
 */
export function attentionRollout(
  attentions: readonly Tensor4D[],
  prefixTokens: number,
  pool: VitConfig['pool'] = 'token',
): Float32Array {
  let shares: Float32Array | undefined;
  tf.tidy(() => {
    const [count, , tokens] = attentions[0].shape;
    const itself = tf.eye(tokens).expandDims<Tensor3D>(0);
    const rolled = attentions.reduce<Tensor3D | undefined>((before, attention) => {
      const mixed = attention.mean<Tensor3D>(1).add<Tensor3D>(itself).mul<Tensor3D>(0.5);
      const normalized = mixed.div<Tensor3D>(mixed.sum(2, true));
      return before === undefined ? normalized : tf.matMul<Tensor3D>(normalized, before);
    }, undefined);
    const patches = tokens - prefixTokens;
    const [from, rows] = pool === 'token' ? [0, 1] : [prefixTokens, patches];
    shares = rolled?.slice([0, from, prefixTokens], [count, rows, patches]).mean(1).dataSync<'float32'>();
  });
  return shares as unknown as Float32Array;
}
