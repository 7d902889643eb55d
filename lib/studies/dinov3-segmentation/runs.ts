/** The runs of the fourth study in a folder: each is trained once, by whichever process claims it, and found again by any other. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';
import type { TrainingEvent } from '../../training/events';
import { openFeatureCache, type FeatureCache } from '../../training/feature-cache';
import type { Dinov3Encoder } from './encoders';
import { cacheRoomMessage, openDinov3Maps, type Dinov3Maps, type MapExtent } from './maps';
import { dinov3ConfigurationSchema, dinov3ResultSchema, type Dinov3Configuration, type Dinov3Result, type Dinov3Run } from './results'; // prettier-ignore
import { forgetCheckpoints, trainDinov3Run, type Dinov3Controls } from './training';
import { runMissing } from '../grid-runs';
import { openRunStore, type RunStore } from '../../runs/store';

export interface Dinov3Store {
  readonly folder: string;
  readonly runs: RunStore<Dinov3Configuration, Dinov3Result>;
  /** Those of a list that are finished, in its order. */
  finished(configurations: readonly Dinov3Configuration[]): Dinov3Run[];
}

/** Opens a folder of runs, which needs not exist yet. */
export function openDinov3Store(folder: string): Dinov3Store {
  const runs = openRunStore<Dinov3Configuration, Dinov3Result>(folder, dinov3ResultSchema);
  return {
    folder,
    runs,
    finished: (configurations) =>
      configurations.flatMap((configuration) => {
        const result = runs.read(configuration);
        const id = runs.idOf(configuration);
        return result === undefined ? [] : [{ id, configuration, result, directory: join(folder, id) }];
      }),
  };
}

/** What a folder holds, whoever put it there. */
export interface StoredRuns {
  readonly finished: readonly Dinov3Run[];
  readonly unfinished: readonly { readonly id: string; readonly configuration: Dinov3Configuration }[];
  /** One line for each folder that cannot be read; the others count. */
  readonly problems: readonly string[];
}

const configurationFile = 'configuration.json';

/** All runs in a folder, by arm, network, fraction and seed. */
export function readStoredRuns(folder: string): StoredRuns {
  const store = openDinov3Store(folder);
  const finished: Dinov3Run[] = [];
  const unfinished: { id: string; configuration: Dinov3Configuration }[] = [];
  const problems: string[] = [];
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  for (const name of names) {
    const path = join(folder, name, configurationFile);
    if (!existsSync(path)) continue;
    try {
      const configuration = readConfiguration(path);
      if (store.runs.idOf(configuration) !== name) throw new UserError(`${path} is another run's: delete its folder.`);
      const [run] = store.finished([configuration]);
      if (run === undefined) unfinished.push({ id: name, configuration });
      else finished.push(run);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(error.message);
    }
  }
  const ordered = <T extends { readonly configuration: Dinov3Configuration }>(runs: T[]): T[] =>
    runs.sort((a, b) => compareConfigurations(a.configuration, b.configuration));
  return { finished: ordered(finished), unfinished: ordered(unfinished), problems };
}

function readConfiguration(path: string): Dinov3Configuration {
  try {
    return dinov3ConfigurationSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new UserError(`${path} is damaged, or is of another study: delete its folder.`);
  }
}

function compareConfigurations(a: Dinov3Configuration, b: Dinov3Configuration): number {
  const text = ({ arm, model, encoder }: Dinov3Configuration): string => [arm, model === 'unet' ? 0 : 1, encoder].join('|'); // prettier-ignore
  if (text(a) !== text(b)) return text(a) < text(b) ? -1 : 1;
  return a.fraction - b.fraction || a.seed - b.seed;
}

/** What all runs share. */
export interface RunsResources {
  readonly dataset: SegmentationDataset;
  /** Of the Dino U-Nets. */
  readonly encoders: readonly Dinov3Encoder[];
  /** Whether maps of the frozen encoder are kept; otherwise it runs in every step. */
  readonly cache: boolean;
  /** Where; the project's cache by default. */
  readonly featureCache?: FeatureCache;
}

export interface RunsControls extends Dinov3Controls {
  /** Of all runs together. */
  readonly onProgress?: (event: TrainingEvent) => void;
  /** Of each run. */
  readonly onRun?: (event: RunEvent) => void;
}

export interface RunEvent {
  readonly kind: 'started' | 'finished' | 'epoch' | 'features';
  readonly id: string;
  readonly configuration: Dinov3Configuration;
  /** Where there is an epoch, or maps are computed. */
  readonly training?: TrainingEvent;
  /** Once all maps are there: what the encoder took for them when they were computed, be it by an earlier run. */
  readonly seconds?: number;
}

/**
 * Trains the runs that are neither finished nor being trained by another process, one after the other; undefined where the work was
 * stopped.
 * @returns those of the list that are finished then
 * @throws UserError of the first run that failed, after all others have been tried
 */
