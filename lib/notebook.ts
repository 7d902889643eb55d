/** The one module that notebooks import: everything a cell needs, under one name each. */
export { tf } from './tf';
export { interruptible } from './interrupt';
export { environment } from './system';

export { initializeDisplay } from './display/library';
export { show } from './display/mime';
export { status } from './display/status';
export { progressBar } from './display/progress';
export { table } from './display/tables';
export { imageGrid } from './display/image-grid';
export {
  barComparison,
  classBalance,
  confusionMatrix,
  lineComparison,
  reliabilityDiagram,
  trainingHistory,
} from './display/charts';

export { openDataset } from './data/open';
export { describeDataset, classCounts, sampleImages } from './studies/dataset-views';
export { describeModel, describeTest } from './studies/model-views';
export { resnetFromScratch } from './studies/resnet-from-scratch';
export { vitFrozenAndFineTuned } from './studies/vit-frozen-and-finetuned';
export { dinoFrozen } from './studies/dino-frozen';
export { describeSegmentation, sampleMasks } from './studies/segmentation-views';
export { fewShotSegmentation } from './studies/few-shot-segmentation';
export { seriesNames } from './studies/few-shot-segmentation/arms';
export { timingRows } from './studies/few-shot-segmentation/tables';
export { caseNames, casePanel, denoisingLosses, denoisingPanel, publishedBars, scoreBars, segmentationLosses, seriesLosses } from './studies/few-shot-segmentation/figures'; // prettier-ignore
export { resolutionStudy } from './studies/resolution-study';
export { dinov3Segmentation } from './studies/dinov3-segmentation';
export * as dinov3 from './studies/dinov3-segmentation/views';
export { medmnist2dBenchmark } from './studies/medmnist2d/benchmark';
export { compareRuns } from './studies/compare-runs';
