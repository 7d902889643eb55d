/** The table of published weights, after timm's default_cfgs (timm 1.0.31) and torchvision's weight enums. */
import type { ConvnextName } from './convnext';
import type { ResnetName } from './resnet';
import type { SwinName } from './swin';
import type { VitName } from './vit';

/** A family, and the key of the family's configurations. */
export type ModelArchitecture =
  | { readonly family: 'resnet'; readonly architecture: ResnetName }
  | { readonly family: 'vit'; readonly architecture: VitName }
  | { readonly family: 'swin'; readonly architecture: SwinName }
  | { readonly family: 'convnext'; readonly architecture: ConvnextName };

type Triple = readonly [red: number, green: number, blue: number];

/** What a model expects of its images. */
export interface ImagePreparation {
  /** Of values between 0 and 1. */
  readonly mean: Triple;
  readonly std: Triple;
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Edge of the square that the model sees, as a fraction of the shorter edge of the resized image. */
  readonly cropFraction: number;
  /** Edge in pixels for which the weights were made. */
  readonly inputSize: number;
}

/** What is published of a weights file. */
export type PretrainedFacts = ModelArchitecture &
  ImagePreparation & {
    /** Of the .safetensors file, in hexadecimal; only where it is known for certain. */
    readonly sha256?: string;
    /** Where the weights are, if not on the hub as .safetensors under `timm/<name>`. */
    readonly elsewhere?: string;
    /** As timm names it. */
    readonly license: string;
    /** Outputs of the head in the file; 0 where there is no head. */
    readonly classes: number;
    /** Trained values in the file. */
    readonly parameters: number;
    readonly pretrainedOn: string;
    readonly citation: string;
    readonly notes: readonly string[];
  };

const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const centred = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

const he2016 = 'He et al., Deep residual learning for image recognition. CVPR 2016. arXiv:1512.03385.';
const dosovitskiy2021 =
  'Dosovitskiy et al., An image is worth 16×16 words: transformers for image recognition at scale. ICLR 2021. arXiv:2010.11929.';
const steiner2022 =
  'Steiner et al., How to train your ViT? Data, augmentation, and regularization in vision transformers. TMLR 2022. arXiv:2106.10270.';

const torchvisionResnet = {
  ...imagenet,
  family: 'resnet',
  interpolation: 'bilinear',
  cropFraction: 0.875,
  inputSize: 224,
  license: 'bsd-3-clause',
  classes: 1000,
  pretrainedOn: 'ImageNet-1k',
  citation: he2016,
  notes: ['torchvision’s IMAGENET1K_V1.'],
} as const;

const augreg = {
  ...centred,
  family: 'vit',
  interpolation: 'bicubic',
  cropFraction: 0.9,
  inputSize: 224,
  license: 'apache-2.0',
  citation: `${dosovitskiy2021} ${steiner2022}`,
  notes: ['Mean and standard deviation are 0.5, not those of ImageNet.'],
} as const;

const simeoni2025 = 'Siméoni et al., DINOv3. 2025. arXiv:2508.10104.';
const liu2022 = 'Liu et al., A ConvNet for the 2020s. CVPR 2022. arXiv:2201.03545.';

const ofDinov3 = {
  ...imagenet,
  interpolation: 'bicubic',
  cropFraction: 1,
  license: 'dinov3-license',
  classes: 0,
  pretrainedOn: 'LVD-1689M, without labels',
} as const;

const dinov3 = {
  ...ofDinov3,
  family: 'vit',
  inputSize: 256,
  citation: simeoni2025,
  notes: [
    'Distilled from a model of 7 billion parameters.',
    'The pooled output is the mean of the patch tokens as in timm; Meta takes the class token, the first of the tokens.',
    'The DINOv3 License has terms for passing the weights on.',
  ],
} as const;

/** SHA-256 of the files under data/weights, by their networks. */
export const embeddedWeights = {
  vit_mini_patch4: { sha256: '5be6fb7cdc2069f95a4b83c46130852422cb2dc0fc24ad7207873e7ce9358452' },
} as const;

/** Architectures of this project, of which nobody else has weights. */
export const ownArchitectures = {
  vit_mini_patch4: {
    ...centred,
    family: 'vit',
    architecture: 'vit_mini_patch4',
    interpolation: 'bicubic',
    cropFraction: 1,
    inputSize: 28,
    classes: 0,
  },
} as const satisfies Record<string, ModelArchitecture & ImagePreparation & { readonly classes: number }>;

