/** Where a network looks: pictures of Grad-CAM and of attention roll-out on images of a dataset. */
import { normalizedImages } from '../data/batches';
import { imageName, labelOf, type Dataset, type SplitName } from '../data/dataset';
import { imageGrid, type GridImage } from '../display/image-grid';
import { heatPixels } from '../display/map-images';
import type { Displayable } from '../display/mime';
import { UserError } from '../errors';
import { initialParameters } from '../models/initial-values';
import type { Network } from '../models/network';
import { specOf } from '../models/network-spec';
import { disposeParameters, readParameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { vitForward } from '../models/vit';
import type { ModelWithWeights } from '../runs/train';
import { tf, type Tensor2D, type Tensor4D } from '../tf';
import { attentionRollout as rollout } from '../training/attention-rollout';
import { gradCamMaps } from '../training/grad-cam';

export interface ImageChoice {
  readonly data: Dataset;
  /** `test` by default. */
  readonly split?: SplitName;
  readonly indices: readonly number[];
}

export interface GradCamOptions {
  /** Whose output is looked at; the last stage of a ResNet, `layer4`, by default. */
  readonly layer?: string;
  /** Which class is looked for; of each image the network's likeliest by default. */
  readonly classIndex?: number;
  readonly caption?: string;
}

/**
 * Each image, and on it what speaks for a class in a layer of a convolutional network (Grad-CAM).
 * @throws UserError for a layer or a class that there is not, with those that there are
 */
export async function gradCam(
  model: ModelWithWeights,
  images: ImageChoice,
  {
    layer = 'layer4',
    classIndex,
    caption = `What speaks for the class in ${layer} of ${model.network.name}`,
  }: GradCamOptions = {},
): Promise<Displayable> {
  const { forward } = model.network;
  return overlaid(model, images, caption, (input, values) => {
    const request = {
      forward: (x: Tensor4D, scope: Parameters<Network['forward']>[1]) => forward(x, scope) as Tensor2D,
      values,
      layer,
      classIndex,
    };
    const { maps, classes } = gradCamMaps(input, request);
    return { maps, titles: Array.from(classes, (index) => `for ${images.data.classNames[index] ?? index}`) };
  });
}

/**
 * Each image, and on it the patches that a vision transformer's class token is made of, or the mean that stands in its place, through all
 * blocks (attention roll-out).
 * @throws UserError for another network than a vision transformer
 */
export async function attentionRollout(
  model: ModelWithWeights,
  images: ImageChoice,
  { caption: given }: { readonly caption?: string } = {},
): Promise<Displayable> {
  const spec = specOf(model.network);
  if (spec?.family !== 'vit')
    throw new UserError(
      `${model.network.name} is no vision transformer of the library: for a convolutional network there is gradCam.`,
    );
  const config = { ...spec, grid: spec.grid };
  const caption =
    given ??
    `What the ${spec.pool === 'token' ? 'class token' : 'mean of all patches’ tokens'} of ${model.network.name} is made of`;
  return overlaid(model, images, caption, (input, values) => {
    const [count, height, width] = input.shape;
    const attentionOf = Array.from({ length: config.depth }, (_, index) => index);
    const { attentions, prefixTokens } = vitForward(input, createScope(values), config, { attentionOf });
    const shares = rollout(attentions, prefixTokens, config.pool);
    const [rows, columns] = [height / config.patchSize, width / config.patchSize];
    const maps = tf.tidy(() => {
      const planes = tf.tensor4d(shares, [count, rows, columns, 1]);
      const low = planes.min([1, 2], true);
      const spread = planes.sub<Tensor4D>(low).div<Tensor4D>(planes.max([1, 2], true).sub(low).add(1e-12));
      return tf.image.resizeBilinear(spread, [height, width], false, true).dataSync<'float32'>();
    });
    return { maps, titles: images.indices.map(() => 'roll-out') };
  });
}

interface Maps {
  /** N × H × W in [0, 1]. */
  readonly maps: Float32Array;
  readonly titles: readonly string[];
}

async function overlaid(
  { network, read }: ModelWithWeights,
  { data, split = 'test', indices }: ImageChoice,
  caption: string,
  compute: (input: Tensor4D, values: ReturnType<typeof readParameters>) => Maps,
): Promise<Displayable> {
  const { channels, splits } = data;
  const wrong = indices.find((index) => !(Number.isInteger(index) && index >= 0 && index < splits[split].count));
  if (wrong !== undefined || indices.length === 0)
    throw new UserError(
      `indices are ${JSON.stringify(indices)}, but must be whole numbers from 0 to ${splits[split].count - 1}, at least one.`,
    );
  const bytes = new Uint8Array(indices.length * data.height * data.width * channels);
  splits[split].readImages(indices, bytes);
  const { height, width } = network.transform ?? data;
  const pixels =
    network.transform === undefined
      ? bytes
      : await network.transform.apply(bytes, [indices.length, data.height, data.width, channels]);
  const normalization = network.transform?.normalization ?? network.normalization;
  const parameters = initialParameters(network.table, 0, read());
  try {
    let found: Maps = { maps: new Float32Array(), titles: [] };
    tf.tidy(() => {
      const input = normalizedImages(pixels, [indices.length, height, width, channels], normalization);
      found = compute(input, readParameters(parameters));
    });
    const grid = indices.flatMap((index, at): GridImage[] => {
      const size = height * width;
      const image = pixels.subarray(at * size * channels, (at + 1) * size * channels);
      const own = { height, width, channels: 3 };
      const [name, label] = [imageName(splits[split], index), labelOf(data, splits[split], index)];
      const map = found.maps.subarray(at * size, (at + 1) * size);
      return [
        {
          ...own,
          pixels: rgb(image, channels),
          title: `${name}\n${label}`,
          alt: `${name}: ${label}`,
        },
        {
          ...own,
          pixels: blended(rgb(image, channels), heatPixels(map, [0, 1])),
          title: found.titles[at],
          alt: `${name}, light where it counts ${found.titles[at]}`,
        },
      ];
    });
    return await imageGrid({
      images: grid,
      columns: 4,
      aligned: true,
      caption,
      note: data.synthetic ? 'Images made by this project, not photographs.' : undefined,
    });
  } finally {
    disposeParameters(parameters);
  }
}

function rgb(pixels: Uint8Array, channels: number): Uint8Array {
  return channels === 3
    ? pixels
    : Uint8Array.from({ length: 3 * pixels.length }, (_, at) => pixels[Math.floor(at / 3)]);
}

function blended(image: Uint8Array, heat: Uint8Array): Uint8Array {
  return image.map((value, at) => Math.round(0.5 * value + 0.5 * heat[at]));
}
