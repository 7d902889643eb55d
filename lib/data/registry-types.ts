import type { SplitName, Task } from './dataset';

/** Edge lengths in pixels in which MedMNIST2D is published; all images are square. */
export const imageSizes = [28, 64, 128, 224] as const;
/** Stands for all of them that there are, of a file those up to its own. */
export const automaticSizes = 'auto';
export type ImageSize = (typeof imageSizes)[number];

/** What is published about a dataset in its own tables. */
export interface DatasetFacts {
  readonly title: string;
  readonly description: string;
  readonly task: Task;
  /** 1 for grey, 3 for red, green and blue. */
  readonly channels: 1 | 3;
  /** In the order of the labels. */
  readonly classNames: readonly string[];
  /** Number of images. */
  readonly splits: Readonly<Record<SplitName, number>>;
  readonly license: string;
  /** `bytes` only where the exact size is known. */
  readonly files: Readonly<Record<ImageSize, { readonly md5: string; readonly bytes?: number }>>;
}

/** A published test score; fractions, three decimals as printed. */
export interface PublishedScore {
  readonly model: 'ResNet-18' | 'ResNet-50';
  readonly size: 28 | 224;
  /** Mean of the one-against-rest areas over the classes or labels. */
  readonly auc: number;
  readonly accuracy: number;
}

/** What somebody who trains on a dataset should know about it. */
export interface DatasetAdvice {
  /** The publication of the source images. */
  readonly sourceCitation: string;
  /** False where a mirrored image would carry a wrong label. */
  readonly horizontalFlip: boolean;
  /** One sentence or two each, for a dataset card. */
  readonly notes: readonly string[];
}

/** An entry of the registry. */
export interface DatasetRecord extends DatasetFacts, DatasetAdvice {
  readonly name: string;
  /** Folder of the files on the web, with a slash at its end. */
  readonly source: string;
  /** What to cite: MedMNIST v2 and the source of the images. */
  readonly citation: string;
  readonly published: readonly PublishedScore[];
}

/** One downloadable file of a dataset. */
export interface DatasetFile {
  readonly fileName: string;
  readonly url: string;
  readonly md5: string;
  readonly bytes?: number;
}
