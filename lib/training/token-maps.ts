/** What a vision transformer makes of each patch: where its class token looks, and what its patch tokens have in common. */
import { normalizedImages } from '../data/batches';
import { UserError } from '../errors';
import type { ImageTransform } from '../models/network';
import type { OpenedBackbone } from '../models/open-backbone';
import { readParameters, type PublishedValues } from '../models/parameters';
import { createScope } from '../models/scope';
import { principalComponents } from '../tensor/principal-components';
import { tf, type Tensor4D } from '../tf';
import { withParameters } from './backbone-features';

export interface TokenMaps {
  /** Patches down and across. */
  readonly rows: number;
  readonly columns: number;
  /** Images × patches: the class token's attention in the last block, mean of the heads. */
  readonly attention: Float32Array;
  /** Images × patches × 3: patch tokens along the first principal components of all of them together. */
  readonly components: Float32Array;
  /** Share of the patch tokens' variance along each component. */
  readonly explained: Float32Array;
}

/**
 * The maps of some images.
 * @param pixels N images of the input's size as bytes
 * @param values in place of the backbone's own, such as those of a training
 * @throws UserError for a network that is no vision transformer
 */
export async function tokenMaps(
  backbone: OpenedBackbone,
  { height, width, normalization }: Pick<ImageTransform, 'height' | 'width' | 'normalization'>,
  pixels: Uint8Array,
  { channels, values = backbone.values }: { readonly channels: number; readonly values?: PublishedValues },
): Promise<TokenMaps> {
  const { prefixTokens } = backbone;
  const { depth } = vitOf(backbone);
  const count = pixels.length / (height * width * channels);
  const used = { ...backbone, values: new Map([...values].filter(([name]) => name in backbone.table)) };
  const { attention, tokens } = await withParameters(used, (parameters) => {
    const images = normalizedImages(pixels, [count, height, width, channels], normalization);
    const output = tf.tidy(() =>
      backbone.forward(images, createScope(readParameters(parameters)), { attentionOf: [depth - 1] }),
    );
    const [, all, size] = output.map.shape;
    const patches = tf.tidy(() => output.map.slice([0, prefixTokens, 0], [count, all - prefixTokens, size]));
    const [map] = output.attentions ?? [];
    const read = { attention: classAttention(map, prefixTokens), tokens: patches.dataSync<'float32'>() };
    tf.dispose([images, patches, map, output.pooled, output.map]);
    return read;
  });
  const patches = attention.length / count;
  const rows = Math.round(Math.sqrt((patches * height) / width));
  const { scores, explained } = principalComponents(tokens, backbone.width, 3);
  return { rows, columns: patches / rows, attention, components: scores, explained };
}

/** @throws UserError for a network that is no vision transformer */
export function vitOf({ title, vit }: OpenedBackbone): NonNullable<OpenedBackbone['vit']> {
  if (vit === undefined) throw new UserError(`${title} has no attention to be shown: it is no vision transformer.`);
  return vit;
}

/** How much the class token takes from each patch, mean of the heads. attention: N×H×T×T → N × patches. */
export function classAttention(attention: Tensor4D, prefixTokens: number): Float32Array {
  const [count, heads, tokens] = attention.shape;
  const ofClass = tf.tidy(() =>
    attention.slice([0, 0, 0, prefixTokens], [count, heads, 1, tokens - prefixTokens]).mean(1),
  );
  const values = ofClass.dataSync<'float32'>();
  ofClass.dispose();
  return values;
}
