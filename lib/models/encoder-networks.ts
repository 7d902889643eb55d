/** Networks of an encoder and a decoder: the decoder alone trained on the maps of a frozen encoder, or both together. */
import {
  decoderConfigs,
  reconstructionDecoderForward,
  reconstructionDecoderParameters,
  type DecoderConfig,
} from './decoders';
import type { DinoUnetArm } from './dino-unet';
import { buildDecoder, type DecoderSpec } from './encoder-decoder';
import { encoderIdentity, type Encoder } from './encoders';
import { network, type Network } from './network';

/** A decoder of the library, which a saved model can describe; one of your own has no `decoder`. */
export interface Decoder extends Network {
  readonly decoder?: DecoderSpec;
}

/**
 * A decoder on the maps of a frozen encoder: the decoder's values alone are trained.
 * @param options.cache whether the maps of all images are computed once and kept (default), or in every step
 */
export function frozen(
  encoder: Encoder,
  { decoder: spec, ...decoder }: Decoder,
  { cache = true }: { readonly cache?: boolean } = {},
): Network {
  return {
    ...decoder,
    name: `${encoder.title} + ${decoder.name}`,
    normalization: encoder.normalization,
    weights: encoder.weights.origin,
    frozen: { encoder, cache },
    config: { ...decoder.config, encoder: encoderIdentity(encoder), cache },
    spec: specOf(encoder, spec, true),
  };
}

/** An encoder and a decoder on its maps, all of it trained from the encoder's weights on. */
export function endToEnd(encoder: Encoder, { decoder: spec, ...decoder }: Decoder): Network {
  return {
    ...decoder,
    name: `${encoder.title} + ${decoder.name}`,
    table: { ...encoder.table, ...decoder.table },
    initial: encoder.weights.values,
    forward: (images, scope) => decoder.forward(encoder.encode(images, scope), scope),
    normalization: encoder.normalization,
    weights: encoder.weights.origin,
    config: { ...decoder.config, encoder: encoderIdentity(encoder) },
    spec: specOf(encoder, spec, false),
  };
}

function specOf(
  { name: architecture, spec: { encoder, maps }, ...rest }: Encoder,
  decoder: DecoderSpec | undefined,
  frozen: boolean,
): Network['spec'] {
  const precision = frozen ? rest.precision : 'float32';
  return (
    decoder && {
      family: 'encoder-decoder',
      architecture,
      classes: 1,
      encoder,
      maps: { ...maps, precision },
      frozen,
      decoder,
    }
  );
}

/** Channels that a decoder gets. */
type MapSize = Pick<Encoder, 'channels'>;

/** The third study's decoder for masks: N×h×w×C → logits N×16h×16w×1. Its widths by default: 2,158,017 values on 768 channels. */
export function segmentationDecoder(
  { channels }: MapSize,
  { widths = decoderConfigs.segmentation.widths }: Partial<Pick<DecoderConfig, 'widths'>> = {},
): Decoder {
  const config = { widths: [...widths] };
  return ownDecoder('decoder', { channels }, { kind: 'segmentation', ...config }, config);
}

function ownDecoder(
  name: string,
  size: MapSize,
  decoder: DecoderSpec,
  config: Readonly<Record<string, unknown>>,
): Decoder {
  const { table, forward } = buildDecoder(decoder, size);
  return { ...network({ name, table, forward, config }), decoder };
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
export function dinoUnet({ channels }: MapSize, { width = 256, arm = 'corrected', size }: DinoUnetOptions): Decoder {
  const config = { arm, width, size };
  return ownDecoder('Dino U-Net', { channels }, { kind: 'dino-unet', ...config }, config);
}
