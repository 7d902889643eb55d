/**
 * The second study: ResNet-50 and Swin-B on the twelve datasets of MedMNIST2D, from ImageNet-1k's weights and from random ones, with AdamW
 * and with SGD, five seeds each; its measure is the test AUC of MedMNIST's evaluator. This file is the whole grid as data.
 *
 * The study publishes figures, no numbers, and code of its scratch trainings with AdamW alone. What its code says is taken from there
 * (`train_and_eval_pytorch.py` of its last commit); what it does not say is ours, and `declaredHere` lists it.
 */
import type { Task } from '../../data/dataset';
import type { Interpolation } from '../../tensor/resample-bytes';
import type { SwinName } from '../../models/swin';
import type { ResnetName } from '../../models/resnet';
import type { PretrainedName } from '../../models/pretrained-records';
import type { Arm } from '../../runs/arms';
import type { TourArchitecture } from '../../models/tour-networks';

export const medmnist2dStudy = 'medmnist2d';

export interface GridNetwork {
  readonly title: string;
  readonly architecture: ResnetName | SwinName | TourArchitecture;
  /** Pixels a side of what it sees. */
  readonly inputSize: number;
  /** Weights of ImageNet-1k, by their full name: without a tag, timm loads others for Swin-B, trained on ImageNet-22k first. */
  readonly pretrained: PretrainedName | undefined;
  /** Probability that the last block is left out of a training step; what timm has where, as in the study, nothing else is asked for. */
  readonly stochasticDepth: number;
  /** In place of the optimizers' own. */
  readonly learningRates?: Readonly<Record<GridOptimizerName, number>>;
}

/** Pixels a side of what the study's networks see. */
export const gridInputSize = 224;

const tourLearningRates = { adamw: 3e-3, sgd: 0.05 };

/**
 * timm's names. `a1_in1k` is what timm loads for `resnet50`: of a recipe as modern as Swin-B's, though not the same one.
 * The tour's are small networks of the same two kinds, for which there are no published weights; they learn in few steps, if in large ones.
 */
export const gridNetworks = {
  resnet50: {
    title: 'ResNet-50',
    architecture: 'resnet50',
    inputSize: gridInputSize,
    pretrained: 'resnet50.a1_in1k',
    stochasticDepth: 0,
  },
  swin_b: {
    title: 'Swin-B',
    architecture: 'swin_base_patch4_window7_224',
    inputSize: gridInputSize,
    pretrained: 'swin_base_patch4_window7_224.ms_in1k',
    stochasticDepth: 0.1,
  },
  resnet_tour: {
    title: 'small ResNet',
    architecture: 'resnet_tour',
    inputSize: 28,
    pretrained: undefined,
    stochasticDepth: 0,
    learningRates: tourLearningRates,
  },
  swin_tour: {
    title: 'small Swin',
    architecture: 'swin_tour',
    inputSize: 28,
    pretrained: undefined,
    stochasticDepth: 0,
    learningRates: tourLearningRates,
  },
} as const satisfies Record<string, GridNetwork>;
export type GridNetworkName = keyof typeof gridNetworks;

/** A convolutional network and a transformer that are compared with each other. */
export interface NetworkPair {
  readonly resnet: GridNetworkName;
  readonly swin: GridNetworkName;
}

export const networkPairs = {
  study: { resnet: 'resnet50', swin: 'swin_b' },
  tour: { resnet: 'resnet_tour', swin: 'swin_tour' },
} as const satisfies Record<string, NetworkPair>;

/** Of ResNet-50 on ImageNet-1k: timm's, by as modern a recipe as Swin-B's, and torchvision's first. */
export const resnetWeights = {
  'resnet50.a1_in1k': 'timm',
  'resnet50.tv_in1k': 'torchvision',
} as const satisfies Partial<Record<PretrainedName, string>>;

export const gridInitializations = { pretrained: 'ImageNet-1k', scratch: 'from scratch' } as const;
export type GridInitialization = keyof typeof gridInitializations;

