/** The one module that notebooks import: everything a cell needs, under one name each. */
export { tf } from './tf';
export { interruptible } from './interrupt';
export { environment } from './system';

export { initializeDisplay, show } from './display/mime';
export { status } from './display/status';
export { progressBar } from './display/progress';
export { table } from './display/tables';
export { figure } from './display/own-figure';
export { imageGrid } from './display/image-grid';
export { barComparison } from './display/bar-chart';
export { classBalance } from './display/balance-chart';
export { lineComparison } from './display/line-chart';
export { lossCurves, type LossCurve } from './display/loss-chart';
export { reliabilityDiagram } from './display/calibration-chart';
export { trainingHistories, trainingHistory } from './display/history-chart';

export { parameters, parameterTable } from './notebooks';
export { openDataset } from './data/open';
export type { ImageFunction, Pixels } from './data/image-changes';

export { freeze, network, unfreeze, type Network } from './models/network';
export { convnext, linear, resnet18, resnet50, swin, unet, vit } from './models/networks';
export { blockMaps, lastMap, type Encoder } from './models/encoders';
export { dinoUnet, endToEnd, frozen, reconstructionDecoder, segmentationDecoder } from './models/encoder-networks';
export { byteNormalization, imagenetNormalization, unitNormalization } from './data/normalization';
export { take } from './data/take';
export { openMasks, openVit, pretrained } from './workbench/mask-data';
export * as layers from './models/layers-of-cells';
export type { Scope } from './models/scope';
export type { ParameterTable } from './models/parameters';
export type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from './tf';
export { networkParts, networkTable, sameNumbers, sameOutputs } from './workbench/networks';

export { classifier, type OpenedBackbone } from './models/open-backbone';
export { lastTokens } from './models/last-tokens';
export { input } from './training/input-transforms';
export { centredTargets } from './training/self-distillation/targets';
export { viewLoss } from './training/self-distillation/losses';
export { backbone, cacheReport, features, probe } from './workbench/backbones';
export { inputImages } from './workbench/input-images';
export { tokenImages } from './workbench/token-images';
export { insideBlock, type InsideBlock } from './workbench/inside-block';

export type { Recipe } from './training/recipe';
export { adamW, sgd } from './training/create-optimizer';
export { constant, cosine, multiStep } from './training/schedules';
export {
  colorJitter,
  crop,
  cutmix,
  flip,
  mixup,
  quarterTurns,
  randomErasing,
  randomResizedCrop,
  rotate,
} from './training/augmentations';
export { binaryCrossEntropy, crossEntropy, dice, type Metric, type Targets } from './training/losses';
export { evaluate, train } from './workbench/training';
export { denoise } from './workbench/denoising';
export { trainGrid } from './workbench/mask-grid';
export { differences } from './workbench/differences';
export { frame, pivot, resultRows } from './workbench/frame';
export { maskComparison } from './workbench/mask-comparison';
export { classReport, confusionMatrix } from './workbench/views';
export { calibration } from './workbench/calibration';
export { errorGallery } from './workbench/error-gallery';
export { robustness } from './workbench/robustness';
export { givenClassifier, predict, saveModel } from './workbench/models';
export { loadModel } from './runs/saved-model';
export { importModel } from './runs/import-model';
export { attentionRollout, gradCam } from './workbench/explanations';
export { corrupt, corruptionKinds } from './data/corrupt';
export { comparison } from './workbench/comparison';
export { crossValidation } from './workbench/cross-validation';
export { overSeeds } from './workbench/over-seeds';
export { untilStopped } from './workbench/in-turn';
export { labelChart, labelCurve, pixelFeatures, trainedLabelCurve } from './workbench/label-curve';
export { dinoRecipe, distill, distillationCurves, drawnImages, taught } from './workbench/distillation';
export { drawnGrid, viewGrid } from './workbench/distillation-views';
export { publishedBloodCells } from './studies/blood-cells/published';
export * as bloodCells from './studies/blood-cells/cells';

export { describeDataset, classCounts, sampleImages } from './workbench/dataset-views';
export { describeSegmentation, sampleMasks } from './workbench/mask-views';
export * as fewShot from './studies/few-shot-segmentation/views';
export * as dinov3 from './studies/dinov3-segmentation/views';
export * as medmnist2d from './studies/medmnist2d/cells';
export { compareRuns } from './workbench/compare-runs';
