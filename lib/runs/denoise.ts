/** Pre-training by denoising: once for each identity, continued where it was stopped or killed, its weights kept on the disk. */
import { join } from 'node:path';
import { z } from 'zod';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import type { Network } from '../models/network';
import type { PublishedValues } from '../models/parameters';
import { createRandom } from '../random';
import { historySchema, openCheckpoints } from '../training/checkpoints';
import {
  denoiseImages,
  trainDenoiser,
  type DenoisedImages,
  type DenoisingSettings,
  type TrainedDenoiser,
} from '../training/denoiser';
import type { TrainingEvent } from '../training/events';
import { dataIdentity, networkIdentity, settingsIdentity } from './identity';
import { once } from './once';
import { openRunStore } from './store';
import { readWeights, weightHashesSchema, weightsFile, writeValues } from './train';

const resultSchema = z.object({
  history: historySchema,
  bestEpoch: z.int(),
  seconds: z.number(),
  weights: weightHashesSchema,
});

export interface DenoiseOptions {
  readonly folder: string;
  readonly again?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** A pre-training, and what has come of it. */
export interface DenoisingRun extends Pick<TrainedDenoiser, 'history' | 'seconds'> {
  readonly network: Network;
  readonly noise: number;
  readonly bestEpoch: number;
  /** Of the best epoch, encoder and decoder, in the published layout. */
  readonly values: PublishedValues;
  /** What it makes of some images of a split, with the noise of validation. */
  reconstruct(dataset: SegmentationDataset, count: number): DenoisedImages & { readonly ids: readonly string[] };
}

/** Undefined where it was stopped; the same call continues it. */
export async function denoiseOnce(
  network: Network,
  data: SegmentationDataset,
  settings: DenoisingSettings,
  { folder, again, ...controls }: DenoiseOptions,
): Promise<DenoisingRun | undefined> {
  const store = openRunStore(folder, resultSchema);
  const identity = {
    denoising: networkIdentity(network),
    settings: settingsIdentity(settings),
    data: dataIdentity(data),
  };
  const train = async (directory: string, id: string): Promise<z.infer<typeof resultSchema> | undefined> => {
    const checkpoints = openCheckpoints(join(directory, 'checkpoints'), id);
    const trained = await trainDenoiser(network, data, settings, { ...controls, checkpoints, saveEverySeconds: 20 });
    const { values, bestEpoch, history, seconds } = trained;
    if (values === undefined || bestEpoch === undefined) return undefined;
    const best = writeValues(join(directory, weightsFile('best')), network.table, values);
    checkpoints.remove();
    return { history: [...history], bestEpoch, seconds, weights: { best } };
  };
  const finished = await once(store, identity, train, { again });
  if (finished === undefined) return undefined;
  const values = readWeights(join(finished.directory, weightsFile('best')), finished.result.weights?.best);
  return {
    ...finished.result,
    network,
    noise: settings.noise,
    values,
    reconstruct(dataset, count) {
      const { test } = dataset.splits;
      const order = createRandom(settings.seed, 'shown', 'denoising').permutation(test.count);
      const indices = order.slice(0, count).sort();
      const images = denoiseImages(network, values, dataset, test, indices, settings);
      return { ...images, ids: Array.from(indices, (index) => test.ids[index]) };
    },
  };
}
