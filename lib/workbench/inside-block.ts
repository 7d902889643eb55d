/** What happens in a block of a vision transformer, for cells that write it out. */
import { normalizedImages } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import { UserError } from '../errors';
import type { ImageTransform } from '../models/network';
import type { OpenedBackbone } from '../models/open-backbone';
import { readParameters } from '../models/parameters';
import { rotaryPositions } from '../models/positions';
import { createScope, layerNormLinear, type Scope } from '../models/scope';
import { rotate, selfAttention } from '../tensor/transformer';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import { withParameters } from '../training/backbone-features';
import { vitOf } from '../training/token-maps';
import { inputPixels } from './input-images';

export interface BlockOptions {
  /** What brings images to the backbone's size; see `input`. */
  readonly input: ImageTransform;
  /** From 1, the second one; the last one by default. */
  readonly block?: number;
  readonly split?: SplitName;
  /** Of the split; the first by default. */
  readonly image?: number;
}

/** A block of a vision transformer on one image of T tokens, each of C values. */
export interface InsideBlock {
  /** T×C: what the block is given, the class token first. */
  readonly tokens: Tensor2D;
  /** Its parameters: `norm1`, `attn.qkv`, `attn.proj`, `norm2`, `mlp.fc1`, `mlp.fc2`. */
  readonly p: Scope;
  readonly heads: number;
  /** Of its norms. */
  readonly epsilon: number;
  /** Turns a head's queries or keys, T×d, by their positions; leaves them where the network has learned positions. */
  turn(values: Tensor2D): Tensor2D;
  /** T×T: how much each token takes from each in a head, as the library shows it. */
  attention(head: number): Tensor2D;
  /** T×d: what each token of a head gets, as the library computes it in one operation. */
  attended(head: number): Tensor2D;
}

/**
 * Runs a backbone on one image up to a block, and hands out what is in it. `look` works in a tidy: what it returns is no tensor.
 * @throws UserError for a network that is no vision transformer, and for a block that it does not have
 */
export async function insideBlock<T>(
  backbone: OpenedBackbone,
  data: Dataset,
  { input, block, split = 'test', image = 0 }: BlockOptions,
  look: (inside: InsideBlock) => T,
): Promise<T> {
  const { depth, heads, normEpsilon: epsilon, grid, patchSize } = vitOf(backbone);
  const index = block ?? depth - 1;
  if (!(Number.isInteger(index) && index >= 1 && index < depth))
    throw new UserError(`block is ${index}, but must be a whole number from 1 to ${depth - 1}.`);
  const { height, width, normalization } = input;
  const pixels = await inputPixels(data, split, Int32Array.of(image), input);
  return withParameters(backbone, (parameters) => {
    const found: T[] = [];
    tf.tidy(() => {
      const images = normalizedImages(pixels, [1, height, width, data.channels], normalization);
      const scope = createScope(readParameters(parameters));
      const { blockTokens = [], attentions = [] } = backbone.forward(images, scope, {
        attentionOf: [index],
        tokensOf: [index - 1],
      });
      const tokens = blockTokens[0].squeeze<Tensor2D>([0]);
      const p = scope.at(`blocks.${index}`);
      const [count, values] = tokens.shape;
      const size = values / heads;
      const rotary = grid ? undefined : rotaryPositions(height / patchSize, width / patchSize, size);
      const qkv = layerNormLinear(tokens, p.at('norm1'), epsilon, p.at('attn.qkv'));
      const bias = p.optional('attn.qkv.bias') as Tensor1D | undefined;
      const attended = selfAttention(qkv, { heads, tokens: count, rotary, bias }); // T×C
      const value = look({
        ...{ tokens, p, heads, epsilon },
        turn: (given) =>
          rotary === undefined
            ? given
            : rotate(given.reshape<Tensor4D>([1, 1, count, size]), rotary).reshape([count, size]),
        attention: (head) => attentions[0].slice([0, head, 0, 0], [1, 1, count, count]).reshape([count, count]),
        attended: (head) => attended.slice([0, head * size], [count, size]),
      });
      found.push(value);
    });
    return found[0];
  });
}
