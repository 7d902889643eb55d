/**
 * Vision transformers (Dosovitskiy et al. 2021) with timm's tensor names: ViT of ImageNet, DINOv2 (layer scale, Oquab et al. 2023) and
 * DINOv3 (rotary positions, register tokens, Siméoni et al. 2025). One forward pass; what a variant lacks, its parameters lack.
 */
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { inPrecisionOf, toPrecision } from '../tensor/precision';
import { attentionWeights, selfAttention, type AttentionLayout, type RotaryTables } from '../tensor/transformer';
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D, type Tensor4D } from '../tf';
import { addLinear, addNorm, type Initializer, type ParameterSpec, type ParameterTable } from './parameters';
import { rotaryPositions } from './positions';
import {
  biasGeluLinear,
  convolution,
  layerNorm,
  layerNormLinear,
  linear,
  linearWithoutBias,
  type Scope,
} from './scope';
import { addBranch, blockRates, dropBranch, type StochasticDepth } from './stochastic-depth';

export interface VitConfig {
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Patches down and across for which positions are learned; undefined where they are rotary. */
  readonly grid: readonly [rows: number, columns: number] | undefined;
  readonly registerTokens: number;
  readonly qkvBias: boolean;
  /** Names of the layer scales in a block, where there are any. */
  readonly layerScale?: readonly [afterAttention: string, afterMlp: string];
  readonly normEpsilon: number;
  /** What stands for the image: the class token, or the mean of the patch tokens. */
  readonly pool: 'token' | 'mean';
}

const supervised = {
  patchSize: 16,
  depth: 12,
  grid: [14, 14],
  registerTokens: 0,
  qkvBias: true,
  normEpsilon: 1e-6,
  pool: 'token',
} as const;
const dinov2 = { ...supervised, patchSize: 14, grid: [37, 37], layerScale: ['ls1.gamma', 'ls2.gamma'] } as const;
const dinov3 = {
  ...supervised,
  grid: undefined,
  registerTokens: 4,
  qkvBias: false,
  normEpsilon: 1e-5,
  pool: 'mean',
  layerScale: ['gamma_1', 'gamma_2'],
} as const;

export const vitConfigs = {
  vit_tiny_patch16_224: { ...supervised, width: 192, heads: 3 },
  vit_base_patch16_224: { ...supervised, width: 768, heads: 12 },
  // The project's own, for images of 28 pixels and more: rotary positions, so that it takes any size.
  vit_mini_patch4: { ...supervised, patchSize: 4, width: 192, heads: 3, depth: 6, grid: undefined, pool: 'mean' },
  vit_small_patch14_dinov2: { ...dinov2, width: 384, heads: 6 },
  vit_small_patch16_dinov3: { ...dinov3, width: 384, heads: 6 },
  vit_base_patch16_dinov3: { ...dinov3, width: 768, heads: 12 },
  vit_large_patch16_dinov3: { ...dinov3, width: 1024, heads: 16, depth: 24 },
} as const satisfies Record<string, VitConfig>;

export type VitName = keyof typeof vitConfigs;

/** Names, shapes and initial values of all tensors. `classes: 0` leaves out the head. */
export function vitParameters(
  config: VitConfig,
  { classes, channels = 3 }: { classes: number; channels?: number },
): ParameterTable {
  const { width, depth, patchSize, grid, registerTokens, layerScale } = config;
  const table: Record<string, ParameterSpec> = {
    cls_token: { shape: [1, 1, width], kind: 'vector', initial: { normal: 1e-6 } },
  };
  if (registerTokens > 0)
    table.reg_token = { shape: [1, registerTokens, width], kind: 'vector', initial: { normal: 1e-6 } };
  if (grid) table.pos_embed = { shape: [1, 1 + grid[0] * grid[1], width], kind: 'vector', initial: { normal: 0.02 } };
  const patchInitial: Initializer = { uniformIn: channels * patchSize * patchSize };
  table['patch_embed.proj.weight'] = {
    shape: [width, channels, patchSize, patchSize],
    kind: 'convolution',
    initial: patchInitial,
  };
  table['patch_embed.proj.bias'] = { shape: [width], kind: 'vector', initial: patchInitial };
  for (let index = 0; index < depth; index++) {
    const name = `blocks.${index}`;
    addNorm(table, `${name}.norm1`, width);
    addLinear(table, `${name}.attn.qkv`, width, 3 * width, config.qkvBias);
    addLinear(table, `${name}.attn.proj`, width, width);
    if (layerScale) table[`${name}.${layerScale[0]}`] = { shape: [width], kind: 'vector', initial: 1e-5 };
    addNorm(table, `${name}.norm2`, width);
    addLinear(table, `${name}.mlp.fc1`, width, 4 * width);
    addLinear(table, `${name}.mlp.fc2`, 4 * width, width);
    if (layerScale) table[`${name}.${layerScale[1]}`] = { shape: [width], kind: 'vector', initial: 1e-5 };
  }
  addNorm(table, 'norm', width);
  if (classes > 0) addLinear(table, 'head', width, classes);
  return table;
}

