/** Networks of an encoder and a decoder: the decoder alone trained on the maps of a frozen encoder, or both together. */
import { tf } from '../tf';
import {
  decoderConfigs,
  reconstructionDecoderForward,
  reconstructionDecoderParameters,
  segmentationDecoderForward,
  segmentationDecoderParameters,
  type DecoderConfig,
} from './decoders';
import {
  dinoUnetConfig,
  dinoUnetForward,
  dinoUnetParameters,
  type DinoUnetArm,
  type DinoUnetConfig,
} from './dino-unet';
import { encoderIdentity, type Encoder } from './encoders';
import { network, type Network } from './network';

/**
 * A decoder on the maps of a frozen encoder: the decoder's values alone are trained.
 * @param options.cache whether the maps of all images are computed once and kept (default), or in every step
 */
export function frozen(
  encoder: Encoder,
  decoder: Network,
  { cache = true }: { readonly cache?: boolean } = {},
): Network {
  return {
    ...decoder,
    name: `${encoder.title} + ${decoder.name}`,
    normalization: encoder.normalization,
    weights: encoder.weights.origin,
    frozen: { encoder, cache },
    config: { ...decoder.config, encoder: encoderIdentity(encoder), cache },
  };
}

/** An encoder and a decoder on its maps, all of it trained from the encoder's weights on. */
export function endToEnd(encoder: Encoder, decoder: Network): Network {
  return {
    ...decoder,
    name: `${encoder.title} + ${decoder.name}`,
    table: { ...encoder.table, ...decoder.table },
    initial: encoder.weights.values,
    forward: (images, scope) => decoder.forward(encoder.encode(images, scope), scope),
    normalization: encoder.normalization,
    weights: encoder.weights.origin,
    config: { ...decoder.config, encoder: encoderIdentity(encoder) },
  };
}

/** Channels that a decoder gets. */
type MapSize = Pick<Encoder, 'channels'>;

/** The third study's decoder for masks: N×h×w×C → logits N×16h×16w×1. Its widths by default: 2,158,017 values on 768 channels. */
export function segmentationDecoder(
  { channels }: MapSize,
  { widths = decoderConfigs.segmentation.widths }: Partial<Pick<DecoderConfig, 'widths'>> = {},
): Network {
  const config = { inputs: channels, widths };
  return network({
    name: 'decoder',
    table: segmentationDecoderParameters(config),
    forward: (map, scope) => segmentationDecoderForward(map, scope, config).logits,
    config: { widths: [...widths] },
  });
}

/** The third study's decoder for images: N×h×w×C → N×16h×16w×3 in 0…1. Its widths by default: 5,089,923 values on 768 channels. */
export function reconstructionDecoder(
  { channels }: MapSize,
  { widths = decoderConfigs.reconstruction.widths }: Partial<Pick<DecoderConfig, 'widths'>> = {},
): Network {
  const config = { inputs: channels, widths };
  return network({
    name: 'reconstruction decoder',
    table: reconstructionDecoderParameters(config),
    forward: (map, scope) => reconstructionDecoderForward(map, scope, config).image,
    config: { widths: [...widths] },
  });
}

export interface DinoUnetOptions {
  /** Channels of the deepest level; those of the others in proportion. 256 by default, as in the study. */
  readonly width?: number;
  readonly arm?: DinoUnetArm;
  /** Pixels a side of the logits: the image's. */
  readonly size: number;
}

/** The fourth study's decoder on four maps side by side: N×h×w×4C → logits N×size×size×1. */
export function dinoUnet({ channels }: MapSize, { width = 256, arm = 'corrected', size }: DinoUnetOptions): Network {
  const config = dinoUnetOfWidth(channels / 4, width, arm);
  return network({
    name: 'Dino U-Net',
    table: dinoUnetParameters(config),
    forward: (maps, scope) =>
      dinoUnetForward(tf.split(maps, 4, 3), scope, config, { height: size, width: size }).logits,
    config: { arm, width, size },
  });
}

/** The study's configuration in proportion to its deepest level, which has 256 channels there. */
export function dinoUnetOfWidth(inputs: number, width: number, arm: DinoUnetArm): DinoUnetConfig {
  const { widths, contextWidth, headWidth } = dinoUnetConfig(inputs, arm);
  const scaled = (channels: number): number => (channels * width) / widths[0];
  const [first, second, third, fourth] = widths.map(scaled);
  return {
    arm,
    inputs,
    widths: [first, second, third, fourth],
    contextWidth: scaled(contextWidth),
    headWidth: scaled(headWidth),
  };
}
