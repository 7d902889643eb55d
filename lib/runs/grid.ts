/** Many trainings of segmentation networks, one after the other: each trained once, tested once, in any process. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SplitName } from '../data/dataset';
import { subsetOf, type SegmentationDataset } from '../data/segmentation-dataset';
import { encoderIdentity } from '../models/encoders';
import type { FrozenEncoder, Network } from '../models/network';
import { sortAugmentations } from '../training/augmentations';
import { cacheRoomMessage, openEncoderMaps, type EncoderMaps, type MapRequest } from '../training/encoder-maps';
import type { TrainingEvent } from '../training/events';
import { openFeatureCache, type FeatureCache } from '../training/feature-cache';
import type { Recipe } from '../training/recipe';
import { evaluateMasks, maskRow, type MaskEvaluateOptions, type MaskEvaluation } from './evaluate-masks';
import { trainingIdentity } from './identity';
import { shortHash, type RowFacts, type SegmentationRow } from './results';
import { isTraining, trainingId, trainOnce, weightsFile, type Run } from './train';

/** One training, and how it is tested. */
export interface GridWork {
  readonly network: Network;
  readonly data: SegmentationDataset;
  readonly recipe: Recipe;
  readonly test?: Omit<MaskEvaluateOptions, 'split' | 'signal' | 'maps' | 'featureCache'>;
  /** What its row says beside what was measured. */
  readonly row: RowFacts & { readonly settings?: SegmentationRow['settings'] };
}

/** What became of one point of a grid. */
export interface GridRun<P> {
  readonly point: P;
  /** What it was trained on. */
  readonly data: SegmentationDataset;
  readonly run: Run;
  readonly directory: string;
  readonly test: MaskEvaluation;
  readonly row: SegmentationRow;
}

export interface GridEvent<P> {
  readonly kind: 'started' | 'finished' | 'epoch' | 'maps';
  readonly id: string;
  readonly directory: string;
  readonly point: P;
  /** Where there is an epoch, or maps are computed. */
  readonly training?: TrainingEvent;
}

export interface GridOptions<P> {
  /** Where trainings are kept, a folder each. */
  readonly folder: string;
  /** Trains anew what has been trained already. */
  readonly again?: boolean;
  /** Whether weights stay on the disk after the test; false by default: those of many large networks would fill it. */
  readonly keepWeights?: boolean;
  /** Of which images there are maps of a frozen encoder: those that these trainings need (default), or all of the data. */
  readonly mapsOf?: 'needed' | 'all';
  readonly featureCache?: FeatureCache;
  readonly signal?: AbortSignal;
  readonly saveEverySeconds?: number;
  /** Of all trainings together. */
  readonly onProgress?: (event: TrainingEvent) => void;
  /** Of each training. */
  readonly onPoint?: (event: GridEvent<P>) => void;
  /** Is given what became of each point, of those that had been trained before too. */
  readonly onRun?: (run: GridRun<P>) => void | Promise<void>;
}

/**
 * Trains and tests every point that has not been yet, in their order, but for those that another process is at. What is stopped or killed
 * continues with the same call; undefined where it was stopped.
 * @throws the first training's error, after all others have been tried
 */
export async function trainGrid<P>(
  points: readonly P[],
  plan: (point: P) => GridWork,
  options: GridOptions<P>,
): Promise<GridRun<P>[] | undefined> {
  const { folder, again, signal, saveEverySeconds, featureCache, keepWeights = false } = options;
  const { onProgress = () => undefined, onPoint = () => undefined } = options;
  const works = points.map((point) => ({ point, work: plan(point) }));
  const report = combinedProgress(
    works.map(({ work }) => work),
    onProgress,
  );
  const maps = createMapStore(
    works.map(({ work }) => work),
    options,
  );
  const finished: GridRun<P>[] = [];
  const errors: unknown[] = [];
  const secondsOf = (): number => finished.reduce((total, { run }) => total + run.seconds, 0);
  const stopped = (): undefined => {
    onProgress({ kind: 'stopped', epoch: finished.length, epochs: points.length, seconds: secondsOf() });
    return undefined;
  };
  try {
    for (const [index, { point, work }] of works.entries()) {
      const { network, data, recipe, test } = work;
      const identity = trainingIdentity(network, data, recipe);
      const id = trainingId(identity);
      const about = { id, directory: join(folder, id), point };
      if (isTraining(folder, identity)) continue;
      if (signal?.aborted) return stopped();
      const onMaps = (training: TrainingEvent): void => onPoint({ kind: 'maps', ...about, training });
      const shared = { maps: maps.of(work, onMaps), featureCache, signal };
      let started = false;
      const onTraining = (training: TrainingEvent): void => {
        report(index)(training);
        if (training.kind === 'epoch') onPoint({ kind: 'epoch', ...about, training });
      };
      try {
        const onStart = (): void => {
          started = true;
          onPoint({ kind: 'started', ...about });
        };
        const run = await trainOnce(network, data, recipe, {
          folder,
          again,
          saveEverySeconds,
          ...shared,
          onStart,
          onProgress: onTraining,
        });
        if (run.best === undefined) return stopped();
        const evaluation = await evaluateMasks(run.best, data, { ...test, ...shared });
        if (!keepWeights)
          for (const which of ['best', 'last'] as const)
            rmSync(join(about.directory, weightsFile(which)), { force: true });
        const row = maskRow(run.best, evaluation, data, work.row);
        const done = { point, data, run, directory: about.directory, test: evaluation, row };
        finished.push(done);
        await options.onRun?.(done);
      } catch (error) {
        if (signal?.aborted) return stopped();
        errors.push(error);
        continue;
      }
      if (started) onPoint({ kind: 'finished', ...about });
    }
  } finally {
    maps.close();
  }
  if (errors.length > 0) throw errors[0];
  onProgress({ kind: 'done', epochs: finished.length, seconds: secondsOf() });
  return finished;
}

