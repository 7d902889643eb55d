/** `vitForward` as an ONNX graph. */
import type { PlaneSize } from '../../tensor/resample';
import { rotaryTables } from '../positions';
import { patchGrid, type VitConfig } from '../vit';
import type { OnnxGraph, Value } from './graph';
import { attention, convolution, layerNorm, linear, mlp, queryKeyValue, reshape, transpose } from './layers';

/** N×3×H×W → N×classes. */
export function vitGraph(g: OnnxGraph, config: VitConfig, size: PlaneSize): Value {
  const [rows, columns] = patchGrid(size, config);
  const prefix = 1 + config.registerTokens;
  const normalized = layerNorm(g, tokensOf(g, config, size)[config.depth], 'norm', config.normEpsilon);
  const [from, to] = config.pool === 'token' ? [0, 1] : [prefix, prefix + rows * columns];
  const pooled = g.node('Slice', [normalized, ...[[from], [to], [1]].map((values) => g.integers(values))]);
  return linear(g, g.node('ReduceMean', [pooled], { axes: [1], keepdims: 0 }), 'head');
}

export interface MapsOf {
  readonly blocks: readonly number[];
  /** Whether the final norm is applied. */
  readonly normalizeTokens: boolean;
  readonly doubledEmbedding?: boolean;
}

/** As `encodeBlockMaps`, and as `encodeMap` of the last block: N×3×H×W → N×C×rows×columns of each block. */
export function vitMaps(
  g: OnnxGraph,
  config: VitConfig,
  size: PlaneSize,
  { blocks, normalizeTokens, doubledEmbedding = false }: MapsOf,
): Value[] {
  const [rows, columns] = patchGrid(size, config);
  const prefix = 1 + config.registerTokens;
  const tokens = tokensOf(g, config, size, doubledEmbedding ? 2 : 1);
  const norm = (x: Value): Value => layerNorm(g, x, 'norm', config.normEpsilon);
  return blocks.map((block) => {
    const last = normalizeTokens ? norm(tokens[block + 1]) : tokens[block + 1];
    const ends = [[prefix], [prefix + rows * columns], [1]].map((values) => g.integers(values));
    const patches = g.node('Slice', [doubledEmbedding ? norm(last) : last, ...ends]);
    return reshape(g, transpose(g, patches, [0, 2, 1]), [0, config.width, rows, columns]);
  });
}

/** Before the first block and after each, N×T×C. */
function tokensOf(g: OnnxGraph, config: VitConfig, size: PlaneSize, positions = 1): Value[] {
  const { width, depth, heads, normEpsilon, layerScale } = config;
  const [rows, columns] = patchGrid(size, config);
  const prefix = 1 + config.registerTokens;
  const tokens = prefix + rows * columns;
  const rotate = config.grid === undefined ? rotation(g, config, [rows, columns]) : (part: Value): Value => part;
  const scaled = (x: Value, name: string | undefined): Value =>
    name === undefined ? x : g.node('Mul', [x, g.weight(name)]);

  const after = [embed(g, config, positions)];
  for (let index = 0; index < depth; index++) {
    const [name, before] = [`blocks.${index}`, after[index]];
    const scales = layerScale?.map((scale) => `${name}.${scale}`) ?? [];
    const normed = layerNorm(g, before, `${name}.norm1`, normEpsilon);
    const [q, k, v] = queryKeyValue(g, normed, `${name}.attn.qkv`, { heads, width, tokens }); // N×H×T×D
    const scale = 1 / Math.sqrt(width / heads);
    const attended = attention(g, [rotate(q), rotate(k), v], { scale, keyAxes: [0, 1, 3, 2] });
    const merged = reshape(g, transpose(g, attended, [0, 2, 1, 3]), [-1, tokens, width]);
    const x = g.node('Add', [before, scaled(linear(g, merged, `${name}.attn.proj`), scales[0])]);
    const mixed = mlp(g, layerNorm(g, x, `${name}.norm2`, normEpsilon), `${name}.mlp`);
    after.push(g.node('Add', [x, scaled(mixed, scales[1])]));
  }
  return after;
}

/** `times`: how often positions are added. */
function embed(g: OnnxGraph, { patchSize, width, registerTokens }: VitConfig, times: number): Value {
  const patches = convolution(g, g.input, 'patch_embed.proj', { stride: patchSize });
  const rows = transpose(g, reshape(g, patches, [0, width, -1]), [0, 2, 1]);
  const count = g.node('Shape', [g.input], { start: 0, end: 1 });
  const repeated = (name: string, tokens: number): Value => {
    const shape = g.node('Concat', [count, g.integers([tokens, width])], { axis: 0 });
    return g.node('Expand', [g.weight(name), shape]);
  };
  const prefix = [repeated('cls_token', 1), ...(registerTokens > 0 ? [repeated('reg_token', registerTokens)] : [])];
  const tokens = g.node('Concat', [...prefix, rows], { axis: 1 });
  if (!Object.hasOwn(g.table, 'pos_embed')) return tokens;
  return Array.from({ length: times }).reduce<Value>((x) => g.node('Add', [x, g.weight('pos_embed')]), tokens);
}

/** Rotary positions, which leave the tokens before the patches as they are: x·cos + (−x₂, x₁)·sin. */
function rotation(g: OnnxGraph, config: VitConfig, [rows, columns]: readonly [number, number]) {
  const headWidth = config.width / config.heads;
  const { sine, cosine } = rotaryTables(rows, columns, headWidth);
  const prefix = 1 + config.registerTokens;
  const padded = (values: Float32Array, first: number): Value => {
    const all = new Float32Array((prefix + rows * columns) * headWidth).fill(first, 0, prefix * headWidth);
    all.set(values, prefix * headWidth);
    return g.floats(all, [prefix + rows * columns, headWidth]);
  };
  const [cosines, sines] = [padded(cosine, 1), padded(sine, 0)];
  return (x: Value): Value => {
    const [first, second] = g.split('Split', [x], 2, { axis: -1 });
    const turned = g.node('Concat', [g.node('Neg', [second]), first], { axis: -1 });
    return g.node('Add', [g.node('Mul', [x, cosines]), g.node('Mul', [turned, sines])]);
  };
}
