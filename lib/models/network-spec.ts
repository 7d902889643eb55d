/** The library's networks as data: what a saved model says of its network, and what the network is rebuilt from. */
import { z } from 'zod';
import type { PlaneSize } from '../tensor/resample';
import { dinoUnetArms } from './dino-unet';
import { convnextForward, convnextParameters } from './convnext';
import { buildEncoderDecoder } from './encoder-decoder';
import { precisions } from '../precisions';
import { convnextLayerOf, resnetLayerOf, swinLayerOf, vitLayerOf } from './layers';
import type { LayerOf, Network } from './network';
import type { OnnxGraph, Value } from './onnx/graph';
import { convnextGraph } from './onnx/convnext';
import { resnetGraph } from './onnx/resnet';
import { swinGraph } from './onnx/swin';
import { unetGraph } from './onnx/unet';
import { vitGraph } from './onnx/vit';
import type { Random } from '../random';
import { resnetForward, resnetParameters } from './resnet';
import type { StochasticDepth } from './stochastic-depth';
import { swinForward, swinParameters } from './swin';
import { unetForward, unetParameters } from './unet';
import { vitForward, vitParameters } from './vit';
import type { Tensor } from '../tf';

const count = z.int().min(1).max(1_000_000);
const counts = z.array(count).min(1).max(64);
const common = {
  /** Of the architecture where it is a published one, such as `resnet18`; else a name of one's own. */
  architecture: z.string(),
  /** Outputs: classes, labels, or masks. */
  classes: count,
};

const vitShape = {
  patchSize: count,
  width: count,
  depth: count,
  heads: count,
  grid: z.tuple([count, count]).optional(),
  registerTokens: z.int().min(0).max(64),
  qkvBias: z.boolean(),
  layerScale: z.tuple([z.string(), z.string()]).optional(),
  normEpsilon: z.number().positive(),
  pool: z.enum(['token', 'mean']),
};

export const networkSpecSchema = z.discriminatedUnion('family', [
  z.strictObject({
    family: z.literal('resnet'),
    ...common,
    depths: z.array(count).length(4),
    block: z.enum(['basic', 'bottleneck']),
    width: count.optional(),
  }),
  z.strictObject({ family: z.literal('vit'), ...common, ...vitShape }),
  z.strictObject({
    family: z.literal('swin'),
    ...common,
    patchSize: count,
    window: count,
    width: count,
    depths: counts,
    heads: counts,
    normEpsilon: z.number().positive(),
  }),
  z.strictObject({
    family: z.literal('convnext'),
    ...common,
    patchSize: count,
    widths: counts,
    depths: counts,
    normEpsilon: z.number().positive(),
  }),
  z.strictObject({ family: z.literal('unet'), ...common, widths: counts }),
  z.strictObject({
    family: z.literal('encoder-decoder'),
    ...common,
    encoder: z.strictObject(vitShape),
    /** What the decoder gets. */
    maps: z.strictObject({
      /** Whose tokens, from 0; those after the last block and the final norm by default. */
      blocks: z.array(z.int().min(0)).min(1).max(64).optional(),
      normalizeTokens: z.boolean().optional(),
      doubledEmbedding: z.boolean().optional(),
      /** Of the encoder's matrices. */
      precision: z.enum(precisions),
    }),
    /** Whether the decoder alone was trained. */
    frozen: z.boolean(),
    decoder: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('segmentation'), widths: counts }),
      z.strictObject({ kind: z.literal('dino-unet'), arm: z.enum(dinoUnetArms), width: count, size: count }),
    ]),
  }),
]);

export type NetworkSpec = z.infer<typeof networkSpecSchema>;

/** What follows from a spec. */
export interface BuiltNetwork extends Pick<Network, 'table' | 'forward' | 'trainable'> {
  readonly layerOf?: LayerOf;
  /** The same network as an ONNX graph, for images of one size. */
  graph(g: OnnxGraph, size: PlaneSize): Value;
}

/**
 * The names and shapes of a network's parameters and its forward pass, in training with branches left out at this rate (transformers and
 * ConvNeXt; see `StochasticDepth`).
 */
export function buildNetwork(spec: NetworkSpec, stochasticDepth = 0): BuiltNetwork {
  const { classes } = spec;
  const depthOf = (random: Random | undefined): StochasticDepth | undefined =>
    random && stochasticDepth > 0 ? { rate: stochasticDepth, random } : undefined;
  const logits = (output: { readonly logits?: Tensor }): Tensor => output.logits as Tensor;
  if (spec.family === 'resnet') {
    return {
      table: resnetParameters(spec, { classes }),
      forward: (images, scope) => logits(resnetForward(images, scope, spec)),
      layerOf: resnetLayerOf(spec),
      graph: (g) => resnetGraph(g, spec),
    };
  }
  if (spec.family === 'unet') {
    return {
      table: unetParameters(spec, { classes }),
      forward: (images, scope) => logits(unetForward(images, scope, spec)),
      graph: (g, size) => unetGraph(g, spec, size),
    };
  }
  if (spec.family === 'swin') {
    return {
      table: swinParameters(spec, { classes }),
      forward: (images, scope, random) => logits(swinForward(images, scope, spec, depthOf(random))),
      layerOf: swinLayerOf(spec),
      graph: (g, size) => swinGraph(g, spec, size),
    };
  }
  if (spec.family === 'convnext') {
    return {
      table: convnextParameters(spec, { classes }),
      forward: (images, scope, random) => logits(convnextForward(images, scope, spec, depthOf(random))),
      layerOf: convnextLayerOf(spec),
      graph: (g) => convnextGraph(g, spec),
    };
  }
  if (spec.family === 'encoder-decoder') return buildEncoderDecoder(spec);
  const config = { ...spec, grid: spec.grid };
  return {
    table: vitParameters(config, { classes }),
    forward: (images, scope, random) => logits(vitForward(images, scope, config, { stochasticDepth: depthOf(random) })),
    layerOf: vitLayerOf(config),
    graph: (g, size) => vitGraph(g, config, size),
  };
}

/** The spec of one of the library's networks, which is its `config` where it has none beside; undefined of one's own. */
export function specOf({ config, spec }: Pick<Network, 'config' | 'spec'>): NetworkSpec | undefined {
  if (spec !== undefined) return spec;
  const parsed = networkSpecSchema.safeParse(config);
  return parsed.success ? parsed.data : undefined;
}