export const pretrainedFacts = {
  'resnet18.tv_in1k': { ...torchvisionResnet, architecture: 'resnet18', parameters: 11_689_512 },
  'resnet50.tv_in1k': { ...torchvisionResnet, architecture: 'resnet50', parameters: 25_557_032 },
  'resnet50.a1_in1k': {
    ...torchvisionResnet,
    architecture: 'resnet50',
    interpolation: 'bicubic',
    cropFraction: 0.95,
    license: 'apache-2.0',
    parameters: 25_557_032,
    citation: `${he2016} Wightman et al., ResNet strikes back: an improved training procedure in timm. 2021. arXiv:2110.00476.`,
    notes: [
      'What timm loads as "resnet50" without a tag.',
      'Trained with binary cross-entropy for 600 epochs; timm evaluates it at 288 pixels.',
    ],
  },
  'vit_tiny_patch16_224.augreg_in21k': {
    ...augreg,
    architecture: 'vit_tiny_patch16_224',
    classes: 21_843,
    parameters: 9_740_115,
    pretrainedOn: 'ImageNet-21k',
  },
  'vit_tiny_patch16_224.augreg_in21k_ft_in1k': {
    ...augreg,
    architecture: 'vit_tiny_patch16_224',
    classes: 1000,
    parameters: 5_717_416,
    pretrainedOn: 'ImageNet-21k, then ImageNet-1k',
  },
  'vit_base_patch16_224.augreg2_in21k_ft_in1k': {
    ...augreg,
    architecture: 'vit_base_patch16_224',
    classes: 1000,
    parameters: 86_567_656,
    pretrainedOn: 'ImageNet-21k, then ImageNet-1k',
    notes: [...augreg.notes, 'The step to ImageNet-1k was done again by timm’s author.'],
  },
  'vit_b_16.IMAGENET1K_V1': {
    ...imagenet,
    family: 'vit',
    architecture: 'vit_base_patch16_224',
    interpolation: 'bilinear',
    cropFraction: 0.875,
    inputSize: 224,
    elsewhere: 'https://download.pytorch.org/models/vit_b_16-c867db91.pth',
    license: 'bsd-3-clause',
    classes: 1000,
    parameters: 86_567_656,
    pretrainedOn: 'ImageNet-1k',
    citation: dosovitskiy2021,
    notes: ['torchvision’s weights, trained on ImageNet-1k alone with a recipe after DeIT.'],
  },
  'vit_small_patch14_dinov2.lvd142m': {
    ...imagenet,
    family: 'vit',
    architecture: 'vit_small_patch14_dinov2',
    interpolation: 'bicubic',
    cropFraction: 1,
    inputSize: 518,
    license: 'apache-2.0',
    classes: 0,
    parameters: 22_056_192,
    pretrainedOn: 'LVD-142M, without labels',
    citation: 'Oquab et al., DINOv2: Learning robust visual features without supervision. TMLR 2024. arXiv:2304.07193.',
    notes: ['At other sizes than 518 pixels positions are interpolated; the edge must be a multiple of 14.'],
  },
  'vit_small_patch16_dinov3.lvd1689m': {
    ...dinov3,
    architecture: 'vit_small_patch16_dinov3',
    parameters: 21_586_944,
  },
  'vit_base_patch16_dinov3.lvd1689m': { ...dinov3, architecture: 'vit_base_patch16_dinov3', parameters: 85_641_216 },
  'vit_large_patch16_dinov3.lvd1689m': {
    ...dinov3,
    architecture: 'vit_large_patch16_dinov3',
    parameters: 303_079_424,
  },
  'swin_base_patch4_window7_224.ms_in1k': {
    ...imagenet,
    family: 'swin',
    architecture: 'swin_base_patch4_window7_224',
    interpolation: 'bicubic',
    cropFraction: 0.9,
    inputSize: 224,
    license: 'mit',
    classes: 1000,
    parameters: 87_768_224,
    pretrainedOn: 'ImageNet-1k',
    citation:
      'Liu et al., Swin transformer: hierarchical vision transformer using shifted windows. ICCV 2021. arXiv:2103.14030.',
    notes: ['What timm loads without a tag, ms_in22k_ft_in1k, was first trained on ImageNet-22k; this was not.'],
  },
  'convnext_tiny.fb_in1k': {
    ...imagenet,
    family: 'convnext',
    architecture: 'convnext_tiny',
    interpolation: 'bicubic',
    cropFraction: 0.875,
    inputSize: 224,
    license: 'apache-2.0',
    classes: 1000,
    parameters: 28_589_128,
    pretrainedOn: 'ImageNet-1k',
    citation: liu2022,
    notes: ['What timm loads without a tag, in12k_ft_in1k, was first trained on ImageNet-12k; this was not.'],
  },
  'convnext_tiny.dinov3_lvd1689m': {
    ...ofDinov3,
    family: 'convnext',
    architecture: 'convnext_tiny',
    inputSize: 224,
    parameters: 27_820_128,
    citation: `${liu2022} ${simeoni2025}`,
    notes: [
      'Distilled from a vision transformer of 7 billion parameters.',
      'The DINOv3 License has terms for passing the weights on.',
    ],
  },
} as const satisfies Record<string, PretrainedFacts>;

export type PretrainedName = keyof typeof pretrainedFacts;