/** As PyTorch's classes of these names take them. All parameters are decayed alike. */
export type GridOptimizer =
  | {
      readonly name: 'adamw';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | {
      readonly name: 'sgd';
      readonly learningRate: number;
      readonly momentum: number;
      readonly nesterov: boolean;
      readonly weightDecay: number;
    };

export const gridOptimizers = {
  adamw: { name: 'adamw', learningRate: 2e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.02 },
  sgd: { name: 'sgd', learningRate: 0.01, momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
} as const satisfies Record<string, GridOptimizer>;
export type GridOptimizerName = keyof typeof gridOptimizers;
export const optimizerTitles: Readonly<Record<GridOptimizerName, string>> = { adamw: 'AdamW', sgd: 'SGD' };

export interface GridSchedule {
  readonly epochs: number;
  /** Of a linear rise; then half a cosine to 0. Both are stepped per epoch. */
  readonly warmupEpochs: number;
  readonly batchSize: number;
  /** The training ends after so many epochs without a validation AUC that is better by more than `minDelta`. */
  readonly patience: number;
  readonly minDelta: number;
}

export const gridSchedule = {
  epochs: 100,
  warmupEpochs: 5,
  batchSize: 128,
  patience: 10,
  minDelta: 1e-4,
} as const satisfies GridSchedule;

export const gridSeeds = [0, 1, 2, 3, 4] as const;

/**
 * Of training images. A window of random area (share of the image) and side ratio is resized to the input, and
 * mirrored half of the time.
 */
export interface GridAugmentation {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly horizontalFlip: boolean;
}

const studyWindow = { scale: [0.8, 1], ratio: [3 / 4, 4 / 3], interpolation: 'bicubic' } as const;
const wholeImage = { scale: [1, 1], ratio: [1, 1], interpolation: 'bicubic' } as const;

/** The study's is the first. Whether images are mirrored where `flips` says so is the arm's matter. */
export const gridAugmentations = {
  'crop and flip': { ...studyWindow, flips: true },
  crop: { ...studyWindow, flips: false },
  flip: { ...wholeImage, flips: true },
  none: { ...wholeImage, flips: false },
} as const satisfies Record<string, Omit<GridAugmentation, 'horizontalFlip'> & { readonly flips: boolean }>;

/**
 * Of validation and test images: resized so that the centre, this share of each side, fills the input. 1 leaves
 * images of its size alone.
 */
export interface GridEvaluation {
  readonly interpolation: Interpolation;
  readonly cropFraction: number;
}

export interface GridArm {
  readonly evaluation: GridEvaluation;
  /** Mirrors whatever the labels say, or not where they name a side. */
  readonly horizontalFlip: 'always' | 'where labels allow';
}

export const gridArms = {
  /** Resize(256), CenterCrop(224): 23 % of the area of images that are cut to their content already is thrown away. */
  'as-published': { evaluation: { interpolation: 'bicubic', cropFraction: 224 / 256 }, horizontalFlip: 'always' },
  corrected: { evaluation: { interpolation: 'bicubic', cropFraction: 1 }, horizontalFlip: 'where labels allow' },
} as const satisfies Record<Arm, GridArm>;

export interface TaskHead {
  /** Mean over images, or over images and labels. */
  readonly loss: 'cross-entropy' | 'binary-cross-entropy';
  /** From logits to the scores of a prediction file. */
  readonly activation: 'softmax' | 'sigmoid';
}

/** One output a class or label, two for a binary task. Grades are learnt as classes, as MedMNIST's own baselines do. */
export const taskHeads = {
  'multi-class': { loss: 'cross-entropy', activation: 'softmax' },
  'binary-class': { loss: 'cross-entropy', activation: 'softmax' },
  'multi-label': { loss: 'binary-cross-entropy', activation: 'sigmoid' },
  'ordinal-regression': { loss: 'cross-entropy', activation: 'softmax' },
} as const satisfies Record<Task, TaskHead>;

/** What of this grid the study does not say. */
export const declaredHere: readonly { readonly what: string; readonly choice: string; readonly why: string }[] = [
  {
    what: 'SGD',
    choice: 'learning rate 0.01, Nesterov momentum 0.9, weight decay 1e-4, the schedule of AdamW',
    why: 'the study names SGD, but neither its text nor its code has a setting of it',
  },
  {
    what: 'Fine-tuning',
    choice: 'all of the network, with the settings of the scratch trainings',
    why: 'the code of the study trains from random weights only',
  },
  {
    what: 'Weights',
    choice: Object.values(gridNetworks)
      .flatMap(({ pretrained }) => pretrained ?? [])
      .join(', '),
    why: 'the study says ImageNet-1k; timm’s default for Swin-B was trained on ImageNet-22k first',
  },
  {
    what: 'Seeds',
    choice: gridSeeds.join(', '),
    why: 'the study has five, but the code of its Swin-B sets none',
  },
  {
    what: 'Mirroring of ChestMNIST',
    choice: 'kept in both arms',
    why: 'no finding names a side, so labels stay true; the heart changes sides, and whether that helps is disputed',
  },
  {
    what: 'Test split',
    choice: 'read once, after the training',
    why: 'the code of the study computes test scores after every epoch and shows the seed with the best',
  },
];

/** Two sides of a comparison; settings that are not named are the same on both sides, and each of their values is compared. */
export interface GridComparisonDefinition {
  readonly title: string;
  readonly first: GridSelection;
  readonly second: GridSelection;
  /** The study's, in its words' sense. */
  readonly claim: string;
}

export interface GridSelection {
  readonly arm?: Arm;
  readonly network?: GridNetworkName;
  readonly initialization?: GridInitialization;
  readonly optimizer?: GridOptimizerName;
}

/** What the study compares, for a pair of networks. The claims are the study's, of its own pair. */
export function comparisonsOf({ resnet, swin }: NetworkPair) {
  const [first, second] = [{ network: swin }, { network: resnet }];
  const against = `${gridNetworks[swin].title} against ${gridNetworks[resnet].title}`;
  return {
    pretrained: {
      title: `${against}, pretrained`,
      first: { ...first, initialization: 'pretrained' },
      second: { ...second, initialization: 'pretrained' },
      claim: 'Swin-B is better on most datasets, often significantly.',
    },
    scratch: {
      title: `${against}, from scratch`,
      first: { ...first, initialization: 'scratch' },
      second: { ...second, initialization: 'scratch' },
      claim: 'ResNet-50 matches or beats Swin-B, above all where data are few.',
    },
    optimizer: {
      title: 'AdamW against SGD',
      first: { optimizer: 'adamw' },
      second: { optimizer: 'sgd' },
      claim: 'Swin-B depends on the optimizer more than ResNet-50; AdamW gains most on ChestMNIST and BreastMNIST.',
    },
    transfer: {
      title: 'Pretrained against from scratch',
      first: { initialization: 'pretrained' },
      second: { initialization: 'scratch' },
      claim: 'Pretraining helps, Swin-B more than ResNet-50.',
    },
    arms: {
      title: 'Corrected against as published',
      first: { arm: 'corrected' },
      second: { arm: 'as-published' },
      claim: 'The study has one of the two only.',
    },
  } as const satisfies Record<string, GridComparisonDefinition>;
}
