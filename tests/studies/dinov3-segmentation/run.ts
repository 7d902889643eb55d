/**
 * Runs of the fourth study on toy data, also as a process of its own that ends itself: `run.ts STORE FEATURES RUN EPOCH` kills
 * itself when the run with that number has finished that epoch (both counted from 1). Not a test.
 */
import { openDinov3Encoder, type Dinov3Encoder } from '../../../lib/studies/dinov3-segmentation/encoders';
import { configurationOf } from '../../../lib/studies/dinov3-segmentation/parameters';
import type { Dinov3Arm, Dinov3Configuration, Dinov3Model, Dinov3Run } from '../../../lib/studies/dinov3-segmentation/results'; // prettier-ignore
import { openDinov3Store, trainDinov3Runs, type RunsControls } from '../../../lib/studies/dinov3-segmentation/runs';
import { openFeatureCache } from '../../../lib/training/feature-cache';
import { toySegmentation } from '../../training/toy-segmentation';

export const toyData = toySegmentation({ counts: { train: 20, val: 6, test: 7 } });

export const toySettings = {
  imageSize: toyData.height,
  epochs: 6,
  batchSize: 4,
  learningRate: 0.02,
  weightDecay: 1e-4,
  diceWeight: 0,
  patience: 10,
  flips: true,
  flipTta: false,
  nativeScores: false,
  unetWidth: 2,
  decoderWidth: 16,
};

export const openToyEncoder = (): Promise<Dinov3Encoder> =>
  openDinov3Encoder({ name: 'dinov3_tour_s', weights: 'random', imageSize: toyData.height, seed: 1 });

export interface ToyRun {
  readonly arm?: Dinov3Arm;
  readonly model?: Dinov3Model;
  readonly fraction?: number;
  readonly seed?: number;
  readonly settings?: Partial<typeof toySettings>;
}

export function toyConfiguration(
  encoder: Dinov3Encoder,
  { arm = 'corrected', model = 'dino-unet', fraction = 1, seed = 3, settings }: ToyRun = {},
): Dinov3Configuration {
  // prettier-ignore
  return configurationOf({ ...toySettings, ...settings }, toyData, { arm, model, encoder, fraction, seed });
}

/** The runs whose end must not depend on a kill. The first learns nothing, so that it ends early on any machine; the second does not. */
export const toyRuns: readonly ToyRun[] = [
  { model: 'unet', fraction: 0.5, settings: { learningRate: 1e-8, epochs: 60, patience: 1 } },
  { model: 'dino-unet' },
];

export interface ToyFolders {
  readonly store: string;
  readonly features: string;
}

export async function trainToyRuns(
  { store, features }: ToyFolders,
  runs: readonly ToyRun[],
  controls: RunsControls & { readonly cache?: boolean; readonly limitBytes?: number } = {},
): Promise<Dinov3Run[] | undefined> {
  const { cache = true, limitBytes, ...rest } = controls;
  const encoder = await openToyEncoder();
  try {
    const configurations = runs.map((run) => toyConfiguration(encoder, run));
    const featureCache = openFeatureCache({ directory: features, limitBytes });
    const resources = { dataset: toyData, encoders: [encoder], cache, featureCache };
    return await trainDinov3Runs(openDinov3Store(store), configurations, resources, rest);
  } finally {
    encoder.close();
  }
}

if (require.main === module) {
  const [store, features, run, epoch] = process.argv.slice(2);
  let started = 0;
  void trainToyRuns({ store, features }, toyRuns, {
    saveEverySeconds: 0,
    onRun({ kind, training }) {
      if (kind === 'started') started++;
      if (kind === 'epoch' && started === Number(run) && training?.kind === 'epoch' && training.epoch === Number(epoch))
        process.kill(process.pid, 'SIGKILL');
    },
  });
}
