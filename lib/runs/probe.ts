/** What frozen features are worth: a head trained on them, or a method without training by steps; once for each identity. */
import { join } from 'node:path';
import { z } from 'zod';
import type { SplitName } from '../data/dataset';
import { classifier } from '../models/open-backbone';
import { countParameters, linearHead, type ParameterTable, type PublishedValues } from '../models/parameters';
import {
  computeFeatures,
  openFeatures,
  withParameters,
  type Features,
  type TimedFeatures,
} from '../training/backbone-features';
import { historySchema, openCheckpoints } from '../training/checkpoints';
import type { HistoryRow, TrainingEvent } from '../training/events';
import { absentFeatures, type FeatureSets } from '../training/feature-set';
import { knnProbe, type KnnSettings } from '../training/knn-probe';
import { linearProbe, type LinearProbeSettings } from '../training/linear-probe';
import { logisticRegression, type LogisticSettings } from '../training/logistic-regression';
import { tokenGrid, type TokenGridSettings } from '../training/token-grid';
import type { ProbeControls, ProbeResult } from '../training/probe-result';
import { testResult } from '../training/scored-split';
import { classifierEvaluation, scoresFromText, scoresToText, type ClassifierEvaluation } from './evaluate';
import { dataIdentity, settingsIdentity, type Json } from './identity';
import { once } from './once';
import { scoreFields, type ClassificationRow, type RowFacts, type RowSettings } from './results';
import { openRunStore } from './store';
import {
  readWeights,
  weightHashesSchema,
  weightsFile,
  writeValues,
  type TrainedModel,
  type TrainingFacts,
} from './train';

/** By kind, what a probe is given. */
export interface ProbeSettings {
  readonly linear: LinearProbeSettings;
  readonly knn: KnnSettings;
  readonly logistic: LogisticSettings;
  /** Of features of `lastTokens`. */
  readonly grid: TokenGridSettings;
}

export type ProbeKind = keyof ProbeSettings;

const kinds: Readonly<Record<ProbeKind, { readonly title: string; readonly protocol: ClassificationRow['protocol'] }>> =
  {
    linear: { title: 'linear head', protocol: 'frozen' },
    knn: { title: 'kNN', protocol: 'knn' },
    logistic: { title: 'logistic regression', protocol: 'linear' },
    grid: { title: 'linear grid', protocol: 'linear' },
  };

/** What of a probe's seconds were features, and what these took when they were computed. */
export interface FeatureCost {
  readonly features: 'in the cache' | 'computed once' | 'computed in every epoch';
  /** Waited for before the probe's own work. */
  readonly featureSeconds: number;
  /** One pass over the training and validation images, where it is known apart from the head's training. */
  readonly passSeconds?: number;
}

/** The row of a probe. */
export interface ProbeRow extends ClassificationRow, FeatureCost {
  readonly headSeconds: number;
}

export interface ProbeRun {
  /** Stands for everything that the result depends on. */
  readonly id: string;
  /** For figures: network and method. */
  readonly model: string;
  /** Empty for what is not trained in epochs. */
  readonly history: readonly HistoryRow[];
  readonly bestEpoch: number | undefined;
  readonly bestValAccuracy: number | undefined;
  /** What was given, and what was selected on the validation split. */
  readonly hyperparameters: RowSettings;
  /** Whether it was stopped; the same call continues it. */
  readonly stopped: boolean;
  /** Whether it had been done before. */
  readonly kept: boolean;
  /** On the test images: the selected epoch's weights, and the last one's; undefined where it was stopped. */
  readonly best: ClassifierEvaluation | undefined;
  readonly last: ClassifierEvaluation | undefined;
  /** The row of either; undefined where it was stopped. */
  row(scored: 'best' | 'last', facts: Pick<RowFacts, 'arm' | 'settings'>): ProbeRow | undefined;
  /** Backbone and linear layer as one network, to be tested, kept and looked into like any other; undefined for other methods. */
  trained(which: 'best' | 'last'): TrainedModel | undefined;
}

