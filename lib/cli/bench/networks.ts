/** Networks on noise, trained and evaluated as in the rest of the library: the cases that other frameworks are compared on. */
import { createBackbone } from '../../models/backbone';
import { inPrecision, roundMatrices } from '../../models/low-precision';
import {
  createParameters,
  disposeParameters,
  readParameters,
  trainableNames,
  type ParameterTable,
} from '../../models/parameters';
import { createScope, type Scope } from '../../models/scope';
import { unetConfigs, unetForward, unetParameters } from '../../models/unet';
import { createRandom } from '../../random';
import { crossEntropy, sigmoidCrossEntropy } from '../../tensor/losses';
import type { Precision } from '../../precisions';
import { tf, type Scalar, type Tensor, type Tensor2D, type Tensor4D } from '../../tf';
import { adamW } from '../../training/optimizers';
import { trainingStep } from '../../training/step';
import type { BenchCase, BenchSize, BenchWork } from './measure';

const classes = 8;

export const networkCases: readonly BenchCase[] = [
  {
    name: 'resnet18-train-28-b128',
    description: 'a training step of ResNet-18 with AdamW, 8 classes',
    size: { images: 128, pixels: 28 },
    repeats: 5,
    warmUp: 2,
    prepare: (size) => classifierTraining('resnet18', size),
  },
  {
    name: 'resnet18-train-28-b128-bf16',
    description: 'the same in mixed precision',
    size: { images: 128, pixels: 28 },
    repeats: 5,
    warmUp: 2,
    prepare: (size) => classifierTraining('resnet18', size, 'bfloat16'),
  },
  {
    name: 'vit-tiny-forward-224-b32',
    description: 'ViT-Ti/16, images to logits',
    size: { images: 32, pixels: 224 },
    repeats: 4,
    warmUp: 1,
    prepare: (size) => forwardPass('vit_tiny_patch16_224', size, { classes }),
  },
  {
    name: 'vit-tiny-train-224-b32',
    description: 'a training step of ViT-Ti/16 with AdamW',
    size: { images: 32, pixels: 224 },
    repeats: 3,
    warmUp: 1,
    prepare: (size) => classifierTraining('vit_tiny_patch16_224', size),
  },
  {
    name: 'vit-tiny-train-224-b32-bf16',
    description: 'the same in mixed precision',
    size: { images: 32, pixels: 224 },
    repeats: 3,
    warmUp: 1,
    prepare: (size) => classifierTraining('vit_tiny_patch16_224', size, 'bfloat16'),
  },
  {
    name: 'dinov2-small-forward-224-b16',
    description: 'DINOv2 ViT-S/14, images to features',
    size: { images: 16, pixels: 224 },
    repeats: 4,
    warmUp: 1,
    prepare: (size) => forwardPass('vit_small_patch14_dinov2', size),
  },
  {
    name: 'dinov2-small-forward-224-b16-bf16',
    description: 'the same with matrices in bfloat16',
    size: { images: 16, pixels: 224 },
    repeats: 4,
    warmUp: 1,
    prepare: (size) => forwardPass('vit_small_patch14_dinov2', size, { precision: 'bfloat16' }),
  },
  {
    name: 'dinov3-small-forward-256-b16',
    description: 'DINOv3 ViT-S/16, images to features',
    size: { images: 16, pixels: 256 },
    repeats: 4,
    warmUp: 1,
    prepare: (size) => forwardPass('vit_small_patch16_dinov3', size),
  },
  {
    name: 'unet-train-256-b8',
    description: 'a training step of the U-Net of 7,763,041 values with AdamW on binary cross-entropy',
    size: { images: 8, pixels: 256 },
    repeats: 3,
    warmUp: 1,
    prepare: (size) => unetTraining(size),
  },
  {
    name: 'unet-train-256-b8-bf16',
    description: 'the same in mixed precision',
    size: { images: 8, pixels: 256 },
    repeats: 3,
    warmUp: 1,
    prepare: (size) => unetTraining(size, 'bfloat16'),
  },
];

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

function unetTraining({ images: count, pixels }: BenchSize, precision: Precision = 'float32'): BenchWork {
  const config = unetConfigs.unet_base32;
  const random = createRandom(0, 'bench', 'masks');
  const images = noiseImages(count, pixels);
  const values = Float32Array.from({ length: count * pixels * pixels }, () => random.integer(2));
  const masks = tf.tensor4d(values, [count, pixels, pixels, 1]);
  return training(unetParameters(config), precision, [images, masks], (scope) =>
    sigmoidCrossEntropy(unetForward(images, scope, config).logits, masks).mean(),
  );
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
