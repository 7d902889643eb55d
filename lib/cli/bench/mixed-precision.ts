/** What mixed precision costs in accuracy: trainings of the tours in both precisions, seed by seed. */
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset';
import { openDataset, syntheticBlood } from '../../data/open';
import { openSegmentationDataset } from '../../data/open-segmentation';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { syntheticLesions } from '../../data/synthetic-lesions-dataset';
import { mean, sampleDeviation } from '../../metrics/intervals';
import { openVit } from '../../models/encoders';
import type { Network } from '../../models/network';
import { resnet18 } from '../../models/networks';
import { classifier, openBackbone } from '../../models/open-backbone';
import { precisions, type Precision } from '../../precisions';
import { evaluateClassifier } from '../../runs/evaluate';
import { evaluateMasks } from '../../runs/evaluate-masks';
import { resolveParameters } from '../../runs/parameters';
import { trainOnce, type TrainedModel, type TrainOptions } from '../../runs/train';
import { fineTuning } from '../../studies/blood-cells/fine-tuning';
import { vitTiny } from '../../studies/blood-cells/networks';
import { resnetParameterSpecs, vitParameterSpecs } from '../../studies/blood-cells/parameters';
import { armsOf, workOf } from '../../studies/dinov3-segmentation/arms';
import { encoderRequest } from '../../studies/dinov3-segmentation/encoders';
import { dinov3ParameterSpecs, ownEncoders } from '../../studies/dinov3-segmentation/parameters';
import { noEncoder } from '../../studies/dinov3-segmentation/parameters';
import { adamW } from '../../training/create-optimizer';
import { openFeatureCache, type FeatureCache } from '../../training/feature-cache';
import { input } from '../../training/input-transforms';
import type { Recipe } from '../../training/recipe';
import { cosine } from '../../training/schedules';
import type { TrainingData } from '../../training/train-network';
import { temporaryFolder } from './folder';
import type { BenchCase, BenchSize, BenchWork } from './measure';

/** A repetition is a seed: it is trained and tested in both precisions. */
const common = { repeats: 5, warmUp: 0, withoutRate: true, onlyByName: true } as const;
const cells = { images: resnetParameterSpecs.syntheticImages.defaults.tour, pixels: 28 };
const lesions = {
  images: dinov3ParameterSpecs.syntheticImages.defaults.tour,
  pixels: dinov3ParameterSpecs.imageSize.defaults.tour,
};

export const mixedPrecisionCases: readonly BenchCase[] = [
  {
    ...common,
    name: 'mixed-precision-resnet18',
    description:
      "test accuracy of 01's ResNet-18 in both precisions, tour, five seeds; takes minutes, only where it is named",
    size: cells,
    prepare: (size) => bothPrecisions(size, openCells, resnetTraining),
  },
  {
    ...common,
    name: 'mixed-precision-vit',
    description: "the same of 02's fine-tuned vision transformer",
    size: cells,
    prepare: (size) => bothPrecisions(size, openCells, vitTraining),
  },
  {
    ...common,
    name: 'mixed-precision-unet',
    description: "test Dice of 07's U-Net, likewise",
    size: lesions,
    prepare: (size) => bothPrecisions(size, openLesions, lesionTraining(noEncoder)),
  },
  {
    ...common,
    name: 'mixed-precision-dino-unet',
    description: "the same of 07's Dino U-Net",
    size: lesions,
    prepare: (size) => bothPrecisions(size, openLesions, lesionTraining(ownEncoders[0])),
  },
];

interface Training {
  readonly network: Network;
  readonly recipe: Recipe;
}
type Plan<D> = (data: D, precision: Precision, seed: number) => Promise<Training> | Training;
type Open<D> = (size: BenchSize, cacheDirectory: string) => Promise<D>;

const openCells: Open<Dataset> = ({ images, pixels }, cacheDirectory) =>
  openDataset(syntheticBlood, { size: pixels, syntheticImages: images, cacheDirectory });
const openLesions: Open<SegmentationDataset> = ({ images, pixels }, cacheDirectory) =>
  openSegmentationDataset(syntheticLesions, { size: pixels, syntheticImages: images, cacheDirectory });

async function bothPrecisions<D extends TrainingData>(
  size: BenchSize,
  open: Open<D>,
  plan: Plan<D>,
): Promise<BenchWork> {
  const folder = temporaryFolder();
  const data = await open(size, join(folder.path, 'images'));
  const options = {
    folder: join(folder.path, 'trainings'),
    featureCache: openFeatureCache({ directory: join(folder.path, 'features') }),
  };
  const scores: Record<Precision, number[]> = { float32: [], bfloat16: [] };
  return {
    async run() {
      for (const precision of precisions) {
        const seed = resnetParameterSpecs.seed.defaults.tour + scores[precision].length;
        const { network, recipe } = await plan(data, precision, seed);
        scores[precision].push(await testScore({ network, recipe: { ...recipe, seed, precision } }, data, options));
      }
    },
    further() {
      const of = (precision: Precision) => [
        [`${precision}_mean`, mean(scores[precision])],
        [`${precision}_deviation`, sampleDeviation(scores[precision])],
      ];
      const difference = mean(scores.bfloat16) - mean(scores.float32);
      return Object.fromEntries([...precisions.flatMap(of), ['difference', difference]]) as Record<string, number>;
    },
    dispose() {
      data.close();
      folder.remove();
    },
  };
}

/** The accuracy, or the mean Dice, of the selected epoch. */
async function testScore(
  { network, recipe }: Training,
  data: TrainingData,
  options: Pick<TrainOptions, 'folder'> & { readonly featureCache: FeatureCache },
): Promise<number> {
  const { best } = await trainOnce(network, data, recipe, options);
  const trained = best as TrainedModel; // it is never stopped
  if ('task' in data) return (await evaluateClassifier(trained, data)).accuracy;
  return (await evaluateMasks(trained, data, { featureCache: options.featureCache })).mean.dice;
}

function resnetTraining(data: Dataset): Training {
  const { epochs, batchSize, seed, weightDecay, learningRate } = resolveParameters(resnetParameterSpecs, {});
  const [optimizer, schedule] = [adamW({ weightDecay }), cosine({ learningRate })];
  const recipe = { epochs, batchSize, seed, optimizer, schedule, select: 'accuracy' };
  return { network: resnet18({ classes: data.classNames }), recipe };
}

async function vitTraining(data: Dataset): Promise<Training> {
  const settings = resolveParameters(vitParameterSpecs, {});
  const { weights, seed, fineTuneEpochs: epochs, batchSize } = settings;
  const backbone = await openBackbone({ ...vitTiny(settings), weights, seed });
  const { weightDecay, layerDecay, learningRate } = fineTuning(backbone, settings);
  const recipe: Recipe = {
    ...{ epochs, batchSize, seed, select: 'accuracy' },
    optimizer: adamW({ weightDecay, layerDecay }),
    schedule: cosine({ learningRate, warmup: epochs / 10, per: 'step' }),
  };
  return { network: classifier(backbone, { classes: data.classNames, input: input({ backbone }) }), recipe };
}

/** Of the corrected arm. */
const lesionTraining =
  (encoder: typeof noEncoder | (typeof ownEncoders)[number]): Plan<SegmentationDataset> =>
  async (data, precision, seed) => {
    const settings = { ...resolveParameters(dinov3ParameterSpecs, { precision }), imageSize: data.height };
    const vits = encoder === noEncoder ? {} : { [encoder]: await openVit(encoderRequest(encoder, settings)) };
    return workOf({ arm: 'corrected', encoder, fraction: 1, seed }, { settings, data, vits, arms: armsOf(settings) });
  };