export async function trainDinov3Runs(
  store: Dinov3Store,
  configurations: readonly Dinov3Configuration[],
  resources: RunsResources,
  { signal, onProgress = () => undefined, onRun = () => undefined, saveEverySeconds }: RunsControls = {},
): Promise<Dinov3Run[] | undefined> {
  const { dataset, encoders, cache, featureCache } = resources;
  const report = combinedProgress(configurations, dataset, onProgress);
  const encoderOf = ({ model, encoder }: Dinov3Configuration): Dinov3Encoder | undefined =>
    model === 'dino-unet' && cache ? encoders.find(({ name }) => name === encoder) : undefined;
  const extents = new Map<string, MapExtent>();
  for (const configuration of configurations) {
    const encoder = encoderOf(configuration);
    if (encoder === undefined || store.runs.read(configuration) !== undefined) continue;
    extents.set(mapsKey(configuration, encoder), { dataset, encoder, ...configuration.settings });
  }
  if (extents.size > 0) {
    const { limitBytes } = featureCache ?? openFeatureCache();
    const message = cacheRoomMessage([...extents.values()], limitBytes);
    if (message !== undefined) onProgress({ kind: 'warning', epoch: 1, epochs: 1, message });
  }
  let opened: { readonly key: string; readonly maps: Dinov3Maps } | undefined;
  const closeMaps = (): void => {
    opened?.maps.close();
    opened = undefined;
  };
  /** The maps of one encoder and arm at a time: the configurations are in that order. */
  const mapsOf = async (
    configuration: Dinov3Configuration,
    encoder: Dinov3Encoder,
    onMaps: (event: TrainingEvent) => void,
  ) => {
    const { arm, settings } = configuration;
    const { flips, flipTta } = settings;
    const key = mapsKey(configuration, encoder);
    if (opened?.key !== key) {
      closeMaps();
      const maps = await openDinov3Maps({ dataset, encoder, arm, flips, flipTta, featureCache, signal, onProgress: onMaps }); // prettier-ignore
      opened = { key, maps };
    }
    return opened.maps;
  };
  try {
    const summary = await runMissing(
      store.runs,
      configurations,
      async ({ id, configuration, directory }) => {
        const about = { id, configuration };
        const encoder = encoders.find(({ name }) => name === configuration.encoder);
        const encoderOfMaps = encoderOf(configuration);
        const onMaps = (training: TrainingEvent): void => onRun({ kind: 'features', ...about, training });
        try {
          const maps = encoderOfMaps && (await mapsOf(configuration, encoderOfMaps, onMaps));
          if (maps !== undefined) onRun({ kind: 'features', ...about, seconds: maps.seconds });
          return await trainDinov3Run(configuration, { dataset, encoder, maps }, directory, id, {
            signal,
            saveEverySeconds,
            onProgress(training) {
              report(configuration)(training);
              if (training.kind === 'epoch') onRun({ kind: 'epoch', ...about, training });
            },
          });
        } catch (error) {
          if (signal?.aborted) return undefined;
          throw error;
        }
      },
      {
        signal,
        onEvent(event) {
          if (event.kind === 'started') onRun({ kind: 'started', id: event.id, configuration: event.configuration });
          if (event.kind !== 'finished') return;
          forgetCheckpoints(join(store.folder, event.id));
          onRun({ kind: 'finished', id: event.id, configuration: event.configuration });
        },
      },
    );
    const finished = store.finished(configurations);
    const seconds = finished.reduce((total, { result }) => total + result.seconds, 0);
    if (summary.stopped) {
      onProgress({ kind: 'stopped', epoch: finished.length, epochs: configurations.length, seconds });
      return undefined;
    }
    if (summary.failed.length > 0) throw summary.failed[0].error;
    onProgress({ kind: 'done', epochs: configurations.length, seconds });
    return finished;
  } finally {
    closeMaps();
  }
}

/** Runs of equal keys share their maps. */
function mapsKey({ arm, settings }: Dinov3Configuration, { name, weightsKey }: Dinov3Encoder): string {
  return JSON.stringify([arm, name, weightsKey, settings.flips, settings.flipTta]);
}

/** The epochs of all runs as steps of one piece of work, each as long as its images are many. */
function combinedProgress(
  configurations: readonly Dinov3Configuration[],
  { splits }: SegmentationDataset,
  onProgress: (event: TrainingEvent) => void,
) {
  const costOf = ({ fraction }: Dinov3Configuration): number => Math.max(1, Math.round(fraction * splits.train.count));
  const costs = configurations.map((configuration) => configuration.settings.epochs * costOf(configuration));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  return (configuration: Dinov3Configuration) => {
    const before = costs.slice(0, configurations.indexOf(configuration)).reduce((sum, cost) => sum + cost, 0);
    return (event: TrainingEvent): void => {
      if (event.kind === 'warning') onProgress(event);
      if (event.kind !== 'epoch') return;
      const step = before + event.epoch * costOf(configuration);
      onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps: total, loss: event.row.trainLoss });
    };
  };
}
