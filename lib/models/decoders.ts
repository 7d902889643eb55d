/**
 * Decoders on the feature map of a vision transformer, of the third study, under its tensor names
 * (github.com/IsaacXu0808/DLMI-project, models/decoders.py): one rebuilds the image, one segments it.
 */
import { relu } from '../tensor/activations';
import { upsampleBilinear, upsampleNearest } from '../tensor/upsampling';
import type { Tensor4D } from '../tf';
import { addConvolution, tidyPart } from './blocks';
import { addBatchNorm, type ParameterSpec, type ParameterTable } from './parameters';
import { batchNorm, convolution, type Scope } from './scope';

export interface DecoderConfig {
  /** Channels of the feature map. */
  readonly inputs: number;
  /** Channels after each 3×3 convolution, behind each of which the resolution doubles. */
  readonly widths: readonly number[];
}

/** For the 14×14×768 map of a ViT-B/16 at 224×224. */
export const decoderConfigs = {
  reconstruction: { inputs: 768, widths: [512, 256, 128, 64] },
  segmentation: { inputs: 768, widths: [256, 128, 64, 32] },
} as const satisfies Record<string, DecoderConfig>;

/** Modules of one stage of PyTorch's Sequential: convolution, ReLU, upsampling, and in the segmentation decoder batch norm. */
const reconstructionModules = 3;
const segmentationModules = 4;

/** 5,089,923 values for the study's widths. */
export function reconstructionDecoderParameters(
  { inputs, widths }: DecoderConfig,
  { channels = 3 }: { channels?: number } = {},
): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  [...widths, channels].forEach((width, stage) => {
    const name = `decode.${reconstructionModules * stage}`;
    addConvolution(table, name, [width, stage === 0 ? inputs : widths[stage - 1], 3, 3]);
  });
  return table;
}

/** What a decoder gives beside its result. */
interface DecoderStages {
  /** After each stage's upsampling, N×2ˢh×2ˢw×C. */
  readonly stages: readonly Tensor4D[];
}

/** map: N×h×w×C; the image that comes of it has values in 0…1, and with four stages 16h×16w pixels. */
export function reconstructionDecoderForward(
  map: Tensor4D,
  p: Scope,
  { widths }: DecoderConfig,
): DecoderStages & { readonly image: Tensor4D } {
  const stages = runStages(map, widths, (x, stage) =>
    tidyPart(p, () => {
      const convolved = convolution(x, p.at(`decode.${reconstructionModules * stage}`), { padding: 1 });
      return upsampleNearest(relu(convolved), 2);
    }),
  );
  const last = p.at(`decode.${reconstructionModules * widths.length}`);
  return { stages, image: convolution(stages[stages.length - 1], last, { padding: 1 }).sigmoid() };
}

/**
 * 2,158,017 values for the study's widths and one class. Its report has another order and a last convolution of 3×3: that is not what its
 * code does, nor does it have so many values.
 */
export function segmentationDecoderParameters(
  { inputs, widths }: DecoderConfig,
  { classes = 1 }: { classes?: number } = {},
): ParameterTable {
  const table: Record<string, ParameterSpec> = {};
  widths.forEach((width, stage) => {
    const first = segmentationModules * stage;
    addConvolution(table, `decoder.${first}`, [width, stage === 0 ? inputs : widths[stage - 1], 3, 3]);
    addBatchNorm(table, `decoder.${first + 1}`, width);
  });
  addConvolution(table, `decoder.${segmentationModules * widths.length}`, [classes, widths[widths.length - 1], 1, 1]);
  return table;
}

/** map: N×h×w×C; logits N×16h×16w×classes with four stages. */
export function segmentationDecoderForward(
  map: Tensor4D,
  p: Scope,
  { widths }: DecoderConfig,
): DecoderStages & { readonly logits: Tensor4D } {
  const stages = runStages(map, widths, (x, stage) => {
    const first = segmentationModules * stage;
    return tidyPart(p, () => {
      const convolved = convolution(x, p.at(`decoder.${first}`), { padding: 1 });
      return upsampleBilinear(batchNorm(convolved, p.at(`decoder.${first + 1}`), { relu: true }), 2);
    });
  });
  const last = p.at(`decoder.${segmentationModules * widths.length}`);
  return { stages, logits: convolution(stages[stages.length - 1], last) };
}

/** The output of each stage, which is the input of the next. */
function runStages(
  map: Tensor4D,
  widths: readonly number[],
  run: (x: Tensor4D, stage: number) => Tensor4D,
): Tensor4D[] {
  const stages: Tensor4D[] = [];
  widths.forEach((_, stage) => stages.push(run(stage === 0 ? map : stages[stage - 1], stage)));
  return stages;
}
