/** What trainings of the few-shot study work on: the images of a plan, and the maps of the encoder that a series starts from. */
import { subsetOf, type SegmentationDataset } from '../../data/segmentation-dataset';
import { disposeParameters, type PublishedValues } from '../../models/parameters';
import type { TrainingEvent } from '../../training/events';
import type { FeatureCache } from '../../training/feature-cache';
import { extractFeatureMaps, type FeatureMaps } from '../../training/feature-map-cache';
import { initialParameters } from '../../models/initial-values';
import type { SegmentationSplits } from '../../training/segmentation-source';
import { allSeries, type FewShotArm, type FewShotOptions, type FewShotSettings, type SeriesName, type TrainingPlan } from './arms'; // prettier-ignore
import type { SegmentationEncoder } from '../segmentation-encoders';

export interface SeriesRequest {
  readonly dataset: SegmentationDataset;
  readonly encoder: SegmentationEncoder;
  /** Needed for the series that start from it. */
  readonly denoised?: EncoderValues;
  readonly arm: FewShotArm;
  /** In place of some of the arm's, to see what one of them does. */
  readonly options?: Partial<FewShotOptions>;
  readonly sizes: readonly number[];
  readonly settings: FewShotSettings;
  /** Whether the maps of a frozen encoder are computed once; otherwise the encoder runs in every step, as in the study. */
  readonly cache: boolean;
  /** Where maps are kept; the project's cache by default. */
  readonly featureCache?: FeatureCache;
}

export interface SeriesControls {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** An encoder's weights in the published layout, and their SHA-256. */
export interface EncoderValues {
  readonly values: PublishedValues;
  readonly weightsKey: string;
}

/** One training of a series. */
export interface SeriesTraining {
  readonly series: SeriesName;
  readonly size: number;
  readonly draw: number;
  readonly plan: TrainingPlan;
}

/** The weights that a series starts from. */
export function encoderValues({ encoder, denoised }: SeriesRequest, series: SeriesName): EncoderValues {
  if (allSeries[series].encoder === 'pretrained') return { values: encoder.values, weightsKey: encoder.weightsKey };
  if (denoised === undefined) throw new Error(`${series} starts from a denoiser: give it as \`denoised\`.`);
  return { values: denoised.values, weightsKey: denoised.weightsKey };
}

/** The images of a plan; all test images. */
export function splitsOf({ splits }: SegmentationDataset, { train, val }: TrainingPlan): SegmentationSplits {
  return { train: subsetOf(splits.train, train), val: subsetOf(splits.val, val), test: splits.test };
}

export type SplitMaps = Readonly<Record<'train' | 'val' | 'test', FeatureMaps>>;

export interface MapStore {
  /** The maps of the encoder that a series starts from, of all images that the series need. */
  open(series: SeriesName): Promise<SplitMaps>;
  close(): void;
}

/** Opens the maps of one encoder at a time, extracted together for all trainings. */
export function createMapStore(
  request: SeriesRequest,
  works: readonly SeriesTraining[],
  { signal }: SeriesControls,
): MapStore {
  const { dataset, encoder } = request;
  let last: { readonly weightsKey: string; readonly maps: SplitMaps } | undefined;
  const close = (): void => {
    if (last !== undefined) for (const maps of Object.values(last.maps)) maps.close();
    last = undefined;
  };
  const used = (split: 'train' | 'val'): Int32Array =>
    Int32Array.from(new Set(works.flatMap(({ plan }) => [...plan[split]]))).sort();
  return {
    close,
    async open(series) {
      const { values, weightsKey } = encoderValues(request, series);
      if (last?.weightsKey === weightsKey) return last.maps;
      close(); // one encoder's maps at a time
      const [{ plan }] = works;
      const { doubledEmbedding, normalization } = plan;
      const splits = splitsOf(dataset, { ...plan, train: used('train'), val: used('val') });
      const parameters = initialParameters(encoder.table, 0, values);
      const opened: Partial<Record<keyof SplitMaps, FeatureMaps>> = {};
      try {
        for (const name of ['train', 'val', 'test'] as const) {
          opened[name] = await extractFeatureMaps({
            encoder: { ...encoder, encode: (images, scope) => encoder.encode(images, scope, { doubledEmbedding }) },
            encoderKey: doubledEmbedding ? 'doubled embedding' : '',
            parameters,
            weightsKey,
            dataset,
            split: splits[name],
            normalization,
            flips: name === 'train',
            cache: request.featureCache,
            signal,
          });
        }
      } catch (error) {
        for (const maps of Object.values(opened)) maps.close();
        throw error;
      } finally {
        disposeParameters(parameters);
      }
      last = { weightsKey, maps: opened as SplitMaps };
      return last.maps;
    },
  };
}
