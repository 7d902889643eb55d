/** What a model is and computes, whatever its weights: one interface over the families. */
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { tf, type Tensor2D, type Tensor3D, type Tensor4D } from '../tf';
import { checkConvnextSize, convnextConfigs, convnextForward, convnextParameters } from './convnext';
import { isVitMatrix } from './low-precision';
import type { ParameterTable } from './parameters';
import { findModel, type ModelRecord, type PretrainedRecord } from './pretrained';
import { resnetConfigs, resnetForward, resnetParameters } from './resnet';
import type { Scope } from './scope';
import { checkSwinSize, swinConfigs, swinForward, swinParameters } from './swin';
import { patchGrid, vitConfigs, vitForward, vitParameters, type VitConfig, type VitName, type VitOptions } from './vit';

/** Not an interface, which tf.tidy would not take. */
export type BackboneOutput = {
  /** N×C: what stands for the image. */
  pooled: Tensor2D;
  /** As timm's forward_features: a vision transformer's N×T×C tokens after the final norm, else the last N×H×W×C feature map. */
  map: Tensor3D | Tensor4D;
  /** N×classes, absent without a head. */
  logits?: Tensor2D;
  /** N×T×C for each block that was asked for. */
  blockTokens?: Tensor3D[];
  /** N×H×T×T for each block that was asked for. */
  attentions?: Tensor4D[];
  /** N×H×W×C after each stage, of ResNet, Swin and ConvNeXt. */
  stages?: Tensor4D[];
};

export interface Backbone {
  readonly name: string;
  readonly record: ModelRecord | PretrainedRecord;
  readonly table: ParameterTable;
  /** Channels of the pooled output. */
  readonly width: number;
  /** Pixels. */
  readonly inputSize: PlaneSize;
  /** Tokens of a map before its first patch; 0 for feature maps. */
  readonly prefixTokens: number;
  /** Patches down and across for which positions are learned; undefined where there is no such embedding. */
  readonly positionGrid: readonly [rows: number, columns: number] | undefined;
  /** Matrices that may be bfloat16 in a frozen network; undefined where the family computes in float32 only. */
  readonly lowPrecision: ((name: string) => boolean) | undefined;
  /** The classifier's prefix in the table, such as `head.fc`. */
  readonly headName: string;
  /**
   * images: N×H×W×3, normalised. Works in a tidy of its own: what is not in the result is gone.
   * @throws UserError where H×W does not fit, or where tokens or attention are asked of a model without
   */
  forward(images: Tensor4D, scope: Scope, options?: VitOptions): BackboneOutput;
}

export interface BackboneOptions {
  /** Pixels, of a square where it is one number; by default what the weights were made for. */
  readonly size?: number | PlaneSize;
  /** Outputs of the head; 0, the default, leaves it out. */
  readonly classes?: number;
  /** Of a vision transformer only the first blocks, as timm's `features_only` drops those that nobody asks for; all by default. */
  readonly depth?: number;
}

/**
 * A model without its weights.
 * @throws UserError for an unknown name, and for a size or a depth that does not fit
 */
export function createBackbone(name: string, { size, classes = 0, depth }: BackboneOptions = {}): Backbone {
  const record = findModel(name);
  if (depth !== undefined) checkDepth(record, depth);
  const inputSize = checkedSize(size ?? record.inputSize);
  const headName = { resnet: 'fc', vit: 'head', swin: 'head.fc', convnext: 'head.fc' }[record.family];
  const common = {
    name,
    record,
    inputSize,
    headName,
    prefixTokens: 0,
    positionGrid: undefined,
    lowPrecision: undefined,
  };
  if (record.family === 'resnet') {
    const config = resnetConfigs[record.architecture];
    return {
      ...common,
      table: resnetParameters(config, { classes }),
      width: config.block === 'basic' ? 512 : 2048,
      forward: (images, scope, options) => {
        refuseTokens(record, options);
        return tf.tidy(() => {
          const { stages, pooled, logits } = resnetForward(images, scope, config);
          const output: BackboneOutput = { pooled, map: stages[stages.length - 1], logits, stages: [...stages] };
          // In training, batch norm's new statistics are handed on in the scope and outlive the pass.
          return { output, updates: [...scope.pass.updates.values()] };
        }).output;
      },
    };
  }
  if (record.family === 'swin') {
    const config = swinConfigs[record.architecture];
    checkSwinSize(inputSize, config);
    return {
      ...common,
      table: swinParameters(config, { classes }),
      width: config.width * 2 ** (config.depths.length - 1),
      forward: (images, scope, options) => {
        refuseTokens(record, options);
        return tf.tidy((): BackboneOutput => {
          const { stages, features, pooled, logits } = swinForward(images, scope, config);
          return { pooled, map: features, logits, stages: [...stages] };
        });
      },
    };
  }
  if (record.family === 'convnext') {
    const config = convnextConfigs[record.architecture];
    checkConvnextSize(inputSize, config);
    return {
      ...common,
      table: convnextParameters(config, { classes }),
      width: config.widths[config.widths.length - 1],
      forward: (images, scope, options) => {
        refuseTokens(record, options);
        return tf.tidy((): BackboneOutput => {
          const { stages, pooled, logits } = convnextForward(images, scope, config);
          return { pooled, map: stages[stages.length - 1], logits, stages: [...stages] };
        });
      },
    };
  }
  const whole = vitConfigAt(record.architecture, inputSize);
  const config = depth === undefined ? whole : { ...whole, depth };
  return {
    ...common,
    table: vitParameters(config, { classes }),
    width: config.width,
    prefixTokens: 1 + config.registerTokens,
    positionGrid: config.grid,
    lowPrecision: isVitMatrix,
    forward: vitBackboneForward(config),
  };
}

/** A vision transformer's forward pass as a backbone's. */
export function vitBackboneForward(config: VitConfig): Backbone['forward'] {
  return (images, scope, options) =>
    tf.tidy((): BackboneOutput => {
      const { tokens, pooled, logits, blockTokens, attentions } = vitForward(images, scope, config, options);
      return { pooled, map: tokens, logits, blockTokens: [...blockTokens], attentions: [...attentions] };
    });
}

/** With the positions of images of a size. */
export function vitConfigAt(architecture: VitName | VitConfig, size: PlaneSize): VitConfig {
  const config: VitConfig = typeof architecture === 'string' ? vitConfigs[architecture] : architecture;
  const grid = patchGrid(size, config);
  return config.grid ? { ...config, grid } : config;
}

function checkDepth(record: ModelRecord, depth: number): void {
  if (record.family !== 'vit')
    throw new UserError(`${record.name} cannot be cut after a block: it is a ${record.family}, only a vit can.`);
  const { depth: blocks } = vitConfigs[record.architecture];
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= blocks))
    throw new UserError(
      `The depth is ${depth}, but ${record.name} has ${blocks} blocks: give a whole number from 1 to ${blocks}.`,
    );
}

function checkedSize(size: number | PlaneSize): PlaneSize {
  const { height, width } = typeof size === 'number' ? { height: size, width: size } : size;
  if (![height, width].every((pixels) => Number.isInteger(pixels) && pixels > 0))
    throw new UserError(`The image size is ${height}×${width}, but must be whole numbers of pixels from 1.`);
  return { height, width };
}

function refuseTokens({ name, family }: ModelRecord, { tokensOf = [], attentionOf = [] }: VitOptions = {}): void {
  if (tokensOf.length + attentionOf.length === 0) return;
  throw new UserError(
    `${name} gives no ${tokensOf.length > 0 ? 'tokens' : 'attention'} of its blocks: it is a ${family}, only a vit does.`,
  );
}