export interface VitOptions {
  /** Blocks whose tokens are wanted, counted from 0; in the result in this order. */
  readonly tokensOf?: readonly number[];
  /** Whether these are normalised by the final norm, as Meta's `get_intermediate_layers` gives them and timm's does not. */
  readonly normalizeTokens?: boolean;
  /** Blocks whose attention maps are wanted. */
  readonly attentionOf?: readonly number[];
  /** N×P×1: 1 where a patch is hidden behind the parameter `mask_token` (1×C), 0 elsewhere. */
  readonly masked?: Tensor3D;
  /** For training. */
  readonly stochasticDepth?: StochasticDepth;
}

export interface VitOutput {
  /** N×T×C after the final norm: the class token, register tokens, patches row by row. */
  readonly tokens: Tensor3D;
  /** N×C. */
  readonly pooled: Tensor2D;
  /** N×classes, absent without a head. */
  readonly logits?: Tensor2D;
  readonly blockTokens: readonly Tensor3D[];
  /** N×H×T×T each. */
  readonly attentions: readonly Tensor4D[];
  /** Tokens before the first patch. */
  readonly prefixTokens: number;
}

/**
 * Patches down and across in an image of height × width pixels.
 * @throws UserError where they do not divide it
 */
export function patchGrid({ height, width }: PlaneSize, { patchSize }: VitConfig): [rows: number, columns: number] {
  const grid: [number, number] = [height / patchSize, width / patchSize];
  if (grid.every((count) => Number.isInteger(count) && count > 0)) return grid;
  throw new UserError(
    `Images of ${height}×${width} do not divide into patches: height and width must be multiples of ${patchSize}, such as ${patchSize * Math.max(1, Math.floor(height / patchSize))}.`,
  );
}

/**
 * images: N×H×W×3, normalised; H and W are multiples of the patch size, and fixed by the position embedding where there is one. Where the
 * blocks' matrices are bfloat16, so are the tokens between them; what comes out is float32.
 */
export function vitForward(images: Tensor4D, p: Scope, config: VitConfig, options: VitOptions = {}): VitOutput {
  const { tokensOf = [], attentionOf = [], normalizeTokens = false, stochasticDepth } = options;
  const [rows, columns] = patchGrid({ height: images.shape[1], width: images.shape[2] }, config);
  if (config.grid && (rows !== config.grid[0] || columns !== config.grid[1])) {
    throw new UserError(
      `Images have ${rows}×${columns} patches, but positions are known for ${config.grid.join('×')}: load the model at their size.`,
    );
  }
  const prefixTokens = 1 + config.registerTokens;
  const tokens = prefixTokens + rows * columns;
  const rotary = config.grid ? undefined : rotaryPositions(rows, columns, config.width / config.heads);
  const asTokens = (x: Tensor2D): Tensor3D =>
    tf.tidy(() => toPrecision(x, 'float32').reshape([-1, tokens, config.width]));
  const finalNorm = (x: Tensor2D): Tensor2D => layerNorm(x, p.at('norm'), config.normEpsilon);

  const [rates] = stochasticDepth ? blockRates(stochasticDepth.rate, [config.depth]) : [];
  let x = embed(images, p, config, options.masked); // N·T×C
  const kept = new Map<string, Tensor>();
  for (let index = 0; index < config.depth; index++) {
    // Each block in a tidy of its own: its intermediates are gone when the next one begins, unless a gradient needs them.
    const drop =
      rates && ((branch: Tensor2D) => dropBranch(branch, rates[index], stochasticDepth!.random, images.shape[0]));
    const output = tf.tidy(() =>
      block(x, p.at(`blocks.${index}`), config, { tokens, rotary, keepAttention: attentionOf.includes(index), drop }),
    );
    if (!tokensOf.includes(index - 1)) x.dispose();
    x = output.tokens;
    if (tokensOf.includes(index)) kept.set(`tokens ${index}`, x);
    if (output.attention) kept.set(`attention ${index}`, output.attention);
  }
  const normalized = asTokens(finalNorm(x));
  const pooled = pool(normalized, config, prefixTokens);
  return {
    tokens: normalized,
    pooled,
    logits: p.optional('head.weight') ? linear(pooled, p.at('head')) : undefined,
    blockTokens: tokensOf
      .map((index) => kept.get(`tokens ${index}`) as Tensor2D)
      .map((kept) => asTokens(normalizeTokens ? finalNorm(kept) : kept)),
    attentions: attentionOf.map((index) => kept.get(`attention ${index}`) as Tensor4D),
    prefixTokens,
  };
}

