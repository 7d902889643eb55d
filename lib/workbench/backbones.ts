/** What a cell calls to take a network with weights, and to use its features as they are. */
import type { Dataset } from '../data/dataset';
import { counted } from '../data/file-facts';
import type { Displayable } from '../display/mime';
import { progressBar } from '../display/progress';
import { table } from '../display/tables';
import { interruptible } from '../interrupt';
import type { ImageTransform } from '../models/network';
import { openBackbone, type BackboneOptions, type OpenedBackbone } from '../models/open-backbone';
import type { ClassifierEvaluation } from '../runs/evaluate';
import { identityOf } from '../runs/identity';
import { comparableResults, currentRun, recordResults, type RecordedData } from '../runs/notebook-run';
import {
  cacheRows,
  probeOnce,
  probeTitle,
  type ProbeKind,
  type ProbeRow,
  type ProbeRun,
  type ProbeSettings,
} from '../runs/probe';
import { classificationRows, type ClassificationRow, type RowFacts } from '../runs/results';
import type { TrainedModel } from '../runs/train';
import { openFeatures, type Features } from '../training/backbone-features';
import { keepModel, softly, tellKept, trainingsFolder } from './training';

/**
 * A network without a head, with its weights from the hub, a .safetensors file or a seed. Nothing has to be disposed: the values are put
 * on the device where they are used.
 * @throws UserError for an unknown network, and for weights that cannot be had or do not fit: they are random only where that is asked for
 */
export function backbone(options: BackboneOptions): Promise<OpenedBackbone> {
  return interruptible((signal) => openBackbone({ ...options, signal }));
}

export interface FeatureOptions {
  /** What brings images to the backbone's size; see `input`. */
  readonly input: ImageTransform;
  /** Whether features are kept on disk and used again (the default), or computed anew wherever they are needed. */
  readonly cache?: boolean;
  /** Beside the bar; the backbone's name by default. */
  readonly progress?: string;
}

/**
 * What a frozen backbone makes of the images of all three splits: computed once and kept, so that the next call finds them. Undefined
 * where the stop button ends it; the same call goes on from there.
 */
export async function features(
  from: OpenedBackbone,
  data: Dataset,
  { input, cache = true, progress = `${from.title}, features` }: FeatureOptions,
): Promise<Features | undefined> {
  const source = { backbone: from, data, input };
  if (!cache) return { ...source, kept: undefined };
  const onProgress = progressBar(progress);
  const kept = await softly((signal) => openFeatures(source, { signal, onProgress }));
  return kept && { ...source, kept };
}

export interface ProbeOptions {
  /** Which arm of a study the row is of; `corrected` by default. */
  readonly arm?: RowFacts['arm'];
  /** Whose epoch's head is tested; the best one's by default. */
  readonly scored?: 'best' | 'last';
  /** Beside the bar and in figures; backbone and method by default. `false` shows no bar. */
  readonly progress?: string | false;
  /** Does anew what has been done already. */
  readonly again?: boolean;
  /** Further settings of the row. */
  readonly settings?: RowFacts['settings'];
  /** What the row is filed under, where that is more than the data. */
  readonly recordedAs?: RecordedData;
}

/** A probe and its scores on the test images. */
export interface Probed extends ProbeRun {
  /** Of the epoch that was asked for; undefined where it was stopped. */
  readonly test: (ClassifierEvaluation & { readonly data: Dataset }) | undefined;
  /** Backbone and linear layer of that epoch as one network; undefined for other methods. */
  readonly network: TrainedModel | undefined;
  /** What was recorded for `comparison`. */
  readonly recorded: ProbeRow | undefined;
}

/**
 * Classifies by frozen features, and records a row as `evaluate` does: `linear` trains a linear layer by steps; `knn` lets the nearest
 * training images vote (Caron et al. 2021), of several `k` the one that is best on the validation split; `logistic` finds the best linear
 * layer for each penalty and selects one there; `grid` is DINOv2's evaluation, on features of `lastTokens`. What was
 * done before with the same settings is there at once.
 */
export async function probe<K extends ProbeKind>(
  from: Features | undefined,
  kind: K,
  settings: ProbeSettings[K],
  { arm = 'corrected', scored = 'best', progress, again, settings: further, recordedAs }: ProbeOptions = {},
): Promise<Probed | undefined> {
  if (from === undefined) return undefined;
  const title = progress || probeTitle(from, kind);
  const onProgress = progress === false ? () => undefined : progressBar(title);
  const options = { folder: trainingsFolder(), title, again, onProgress };
  const run = await softly((signal) => probeOnce(from, kind, settings, { ...options, signal }));
  if (run === undefined) return undefined;
  tellKept(run, kind === 'linear' ? counted(run.history.length, 'epoch') : 'by this method', onProgress);
  const recorded = run.row(scored, { arm, settings: further });
  if (recorded) recordResults(currentRun(), recordedAs ?? from.data, run.id, [recorded], run.history);
  const scores = run[scored];
  const whole = run.trained(scored);
  const recipe = { trained: 'a linear layer on frozen features', ...settings };
  if (whole)
    await keepModel(
      { model: title, best: whole, last: whole, recipe: {}, identity: { recipe: identityOf(recipe) } },
      whole,
      from.data,
    );
  return { ...run, test: scores && { ...scores, data: from.data }, network: whole, recorded };
}

/** One row for each linear head of this notebook on these data: what its features cost, and what they would have cost without the cache. */
export function cacheReport(
  data: Pick<Dataset, 'sha256'>,
  { caption = 'Seconds of each head, with the cache and without' }: { readonly caption?: string } = {},
): Displayable {
  return table(cacheRows(comparableRows(data)), { caption, digits: 1 });
}

/** The rows of this notebook on these data. */
export function comparableRows(data: Pick<Dataset, 'sha256'>): ClassificationRow[] {
  return classificationRows(comparableResults(currentRun(), data));
}
