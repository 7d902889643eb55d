/** Networks on noise, trained and evaluated as in the rest of the library: the cases that other frameworks are compared on. */
import { vitConfigAt } from '../../models/architecture';
import { createBackbone } from '../../models/backbone';
import { dinoUnetConfig, dinoUnetForward, dinoUnetParameters } from '../../models/dino-unet';
import { dinoUnetBlocks, encodeBlockMaps } from '../../models/feature-maps';
import { inPrecision, isVitMatrix, roundMatrices } from '../../models/low-precision';
import {
  createParameters,
  disposeParameters,
  readParameters,
  trainableNames,
  type ParameterTable,
} from '../../models/parameters';
import { createScope, type Scope } from '../../models/scope';
import { vitParameters } from '../../models/vit';
import { unetConfigs, unetForward, unetParameters } from '../../models/unet';
import { createRandom } from '../../random';
import { crossEntropy, sigmoidCrossEntropy } from '../../tensor/losses';
import type { Precision } from '../../precisions';
import { tf, type Scalar, type Tensor, type Tensor2D, type Tensor4D } from '../../tf';
import { adamW } from '../../training/optimizers';
import { trainingStep } from '../../training/step';
import { narrowSuffix, type BenchCase, type BenchSize, type BenchWork } from './measure';

const classes = 8;

/** A case in either precision. */
interface NetworkCase extends Omit<BenchCase, 'prepare'> {
  prepare(size: BenchSize, precision: Precision): BenchWork | Promise<BenchWork>;
}

/** The case in float32, and its twin with `-bf16` at the end of its name. */
export function inBothPrecisions({ prepare, ...one }: NetworkCase): BenchCase[] {
  return [
    { ...one, prepare: (size) => prepare(size, 'float32') },
    {
      ...one,
      name: `${one.name}${narrowSuffix}`,
      description: 'the same in bfloat16',
      prepare: (size) => prepare(size, 'bfloat16'),
    },
  ];
}

const cases: readonly NetworkCase[] = [
  {
    name: 'resnet18-train-28-b128',
    description: 'a training step of ResNet-18 with AdamW, 8 classes',
    size: { images: 128, pixels: 28 },
    repeats: 5,
    warmUp: 2,
    prepare: (size, precision) => classifierTraining('resnet18', size, precision),
  },
  {
    name: 'vit-tiny-forward-224-b32',
    description: 'ViT-Ti/16, images to logits',
    size: { images: 32, pixels: 224 },
    repeats: 4,
    warmUp: 1,
    prepare: (size, precision) => forwardPass('vit_tiny_patch16_224', size, { classes, precision }),
  },
  {
    name: 'vit-tiny-train-224-b32',
    description: 'a training step of ViT-Ti/16 with AdamW',
    size: { images: 32, pixels: 224 },
    repeats: 3,
    warmUp: 1,
    prepare: (size, precision) => classifierTraining('vit_tiny_patch16_224', size, precision),
  },
  {
    name: 'dinov2-small-forward-224-b16',
    description: 'DINOv2 ViT-S/14, images to features',
    size: { images: 16, pixels: 224 },
    repeats: 4,
    warmUp: 1,
    prepare: (size, precision) => forwardPass('vit_small_patch14_dinov2', size, { precision }),
  },
  {
    name: 'dinov3-small-forward-256-b16',
    description: 'DINOv3 ViT-S/16, images to features',
    size: { images: 16, pixels: 256 },
    repeats: 4,
    warmUp: 1,
    prepare: (size, precision) => forwardPass('vit_small_patch16_dinov3', size, { precision }),
  },
  {
    name: 'unet-train-256-b8',
    description: 'a training step of the U-Net of 7,763,041 values with AdamW on binary cross-entropy',
    size: { images: 8, pixels: 256 },
    repeats: 3,
    warmUp: 1,
    prepare: unetTraining,
  },
  {
    name: 'dino-unet-small-train-256-b8',
    description: 'the same of a Dino U-Net, whose frozen DINOv3 ViT-S/16 is run in each step',
    size: { images: 8, pixels: 256 },
    repeats: 3,
    warmUp: 1,
    prepare: dinoUnetTraining,
  },
  {
    name: 'resnet50-train-224-b16',
    description: 'a training step of ResNet-50 with AdamW',
    size: { images: 16, pixels: 224 },
    repeats: 3,
    warmUp: 1,
    prepare: (size, precision) => classifierTraining('resnet50', size, precision),
  },
  {
    name: 'swin-base-train-224-b8',
    description: 'a training step of Swin-B with AdamW',
    size: { images: 8, pixels: 224 },
    repeats: 3,
    warmUp: 1,
    prepare: (size, precision) => classifierTraining('swin_base_patch4_window7_224', size, precision),
  },
];

export const networkCases: readonly BenchCase[] = cases.flatMap(inBothPrecisions);

