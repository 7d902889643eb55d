/** Which layer a parameter belongs to, counted from 0 at the images; the head's is the largest. */
import type { ConvnextConfig } from './convnext';
import type { LayerOf } from './network';
import type { ResnetConfig } from './resnet';
import type { SwinConfig } from './swin';
import type { VitConfig } from './vit';

/** Vision transformers: 0 the embeddings, i + 1 block i, the final norm with the last block, then the head. */
export function vitLayerOf({ depth }: Pick<VitConfig, 'depth'>): LayerOf {
  return (name) => {
    if (/^(cls_token|reg_token|pos_embed|patch_embed|norm_pre)\b/.test(name)) return 0;
    const block = /^blocks\.(\d+)\./.exec(name);
    if (block) return Number(block[1]) + 1;
    return name.startsWith('norm.') ? depth : depth + 1;
  };
}

/** Swin: 0 the patch embedding, then block by block through the stages; what merges patches belongs to the block that follows it. */
export function swinLayerOf({ depths }: Pick<SwinConfig, 'depths'>): LayerOf {
  const last = sum(depths);
  return (name) => {
    if (name.startsWith('patch_embed.')) return 0;
    const block = /^layers\.(\d+)\.(?:blocks\.(\d+)|downsample)\./.exec(name);
    if (block) return 1 + sum(depths.slice(0, Number(block[1]))) + Number(block[2] ?? 0);
    return name.startsWith('norm.') ? last : last + 1;
  };
}

/** ConvNeXt: 0 the stem, then as in Swin; the norm after the last stage belongs to the head. */
export function convnextLayerOf({ depths }: Pick<ConvnextConfig, 'depths'>): LayerOf {
  return (name) => {
    if (name.startsWith('stem.')) return 0;
    const block = /^stages\.(\d+)\.(?:blocks\.(\d+)|downsample)\./.exec(name);
    if (block) return 1 + sum(depths.slice(0, Number(block[1]))) + Number(block[2] ?? 0);
    return sum(depths) + 1;
  };
}

/** ResNet: 0 the stem, then block by block through the stages, then `fc`. */
export function resnetLayerOf({ depths }: Pick<ResnetConfig, 'depths'>): LayerOf {
  return (name) => {
    if (/^(conv1|bn1)\./.test(name)) return 0;
    const block = /^layer(\d+)\.(\d+)\./.exec(name);
    if (block) return 1 + sum(depths.slice(0, Number(block[1]) - 1)) + Number(block[2]);
    return sum(depths) + 1;
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
