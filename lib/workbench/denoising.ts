/** What a cell calls to pre-train an encoder by taking noise out of images, and what it shows of that. */
import { join } from 'node:path';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import type { FigureDisplay } from '../display/figure';
import { lossCurves } from '../display/loss-chart';
import type { Displayable } from '../display/mime';
import { progressBar } from '../display/progress';
import { interruptible } from '../interrupt';
import type { Network } from '../models/network';
import { armTitle, type Arm } from '../runs/arms';
import { currentRun } from '../runs/current-run';
import { denoiseOnce, type DenoisingRun } from '../runs/denoise';
import type { DenoisingSettings } from '../training/denoiser';
import { maskGrid } from './mask-views';

export interface DenoiseOptions {
  /** Beside the bar. */
  readonly progress: string;
  readonly again?: boolean;
}

/** Trains an autoencoder to take noise out of the images; no mask is read. Undefined where it was stopped: the same cell continues it. */
export async function denoise(
  network: Network,
  data: SegmentationDataset,
  settings: DenoisingSettings,
  { progress, again }: DenoiseOptions,
): Promise<DenoisingRun | undefined> {
  const folder = join(currentRun().directory, 'trainings');
  const onProgress = progressBar(progress);
  return interruptible((signal) => denoiseOnce(network, data, settings, { folder, again, signal, onProgress }));
}

/** What an arm's pre-training has come to; undefined where it was stopped. */
export type Denoised = Readonly<Record<Arm, DenoisingRun | undefined>>;

/** Loss of denoising per epoch with its best epoch; undefined where none has been finished. */
export function denoisingLosses(denoised: Denoised): FigureDisplay | undefined {
  const finished = (Object.keys(denoised) as Arm[]).flatMap((arm) => {
    const run = denoised[arm];
    return run === undefined ? [] : [{ name: armTitle(arm), history: run.history, bestEpoch: run.bestEpoch }];
  });
  if (finished.length === 0) return undefined;
  return lossCurves(
    {
      title: 'Denoising: reconstruction loss per epoch',
      lossTitle: 'Mean squared error',
      panels: [{ curves: finished }],
    },
    {
      label: 'Mean squared error of denoising per epoch on training and validation images',
      caption: 'Dashed vertical lines: the epoch with the lowest validation loss, whose encoder is used.',
    },
  );
}

const shownImages = 5;

/** Noisy, original and reconstructed test images below one another; undefined where the pre-training was stopped. */
export async function denoisingPanel(
  run: DenoisingRun | undefined,
  dataset: SegmentationDataset,
): Promise<Displayable | undefined> {
  if (run === undefined) return undefined;
  const { height, width } = dataset;
  const shown = run.reconstruct(dataset, shownImages);
  const bytes = height * width * 3;
  const rows = [
    ['noisy', shown.noisy],
    ['original', shown.original],
    ['reconstructed', shown.reconstructed],
  ] as const;
  return maskGrid(dataset, {
    images: rows.flatMap(([title, pixels]) =>
      shown.ids.map((id, index) => {
        const image = pixels.subarray(index * bytes, (index + 1) * bytes);
        return { pixels: image, height, width, channels: 3, title, alt: `Test image ${id}, ${title}` };
      }),
    ),
    columns: shown.ids.length,
    caption: `What the denoiser makes of test images with noise of σ = ${run.noise}`,
  });
}
