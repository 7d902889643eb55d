/**
 * What the first study published of BloodMNIST's test split at 28 pixels (S. Giannini, steven-ja.github.io, 2025). Its "best" state was a
 * shallow copy whose tensors went on training, so all of these are the scores of the last epoch.
 */
import type { PublishedResult } from '../../runs/comparison';

const data = { dataset: 'bloodmnist', size: 28 } as const;

export const publishedBloodCells = {
  resnet18: { ...data, model: 'ResNet-18', testAccuracy: 0.9512, testMacroF1: 0.946 },
} as const satisfies Record<string, PublishedResult>;
