/** Training all of a pretrained network, as published and corrected. */
import type { Dataset } from '../data/dataset';
import type { PublishedValues } from '../models/parameters';
import { trainClassifier, type TrainedClassifier } from '../training/classifier';
import type { CheckpointStore } from '../training/checkpoints';
import { armDefinitions, armTitle, testedAs, type Arm, type FineTuneSettings } from './arms';
import { frozenSource, type StudyControls } from './frozen-head';
import { classifierOf, networkTitle, type StudyNetwork } from './networks';
import { shortHash } from '../runs/results';
import { openTraining, recordResults, type NotebookRun } from '../runs/notebook-run';
import { transferRow } from './transfer-rows';

export interface FineTuned extends TrainedClassifier {
  /** Those of the best epoch, in the published layout; undefined where the training was stopped. */
  readonly bestValues: PublishedValues | undefined;
}

/**
 * Trains all values of the network from its weights on, and records the arm's row. A stopped training is continued by the same call. No
 * epochs, no training: undefined.
 */
export async function fineTune(
  run: NotebookRun,
  network: StudyNetwork,
  dataset: Dataset,
  arm: Arm,
  settings: FineTuneSettings,
  { signal, progress }: StudyControls,
): Promise<FineTuned | undefined> {
  if (settings.epochs === 0) return undefined;
  const { input } = frozenSource(network, dataset, arm);
  const { backbone, weightsKey } = network;
  const recorded = { ...settings, input: input.key };
  const trainingKey = shortHash({
    model: backbone.name,
    weightsKey,
    protocol: 'fine-tuned',
    arm,
    settings: recorded,
    data: dataset.sha256,
  });
  const training = await openTraining(run, trainingKey);
  try {
    const name = `${networkTitle(backbone.name)}, fine-tuned (${armTitle(arm)})`;
    const classifier = { ...classifierOf(network, dataset, input), name };
    const trained = await trainClassifier(classifier, dataset, settings, {
      signal,
      checkpoints: training.checkpoints,
      onProgress: progress?.(name),
    });
    const classes = dataset.classNames.length;
    const facts = { trainingKey, network, classes, protocol: 'fine-tuned', arm, settings: recorded } as const;
    const row = transferRow({ ...facts, seconds: trained.seconds }, trained, armDefinitions[arm].tested);
    if (row === undefined) return { ...trained, bestValues: undefined };
    recordResults(run, dataset, trainingKey, [row], trained.history);
    const bestValues = await bestOf(training.checkpoints);
    training.close();
    return { ...testedAs(arm, trained), bestValues };
  } finally {
    await input.close();
  }
}

async function bestOf(checkpoints: CheckpointStore): Promise<PublishedValues | undefined> {
  const manifest = await checkpoints.load();
  return manifest?.best && checkpoints.readBest(manifest);
}