interface MapStore {
  /** The maps that a training needs, opened when it asks for them; those of one encoder at a time. */
  of(work: GridWork, onProgress: (event: TrainingEvent) => void): (() => Promise<EncoderMaps>) | undefined;
  close(): void;
}

/** Trainings of equal keys share their maps. */
function mapKey({ encoder }: FrozenEncoder): string {
  return shortHash([encoderIdentity(encoder), encoder.normalization]);
}

function createMapStore(
  works: readonly GridWork[],
  {
    mapsOf = 'needed',
    featureCache,
    signal,
    onProgress,
  }: Pick<GridOptions<never>, 'mapsOf' | 'featureCache' | 'signal' | 'onProgress'>,
): MapStore {
  let opened: { readonly key: string; readonly maps: EncoderMaps } | undefined;
  let isWarned = false;
  const close = (): void => {
    opened?.maps.close();
    opened = undefined;
  };
  const keyOf = ({ network: { frozen } }: GridWork): string | undefined =>
    frozen?.cache === true ? mapKey(frozen) : undefined;
  const requestOf = (key: string, frozen: FrozenEncoder): MapRequest =>
    mapRequest(
      works.filter((work) => keyOf(work) === key),
      frozen,
      mapsOf,
    );
  const warn = (): void => {
    if (isWarned) return;
    isWarned = true;
    const requests = new Map(
      works.flatMap((work) => {
        const [key, { frozen }] = [keyOf(work), work.network];
        return key === undefined || frozen === undefined ? [] : [[key, frozen] as const];
      }),
    );
    const { limitBytes } = featureCache ?? openFeatureCache();
    const message = cacheRoomMessage(
      [...requests].map(([key, frozen]) => requestOf(key, frozen)),
      limitBytes,
    );
    if (message !== undefined) onProgress?.({ kind: 'warning', epoch: 1, epochs: 1, message });
  };
  return {
    close,
    of(work, onMaps) {
      const [key, { frozen }] = [keyOf(work), work.network];
      if (key === undefined || frozen === undefined) return undefined;
      return async () => {
        if (opened?.key === key) return opened.maps;
        warn();
        close();
        const request = requestOf(key, frozen);
        opened = { key, maps: await openEncoderMaps({ ...request, featureCache, signal, onProgress: onMaps }) };
        return opened.maps;
      };
    },
  };
}

function mapRequest(works: readonly GridWork[], { encoder }: FrozenEncoder, mapsOf: 'needed' | 'all'): MapRequest {
  const [{ data }] = works;
  const whole = data.whole ?? data;
  const isFlipped = works.some(({ recipe: { augment = [] } }) => {
    const { horizontalFlip, verticalFlip } = sortAugmentations(augment).moves ?? {};
    return horizontalFlip !== undefined || verticalFlip !== undefined;
  });
  const isTestFlipped = works.some(({ test }) => test?.report?.flips === true);
  const needed = (name: SplitName) => {
    const ids = new Set(works.flatMap((work) => work.data.splits[name].ids));
    const split = whole.splits[name];
    return ids.size === split.count
      ? split
      : subsetOf(
          split,
          split.ids.flatMap((id, index) => (ids.has(id) ? index : [])),
        );
  };
  return {
    encoder,
    dataset: whole,
    splits: mapsOf === 'all' ? whole.splits : { train: needed('train'), val: needed('val'), test: needed('test') },
    variants: { train: isFlipped ? 4 : 1, val: 1, test: isTestFlipped ? 4 : 1 },
  };
}

/** The epochs of all trainings as steps of one piece of work, each as long as its steps are many. */
function combinedProgress(works: readonly GridWork[], onProgress: (event: TrainingEvent) => void) {
  const costOf = ({ data, recipe }: GridWork): number => Math.ceil(data.splits.train.count / recipe.batchSize);
  const costs = works.map((work) => work.recipe.epochs * costOf(work));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return (index: number) =>
    (event: TrainingEvent): void => {
      if (event.kind === 'warning') onProgress(event);
      if (event.kind !== 'epoch') return;
      const step = sum(costs.slice(0, index)) + event.epoch * costOf(works[index]);
      onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps: sum(costs), loss: event.row.trainLoss });
    };
}
