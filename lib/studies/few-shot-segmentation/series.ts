/** The trainings of the few-shot study: one series at each number of training images, each number drawn several times. */
import type { SegmentationScores } from '../../metrics/segmentation';
import { segmentationDecoderForward, segmentationDecoderParameters } from '../../models/decoders';
import { countParameters } from '../../models/parameters';
import type { CheckpointStore } from '../../training/checkpoints';
import type { HistoryRow, TrainingEvent } from '../../training/events';
import { trainSegmenter, type Segmenter } from '../../training/segmenter';
import { imageSource, mapSource, type SegmentationSource } from '../../training/segmentation-source'; // prettier-ignore
import { allSeries, armOptions, drawsOf, planTraining, type FewShotArm, type SeriesName, } from './arms'; // prettier-ignore
import { createMapStore, encoderValues, splitsOf, type MapStore, type SeriesControls, type SeriesRequest, type SeriesTraining, type SplitMaps } from './maps'; // prettier-ignore
import { forgetTrainings, keptTraining } from '../kept-trainings';
import { shortHash, type SegmentationRow } from '../../runs/results';
import { recordResults, type NotebookRun } from '../../runs/notebook-run';
import type { SegmentationEncoder } from '../segmentation-encoders';
import { segmentationRow } from '../segmentation-rows';

/** What became of one training. */
export interface FewShotTraining {
  readonly trainingKey: string;
  readonly arm: FewShotArm;
  readonly series: SeriesName;
  readonly size: number;
  /** Counted from 0. */
  readonly draw: number;
  readonly epochs: number;
  readonly bestEpoch: number;
  readonly history: readonly HistoryRow[];
  /** Of the test images, in the split's order. */
  readonly scores: readonly SegmentationScores[];
  /** Predicted masks of the test images, of the first draw. */
  readonly masks?: Uint8Array;
  readonly seconds: TrainingSeconds;
  readonly row: SegmentationRow;
}

export interface TrainingSeconds {
  /** Training and validation by steps. */
  readonly training: number;
  /** The maps of a frozen encoder that this training needs, where they were kept. */
  readonly features: number;
  /** All of it, without kept maps: measured, or for a frozen encoder with kept maps what its passes would have taken. */
  readonly uncached: number;
}

/**
 * Trains series at all sizes and draws, in this order, and records their rows. What is stopped or killed continues with the same call;
 * undefined where it was stopped.
 */
export async function trainSeries(
  run: NotebookRun,
  names: readonly SeriesName[],
  request: SeriesRequest,
  { signal, onProgress }: SeriesControls = {},
): Promise<FewShotTraining[] | undefined> {
  const works = planSeries(names, request);
  const report = combinedProgress(works, onProgress);
  const maps = createMapStore(request, works, { signal });
  const finished: FewShotTraining[] = [];
  try {
    for (const work of works) {
      const training = await trainOne(run, request, work, maps, { signal, onProgress: report(work) });
      if (training === undefined) {
        onProgress?.({ kind: 'stopped', epoch: finished.length, epochs: works.length, seconds: secondsOf(finished) });
        return undefined;
      }
      recordResults(run, request.dataset, training.trainingKey, [training.row], training.history);
      finished.push(training);
    }
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  } finally {
    maps.close();
  }
  forgetTrainings(run, finished.map(({ trainingKey }) => trainingKey)); // prettier-ignore
  onProgress?.({ kind: 'done', epochs: works.length, seconds: secondsOf(finished) });
  return finished;
}

/** All trainings of series, in the order in which they run. */
export function planSeries(
  names: readonly SeriesName[],
  request: Omit<SeriesRequest, 'denoised' | 'cache'>,
): SeriesTraining[] {
  const { dataset, encoder, arm, sizes, settings } = request;
  const options = { ...armOptions[arm], ...request.options };
  const counts = { train: dataset.splits.train.count, val: dataset.splits.val.count };
  const { normalization } = encoder;
  const draws = Array.from({ length: drawsOf(options, settings) }, (_, draw) => draw);
  return names.flatMap((series) =>
    sizes.flatMap((size) =>
      draws.map((draw) => {
        return { series, size, draw, plan: planTraining({ options, settings, size, draw, counts, normalization }) };
      }),
    ),
  );
}

function secondsOf(trainings: readonly FewShotTraining[]): number {
  return trainings.reduce((total, { seconds }) => total + seconds.training, 0);
}

const flips = { horizontalFlip: 0.5, verticalFlip: 0.5 };

