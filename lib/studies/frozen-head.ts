/** What a frozen network's features are worth: the study's linear head, and two methods that need no training by steps. */
import type { Dataset, SplitName } from '../data/dataset';
import { UserError } from '../errors';
import type { TrainingEvent } from '../training/events';
import { resizedInput } from '../training/input-transforms';
import { linearProbe } from '../training/linear-probe';
import {
  knnProbe,
  logisticRegression,
  type LinearProbeSettings,
  type ProbeControls,
  type ProbeResult,
} from '../training/probes';
import { absentFeatures, type FeatureSet, type FeatureSets } from '../training/feature-set';
import { armDefinitions, armTitle, testedAs, type Arm } from './arms';
import { computeFeatures, openFeatures, type FeatureControls, type FeatureSource } from './frozen-features';
import { networkTitle, type StudyNetwork } from './networks';
import { shortHash, type ClassificationRow } from '../runs/results';
import { openTraining, recordResults, type NotebookRun } from '../runs/notebook-run';
import { transferRow } from './transfer-rows';

export interface HeadSettings extends LinearProbeSettings {
  /** Whether features are computed once and kept; otherwise they are computed before every epoch, as the study's code did. */
  readonly cache: boolean;
}

export interface StudyControls {
  readonly signal?: AbortSignal;
  /** What shows the progress of a named piece of work, such as `progressBar`. */
  readonly progress?: (label: string) => (event: TrainingEvent) => void;
}

/** A training of a frozen network's head; undefined where it was stopped before there were features. */
export type FrozenResult = ProbeResult | undefined;

/** The network's images in an arm, and what its features depend on. */
export function frozenSource(network: StudyNetwork, dataset: Dataset, arm: Arm): FeatureSource {
  const { cropFraction } = armDefinitions[arm];
  return {
    network,
    dataset,
    input: resizedInput({ ...network.expected, cropFraction }, network.backbone.inputSize),
  };
}

/** Trains the study's linear head on the features of an arm and records its row. A stopped training is continued by the same call. */
export async function trainFrozenHead(
  run: NotebookRun,
  source: FeatureSource,
  arm: Arm,
  settings: HeadSettings,
  { signal, progress }: StudyControls,
  more: Readonly<Record<string, string | number>> = {},
): Promise<FrozenResult> {
  const { network, dataset, input, recordedAs = dataset } = source;
  const model = networkTitle(network.backbone.name);
  const recorded = { ...more, ...settings, cache: String(settings.cache), input: input.key };
  const trainingKey = keyOf(source, 'frozen', arm, recorded);
  const training = await openTraining(run, trainingKey);
  const title = `${model}, frozen (${armTitle(arm)})`;
  const controls = { model: title, checkpoints: training.checkpoints, signal };
  const headBar = progress?.(`${title}, linear head`);
  try {
    const { result, ...cost } = settings.cache
      ? await withCache(source, settings, { ...controls, onProgress: headBar }, featuresBar(progress, model, arm))
      : await withoutCache(source, settings, { ...controls, onProgress: headBar });
    const seconds = cost.featureSeconds + result.seconds;
    const facts = { trainingKey, network, classes: dataset.classNames.length, protocol: 'frozen', arm } as const;
    const row = transferRow({ ...facts, seconds, settings: recorded }, result, armDefinitions[arm].tested);
    if (row !== undefined) {
      recordResults(run, recordedAs, trainingKey, [{ ...row, ...cost, headSeconds: result.seconds }], result.history);
      training.close();
    }
    return testedAs(arm, result);
  } catch (error) {
    return softly(error, signal);
  } finally {
    await input.close();
  }
}

/** What of a frozen row's seconds were features, and what these took when they were computed. */
export interface FeatureCost {
  readonly features: 'in the cache' | 'computed once' | 'computed in every epoch';
  /** Waited for before the head's training. */
  readonly featureSeconds: number;
  /** One pass over the training and validation images, where it is known apart from the head's training. */
  readonly passSeconds?: number;
}

type HeadRun = FeatureCost & { readonly result: ProbeResult };
type HeadControls = Parameters<typeof linearProbe>[2];

async function withCache(
  source: FeatureSource,
  settings: HeadSettings,
  controls: HeadControls & FeatureControls,
  featureControls: FeatureControls,
): Promise<HeadRun> {
  const { signal } = controls;
  const features = await openFeatures(source, { signal, ...featureControls, cache: true });
  try {
    const { found, seconds, computingSeconds } = features;
    const passSeconds = computingSeconds.train + computingSeconds.val;
    const cost = { features: found ? 'in the cache' : 'computed once', featureSeconds: seconds, passSeconds } as const;
    return { result: await linearProbe(features.sets, settings, controls), ...cost };
  } finally {
    features.close();
  }
}

