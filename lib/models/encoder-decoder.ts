/** A vision transformer and a decoder on its maps as one network, built from what a saved model says of it. */
import { toPrecision } from '../tensor/precision';
import { tf, type Tensor4D } from '../tf';
import { segmentationDecoderForward, segmentationDecoderParameters } from './decoders';
import { dinoUnetForward, dinoUnetOfWidth, dinoUnetParameters } from './dino-unet';
import { encodeBlockMaps, encodeMap } from './feature-maps';
import { isVitMatrix } from './low-precision';
import type { BuiltNetwork, NetworkSpec } from './network-spec';
import { dinoUnetGraph, segmentationDecoderGraph } from './onnx/decoders';
import type { OnnxGraph, Value } from './onnx/graph';
import { vitMaps } from './onnx/vit';
import type { ParameterTable } from './parameters';
import type { Scope } from './scope';
import { patchGrid, vitParameters, type VitConfig } from './vit';

export type EncoderDecoderSpec = Extract<NetworkSpec, { family: 'encoder-decoder' }>;
export type DecoderSpec = EncoderDecoderSpec['decoder'];

/** Names of the transformer's tensors and the decoder's differ, so that both are in one table. */
export function buildEncoderDecoder(spec: EncoderDecoderSpec): BuiltNetwork {
  const { maps, classes, frozen } = spec;
  const config: VitConfig = { ...spec.encoder, grid: spec.encoder.grid };
  const { blocks = [config.depth - 1] } = maps;
  const encoder = vitParameters(config, { classes: 0 });
  const decoder = buildDecoder(spec.decoder, { channels: config.width * blocks.length, classes });
  return {
    table: { ...encoder, ...decoder.table },
    forward: (images, scope) => decoder.forward(encode(images, scope, config, maps), scope),
    ...(frozen && { trainable: (name: string) => !Object.hasOwn(encoder, name) }),
    graph: (g, size) => {
      const { normalizeTokens = true, doubledEmbedding } = maps;
      return decoder.graph(
        g,
        vitMaps(g, config, size, { blocks, normalizeTokens, doubledEmbedding }),
        patchGrid(size, config),
      );
    },
  };
}

/** images: N×H×W×3 → N×rows×columns×channels. */
function encode(
  images: Tensor4D,
  scope: Scope,
  config: VitConfig,
  { blocks, normalizeTokens = true, doubledEmbedding, precision }: EncoderDecoderSpec['maps'],
): Tensor4D {
  return tf.tidy(() => {
    const p = precision === 'bfloat16' ? withRoundedMatrices(scope) : scope;
    if (blocks === undefined) return encodeMap(config, images, p, { doubledEmbedding });
    return tf.concat4d(encodeBlockMaps(config, images, p, { blocks, normalizeTokens }), 3);
  });
}

/** As `roundMatrices`, for values that are float32: rounded in each pass. */
function withRoundedMatrices(p: Scope): Scope {
  const rounded = <T extends ReturnType<Scope['optional']>>(name: string, value: T): T =>
    value !== undefined && isVitMatrix(p.fullName(name)) ? toPrecision(value, 'bfloat16') : value;
  return {
    ...p,
    at: (name) => withRoundedMatrices(p.at(name)),
    optional: (name) => rounded(name, p.optional(name)),
    get: (name) => rounded(name, p.get(name)),
  };
}

interface BuiltDecoder {
  readonly table: ParameterTable;
  forward(map: Tensor4D, scope: Scope): Tensor4D;
  /** maps: of each block, N×C×rows×columns. */
  graph(g: OnnxGraph, maps: readonly Value[], grid: readonly [rows: number, columns: number]): Value;
}

/** The decoders of `encoder-networks.ts`. */
export function buildDecoder(
  decoder: DecoderSpec,
  { channels, classes = 1 }: { readonly channels: number; readonly classes?: number },
): BuiltDecoder {
  if (decoder.kind === 'dino-unet') {
    const { arm, width, size } = decoder;
    const config = dinoUnetOfWidth(channels / 4, width, arm);
    const square = { height: size, width: size };
    return {
      table: dinoUnetParameters(config, { classes }),
      forward: (maps, scope) => dinoUnetForward(tf.split(maps, 4, 3), scope, config, square).logits,
      graph: (g, maps, grid) => dinoUnetGraph(g, maps, config, { size: square, grid }),
    };
  }
  const config = { inputs: channels, widths: decoder.widths };
  return {
    table: segmentationDecoderParameters(config, { classes }),
    forward: (map, scope) => segmentationDecoderForward(map, scope, config).logits,
    graph: (g, maps) => segmentationDecoderGraph(g, maps, config),
  };
}
