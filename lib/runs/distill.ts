/** Self-distillation: once for each identity, continued where it was stopped or killed, the teacher's weights kept on the disk. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Dataset } from '../data/dataset';
import type { ViewSource } from '../data/view-batches';
import type { PublishedValues } from '../models/parameters';
import { historySchema, openCheckpoints } from '../training/checkpoints';
import type { HistoryRow, TrainingEvent } from '../training/events';
import { trainSelfDistillation, type SelfDistillationSettings } from '../training/self-distillation';
import type { DistilledNetwork } from '../training/self-distillation/network';
import { identityOf, settingsIdentity, type Json } from './identity';
import { once } from './once';
import { openRunStore } from './store';
import { readWeights, weightHashesSchema, writeValues } from './train';

/** Images that a network learns from, and others that the loss is measured on. */
export interface DistillationImages {
  readonly train: ViewSource;
  readonly val: ViewSource;
}

export interface DistillOptions {
  /** Where trainings are kept, a folder each. */
  readonly folder: string;
  /** Labelled data on which features are tried after each epoch; nothing is learnt from them. */
  readonly probes?: readonly Dataset[];
  /** Trains anew what has been trained already. */
  readonly again?: boolean;
  /** Ends the training softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
  /** Seconds of training that a kill may cost; 20 by default. */
  readonly saveEverySeconds?: number;
}

/** A training without labels, and what has come of it so far. */
export interface DistilledRun {
  /** Stands for everything that the training depends on. */
  readonly id: string;
  readonly network: DistilledNetwork;
  readonly recipe: SelfDistillationSettings;
  readonly history: readonly HistoryRow[];
  /** Whether it was stopped; the same call continues it. */
  readonly stopped: boolean;
  /** Whether it had been trained before. */
  readonly kept: boolean;
  readonly seconds: number;
  /** The teacher without its head, in the published layout; undefined where the training was stopped. */
  readonly values: PublishedValues | undefined;
}

const recordSchema = z.object({ history: historySchema, seconds: z.number(), weights: weightHashesSchema });
type DistillationRecord = z.infer<typeof recordSchema>;

const weightsFile = 'teacher.safetensors';

/**
 * Trains a network without labels. What has been trained before with the same network, images, probes and recipe is not trained again, but
 * for `again`.
 */
export async function distillOnce(
  network: DistilledNetwork,
  images: DistillationImages,
  recipe: SelfDistillationSettings,
  { folder, probes = [], again, signal, onProgress, saveEverySeconds = 20 }: DistillOptions,
): Promise<DistilledRun> {
  const store = openRunStore<{ readonly [name: string]: Json }, DistillationRecord>(folder, recordSchema);
  const { name, config } = network;
  const identity = {
    training: 'self-distillation',
    network: identityOf({ name, config }),
    recipe: settingsIdentity(recipe),
    images: identityOf({ train: images.train.identity, val: images.val.identity }),
    probes: probes.map(({ sha256, height, width }) => `${sha256} ${height}×${width}`),
  };
  let unfinished: DistillationRecord | undefined;
  const train = async (directory: string, id: string): Promise<DistillationRecord | undefined> => {
    const checkpoints = openCheckpoints(join(directory, 'checkpoints'), id);
    const trained = await trainSelfDistillation(network, images, recipe, {
      probes,
      checkpoints,
      saveEverySeconds,
      signal,
      onProgress,
    });
    const { history, stopped, seconds, values } = trained;
    if (stopped) {
      unfinished = { history: [...history], seconds };
      return undefined;
    }
    const teacher = writeValues(join(directory, weightsFile), network.table, values);
    checkpoints.remove();
    return { history: [...history], seconds, weights: { teacher } };
  };
  const finished = await once(store, identity, train, { again });
  const { history = [], seconds = 0 } = finished?.result ?? unfinished ?? {};
  const values = finished && readWeights(join(finished.directory, weightsFile), finished.result.weights?.teacher);
  const kept = finished?.kept ?? false;
  return { id: store.idOf(identity), network, recipe, history, stopped: finished === undefined, kept, seconds, values };
}
