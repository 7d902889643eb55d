/** Which parameters learn at which pace when a pretrained network is fine-tuned, as timm's `param_groups_layer_decay` (1.0) groups them. */
import type { ParameterTable } from '../models/parameters';
import type { LayerOf } from '../models/network';
import type { ParameterSettings } from './optimizer-groups';

/**
 * Learning-rate factors that fall with the distance from the head: decay^(last layer − layer), which for a vision transformer of n
 * blocks is decay^(n − i) in block i (from 0), decay^(n + 1) in the embeddings and 1 in the head (Clark et al. 2020; Bao et al. 2022).
 */
export function layerDecayScales(table: ParameterTable, layerOf: LayerOf, decay: number): ReadonlyMap<string, number> {
  const names = Object.keys(table);
  const last = Math.max(...names.map(layerOf));
  const lost = names.find((name) => !Number.isFinite(layerOf(name)));
  if (lost !== undefined) throw new Error(`${lost} has no layer: layerOf was made without the model's depth.`);
  return new Map(names.map((name) => [name, decay ** (last - layerOf(name))]));
}

const undecayed = /(^|\.)(cls_token|reg_token|dist_token|pos_embed|relative_position_bias_table)$/;

/**
 * Whether weight decay makes sense: not of scales and offsets (norms, biases, layer scale: whatever has one dimension), nor of tokens
 * and positions, which are values and no weights (timm's `no_weight_decay` of these models).
 */
export function isDecayed(name: string, { [name]: spec }: ParameterTable): boolean {
  return spec.shape.length > 1 && !undecayed.test(name);
}

export interface GroupingOptions {
  readonly weightDecay: number;
  /** Whether norms, biases, tokens and positions are decayed too; false by default. */
  readonly decayAll?: boolean;
  /** 1 leaves all layers at the same rate. */
  readonly layerDecay: number;
  /** Needed where layerDecay is not 1. */
  readonly layerOf?: LayerOf;
}

/** The settings of each parameter for an optimizer. */
export function parameterSettings(
  table: ParameterTable,
  { weightDecay, decayAll = false, layerDecay, layerOf }: GroupingOptions,
): (name: string) => ParameterSettings {
  if (layerDecay !== 1 && layerOf === undefined) {
    throw new Error(`Layer-wise decay of ${layerDecay} needs the model's layerOf.`);
  }
  const scales = layerOf === undefined ? undefined : layerDecayScales(table, layerOf, layerDecay);
  return (name) => ({
    learningRateScale: scales?.get(name) ?? 1,
    weightDecay: decayAll || isDecayed(name, table) ? weightDecay : 0,
  });
}
