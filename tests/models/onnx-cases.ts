/** Networks whose ONNX graphs are tested, with weights of noise. As a program: writes their files into a folder, for make_onnx.py. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convnextForward, convnextParameters, type ConvnextConfig } from '../../lib/models/convnext';
import type { EncoderDecoderSpec } from '../../lib/models/encoder-decoder';
import { buildNetwork } from '../../lib/models/network-spec';
import { vitShape } from '../../lib/models/networks';
import { convnextGraph } from '../../lib/models/onnx/convnext';
import { encodeGraph, type OnnxGraph } from '../../lib/models/onnx/graph';
import { resnetGraph } from '../../lib/models/onnx/resnet';
import { swinGraph } from '../../lib/models/onnx/swin';
import { unetGraph } from '../../lib/models/onnx/unet';
import { vitGraph } from '../../lib/models/onnx/vit';
import type { ParameterTable } from '../../lib/models/parameters';
import { resnetConfigs, resnetForward, resnetParameters, type ResnetConfig } from '../../lib/models/resnet';
import type { Scope } from '../../lib/models/scope';
import { swinForward, swinParameters, type SwinConfig } from '../../lib/models/swin';
import { unetConfigs, unetForward, unetParameters } from '../../lib/models/unet';
import { vitConfigs, vitForward, vitParameters, type VitConfig } from '../../lib/models/vit';
import type { PlaneSize } from '../../lib/tensor/resample';
import type { Tensor, Tensor4D } from '../../lib/tf';
import { transformerWeights } from '../noise';

export interface OnnxCase {
  readonly table: ParameterTable;
  readonly size: PlaneSize;
  /** Beside N, in ONNX's layout. */
  readonly outputShape: readonly number[];
  graph(g: OnnxGraph): string;
  forward(images: Tensor4D, scope: Scope): Tensor;
}

const classes = 5;
const square = (side: number): PlaneSize => ({ height: side, width: side });

function resnet(config: ResnetConfig, size: PlaneSize): OnnxCase {
  return {
    table: resnetParameters(config, { classes }),
    size,
    outputShape: [classes],
    graph: (g) => resnetGraph(g, config),
    forward: (images, scope) => resnetForward(images, scope, config).logits as Tensor,
  };
}

function vit(config: VitConfig, size: PlaneSize): OnnxCase {
  return {
    table: vitParameters(config, { classes }),
    size,
    outputShape: [classes],
    graph: (g) => vitGraph(g, config, size),
    forward: (images, scope) => vitForward(images, scope, config).logits as Tensor,
  };
}

/** A vision transformer under a decoder, whose logits are N×H×W×1. */
function segmentation(
  shape: Pick<EncoderDecoderSpec, 'encoder' | 'decoder'> & { readonly maps: object },
  size: PlaneSize,
): OnnxCase {
  const spec = {
    family: 'encoder-decoder',
    architecture: 'small',
    classes: 1,
    frozen: true,
    ...shape,
    maps: { precision: 'float32', ...shape.maps },
  } as const;
  const { table, graph, forward } = buildNetwork(spec);
  return {
    table,
    size,
    outputShape: [1, size.height, size.width],
    graph: (g) => graph(g, size),
    forward: (images, scope) => forward(images, scope).transpose([0, 3, 1, 2]),
  };
}

const small = { patchSize: 8, width: 24, depth: 2, heads: 3 };
const swin: SwinConfig = { patchSize: 4, window: 4, width: 16, depths: [2, 2], heads: [2, 4], normEpsilon: 1e-5 };
const convnext: ConvnextConfig = { patchSize: 4, widths: [8, 12, 16], depths: [1, 2, 1], normEpsilon: 1e-6 };
const oddSize: PlaneSize = { height: 53, width: 38 };

export const onnxCases: Readonly<Record<string, OnnxCase>> = {
  resnet18: resnet(resnetConfigs.resnet18, square(64)),
  bottlenecks: resnet({ depths: [1, 2, 1, 1], block: 'bottleneck', width: 8 }, square(64)),
  vit_tiny: vit(vitConfigs.vit_tiny_patch16_224, square(224)),
  dinov2: vit({ ...vitConfigs.vit_small_patch14_dinov2, ...small, grid: [4, 4] }, square(32)),
  dinov3: vit({ ...vitConfigs.vit_small_patch16_dinov3, ...small, heads: 2 }, { height: 32, width: 48 }),
  swin: {
    table: swinParameters(swin, { classes }),
    size: square(64),
    outputShape: [classes],
    graph: (g) => swinGraph(g, swin, square(64)),
    forward: (images, scope) => swinForward(images, scope, swin).logits as Tensor,
  },
  convnext: {
    table: convnextParameters(convnext, { classes }),
    size: oddSize,
    outputShape: [classes],
    graph: (g) => convnextGraph(g, convnext),
    forward: (images, scope) => convnextForward(images, scope, convnext).logits as Tensor,
  },
  decoder: segmentation(
    {
      encoder: vitShape({ ...vitConfigs.vit_tiny_patch16_224, ...small, grid: [4, 4] }),
      maps: { doubledEmbedding: true },
      decoder: { kind: 'segmentation', widths: [8, 6, 4] },
    },
    square(32),
  ),
  // Odd numbers of patches: the coarsest level is enlarged by less than two.
  dino_unet: segmentation(
    {
      encoder: vitShape({ ...vitConfigs.vit_small_patch16_dinov3, ...small, depth: 4, heads: 2 }),
      maps: { blocks: [0, 1, 2, 3], normalizeTokens: true },
      decoder: { kind: 'dino-unet', arm: 'corrected', width: 16, size: 40 },
    },
    square(40),
  ),
  unet: {
    table: unetParameters(unetConfigs.unet_base32, { classes: 2 }),
    size: oddSize,
    outputShape: [2, oddSize.height, oddSize.width],
    graph: (g) => unetGraph(g, unetConfigs.unet_base32, oddSize),
    forward: (images, scope) => unetForward(images, scope, unetConfigs.unet_base32).logits.transpose([0, 3, 1, 2]),
  },
};

type Weights = ReadonlyMap<string, Float32Array>;

/** Fast enough only once for each. */
export function weightsOf({ table }: OnnxCase): Weights {
  return new Map(
    Object.entries(table).map(([name, { shape }], index) => [name, transformerWeights(name, shape, index)]),
  );
}

export function encodeCase(onnx: OnnxCase, values: Weights): Uint8Array {
  const { table, size, outputShape } = onnx;
  const read = (name: string): Float32Array => values.get(name) as Float32Array;
  const file = { size, outputName: 'logits', outputShape, metadata: { made: 'of noise' } };
  return encodeGraph({ table, read }, file, onnx.graph);
}

if (require.main === module) {
  for (const [name, onnx] of Object.entries(onnxCases))
    writeFileSync(join(process.argv[2], `${name}.onnx`), encodeCase(onnx, weightsOf(onnx)));
}
