/** Names of other libraries for the tensors of a checkpoint, translated to those that timm publishes. */
import type { ModelArchitecture } from './pretrained-records';

/** A tensor of a checkpoint, in the published layout; its values are read when they are wanted. */
export interface CheckpointTensor {
  readonly shape: readonly number[];
  read(): Float32Array;
}

export type Checkpoint = ReadonlyMap<string, CheckpointTensor>;

type Family = ModelArchitecture['family'];
/** The first pattern that fits decides; `undefined` drops the tensor, which no forward pass needs. */
type Rules = readonly (readonly [pattern: RegExp, replacement: string | undefined])[];

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

/** A checkpoint with timm's names, whoever wrote it, and without what no forward pass needs. */
export function translateNames(checkpoint: Checkpoint, family: Family): Map<string, CheckpointTensor> {
  if (family === 'resnet') return applyRules(checkpoint, batchCounters);
  if (family === 'swin') {
    const translated = applyRules(checkpoint, swinBuffers);
    return translated.has('layers.0.downsample.reduction.weight') ? fromMicrosoft(translated) : translated;
  }
  if (checkpoint.has('class_token')) return applyRules(checkpoint, torchvisionVit);
  if (checkpoint.has('storage_tokens')) return applyRules(withoutZeroBiases(checkpoint), [...maskToken, ...metaDinov3]);
  return applyRules(checkpoint, maskToken);
}

function applyRules(checkpoint: Checkpoint, rules: Rules): Map<string, CheckpointTensor> {
  const translated = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of checkpoint) {
    const rule = rules.find(([pattern]) => pattern.test(name));
    const newName = rule === undefined ? name : rule[1] === undefined ? undefined : name.replace(rule[0], rule[1]);
    if (newName !== undefined) translated.set(newName, tensor);
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
    name
      .replace(/^layers\.(\d+)\.downsample\./, (_, stage) => `layers.${Number(stage) + 1}.downsample.`)
      .replace(/^head\.(?!fc\.)/, 'head.fc.');
  return new Map([...checkpoint].map(([name, tensor]) => [renamed(name), tensor]));
}
