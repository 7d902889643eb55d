/**
 * What the first study published of BloodMNIST's test split at 28 pixels (S. Giannini, steven-ja.github.io, 2025). Its "best" state was a
 * shallow copy whose tensors went on training, so all of these are the scores of the last epoch. Its transformers saw images that had been
 * resized to 248 pixels and cut to 224.
 */
import type { Displayable } from '../../display/mime';
import { table } from '../../display/tables';
import type { PublishedResult } from '../../runs/comparison';

const data = { dataset: 'bloodmnist', size: 28 } as const;

export const publishedBloodCells = {
  resnet18: { ...data, model: 'ResNet-18', testAccuracy: 0.9512, testMacroF1: 0.946 },
  vitFrozen: { ...data, model: 'ViT-Tiny', protocol: 'frozen', testAccuracy: 0.8875, testMacroF1: 0.8676 },
  vitFineTuned: { ...data, model: 'ViT-Tiny', protocol: 'fine-tuned', testAccuracy: 0.9611, testMacroF1: 0.9563 },
  dinoFrozen: { ...data, model: 'DINOv2-S', protocol: 'frozen', testAccuracy: 0.9184, testMacroF1: 0.9047 },
} as const satisfies Record<string, PublishedResult>;

export interface BenchmarkRow {
  readonly model: string;
  readonly training: 'end to end' | 'linear' | 'kNN';
  /** Test accuracy by source size. */
  readonly accuracy: Readonly<Record<28 | 64 | 128 | 224, number>>;
}

function row(
  training: BenchmarkRow['training'],
  model: string,
  percent: readonly [number, number, number, number],
): BenchmarkRow {
  const [at28, at64, at128, at224] = percent.map((value) => value / 100);
  return { model, training, accuracy: { 28: at28, 64: at64, 128: at128, 224: at224 } };
}

export const benchmarkSizes = [28, 64, 128, 224] as const;

/** A heading for a size, which as a bare number would stand before all other columns. */
export function sizeHeading(size: number): string {
  return `${size} px`;
}

/**
 * BloodMNIST in the MedMNIST+ benchmark (Doerrich et al., Scientific Reports 2025): test accuracy at four source sizes. All networks start
 * from published weights, those trained end to end too; images are zero-padded to 224 pixels, not enlarged. AdamW 1e-4, batches of 64, at
 * most 100 epochs, patience 5 on the validation loss; mean of three seeds.
 */
export const medmnistPlusBlood: readonly BenchmarkRow[] = [
  row('end to end', 'ResNet-18', [91.93, 97.06, 98.34, 98.94]),
  row('end to end', 'DenseNet-121', [93.87, 97.99, 98.9, 99.02]),
  row('end to end', 'VGG16', [94.85, 98.2, 98.52, 98.77]),
  row('end to end', 'ViT-B/16', [90.59, 96.42, 97.54, 98.43]),
  row('end to end', 'DINO ViT-B/16', [89.87, 95.69, 97.54, 97.98]),
  row('linear', 'ResNet-18', [63.4, 67.15, 80.58, 91.1]),
  row('linear', 'ViT-B/16', [80.67, 93.21, 97.07, 97.95]),
  row('linear', 'DINO ViT-B/16', [88.79, 97.15, 98.25, 98.7]),
  row('kNN', 'ResNet-18', [75.04, 76.18, 80.27, 89.04]),
  row('kNN', 'ViT-B/16', [70.21, 78.95, 92.17, 94.8]),
  row('kNN', 'DINO ViT-B/16', [85.24, 93.04, 96.67, 96.81]),
];

/** All of the benchmark's figures for BloodMNIST: one row for each network and training. */
export function benchmarkTable(): Displayable {
  const rows = medmnistPlusBlood.map(({ model, training, accuracy }) => {
    const columns = benchmarkSizes.map((size) => [sizeHeading(size), accuracy[size]] as const);
    return { model, training, ...Object.fromEntries(columns) };
  });
  return table(rows, {
    caption: 'MedMNIST+ benchmark, BloodMNIST: test accuracy by source size, zero-padded to 224',
    digits: 4,
    highlight: Object.fromEntries(benchmarkSizes.map((size) => [sizeHeading(size), 'highest' as const])),
  });
}
