/** The study's pre-training: an encoder learns to take noise out of images that have no masks. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { unitNormalization } from '../../data/segmentation-batches';
import { reconstructionDecoderForward, reconstructionDecoderParameters } from '../../models/decoders';
import { disposeParameters, type PublishedValues } from '../../models/parameters';
import { createRandom } from '../../random';
import { denoiseImages, trainDenoiser, type DenoisedImages, type Denoiser, type DenoisingSettings } from '../../training/denoiser'; // prettier-ignore
import type { HistoryRow } from '../../training/events';
import { hashParameters } from '../../training/features';
import { initialParameters } from '../../models/initial-values';
import { armOptions, type FewShotArm, type FewShotOptions } from './arms';
import { shortHash } from '../../runs/results';
import { openTraining, type NotebookRun } from '../../runs/notebook-run';
import type { SeriesControls } from './maps';
import type { SegmentationEncoder } from '../segmentation-encoders';

export interface DenoisedEncoder {
  readonly arm: FewShotArm;
  readonly history: readonly HistoryRow[];
  readonly bestEpoch: number;
  readonly seconds: number;
  /** The encoder's, of the best epoch. */
  readonly values: PublishedValues;
  /** SHA-256 of them, in hexadecimal. */
  readonly weightsKey: string;
  /** Some test images. */
  readonly shown: DenoisedImages & { readonly ids: readonly string[] };
}

export interface DenoisingRequest {
  readonly dataset: SegmentationDataset;
  readonly encoder: SegmentationEncoder;
  readonly arm: FewShotArm;
  readonly options?: Partial<FewShotOptions>;
  readonly settings: DenoisingSettings;
}

const shownImages = 5;

/** Trains encoder and reconstruction decoder; undefined where it was stopped, and the same call continues it. */
export async function denoise(
  run: NotebookRun,
  { dataset, encoder, arm, options, settings }: DenoisingRequest,
  { signal, onProgress }: SeriesControls = {},
): Promise<DenoisedEncoder | undefined> {
  const { doubledEmbedding, normalizedInput } = { ...armOptions[arm], ...options };
  const config = encoder.decoders.reconstruction;
  const denoiser: Denoiser = {
    name: `${encoder.title}, denoising`,
    table: { ...encoder.table, ...reconstructionDecoderParameters(config) },
    initial: encoder.values,
    normalization: normalizedInput ? encoder.normalization : unitNormalization,
    forward: (images, scope) =>
      reconstructionDecoderForward(encoder.encode(images, scope, { doubledEmbedding }), scope, config).image,
  };
  const { weightsKey } = encoder;
  const key = shortHash({ denoising: { weightsKey, doubledEmbedding, normalizedInput, settings }, data: dataset.sha256, side: dataset.height }); // prettier-ignore
  const training = await openTraining(run, key);
  const trained = await trainDenoiser(denoiser, dataset, settings, {
    signal,
    onProgress,
    checkpoints: training.checkpoints,
    saveEverySeconds: 20,
  });
  const { values, bestEpoch, history, seconds } = trained;
  if (values === undefined || bestEpoch === undefined) return undefined;
  const { test } = dataset.splits;
  const indices = createRandom(settings.seed, 'shown', 'denoising')
    .permutation(test.count)
    .slice(0, shownImages)
    .sort();
  const shown = denoiseImages(denoiser, values, dataset, test, indices, settings);
  training.close();
  const ofEncoder = new Map([...values].filter(([name]) => name in encoder.table));
  return {
    arm,
    history,
    bestEpoch,
    seconds,
    values: ofEncoder,
    weightsKey: hashValues(encoder, ofEncoder),
    shown: { ...shown, ids: Array.from(indices, (index) => test.ids[index]) },
  };
}

function hashValues({ table }: SegmentationEncoder, values: PublishedValues): string {
  const parameters = initialParameters(table, 0, values);
  try {
    return hashParameters(parameters);
  } finally {
    disposeParameters(parameters);
  }
}
