/** What DINOv2's linear evaluation takes of an image: the class tokens of the last blocks, and the mean of the patches. */
import { UserError } from '../errors';
import { tf, type Tensor2D } from '../tf';
import type { OpenedBackbone } from './open-backbone';

/** Blocks whose class tokens are taken. */
export const lastBlocks = 4;

/**
 * The backbone with 5·C features in place of C: the class tokens of the last four blocks, the last one's at the end,
 * and the mean of the last block's patches, all after the final norm (`create_linear_input` of Oquab et al. 2024).
 * @throws UserError for another network than a vision transformer of four blocks or more
 */
export function lastTokens(backbone: OpenedBackbone): OpenedBackbone {
  const { name, vit, prefixTokens, forward } = backbone;
  if (vit === undefined || vit.depth < lastBlocks)
    throw new UserError(
      `Tokens are taken of the last ${lastBlocks} blocks of a vision transformer, which ${name} has not.`,
    );
  const { width } = vit;
  const tokensOf = Array.from({ length: lastBlocks }, (_, index) => vit.depth - lastBlocks + index);
  return {
    ...backbone,
    name: `${name}, last tokens`,
    width: (lastBlocks + 1) * width,
    forward: (images, scope, options) =>
      tf.tidy(() => {
        const output = forward(images, scope, { ...options, tokensOf, normalizeTokens: true });
        const { blockTokens = [] } = output;
        const classTokens = blockTokens.map((tokens) =>
          tokens.slice([0, 0, 0], [-1, 1, -1]).reshape<Tensor2D>([-1, width]),
        );
        const patches = blockTokens[lastBlocks - 1].slice([0, prefixTokens, 0], [-1, -1, -1]).mean<Tensor2D>(1);
        return { ...output, pooled: tf.concat2d([...classTokens, patches], 1) }; // N×5·C
      }),
  };
}
