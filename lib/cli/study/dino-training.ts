/** How this project trains its own vision transformer: on images that it draws, without labels. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset';
import { openDataset } from '../../data/open';
import { proceduralShares } from '../../data/procedural-images';
import { drawnSource } from '../../data/view-batches';
import { makeFolder, writeFileAtomic } from '../../files';
import { vitConfigs } from '../../models/vit';
import { settingsIdentity } from '../../runs/identity';
import { environment } from '../../system';
import { writeSafetensors } from '../../tensor/safetensors';
import { openCheckpoints } from '../../training/checkpoints';
import {
  trainSelfDistillation,
  type SelfDistillationControls,
  type SelfDistillationResult,
  type SelfDistillationSettings,
} from '../../training/self-distillation';
import { distilledVit } from '../../training/self-distillation/network';

/** Images of an epoch, of those that the loss is measured on after it, and pixels a side at which they are drawn. */
export interface PretrainingImages {
  readonly perEpoch: number;
  readonly validation: number;
  readonly size: number;
}

export const pretrainingImages: PretrainingImages = { perEpoch: 1536, validation: 128, size: 64 };

export const pretrainedModel = 'vit_mini_patch4';

/** Drawn data, of other seeds than what is trained on, whose labels tell after each epoch how good the features are. */
export const pretrainingProbes = ['synthetic-blood', 'synthetic-multi-class', 'synthetic-ordinal'];

export interface PretrainingRequest {
  readonly settings: SelfDistillationSettings;
  readonly images: PretrainingImages;
  /** Names of datasets with one label an image. */
  readonly probes: readonly string[];
  /** Checkpoints and what is reached are kept there; the same request with the same folder continues. */
  readonly folder: string;
}

export const weightsFile = 'weights.safetensors';

/** Trains, or continues; what is reached is in the folder's `weights.safetensors` (float16) and `training.json`. */
export async function pretrain(
  { settings, images, probes, folder }: PretrainingRequest,
  controls: Pick<SelfDistillationControls, 'signal' | 'onProgress'> = {},
): Promise<SelfDistillationResult> {
  makeFolder(folder);
  const network = distilledVit(pretrainedModel);
  const { perEpoch, validation, size } = images;
  const recipe = {
    network: pretrainedModel,
    config: vitConfigs[pretrainedModel],
    settings: settingsIdentity(settings),
    images,
    shares: proceduralShares,
  };
  const key = createHash('sha256').update(JSON.stringify(recipe)).digest('hex');
  const drawn = (seed: number, count: number) => drawnSource({ seed, size, shares: proceduralShares }, count);
  const opened: Dataset[] = [];
  try {
    for (const name of probes)
      opened.push(await openDataset(name, { size: settings.views.globalSize, syntheticImages: probeImages }));
    const result = await trainSelfDistillation(
      network,
      { train: drawn(settings.seed, perEpoch), val: drawn(settings.seed + 1, validation) },
      settings,
      { ...controls, probes: opened, checkpoints: openCheckpoints(join(folder, 'checkpoint'), key) },
    );
    const tensors = [...result.values].map(
      ([name, values]) => [name, { shape: network.table[name].shape, values }] as const,
    );
    writeSafetensors(join(folder, weightsFile), new Map(tensors), { format: 'pt' }, 'F16');
    const { history, stopped, seconds } = result;
    const record = {
      ...recipe,
      probes,
      epochs: history.length,
      finished: !stopped,
      seconds,
      environment: environment(),
      history,
    };
    writeFileAtomic(join(folder, 'training.json'), JSON.stringify(record, undefined, 1));
    return result;
  } finally {
    for (const dataset of opened) dataset.close();
  }
}

/** Training images of `synthetic-blood` as a probe. */
const probeImages = 480;