/** Patches to tokens, the class token (and registers) before them, positions added. N×H×W×3 → N·T×C. */
function embed(images: Tensor4D, p: Scope, config: VitConfig, masked: Tensor3D | undefined): Tensor2D {
  const { patchSize, width, registerTokens } = config;
  const patches = convolution(images, p.at('patch_embed.proj'), { stride: patchSize }).reshape<Tensor3D>([
    images.shape[0],
    -1,
    width,
  ]);
  const broadcast = (token: Tensor): Tensor3D => token.tile<Tensor3D>([images.shape[0], 1, 1]);
  const prefix = [broadcast(p.get('cls_token')), ...(registerTokens > 0 ? [broadcast(p.get('reg_token'))] : [])];
  const shown =
    masked === undefined ? patches : patches.mul(tf.sub(1, masked)).add<Tensor3D>(masked.mul(p.get('mask_token')));
  const tokens = tf.concat3d([...prefix, shown], 1);
  const positions = p.optional('pos_embed');
  const embedded = (positions === undefined ? tokens : tokens.add(positions)).reshape<Tensor2D>([-1, width]);
  return inPrecisionOf(p.get('blocks.0.attn.qkv.weight'), embedded);
}

/** Not an interface, which tf.tidy would not take. */
type BlockOutput = {
  readonly tokens: Tensor2D;
  readonly attention: Tensor4D | undefined;
};

interface BlockOptions {
  /** An image. */
  readonly tokens: number;
  readonly rotary: RotaryTables | undefined;
  readonly keepAttention: boolean;
  /** What stochastic depth does to a branch. */
  readonly drop: ((branch: Tensor2D) => Tensor2D) | undefined;
}

/** Pre-norm block with optional layer scale (Touvron et al. 2021). N·T×C → N·T×C. */
function block(x: Tensor2D, p: Scope, config: VitConfig, options: BlockOptions): BlockOutput {
  const { normEpsilon, layerScale } = config;
  const { drop } = options;
  const scales = layerScale?.map((name) => p.get(name) as Tensor1D) ?? [];
  const qkv = layerNormLinear(x, p.at('norm1'), normEpsilon, p.at('attn.qkv')); // N·T×3C
  const attended = attention(qkv, p.at('attn'), config, options); // N·T×C, and N×H×T×T
  const projected = linearWithoutBias(attended.output, p.at('attn.proj'));
  const ofAttention = { bias: p.get('attn.proj.bias') as Tensor1D, scale: scales[0], drop };
  const afterAttention = addBranch(x, projected, ofAttention);
  const hidden = layerNormLinear(afterAttention, p.at('norm2'), normEpsilon, p.at('mlp.fc1')); // N·T×4C
  const mixed = biasGeluLinear(hidden, p.get('mlp.fc1.bias') as Tensor1D, p.at('mlp.fc2')); // N·T×C
  const output = addBranch(afterAttention, mixed, { bias: p.get('mlp.fc2.bias') as Tensor1D, scale: scales[1], drop });
  return { tokens: output, attention: attended.weights };
}

function attention(qkv: Tensor2D, p: Scope, { heads }: VitConfig, { tokens, rotary, keepAttention }: BlockOptions) {
  const layout: AttentionLayout = { heads, tokens, rotary, bias: p.optional('qkv.bias') as Tensor1D | undefined };
  const weights = keepAttention ? attentionWeights(toPrecision(qkv, 'float32'), layout) : undefined;
  return { output: selfAttention(qkv, layout), weights };
}

function pool(tokens: Tensor3D, { width, pool: kind }: VitConfig, prefixTokens: number): Tensor2D {
  const [count] = tokens.shape;
  if (kind === 'token') return tokens.slice([0, 0, 0], [count, 1, width]).reshape([count, width]);
  return tokens.slice([0, prefixTokens, 0], [count, -1, width]).mean(1);
}
