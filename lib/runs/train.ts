/** Training: once for each identity, continued where it was stopped or killed, its weights kept on the disk. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { hashFileNow } from '../files';
import type { Network } from '../models/network';
import { countParameters, exportParameters, type ParameterTable, type PublishedValues } from '../models/parameters';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors';
import { historySchema, openCheckpoints } from '../training/checkpoints';
import type { BestEpoch, HistoryRow, TrainingEvent } from '../training/events';
import { checkRecipe, type Recipe } from '../training/recipe';
import { trainNetwork, type TrainedNetwork, type TrainingControls, type TrainingData } from '../training/train-network';
import { networkIdentity, settingsOf, trainingIdentity, type TrainingIdentity } from './identity';
import { once } from './once';
import { shortHash, type RowSettings } from './results';
import { openRunStore, type RunStore } from './store';

const numberOrNaN = z.union([z.number(), z.nan(), z.null().transform(() => NaN)]);
const bestSchema = z.object({ epoch: z.int(), metric: z.string(), value: z.number() });
/** SHA-256 of the files of weights, by name. */
export const weightHashesSchema = z.record(z.string(), z.string()).optional();
const trainingSchema = z.object({
  history: historySchema,
  best: bestSchema,
  seconds: numberOrNaN,
  encoderSeconds: z.object({ maps: numberOrNaN, pass: numberOrNaN }).optional(),
  weights: weightHashesSchema,
});
type TrainingRecord = z.infer<typeof trainingSchema>;

export interface TrainOptions {
  /** Where trainings are kept, a folder each. */
  readonly folder: string;
  /** Trains anew what has been trained already. */
  readonly again?: boolean;
  /** Ends the training softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
  /** Seconds of training that a kill may cost; 20 by default. */
  readonly saveEverySeconds?: number;
  /** Is called where it has not been trained yet, and waited for before it is. */
  readonly onStart?: () => Promise<void> | void;
  /** Of the network's frozen encoder, where several trainings share them. */
  readonly maps?: TrainingControls['maps'];
  readonly featureCache?: TrainingControls['featureCache'];
}

/** A training, and what has come of it so far. */
export interface Run {
  /** Stands for everything that the training depends on. */
  readonly id: string;
  readonly identity: TrainingIdentity;
  /** For figures: what was trained. */
  readonly model: string;
  readonly recipe: Recipe;
  readonly history: readonly HistoryRow[];
  readonly bestEpoch: number | undefined;
  /** Whether it was stopped; the same call continues it. */
  readonly stopped: boolean;
  /** Whether it had been trained before. */
  readonly kept: boolean;
  /** Training and validation, over all parts of a training that was continued. */
  readonly seconds: number;
  /** The selected epoch's weights, and the last one's; undefined where the training was stopped. */
  readonly best: TrainedModel | undefined;
  readonly last: TrainedModel | undefined;
}

/** A network with the weights of an epoch, which lie on the disk. */
export interface TrainedModel extends ModelWithWeights {
  readonly which: 'best' | 'last';
  readonly epoch: number;
  readonly training: TrainingFacts;
}

/** A network with its weights, wherever it was trained: a kept model, or a file's with its head. */
export interface ModelWithWeights {
  readonly network: Network;
  /** Values in the published layout. */
  read(): PublishedValues;
}

/** As if a training without epochs had given it: its scores are kept in `folder`, as those of a training are beside its weights. */
export function trainedElsewhere({ network, read }: ModelWithWeights, folder: string): TrainedModel {
  const id = shortHash(networkIdentity(network));
  return {
    network,
    read,
    which: 'best',
    epoch: 0,
    training: {
      ...{ id, directory: join(folder, id), history: [], seconds: 0, trainImages: 0, valImages: 0 },
      best: { epoch: 0, metric: 'none', value: NaN },
      settings: network.transform ? { input: network.transform.key } : {},
      ...{ parameters: countParameters(network), trainableParameters: 0 },
    },
  };
}

/** What a row says of a training. */
export interface TrainingFacts {
  readonly id: string;
  readonly directory: string;
  readonly history: readonly HistoryRow[];
  readonly best: BestEpoch;
  readonly seconds: number;
  readonly encoderSeconds?: TrainedNetwork['encoderSeconds'];
  readonly settings: RowSettings;
  readonly trainImages: number;
  readonly valImages: number;
  readonly parameters: number;
  readonly trainableParameters: number;
}

