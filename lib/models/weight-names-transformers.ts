/** The names of Hugging Face's transformers (4 and 5, in files and in a model's state dict) for ViT, DINOv2, DINOv3, Swin and ResNet. */
import type { Checkpoint, CheckpointTensor, Rules } from './weight-names';

const dropped: Rules = [[/(?:^|\.)pooler\./, undefined]];

const transformerBlock: Rules = [
  [/^embeddings\.patch_embeddings\.(?:projection\.)?/, 'patch_embed.proj.'],
  [/\.layernorm_before\./, '.norm1.'],
  [/\.layernorm_after\./, '.norm2.'],
  [/\.attention\.(?:attention|self)\.(query|key|value)\./, '.attn.$1.'],
  [
    /\.attention\.([qkv])_proj\./,
    (_, part) => `.attn.${{ q: 'query', k: 'key', v: 'value' }[part as 'q' | 'k' | 'v']}.`,
  ],
  [/\.attention\.(?:output\.dense|o_proj)\./, '.attn.proj.'],
  [/\.attention\.(?:self|relative_position_bias)\.relative_position_/, '.attn.relative_position_'],
  [/\.(?:intermediate\.dense|mlp\.up_proj)\./, '.mlp.fc1.'],
  [/\.(?:output\.dense|mlp\.down_proj)\./, '.mlp.fc2.'],
  [/^layernorm\./, 'norm.'],
  [/^classifier\./, 'head.'],
];

export const transformersRules: Readonly<Record<'vit' | 'swin' | 'resnet', Rules>> = {
  vit: [
    [/^(?:vit|dinov2|dinov3_vit)\./, ''],
    ...dropped,
    [/^embeddings\.(cls_token|mask_token|register_tokens)$/, '$1'],
    [/^embeddings\.position_embeddings$/, 'pos_embed'],
    [/^(?:encoder\.|model\.)?layers?\.(\d+)\./, 'blocks.$1.'],
    ...transformerBlock,
    [/\.layer_scale([12])\.lambda1$/, '.ls$1.gamma'],
  ],
  swin: [
    [/^swin\./, ''],
    ...dropped,
    [/^embeddings\.norm\./, 'patch_embed.norm.'],
    [/^encoder\.layers\./, 'layers.'],
    ...transformerBlock,
  ],
  resnet: [
    [/^resnet\./, ''],
    ...dropped,
    [/^embedder\.embedder\.convolution\./, 'conv1.'],
    [/^embedder\.embedder\.normalization\./, 'bn1.'],
    [/^encoder\.stages\.(\d+)\.layers\./, (_, stage) => `layer${Number(stage) + 1}.`],
    [/\.layer\.(\d+)\.convolution\./, (_, index) => `.conv${Number(index) + 1}.`],
    [/\.layer\.(\d+)\.normalization\./, (_, index) => `.bn${Number(index) + 1}.`],
    [/\.shortcut\.convolution\./, '.downsample.0.'],
    [/\.shortcut\.normalization\./, '.downsample.1.'],
    [/^classifier\.1\./, 'fc.'],
  ],
};

const parts = ['query', 'key', 'value'] as const;

/**
 * Query, key and value as one tensor, `attn.qkv`, in the place of the first of them. A bias that only some of the three have is zero in
 * the others (DINOv3's keys have none).
 */
export function fuseAttention(checkpoint: Checkpoint): Map<string, CheckpointTensor> {
  const fused = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of checkpoint) {
    const match = /^(.*\.attn\.)(?:query|key|value)\.(weight|bias)$/.exec(name);
    if (match === null) {
      fused.set(name, tensor);
      continue;
    }
    const [, layer, kind] = match;
    const target = `${layer}qkv.${kind}`;
    if (fused.has(target)) continue;
    const found = parts.map((part) => checkpoint.get(`${layer}${part}.${kind}`));
    // A weight that is missing is for the message on what does not fit.
    if (kind === 'weight' && found.includes(undefined)) fused.set(name, tensor);
    else fused.set(target, joined(found, tensor.shape));
  }
  return fused;
}

function joined(tensors: readonly (CheckpointTensor | undefined)[], shape: readonly number[]): CheckpointTensor {
  const size = shape.reduce((product, axis) => product * axis, 1);
  return {
    shape: [tensors.reduce((rows, tensor) => rows + (tensor?.shape ?? shape)[0], 0), ...shape.slice(1)],
    read() {
      const values = new Float32Array(tensors.length * size);
      tensors.forEach((tensor, index) => tensor && values.set(tensor.read(), index * size));
      return values;
    },
  };
}
