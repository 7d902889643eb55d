/** What a vision transformer makes of each patch: where its class token looks, and what its patch tokens have in common. */
import { normalizedImages } from '../data/batches';
import { imageGrid, type GridImage } from '../display/image-grid';
import { componentPixels, heatPixels } from '../display/map-images';
import type { Displayable } from '../display/mime';
import { disposeParameters, readParameters, type PublishedValues } from '../models/parameters';
import { createScope } from '../models/scope';
import { principalComponents } from '../tensor/principal-components';
import { tf, type Tensor4D } from '../tf';
import { initialParameters } from '../models/initial-values';
import type { FeatureSource } from './frozen-features';
import { inputPixels, pickImages } from './input-views';

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
 * @param values in place of the network's own, such as those of a training
 */
export function tokenMaps(
  { network: { backbone, parameters }, dataset: { channels }, input }: FeatureSource,
  pixels: Uint8Array,
  values?: PublishedValues,
): TokenMaps {
  const count = pixels.length / (input.height * input.width * channels);
  const used = values === undefined ? parameters : trainedParameters(backbone.table, values);
  let attention: Float32Array | undefined;
  let tokens: Float32Array | undefined;
  let patches = 0;
  try {
    tf.tidy(() => {
      const images = normalizedImages(pixels, [count, input.height, input.width, channels], input.normalization);
      const { map, attentions } = backbone.forward(images, createScope(readParameters(used)), {
        attentionOf: [backbone.depth - 1],
      });
      const [, all, width] = map.shape;
      patches = all - backbone.prefixTokens;
      attention = classAttention(attentions?.[0] as Tensor4D, backbone.prefixTokens);
      tokens = map.slice([0, backbone.prefixTokens, 0], [count, patches, width]).dataSync<'float32'>();
    });
  } finally {
    if (used !== parameters) disposeParameters(used);
  }
  const rows = Math.round(Math.sqrt((patches * input.height) / input.width));
  const { scores, explained } = principalComponents(tokens as unknown as Float32Array, backbone.width, 3);
  const found = attention as unknown as Float32Array;
  return { rows, columns: patches / rows, attention: found, components: scores, explained };
}

/** How much the class token takes from each patch, mean of the heads. attention: N×H×T×T → N × patches. */
export function classAttention(attention: Tensor4D, prefixTokens: number): Float32Array {
  let values: Float32Array | undefined;
  tf.tidy(() => {
    const [count, heads, tokens] = attention.shape;
    const ofClass = attention.slice([0, 0, 0, prefixTokens], [count, heads, 1, tokens - prefixTokens]);
    values = ofClass.mean(1).dataSync<'float32'>();
  });
  return values as unknown as Float32Array;
}

function trainedParameters(table: FeatureSource['network']['backbone']['table'], values: PublishedValues) {
  return initialParameters(table, 0, new Map([...values].filter(([name]) => name in table)));
}

export interface TokenImagesOptions {
  readonly caption: string;
  /** 6 by default. */
  readonly count?: number;
  readonly seed?: number;
  /** Of a training, in place of the network's own. */
  readonly values?: PublishedValues;
}

/** Three rows: test images, where the class token looks, and the patch tokens' first three components as red, green and blue. */
export async function tokenImages(source: FeatureSource, options: TokenImagesOptions): Promise<Displayable> {
  const { dataset, input } = source;
  const { caption, count = 6, seed, values } = options;
  const indices = pickImages(dataset, { split: 'test', count, seed });
  const pixels = await inputPixels(dataset, 'test', indices, input);
  await input.close();
  const maps = tokenMaps(source, pixels, values);
  const { rows, columns, attention, explained } = maps;
  const patches = rows * columns;
  const colors = componentPixels(maps.components);
  const bytes = input.height * input.width * dataset.channels;
  const map = (part: Uint8Array): Pick<GridImage, 'pixels' | 'height' | 'width' | 'channels'> => {
    return { pixels: part, height: rows, width: columns, channels: 3 };
  };
  // Some names end in a list of what belongs to the class.
  const labels = [...indices].map((index) =>
    dataset.classNames[dataset.splits.test.labels[index]].replace(/\s*\(.*$/, ''),
  );
  const images = labels.map((title, at): GridImage => {
    const own = pixels.subarray(at * bytes, (at + 1) * bytes);
    const size = { height: input.height, width: input.width, channels: dataset.channels };
    return { pixels: own, ...size, title, alt: `test image ${indices[at]}: ${title}` };
  });
  const looks = labels.map((title, at): GridImage => {
    const own = attention.subarray(at * patches, (at + 1) * patches);
    const place = largestAt(own);
    const where = `row ${Math.floor(place / columns) + 1}, column ${(place % columns) + 1} of ${rows}×${columns} patches`;
    const alt = `attention of the class token on test image ${indices[at]}, ${title}: most at ${where}`;
    return { ...map(heatPixels(own)), title: 'attention', alt };
  });
  const components = labels.map((title, at): GridImage => {
    const alt = `principal components of the patch tokens of test image ${indices[at]}, ${title}, as colours`;
    return { ...map(colors.subarray(at * patches * 3, (at + 1) * patches * 3)), title: 'components', alt };
  });
  const share = Math.round(100 * explained.reduce((total, value) => total + value, 0));
  return imageGrid({
    images: [...images, ...looks, ...components],
    columns: count,
    caption: `${caption}. The three components hold ${share} % of the patch tokens’ variance.`,
    note: dataset.synthetic ? 'Images made by this project, not photographs.' : undefined,
  });
}

function largestAt(values: Float32Array): number {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}
