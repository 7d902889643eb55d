/** ResNet (He et al. 2016) with torchvision's tensor names: the 7×7 stem with stride 2, four stages, global average pooling. */
import { maxPool2d } from '../tensor/pooling';
import { type Tensor2D, type Tensor4D } from '../tf';
import { tidyPart } from './blocks';
import { addBatchNorm, type Initializer, type ParameterSpec, type ParameterTable } from './parameters';
import { batchNorm, convolution, firstConvolution, linear, type Scope } from './scope';

export interface ResnetConfig {
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  /** `basic`: two 3×3 convolutions; `bottleneck`: 1×1, 3×3, 1×1 with four times the width at the end. */
  readonly block: 'basic' | 'bottleneck';
  /** Channels of the stem and of the first stage's 3×3 convolutions, 64 by default; each further stage has twice as many. */
  readonly width?: number;
}

export const resnetConfigs = {
  resnet18: { depths: [2, 2, 2, 2], block: 'basic' },
  resnet50: { depths: [3, 4, 6, 3], block: 'bottleneck' },
} as const satisfies Record<string, ResnetConfig>;

export type ResnetName = keyof typeof resnetConfigs;

const stageStrides = [1, 2, 2, 2];

/** What a forward pass gives. */
export interface ResnetOutput {
  /** Feature maps by depth, each N×H×W×C. */
  readonly stages: readonly Tensor4D[];
  /** N×C: the last stage averaged over its positions. */
  readonly pooled: Tensor2D;
  /** N×classes, absent without a head. */
  readonly logits?: Tensor2D;
}

/**
 * Names, shapes and initial values of all tensors; 11,180,616 trained values for resnet18 with 8 classes.
 * `classes: 0` leaves out the head.
 */
export function resnetParameters(
  { depths, block, width: stemWidth = 64 }: ResnetConfig,
  { classes, channels = 3 }: { classes: number; channels?: number },
): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  const expansion = block === 'basic' ? 1 : 4;
  addConvolution(table, 'conv1', [stemWidth, channels, 7, 7]);
  addBatchNorm(table, 'bn1', stemWidth);
  let inputs = stemWidth;
  stageStrides.forEach((stride, stage) => {
    const width = stemWidth * 2 ** stage;
    for (let index = 0; index < depths[stage]; index++) {
      const name = `layer${stage + 1}.${index}`;
      const outputs = width * expansion;
      blockConvolutions(block, inputs, width).forEach((shape, position) => {
        addConvolution(table, `${name}.conv${position + 1}`, shape);
        addBatchNorm(table, `${name}.bn${position + 1}`, shape[0]);
      });
      if (index === 0 && (stride !== 1 || inputs !== outputs)) {
        addConvolution(table, `${name}.downsample.0`, [outputs, inputs, 1, 1]);
        addBatchNorm(table, `${name}.downsample.1`, outputs);
      }
      inputs = outputs;
    }
  });
  if (classes > 0) {
    const initial: Initializer = { uniformIn: inputs };
    table['fc.weight'] = { shape: [classes, inputs], kind: 'linear', initial };
    table['fc.bias'] = { shape: [classes], kind: 'vector', initial };
  }
  return table;
}

/** timm's `zero_init_last`: from random weights, each residual branch of a ResNet begins as 0. */
export function withQuietBranches(table: ParameterTable): ParameterTable {
  const isLast = (name: string): boolean => {
    const block = /^(layer\d\.\d+)\.bn([23])\.weight$/.exec(name);
    return block !== null && (block[2] === '3' || !(`${block[1]}.bn3.weight` in table));
  };
  return Object.fromEntries(
    Object.entries(table).map(([name, spec]) => [name, isLast(name) ? { ...spec, initial: 0 } : spec]),
  );
}

/** images: N×H×W×3, normalised. */
export function resnetForward(images: Tensor4D, p: Scope, { depths, block }: ResnetConfig): ResnetOutput {
  // Each part tidies up after itself: what no gradient needs is gone when the next begins.
  let x = tidyPart(p, () => maxPool2d(resnetStem(images, p), { size: 3, stride: 2, padding: 1 })); // N×H/4×W/4×64
  const outputs = stageStrides.map((stride, stage) => {
    for (let index = 0; index < depths[stage]; index++) {
      const run = block === 'basic' ? basicBlock : bottleneckBlock;
      const input = x;
      x = tidyPart(p, () => run(input, p.at(`layer${stage + 1}.${index}`), index === 0 ? stride : 1));
    }
    x = p.pass.observe?.(`layer${stage + 1}`, x) ?? x;
    return x;
  });
  const pooled = x.mean<Tensor2D>([1, 2]); // N×C
  return { stages: outputs, pooled, logits: p.optional('fc.weight') ? linear(pooled, p.at('fc')) : undefined };
}

/** What comes before pooling. images: N×H×W×3 → N×H/2×W/2×64. */
export function resnetStem(images: Tensor4D, p: Scope): Tensor4D {
  return firstConvolution(images, [p.at('conv1'), p.at('bn1')], { stride: 2, padding: 3, relu: true });
}

/** N×H×W×C → N×H/stride×W/stride×width. */
function basicBlock(x: Tensor4D, p: Scope, stride: number): Tensor4D {
  const first = batchNorm(convolution(x, p.at('conv1'), { stride, padding: 1 }), p.at('bn1'), { relu: true });
  const second = convolution(first, p.at('conv2'), { padding: 1 });
  return batchNorm(second, p.at('bn2'), { residual: shortcut(x, p, stride), relu: true });
}

/** N×H×W×C → N×H/stride×W/stride×4·width; the stride sits in the 3×3 convolution (torchvision's "v1.5"). */
function bottleneckBlock(x: Tensor4D, p: Scope, stride: number): Tensor4D {
  const first = batchNorm(convolution(x, p.at('conv1')), p.at('bn1'), { relu: true });
  const second = batchNorm(convolution(first, p.at('conv2'), { stride, padding: 1 }), p.at('bn2'), { relu: true });
  const third = convolution(second, p.at('conv3'));
  return batchNorm(third, p.at('bn3'), { residual: shortcut(x, p, stride), relu: true });
}

function shortcut(x: Tensor4D, p: Scope, stride: number): Tensor4D {
  if (p.optional('downsample.0.weight') === undefined) return x;
  return batchNorm(convolution(x, p.at('downsample.0'), { stride }), p.at('downsample.1'));
}

function blockConvolutions(
  block: ResnetConfig['block'],
  inputs: number,
  width: number,
): [number, number, number, number][] {
  if (block === 'basic') {
    return [
      [width, inputs, 3, 3],
      [width, width, 3, 3],
    ];
  }
  return [
    [width, inputs, 1, 1],
    [width, width, 3, 3],
    [4 * width, width, 1, 1],
  ];
}

function addConvolution(
  table: Record<string, ParameterSpec>,
  name: string,
  shape: [number, number, number, number],
): void {
  table[`${name}.weight`] = { shape, kind: 'convolution', initial: 'kaiming-out' };
}