/** A forward pass in evaluation mode, to the logits where there are classes, else to the pooled features. */
function forwardPass(
  name: string,
  { images: count, pixels }: BenchSize,
  options: { readonly classes?: number; readonly precision?: Precision } = {},
): BenchWork {
  const backbone = createBackbone(name, { size: pixels, classes: options.classes });
  const initial = createParameters(backbone.table, 0);
  const parameters =
    options.precision === 'bfloat16' && backbone.lowPrecision ? roundMatrices(initial, backbone.lowPrecision) : initial;
  const images = noiseImages(count, pixels);
  return {
    run() {
      tf.tidy(() => {
        const { logits, pooled } = backbone.forward(images, createScope(readParameters(parameters)));
        readFinite((logits ?? pooled).sum());
      });
    },
    dispose() {
      images.dispose();
      disposeParameters(parameters);
    },
  };
}

/** A step of training all of a classifier's parameters on cross-entropy. */
export function classifierTraining(
  name: string,
  { images: count, pixels }: BenchSize,
  precision: Precision = 'float32',
): BenchWork {
  const backbone = createBackbone(name, { size: pixels, classes });
  const random = createRandom(0, 'bench', 'labels');
  const images = noiseImages(count, pixels);
  const labels = tf.tensor1d(
    Int32Array.from({ length: count }, () => random.integer(classes)),
    'int32',
  );
  return training(backbone.table, precision, [images, labels], (scope) => {
    const { logits } = backbone.forward(images, scope);
    return crossEntropy(logits as Tensor2D, labels).mean();
  });
}

function unetTraining(size: BenchSize, precision: Precision): BenchWork {
  const config = unetConfigs.unet_base32;
  const [images, masks] = [noiseImages(size.images, size.pixels), noiseMasks(size)];
  return training(unetParameters(config), precision, [images, masks], (scope) =>
    sigmoidCrossEntropy(unetForward(images, scope, config).logits, masks).mean(),
  );
}

function dinoUnetTraining(size: BenchSize, precision: Precision): BenchWork {
  const plane = { height: size.pixels, width: size.pixels };
  const vit = vitConfigAt('vit_small_patch16_dinov3', plane);
  const [images, masks] = [noiseImages(size.images, size.pixels), noiseMasks(size)];
  const initial = createParameters(vitParameters(vit, { classes: 0 }), 0);
  const encoder = precision === 'bfloat16' ? roundMatrices(initial, isVitMatrix) : initial;
  const config = dinoUnetConfig(vit.width, 'corrected');
  const selection = dinoUnetBlocks(vit, 'corrected');
  let maps: Tensor4D[] = [];
  const { run, dispose } = training(dinoUnetParameters(config), precision, [images, masks], (scope) =>
    sigmoidCrossEntropy(dinoUnetForward(maps, scope, config, plane).logits, masks).mean(),
  );
  return {
    run() {
      maps = tf.tidy(() => encodeBlockMaps(vit, images, createScope(readParameters(encoder)), selection));
      try {
        return run();
      } finally {
        tf.dispose(maps);
      }
    },
    dispose() {
      disposeParameters(encoder);
      return dispose();
    },
  };
}

/** Steps of AdamW on one batch, whose tensors are freed at the end. */
function training(
  table: ParameterTable,
  precision: Precision,
  batch: readonly Tensor[],
  loss: (scope: Scope) => Scalar,
): BenchWork {
  const parameters = inPrecision(createParameters(table, 0), precision);
  const names = trainableNames(parameters);
  const optimizer = adamW(parameters, names, { weightDecay: 1e-5 });
  const options = { parameters, names, optimizer, learningRate: 1e-3 };
  return {
    run() {
      const step = trainingStep((scope) => ({ loss: loss(scope) }), options);
      readFinite(step.loss);
      step.loss.dispose();
    },
    dispose() {
      tf.dispose([...batch]);
      optimizer.dispose();
      disposeParameters(parameters);
    },
  };
}

/** N×H×W×1 of zeros and ones; the caller's to dispose. */
function noiseMasks({ images, pixels }: BenchSize): Tensor4D {
  const random = createRandom(0, 'bench', 'masks');
  const values = Float32Array.from({ length: images * pixels * pixels }, () => random.integer(2));
  return tf.tensor4d(values, [images, pixels, pixels, 1]);
}

/** N×H×W×3, standard normal; the caller's to dispose. */
function noiseImages(count: number, pixels: number): Tensor4D {
  const random = createRandom(0, 'bench', 'images');
  const values = Float32Array.from({ length: count * pixels * pixels * 3 }, () => random.normal());
  return tf.tensor4d(values, [count, pixels, pixels, 3]);
}

/** Waits for the device. A time is worth nothing where the result is none. */
function readFinite(value: Tensor): void {
  const [number] = value.dataSync();
  if (!Number.isFinite(number)) throw new Error(`The result is ${number}, so its time means nothing.`);
}