/** As the study's code: the whole network runs over all images in every epoch. Each pass gives the same bits as the one before. */
async function withoutCache(
  source: FeatureSource,
  settings: HeadSettings,
  controls: HeadControls & FeatureControls,
): Promise<HeadRun> {
  const { signal, onProgress = () => undefined } = controls;
  let finished = 0;
  const onHead = (event: TrainingEvent): void => {
    if (event.kind === 'epoch') finished = event.epoch;
    onProgress(event);
  };
  const onFeatures = (event: TrainingEvent): void => {
    if (event.kind === 'batch') onProgress({ ...event, epoch: finished + 1, epochs: settings.epochs });
  };
  const begin = performance.now();
  const test = await computeFeatures(source, 'test', { signal, onProgress: onFeatures }, 'off');
  const featureSeconds = (performance.now() - begin) / 1000;
  const absent = (split: SplitName): FeatureSet => absentFeatures(source.dataset, split, source.network.backbone.width);
  const sets: FeatureSets = { train: absent('train'), val: absent('val'), test };
  const result = await linearProbe(sets, settings, {
    ...controls,
    onProgress: onHead,
    recompute: (split) => computeFeatures(source, split, { signal, onProgress: onFeatures }, 'off'),
  });
  return { result, features: 'computed in every epoch', featureSeconds };
}

/** Methods on frozen features that the study does not have; they have no epochs. */
export const otherProbes = {
  knn: {
    title: 'kNN',
    protocol: 'knn',
    /** DINO's own choices (Caron et al. 2021); of these numbers, the one with the best validation accuracy. */
    run: (sets: FeatureSets, controls: ProbeControls) =>
      knnProbe(sets, { k: [1, 5, 10, 20, 50].filter((k) => k <= sets.train.count) }, controls),
  },
  logistic: {
    title: 'logistic regression',
    protocol: 'linear',
    run: (sets: FeatureSets, controls: ProbeControls) => logisticRegression(sets, {}, controls),
  },
} as const;

export type OtherProbe = keyof typeof otherProbes;

/** Runs a probe on the corrected arm's features and records its row. */
export async function runOtherProbe(
  run: NotebookRun,
  source: FeatureSource,
  probe: OtherProbe,
  { cache, seed }: Pick<HeadSettings, 'cache' | 'seed'>,
  { signal, progress }: StudyControls,
  more: Readonly<Record<string, string | number>> = {},
): Promise<FrozenResult> {
  const { network, dataset, input, recordedAs = dataset } = source;
  const { title, protocol, run: runProbe } = otherProbes[probe];
  const model = networkTitle(network.backbone.name);
  const arm = 'corrected';
  const given = { ...more, probe: title, cache: String(cache), seed, input: input.key };
  const trainingKey = keyOf(source, protocol, arm, given);
  try {
    const features = await openFeatures(source, { signal, ...featuresBar(progress, model, arm), cache });
    try {
      const name = `${model}, ${title}`;
      const result = await runProbe(features.sets, { model: name, signal, onProgress: progress?.(name) });
      const settings = { ...given, ...result.hyperparameters };
      const seconds = features.seconds + result.seconds;
      const facts = { trainingKey, network, classes: dataset.classNames.length, protocol, arm } as const;
      const row = transferRow({ ...facts, seconds, settings }, result, 'best');
      if (row !== undefined) recordResults(run, recordedAs, trainingKey, [row], result.history);
      return result;
    } finally {
      features.close();
    }
  } catch (error) {
    return softly(error, signal);
  } finally {
    await input.close();
  }
}

function featuresBar(progress: StudyControls['progress'], model: string, arm: Arm): FeatureControls {
  return { onProgress: progress?.(`${model}, features (${armTitle(arm)})`) };
}

function keyOf(
  { network, dataset }: FeatureSource,
  protocol: ClassificationRow['protocol'],
  arm: Arm,
  settings: object,
): string {
  const { backbone, weightsKey } = network;
  return shortHash({ model: backbone.name, weightsKey, protocol, arm, settings, data: dataset.sha256 });
}

/** The stop button ends an extraction with an error; for a cell, that is an end without a result. */
function softly(error: unknown, signal: AbortSignal | undefined): undefined {
  if (signal?.aborted && (error === signal.reason || error instanceof UserError)) return undefined;
  throw error;
}
