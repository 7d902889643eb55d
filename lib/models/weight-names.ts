/** Names of other libraries for the tensors of a checkpoint, translated to those that timm publishes. */
import { UserError } from '../errors';
import type { ModelArchitecture } from './pretrained-records';
import { fuseAttention, transformersRules } from './weight-names-transformers';

/** A tensor of a checkpoint, in the published layout; its values are read when they are wanted. */
export interface CheckpointTensor {
  readonly shape: readonly number[];
  read(): Float32Array;
}

export type Checkpoint = ReadonlyMap<string, CheckpointTensor>;

type Family = ModelArchitecture['family'];

/** Applied one after the other; `undefined` drops the tensor, which no forward pass needs. */
export type Rules = readonly (readonly [
  pattern: RegExp,
  replacement: string | ((...groups: string[]) => string) | undefined,
])[];

/** What surrounds a network in a training's module: DataParallel, Lightning, torch.compile. No published name begins so. */
const wrappers: Rules = [[/^(?:(?:module|model|_orig_mod|backbone|net|network)\.)+/, '']];

const torchvisionVit: Rules = [
  [/^class_token$/, 'cls_token'],
  [/^encoder\.pos_embedding$/, 'pos_embed'],
  [/^conv_proj\./, 'patch_embed.proj.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.ln_([12])\./, 'blocks.$1.norm$2.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_/, 'blocks.$1.attn.qkv.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\./, 'blocks.$1.attn.proj.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:0|linear_1)\./, 'blocks.$1.mlp.fc1.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:3|linear_2)\./, 'blocks.$1.mlp.fc2.'],
  [/^encoder\.ln\./, 'norm.'],
  [/^heads\.head\./, 'head.'],
];

/** Even entries of `features` are the stem and the patch merging before a stage, odd ones the stages. */
const torchvisionSwin: Rules = [
  [/^features\.0\.0\./, 'patch_embed.proj.'],
  [/^features\.0\.2\./, 'patch_embed.norm.'],
  [/^features\.(\d*[02468])\./, (_, index) => `layers.${Number(index) / 2}.downsample.`],
  [/^features\.(\d+)\./, (_, index) => `layers.${(Number(index) - 1) / 2}.blocks.`],
  [/\.mlp\.0\./, '.mlp.fc1.'],
  [/\.mlp\.3\./, '.mlp.fc2.'],
];

const metaDinov3: Rules = [
  [/^storage_tokens$/, 'reg_token'],
  [/^rope_embed\.periods$/, undefined],
  [/\.qkv\.bias_mask$/, undefined],
  [/^(blocks\.\d+)\.ls([12])\.gamma$/, '$1.gamma_$2'],
];

/** The tokens that stood for hidden patches in training. */
const maskToken: Rules = [[/^mask_token$/, undefined]];
const batchCounters: Rules = [[/\.num_batches_tracked$/, undefined]];
const swinBuffers: Rules = [[/\.(?:relative_position_index|attn_mask)$/, undefined]];
const headLayer: Rules = [[/^head\.(?=weight$|bias$)/, 'head.fc.']];

/** The authors' own: stem and merging apart from the stages. */
const metaConvnext: Rules = [
  [/^downsample_layers\.0\./, 'stem.'],
  [/^downsample_layers\.(\d+)\./, 'stages.$1.downsample.'],
  [/^stages\.(\d+)\.(\d+)\./, 'stages.$1.blocks.$2.'],
  [/\.dwconv\./, '.conv_dw.'],
  [/\.pwconv([12])\./, '.mlp.fc$1.'],
  [/^norm\./, 'head.norm.'],
];

const familyRules: Readonly<Record<Family, Rules>> = {
  resnet: [...transformersRules.resnet, ...batchCounters],
  convnext: [...metaConvnext, ...headLayer],
  swin: [...transformersRules.swin, ...torchvisionSwin, ...swinBuffers, ...headLayer],
  vit: [...transformersRules.vit, ...torchvisionVit, ...maskToken],
};

/**
 * A checkpoint with timm's names, whoever wrote it (timm, torchvision, Meta, Microsoft, transformers), and without what no forward pass
 * needs.
 * @param source for messages, such as a file's name
 * @throws UserError where two tensors are the same one of the model
 */
export function translateNames(
  checkpoint: Checkpoint,
  family: Family,
  source = 'The checkpoint',
): Map<string, CheckpointTensor> {
  const translated = fuseAttention(applyRules(checkpoint, [...wrappers, ...familyRules[family]], source));
  if (family === 'swin' && translated.has('layers.0.downsample.reduction.weight')) return fromMicrosoft(translated);
  const isDinov3 = family === 'vit' && ['storage_tokens', 'register_tokens'].some((name) => translated.has(name));
  if (!isDinov3) return translated;
  return applyRules(withoutZeroBiases(translated), [[/^register_tokens$/, 'reg_token'], ...metaDinov3], source);
}

function applyRules(checkpoint: Checkpoint, rules: Rules, source: string): Map<string, CheckpointTensor> {
  const translated = new Map<string, CheckpointTensor>();
  const origins = new Map<string, string>();
  for (const [name, tensor] of checkpoint) {
    const newName = rules.reduce<string | undefined>((current, [pattern, replacement]) => {
      if (current === undefined || !pattern.test(current)) return current;
      return replacement === undefined ? undefined : current.replace(pattern, replacement as string);
    }, name);
    if (newName === undefined) continue;
    if (origins.has(newName))
      throw new UserError(
        `${source} has both ${origins.get(newName)} and ${name}, each of them the model’s ${newName}: save the state dict of one network alone.`,
      );
    origins.set(newName, name);
    translated.set(newName, tensor);
  }
  return translated;
}

/** Meta's small to large DINOv3 models ended up with query, key and value biases of zero, which timm's leave out. */
function withoutZeroBiases(checkpoint: Checkpoint): Checkpoint {
  const isZero = ([name, tensor]: [string, CheckpointTensor]): boolean =>
    name.endsWith('.qkv.bias') && tensor.read().every((value) => value === 0);
  return new Map([...checkpoint].filter((entry) => !isZero(entry)));
}

/** The authors' own Swin files merge patches at the end of a stage, timm at the beginning of the next one. */
function fromMicrosoft(checkpoint: Checkpoint): Map<string, CheckpointTensor> {
  const renamed = (name: string): string =>
    name.replace(/^layers\.(\d+)\.downsample\./, (_, stage) => `layers.${Number(stage) + 1}.downsample.`);
  return new Map([...checkpoint].map(([name, tensor]) => [renamed(name), tensor]));
}