/** In a training's folder. */
export function weightsFile(which: 'best' | 'last'): string {
  return `${which}.safetensors`;
}

function trainingStore(folder: string): RunStore<TrainingIdentity, TrainingRecord> {
  return openRunStore(folder, trainingSchema);
}

/** The name of a training's folder. */
export function trainingId(identity: TrainingIdentity): string {
  return shortHash(identity);
}

/** How the trainings of a folder stand. */
export function trainingOverview(folder: string, identities: readonly TrainingIdentity[]) {
  return trainingStore(folder).overview(identities);
}

/** Whether another process is at it. */
export function isTraining(folder: string, identity: TrainingIdentity): boolean {
  return trainingOverview(folder, [identity]).running.length > 0;
}

/**
 * Trains a network after a recipe. What has been trained before with the same network, weights, data, splits and recipe is not trained
 * again, but for `again`: its result is there at once (`kept`).
 * @throws UserError for a recipe with an unknown setting or one out of range
 */
export async function trainOnce(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  { folder, again, saveEverySeconds = 20, onStart, ...controls }: TrainOptions,
): Promise<Run> {
  checkRecipe(recipe);
  const store = trainingStore(folder);
  const identity = trainingIdentity(network, data, recipe);
  let unfinished: TrainedNetwork | undefined;
  const train = async (directory: string, id: string): Promise<TrainingRecord | undefined> => {
    await onStart?.();
    const checkpoints = openCheckpoints(join(directory, 'checkpoints'), id);
    const weights: Record<string, string> = {};
    const onWeights: TrainingControls['onWeights'] = (parameters, { which }) => {
      weights[which] = writeValues(join(directory, weightsFile(which)), parameters.table, exportParameters(parameters));
    };
    const trained = await trainNetwork(network, data, recipe, {
      ...controls,
      checkpoints,
      saveEverySeconds,
      onWeights,
    });
    const { history, best, stopped, seconds, encoderSeconds } = trained;
    if (stopped || best === undefined) {
      unfinished = trained;
      return undefined;
    }
    checkpoints.remove();
    return { history: [...history], best, seconds, encoderSeconds, weights };
  };
  const finished = await once(store, identity, train, { again });
  const common = { id: store.idOf(identity), identity, model: network.name, recipe, kept: finished?.kept ?? false };
  if (finished === undefined) {
    const { history = [], best, seconds = 0 } = unfinished ?? {};
    return { ...common, history, bestEpoch: best?.epoch, stopped: true, seconds, best: undefined, last: undefined };
  }
  const { id, directory, result } = finished;
  const trainable = network.trainable ?? (() => true);
  const facts: TrainingFacts = {
    id,
    directory,
    ...result,
    settings: {
      ...settingsOf(identity.recipe),
      precision: identity.precision,
      ...(network.transform && { input: network.transform.key }),
      ...(Number(network.config.stochasticDepth) > 0 && { stochasticDepth: Number(network.config.stochasticDepth) }),
    },
    trainImages: data.splits.train.count,
    valImages: data.splits.val.count,
    parameters: countParameters(network),
    trainableParameters: countParameters(network, trainable),
  };
  const model = (which: 'best' | 'last', epoch: number): TrainedModel => ({
    network,
    which,
    epoch,
    read: () => readWeights(join(directory, weightsFile(which)), result.weights?.[which]),
    training: facts,
  });
  return {
    ...common,
    history: result.history,
    bestEpoch: result.best.epoch,
    stopped: false,
    seconds: result.seconds,
    best: model('best', result.best.epoch),
    last: model('last', result.history.length),
  };
}

/** Values in the published layout, as a .safetensors file, of which the SHA-256 is returned. */
export function writeValues(path: string, table: ParameterTable, values: PublishedValues): string {
  const tensors = [...values].map(([name, numbers]) => [name, { shape: table[name].shape, values: numbers }] as const);
  writeSafetensors(path, new Map(tensors));
  return hashFileNow(path);
}

/** @throws UserError where the file is not there, or is another than `sha256` says */
export function readWeights(path: string, sha256?: string): PublishedValues {
  if (!existsSync(path))
    throw new UserError(
      `There are no weights ${path}: those of this training were not kept. Train it with { again: true, keepWeights: true }.`,
    );
  if (sha256 !== undefined && hashFileNow(path) !== sha256)
    throw new UserError(`${path} is damaged, or of another training: delete ${dirname(path)} and train it again.`);
  return readSafetensors(path);
}
