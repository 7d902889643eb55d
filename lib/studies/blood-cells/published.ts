/**
 * What the first study published of BloodMNIST's test split at 28 pixels (S. Giannini, steven-ja.github.io, 2025). Its "best" state was a
 * shallow copy whose tensors went on training, so all of these are the scores of the last epoch. Its transformers saw images that had been
 * resized to 248 pixels and cut to 224.
 */
import type { PublishedResult } from '../../runs/comparison';

const data = { dataset: 'bloodmnist', size: 28 } as const;

export const publishedBloodCells = {
  resnet18: { ...data, model: 'ResNet-18', testAccuracy: 0.9512, testMacroF1: 0.946 },
  vitFrozen: { ...data, model: 'ViT-Tiny', protocol: 'frozen', testAccuracy: 0.8875, testMacroF1: 0.8676 },
  vitFineTuned: { ...data, model: 'ViT-Tiny', protocol: 'fine-tuned', testAccuracy: 0.9611, testMacroF1: 0.9563 },
  dinoFrozen: { ...data, model: 'DINOv2-S', protocol: 'frozen', testAccuracy: 0.9184, testMacroF1: 0.9047 },
} as const satisfies Record<string, PublishedResult>;