async function trainOne(
  run: NotebookRun,
  request: SeriesRequest,
  work: SeriesTraining,
  maps: MapStore,
  controls: SeriesControls,
): Promise<FewShotTraining | undefined> {
  const { dataset, encoder, arm } = request;
  const { series, size, draw, plan } = work;
  const { weightsKey } = encoderValues(request, series);
  const frozen = allSeries[series].training === 'frozen';
  const cached = frozen && request.cache;
  const { train, val, normalization, settings, ...rest } = plan;
  const recorded = { ...settings, doubledEmbedding: String(rest.doubledEmbedding), cache: String(cached), mean: normalization.mean.join(), std: normalization.std.join() }; // prettier-ignore
  const images = { train: [...train], val: [...val] };
  const trainingKey = shortHash({ weightsKey, series, arm, images, size, draw, settings: recorded, data: dataset.sha256, side: dataset.height }); // prettier-ignore
  return keptTraining(run, trainingKey, async (checkpoints) => {
    const splits = splitsOf(dataset, plan);
    const opened = cached ? await maps.open(series) : undefined;
    const source = opened
      ? mapSource({ dataset, splits, augmentation: flips, seed: settings.seed, maps: opened })
      : imageSource({ dataset, splits, augmentation: flips, seed: settings.seed, normalization });
    const segmenter = segmenterOf(request, work, cached);
    const trained = await trainWith(segmenter, source, work, checkpoints, controls);
    const { test, history } = trained;
    const seconds = measuredSeconds(trained.seconds, work, opened);
    const { table } = decoderOf(encoder);
    const all = countParameters({ table: { ...encoder.table, ...table } });
    const row = segmentationRow(trained, {
      trainingKey,
      model: `${encoder.title} + decoder`,
      encoder: encoder.name,
      series,
      weights: encoder.weights,
      pretraining: allSeries[series].encoder === 'denoised' ? 'denoising' : 'none here',
      protocol: frozen ? 'frozen' : encoder.weights === 'random' && series === 'E' ? 'scratch' : 'fine-tuned',
      arm,
      parameters: all,
      trainableParameters: frozen ? countParameters({ table }) : all,
      seconds: seconds.training + seconds.features,
      secondsWithoutCache: seconds.uncached,
      trainImages: train.length,
      valImages: val.length,
      draw,
      settings: recorded,
    });
    if (test === undefined || row === undefined) return undefined;
    const facts = { trainingKey, arm, series, size, draw, epochs: history.length, bestEpoch: test.epoch };
    return { ...facts, history, scores: test.scores, masks: draw === 0 ? test.masks : undefined, seconds, row };
  });
}

/** Batch norms stay in the decoder: the encoder has none. */
function decoderOf({ decoders }: SegmentationEncoder) {
  return { config: decoders.segmentation, table: segmentationDecoderParameters(decoders.segmentation) };
}

/** Encoder and decoder, or the decoder alone where it gets maps. */
function segmenterOf(request: SeriesRequest, { series, plan }: SeriesTraining, cached: boolean): Segmenter {
  const { encoder } = request;
  const { config, table } = decoderOf(encoder);
  const name = `${encoder.title}, ${series}`;
  if (cached) return { name, table, forward: (maps, scope) => segmentationDecoderForward(maps, scope, config).logits };
  const { doubledEmbedding } = plan;
  return {
    name,
    table: { ...encoder.table, ...table },
    initial: encoderValues(request, series).values,
    forward: (images, scope) =>
      segmentationDecoderForward(encoder.encode(images, scope, { doubledEmbedding }), scope, config).logits,
  };
}

function trainWith(
  segmenter: Segmenter,
  source: SegmentationSource,
  { series, plan }: SeriesTraining,
  checkpoints: CheckpointStore,
  controls: SeriesControls,
) {
  const frozen = allSeries[series].training === 'frozen';
  const trainable = frozen ? (name: string): boolean => name.startsWith('decoder.') : undefined;
  return trainSegmenter(segmenter, source, { ...plan.settings, trainable }, { ...controls, checkpoints, saveEverySeconds: 20 }); // prettier-ignore
}

/** Each epoch of a frozen encoder passes over the training and the validation images; with kept maps, each of four variants is computed once. */
function measuredSeconds(training: number, { plan }: SeriesTraining, opened: SplitMaps | undefined): TrainingSeconds {
  if (opened === undefined) return { training, features: 0, uncached: training };
  const { train, val } = opened;
  const [images, valImages] = [plan.train.length, plan.val.length];
  const features = 4 * images * train.secondsPerMap + valImages * val.secondsPerMap;
  const pass = images * train.secondsPerMap + valImages * val.secondsPerMap;
  return { training, features, uncached: training + plan.settings.epochs * pass };
}

/** The epochs of all trainings as steps of one piece of work, each training as long as its steps are many. */
function combinedProgress(
  works: readonly SeriesTraining[],
  onProgress: SeriesControls['onProgress'] = () => undefined,
) {
  const costOf = ({ plan }: SeriesTraining): number => Math.ceil(plan.train.length / plan.settings.batchSize);
  const total = works.reduce((sum, work) => sum + work.plan.settings.epochs * costOf(work), 0);
  return (work: SeriesTraining) => {
    const before = works.slice(0, works.indexOf(work)).reduce((sum, one) => sum + one.plan.settings.epochs * costOf(one), 0); // prettier-ignore
    return (event: TrainingEvent): void => {
      if (event.kind === 'warning') onProgress({ ...event, message: `${work.series} at ${work.size} images: ${event.message}` }); // prettier-ignore
      if (event.kind !== 'epoch') return;
      const step = before + event.epoch * costOf(work);
      onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps: total, loss: event.row.trainLoss });
    };
  };
}