export interface ProbeOptions {
  /** Where trainings are kept, a folder each. */
  readonly folder: string;
  /** For figures. */
  readonly title: string;
  readonly again?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** Network and method, for people. */
export function probeTitle({ backbone }: Features, kind: ProbeKind): string {
  return `${backbone.title}, ${kinds[kind].title}`;
}

const scoresSchema = z.object({ epoch: z.int(), probabilities: z.string() });
const recordSchema = z.object({
  history: historySchema,
  bestEpoch: z.int().optional(),
  bestValAccuracy: z.number(),
  hyperparameters: z.record(z.string(), z.union([z.string(), z.number()])),
  seconds: z.number(),
  weights: weightHashesSchema,
  best: scoresSchema,
  last: scoresSchema,
  cost: z.object({
    features: z.enum(['in the cache', 'computed once', 'computed in every epoch']),
    featureSeconds: z.number(),
    passSeconds: z.number().optional(),
  }),
});
type ProbeRecord = z.infer<typeof recordSchema>;

/**
 * Classifies by frozen features. What has been done before with the same network, weights, data, splits and settings is not done again,
 * but for `again`; a stopped head is continued by the same call.
 */
export async function probeOnce<K extends ProbeKind>(
  features: Features,
  kind: K,
  settings: ProbeSettings[K],
  { folder, title: model, again, signal, onProgress }: ProbeOptions,
): Promise<ProbeRun> {
  const store = openRunStore<ProbeIdentity, ProbeRecord>(folder, recordSchema);
  const identity = probeIdentity(features, kind, settings);
  let unfinished: ProbeResult | undefined;
  const work = async (directory: string, id: string): Promise<ProbeRecord | undefined> => {
    const checkpoints = openCheckpoints(join(directory, 'checkpoints'), id);
    const { result, ...cost } = await run(features, kind, settings, { model, checkpoints, signal, onProgress });
    const { history, bestEpoch, bestValAccuracy, hyperparameters, seconds, test, testOfLast = test } = result;
    if (test === undefined || testOfLast === undefined || bestValAccuracy === undefined) {
      unfinished = result;
      return undefined;
    }
    const weights: Record<string, string> = {};
    for (const which of ['best', 'last'] as const)
      if (result.heads)
        weights[which] = writeValues(join(directory, weightsFile(which)), tableOfHead(features), result.heads[which]);
    checkpoints.remove();
    const record = { history: [...history], bestEpoch, bestValAccuracy, hyperparameters, seconds, cost, weights };
    const [best, last] = [test, testOfLast].map(({ epoch, probabilities }) => ({
      epoch,
      probabilities: scoresToText(probabilities),
    }));
    return { ...record, best, last };
  };
  const finished = await once(store, identity, work, { again });
  const common = { id: store.idOf(identity), model, kept: finished?.kept ?? false };
  if (finished === undefined) {
    const { history = [], bestEpoch, bestValAccuracy, hyperparameters = {} } = unfinished ?? {};
    const nothing = { stopped: true, best: undefined, last: undefined, row: () => undefined, trained: () => undefined };
    return { ...common, history, bestEpoch, bestValAccuracy, hyperparameters, ...nothing };
  }
  const { history, bestEpoch, bestValAccuracy, hyperparameters, ...record } = finished.result;
  const scored = (which: 'best' | 'last'): ClassifierEvaluation => {
    const { data, backbone } = features;
    const { epoch, probabilities } = record[which];
    const split = { task: data.task, truth: data.splits.test.labels, classes: data.classNames.length };
    const test = testResult({ ...split, scores: scoresFromText(probabilities) }, epoch);
    return classifierEvaluation(test, { model: backbone.title, split: 'test', data });
  };
  const [best, last] = [scored('best'), scored('last')];
  const { trainableParameters, parameters } = networkFacts(features, kind);
  const training: TrainingFacts = {
    ...{ id: common.id, directory: finished.directory, history, seconds: record.seconds, settings: hyperparameters },
    ...{ best: { epoch: bestEpoch ?? 0, metric: 'accuracy', value: bestValAccuracy }, parameters, trainableParameters },
    trainImages: features.data.splits.train.count,
    valImages: features.data.splits.val.count,
  };
  return {
    ...{ ...common, history, bestEpoch, bestValAccuracy, hyperparameters, stopped: false, best, last },
    trained: (which) =>
      kind === 'linear'
        ? wholeModel(features, which, record[which].epoch, training, record.weights?.[which])
        : undefined,
    row: (which, facts) => ({
      ...networkFacts(features, kind),
      trainingKey: common.id,
      ...facts,
      protocol: kinds[kind].protocol,
      seconds: record.cost.featureSeconds + record.seconds,
      bestValAccuracy,
      ...scoreFields(which === 'best' ? best : last),
      settings: { ...settingsOfRow(features, kind), ...facts.settings, ...hyperparameters },
      ...record.cost,
      headSeconds: record.seconds,
    }),
  };
}

function tableOfHead({ backbone, data }: Pick<Features, 'backbone' | 'data'>): ParameterTable {
  return linearHead(backbone.width, data.classNames.length);
}

/** The backbone with the trained layer on it. */
function wholeModel(
  { backbone, data, input }: Features,
  which: 'best' | 'last',
  epoch: number,
  training: TrainingFacts,
  sha256?: string,
): TrainedModel {
  const network = classifier(backbone, { classes: data.classNames, input });
  const ofHead = Object.keys(network.table).filter((name) => !(name in backbone.table));
  const read = (): PublishedValues => {
    const head = readWeights(join(training.directory, weightsFile(which)), sha256);
    const values = ofHead.map(
      (name) => [name, head.get(name.replace(/^.*\.(?=weight$|bias$)/, 'head.')) as Float32Array] as const,
    );
    return new Map([...backbone.values, ...values]);
  };
  return { network, which, epoch, read, training };
}

interface ProbeIdentity {
  readonly probe: ProbeKind;
  readonly settings: Json;
  readonly features: Json;
}

/** With or without the cache, the numbers are the same to the bit, but not the time. */
function probeIdentity({ backbone, data, input, kept }: Features, probe: ProbeKind, settings: object): ProbeIdentity {
  const { name, weights } = backbone;
  const features = {
    network: name,
    weights: weights.sha256,
    input: input.key,
    data: dataIdentity(data),
    cache: kept !== undefined,
  };
  return { probe, settings: settingsIdentity(settings), features };
}

function settingsOfRow({ backbone: { seed }, input, kept }: Features, kind: ProbeKind): RowSettings {
  const how = { cache: String(kept !== undefined), input: input.key };
  if (kind === 'linear') return how;
  return { probe: kinds[kind].title, ...(seed === undefined ? {} : { seed }), ...how };
}

function networkFacts({ backbone, data }: Pick<Features, 'backbone' | 'data'>, kind: ProbeKind) {
  const head = countParameters({ table: tableOfHead({ backbone, data }) });
  const all = countParameters(backbone);
  return {
    model: backbone.title,
    network: backbone.name,
    weights: backbone.weights.source,
    weightsSha256: backbone.weights.sha256,
    parameters: kind === 'knn' ? all : all + head,
    trainableParameters: kind === 'knn' ? 0 : head,
  };
}

type Controls = Parameters<typeof linearProbe>[2] & ProbeControls;
type Outcome = FeatureCost & { readonly result: ProbeResult };

async function run<K extends ProbeKind>(
  features: Features,
  kind: K,
  settings: ProbeSettings[K],
  controls: Controls,
): Promise<Outcome> {
  if (kind === 'linear') {
    const given = settings as LinearProbeSettings;
    return features.kept === undefined
      ? headWithoutCache(features, given, controls)
      : { result: await linearProbe(features.kept.sets, given, controls), ...costOf(features.kept) };
  }
  const probe = (sets: FeatureSets): Promise<ProbeResult> =>
    kind === 'knn'
      ? knnProbe(sets, settings as KnnSettings, controls)
      : kind === 'grid'
        ? tokenGrid(sets, settings as TokenGridSettings, controls)
        : logisticRegression(sets, settings as LogisticSettings, controls);
  if (features.kept !== undefined) return { result: await probe(features.kept.sets), ...costOf(features.kept) };
  const computed = await openFeatures(features, { ...controls, cache: 'off' });
  try {
    return { result: await probe(computed.sets), ...costOf(computed) };
  } finally {
    computed.close();
  }
}

function costOf({ found, seconds, computingSeconds }: TimedFeatures): FeatureCost {
  const passSeconds = computingSeconds.train + computingSeconds.val;
  return { features: found ? 'in the cache' : 'computed once', featureSeconds: seconds, passSeconds };
}

/** As the study's code: the whole network runs over all images in every epoch. Each pass gives the same bits as the one before. */
async function headWithoutCache(
  features: Features,
  settings: LinearProbeSettings,
  controls: Controls,
): Promise<Outcome> {
  const { signal, onProgress = () => undefined } = controls;
  let finished = 0;
  const onHead = (event: TrainingEvent): void => {
    if (event.kind === 'epoch') finished = event.epoch;
    onProgress(event);
  };
  const onFeatures = (event: TrainingEvent): void => {
    if (event.kind === 'batch') onProgress({ ...event, epoch: finished + 1, epochs: settings.epochs });
  };
  return withParameters(features.backbone, async (parameters) => {
    const compute = (split: SplitName) =>
      computeFeatures(features, parameters, split, { signal, onProgress: onFeatures }, 'off');
    const begin = performance.now();
    const test = await compute('test');
    const featureSeconds = (performance.now() - begin) / 1000;
    const absent = (split: SplitName) => absentFeatures(features.data, split, features.backbone.width);
    const sets: FeatureSets = { train: absent('train'), val: absent('val'), test };
    const result = await linearProbe(sets, settings, { ...controls, onProgress: onHead, recompute: compute });
    return { result, features: 'computed in every epoch', featureSeconds };
  });
}

/** What features cost a head's training, and what they would have cost without the cache. */
export interface CacheRow {
  readonly model: string;
  readonly arm: string;
  readonly features: string;
  readonly epochs: number;
  readonly featureSeconds: number;
  readonly headSeconds: number;
  readonly seconds: number;
  /** Estimated from one pass where features were kept, measured where they were not. */
  readonly secondsWithoutCache: number;
  /** Of all without the cache. */
  readonly share: string;
}

/** One row for each head that was trained on a frozen network's features. */
export function cacheRows(rows: readonly ClassificationRow[]): CacheRow[] {
  return rows.flatMap((row) => (row.protocol === 'frozen' && 'headSeconds' in row ? cacheRow(row as ProbeRow) : []));
}

function cacheRow({
  model,
  arm,
  features,
  featureSeconds,
  headSeconds,
  passSeconds,
  seconds,
  settings,
}: ProbeRow): CacheRow {
  const epochs = Number(settings.epochs);
  const secondsWithoutCache = passSeconds === undefined ? seconds : headSeconds + epochs * passSeconds;
  const share = `${((100 * seconds) / secondsWithoutCache).toFixed(1)} %`;
  return { model, arm, features, epochs, featureSeconds, headSeconds, seconds, secondsWithoutCache, share };
}
