/** What self-distillation trains: a vision transformer, and the head that turns its tokens into scores of prototypes. */
import type { Normalization } from '../../data/normalization';
import { UserError } from '../../errors';
import { findModel } from '../../models/pretrained';
import { addLinear, type ParameterSpec, type ParameterTable, type Parameters } from '../../models/parameters';
import { resamplePositions } from '../../models/positions';
import { linear, linearWithoutBias, type Scope } from '../../models/scope';
import { patchGrid, vitConfigs, vitForward, vitParameters, type VitConfig } from '../../models/vit';
import { product } from '../../tensor/linear';
import { biasGelu } from '../../tensor/transformer';
import { tf, type Tensor1D, type Tensor2D, type Tensor3D, type Tensor4D } from '../../tf';

/** A vision transformer without a classifier, at any size that its patches divide. */
export interface DistilledNetwork {
  readonly name: string;
  readonly config: VitConfig;
  readonly table: ParameterTable;
  readonly normalization: Normalization;
  /**
   * images: N×H×W×3, normalised → N×T×C tokens after the final norm, and N×C, what stands for the image.
   * @param masked N×P×1: 1 where the student does not see a patch
   */
  forward(images: Tensor4D, scope: Scope, masked?: Tensor3D): { readonly tokens: Tensor3D; readonly pooled: Tensor2D };
}

/** @throws UserError for a name that is no vision transformer of the registry */
export function distilledVit(name: string): DistilledNetwork {
  const record = findModel(name);
  if (record.family !== 'vit')
    throw new UserError(`${name} is a ${record.family}; self-distillation is for a vision transformer.`);
  const config: VitConfig = vitConfigs[record.architecture];
  const { mean, std } = record;
  return {
    name,
    config,
    table: vitParameters(config, { classes: 0 }),
    normalization: { mean, std },
    forward(images, scope, masked) {
      const grid = patchGrid({ height: images.shape[1], width: images.shape[2] }, config);
      const here = config.grid === undefined ? scope : withPositions(scope, config.grid, grid);
      return vitForward(images, here, config.grid === undefined ? config : { ...config, grid }, { masked });
    },
  };
}

/** The scope with its learned positions brought to another grid, which is a product with a matrix, so that gradients go through. */
function withPositions(scope: Scope, [from]: readonly [number, number], to: readonly [number, number]): Scope {
  const rows = 1 + from * from;
  const identity = Float32Array.from({ length: rows * rows }, (_, at) => (at % (rows + 1) === 0 ? 1 : 0));
  const matrix = tf.tensor2d(resamplePositions(identity, rows, from, to), [1 + to[0] * to[1], rows]);
  const positions = scope.get('pos_embed') as Tensor3D; // 1×T×C
  const resampled = product(matrix, positions.squeeze<Tensor2D>([0])).expandDims<Tensor3D>(0);
  return { ...scope, optional: (name) => (name === 'pos_embed' ? resampled : scope.optional(name)) };
}

export interface HeadSettings {
  /** Values of the two hidden layers, and of the layer before the prototypes. */
  readonly hidden: number;
  readonly bottleneck: number;
  /** Prototypes. */
  readonly outputs: number;
}

/** DINO's projection head: three layers, then prototypes of length 1 (Caron et al. 2021, Appendix C). Names as in its DINOHead. */
export function headParameters(width: number, { hidden, bottleneck, outputs }: HeadSettings): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  addLinear(table, 'mlp.0', width, hidden);
  addLinear(table, 'mlp.2', hidden, hidden);
  addLinear(table, 'mlp.4', hidden, bottleneck);
  table[prototypes] = { shape: [outputs, bottleneck], kind: 'linear', initial: { uniformIn: bottleneck } };
  return table;
}

/** The prototypes, before they are brought to length 1. */
export const prototypes = 'last_layer.weight_v';

/** Cosines of each token with each prototype. tokens: N×C → N×outputs. */
export function headForward(tokens: Tensor2D, p: Scope): Tensor2D {
  const biased = (x: Tensor2D, at: Scope): Tensor2D => biasGelu(linearWithoutBias(x, at), at.get('bias') as Tensor1D);
  const hidden = biased(biased(tokens, p.at('mlp.0')), p.at('mlp.2')); // N×hidden
  const projected = unitLength(linear(hidden, p.at('mlp.4')), 1); // N×bottleneck
  return product(projected, unitLength(p.get(prototypes) as Tensor2D, 0)); // bottleneck×outputs in memory
}

/** Vectors along an axis at length 1, those of no length at 0. */
export function unitLength(vectors: Tensor2D, axis: 0 | 1): Tensor2D {
  return vectors.div(vectors.square().sum(axis, true).add(1e-12).sqrt());
}

/** Student, teacher and centres in one set, so that a checkpoint of it is the whole state: `student.backbone.cls_token`, … */
export function distillationTable({ table, config }: DistilledNetwork, head: HeadSettings): ParameterTable {
  const all: Record<string, ParameterSpec> = {};
  const add = (prefix: string, part: ParameterTable): void => {
    for (const [name, spec] of Object.entries(part)) all[`${prefix}.${name}`] = spec;
  };
  for (const role of ['student', 'teacher']) {
    add(`${role}.backbone`, table);
    add(`${role}.head`, headParameters(config.width, head));
  }
  add('student.backbone', { mask_token: { shape: [1, config.width], kind: 'vector', initial: { normal: 0.02 } } });
  for (const centre of ['image', 'patch'])
    all[`centre.${centre}`] = { shape: [1, head.outputs], kind: 'statistic', initial: 0 };
  return all;
}

/** The parameters whose names begin with `prefix.`, under the rest of their names. They are the same variables. */
export function partOf({ table, variables }: Parameters, prefix: string): Parameters {
  const start = `${prefix}.`;
  const within = <T>(entries: Iterable<readonly [string, T]>): [string, T][] =>
    [...entries].filter(([name]) => name.startsWith(start)).map(([name, value]) => [name.slice(start.length), value]);
  return { table: Object.fromEntries(within(Object.entries(table))), variables: new Map(within(variables)) };
}
