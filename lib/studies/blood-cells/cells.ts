/** What cells of the notebooks on the first study call. */
export { claimTable, resolutionTable } from './claims';
export { modelChart, modelTable } from './five-models';
export { benchmarkTable } from './published';
export { fineTuning } from './fine-tuning';
export { dinoSmall, sizeNetworks, vitTiny } from './networks';
export { sizeImages, sizePoints } from './size-points';
export { sizeChart, sizeComparison, sizeTable } from './size-tables';
export { openSizes } from '../../data/sizes';
