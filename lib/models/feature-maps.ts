/** Feature maps of vision transformers for decoders: the patch tokens laid out as the patches were. */
import { UserError } from '../errors';
import { tf, type Tensor, type Tensor3D, type Tensor4D } from '../tf';
import type { DinoUnetArm } from './dino-unet';
import { layerNorm, type Scope } from './scope';
import { patchGrid, vitForward, type VitConfig } from './vit';

/** Tokens N×T×C without those before the first patch, row by row → N×rows×columns×C. */
export function mapOfTokens(tokens: Tensor3D, [rows, columns]: readonly [rows: number, columns: number]): Tensor4D {
  const [count, all, channels] = tokens.shape;
  const prefix = all - rows * columns;
  return tokens.slice([0, prefix, 0]).reshape([count, rows, columns, channels]);
}

export interface EncodeOptions {
  /**
   * Positions are added twice and the final norm is applied twice, as the third study's encoder did: it did both itself before and after
   * torchvision's, which does them too.
   */
  readonly doubledEmbedding?: boolean;
}

/**
 * The map of a vision transformer's last tokens, after its final norm. images: N×H×W×3 → N×H/P×W/P×C for patches of P×P.
 * @param config with the grid of images of this size
 * @throws UserError where the images do not fit
 */
export function encodeMap(
  config: VitConfig,
  images: Tensor4D,
  p: Scope,
  { doubledEmbedding = false }: EncodeOptions = {},
): Tensor4D {
  if (doubledEmbedding && config.grid === undefined)
    throw new UserError('The network adds no positions to its tokens: doubledEmbedding is for models that do.');
  const grid = patchGrid({ height: images.shape[1], width: images.shape[2] }, config);
  return tf.tidy(() => {
    if (!doubledEmbedding) return mapOfTokens(vitForward(images, p, config).tokens, grid);
    const { tokens } = vitForward(images, withDoubledPositions(p), config);
    return mapOfTokens(layerNorm(tokens, p.at('norm'), config.normEpsilon), grid);
  });
}

/** Of which blocks a decoder takes the tokens. */
export interface BlockSelection {
  /** Counted from 0. */
  readonly blocks: readonly number[];
  /** Whether the final norm is applied to them. */
  readonly normalizeTokens: boolean;
}

/**
 * The blocks whose maps the fourth study's decoder takes. As published always 2, 5, 8 and 11, so that a ViT-L lost its second half, and
 * without the final norm (timm's `features_only`); corrected to the end of the network, for ViT-L as Dino U-Net has them, and with the norm
 * (Meta's `get_intermediate_layers`). Of a network of fewer blocks, the last of each quarter.
 */
export function dinoUnetBlocks({ depth }: Pick<VitConfig, 'depth'>, arm: DinoUnetArm): BlockSelection {
  const corrected = arm === 'corrected';
  if (corrected && depth === 24) return { blocks: [4, 11, 17, 23], normalizeTokens: true };
  const blocks = [1, 2, 3, 4].map((quarter) => Math.ceil((quarter * Math.min(depth, 12)) / 4) - 1);
  return { blocks, normalizeTokens: corrected };
}

/**
 * The maps of several blocks, in their order. images: N×H×W×3 → N×H/P×W/P×C each.
 * @param config with the grid of images of this size, if any
 * @throws UserError where the images do not fit
 */
export function encodeBlockMaps(
  config: VitConfig,
  images: Tensor4D,
  p: Scope,
  { blocks, normalizeTokens }: BlockSelection,
): Tensor4D[] {
  const grid = patchGrid({ height: images.shape[1], width: images.shape[2] }, config);
  return tf.tidy(() => {
    const { blockTokens } = vitForward(images, p, config, { tokensOf: blocks, normalizeTokens });
    return blockTokens.map((tokens) => mapOfTokens(tokens, grid));
  });
}

/** Twice the position embedding: adding it is adding it twice. */
function withDoubledPositions(p: Scope): Scope {
  const doubled = (name: string, value: Tensor | undefined): Tensor | undefined =>
    p.fullName(name) === 'pos_embed' ? value?.mul(2) : value;
  return {
    ...p,
    optional: (name) => doubled(name, p.optional(name)),
    get: (name) => doubled(name, p.get(name)) as Tensor,
  };
}
