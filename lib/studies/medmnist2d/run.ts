/** One run of the second study's grid: from a configuration to its result, in whichever process. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Dataset } from '../../data/dataset';
import { datasetNames } from '../../data/registry';
import { imageSizes } from '../../data/registry-types';
import { writeFileAtomic } from '../../files';
import { quadraticWeightedKappa } from '../../metrics/kappa';
import { predictionFileName, writePredictionFile } from '../../metrics/medmnist-files';
import { argmaxRows } from '../../metrics/scores';
import { resizedCropInput } from '../../training/augmented-input';
import { openCheckpoints } from '../../training/checkpoints';
import { adamW, sgd, type OptimizerSettings } from '../../training/create-optimizer';
import { trainClassifier, type TestResult } from '../../training/classifier';
import type { TrainingEvent } from '../../training/events';
import { resizedInput } from '../../training/input-transforms';
import { checkGridSplits, openGridData, type GridDataSource } from './data';
import { gridLearningRate, type GridConfiguration } from './grid';
import type { GridDataset } from './grid-datasets';
import { createGridClassifier, type GridWeights } from './networks';
import { gridResultSchema, type GridResult } from './results';
import { shortHash } from '../../runs/results';
import type { RunClaim } from '../../runs/store';

/** What is run, and the folder for what it leaves. */
export type GridRunClaim = Pick<RunClaim<GridConfiguration, GridResult>, 'id' | 'configuration' | 'directory'>;

export interface GridRunContext {
  /** Where datasets are on this machine. */
  readonly data?: GridDataSource;
  /** Where published weights are on this machine. */
  readonly weights?: GridWeights;
  /** Seconds of training that a kill may cost; 60 by default. */
  readonly saveEverySeconds?: number;
  /** Ends the run softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** Of a finished run whose result is not in the store yet: its checkpoints are gone by then. */
const measuredFile = 'measured.json';

/**
 * Trains and tests one configuration; undefined where the signal stopped it. What is in the folder is continued: killed at any moment and
 * called again, it ends with the same metrics, bit for bit on a CPU. The folder keeps the test predictions in MedMNIST's format.
 * @throws UserError where data or weights are missing or not those of the configuration
 */
export async function trainGridRun(
  { id, configuration, directory }: GridRunClaim,
  { data, weights, saveEverySeconds = 60, signal, onProgress }: GridRunContext = {},
): Promise<GridResult | undefined> {
  const measured = readMeasured(directory);
  if (measured !== undefined) return measured;
  const { schedule, optimizer, seed, inputSize, augmentation, evaluation, normalization } = configuration;
  const dataset = await openGridData(configuration.dataset, { ...data, signal });
  const size = { height: inputSize, width: inputSize };
  const input = resizedInput({ ...evaluation, ...normalization }, size);
  const trainingInput = resizedCropInput({
    ...augmentation,
    horizontalFlip: augmentation.horizontalFlip ? 0.5 : 0,
    size,
    normalization,
    seed,
  });
  try {
    checkGridSplits(dataset);
    const naming = predictionNaming(configuration.dataset, id);
    predictionFileName({ ...naming, auc: 0, accuracy: 0 }); // refuses a name now instead of after the training
    const { classifier, source } = await createGridClassifier(configuration, { ...weights, signal });
    const checkpoints = openCheckpoints(join(directory, 'checkpoints'), shortHash({ id, weights: source.sha256 }));
    const trained = await trainClassifier(
      { ...classifier, transform: input, trainingTransform: trainingInput.ofEpoch, normalization },
      dataset,
      {
        epochs: schedule.epochs,
        batchSize: schedule.batchSize,
        optimizer: optimizerSettings(optimizer),
        schedule: gridLearningRate(schedule, optimizer.learningRate),
        seed,
        selectBy: 'auc',
        minDelta: schedule.minDelta,
        patience: schedule.patience,
        testLast: false,
      },
      { checkpoints, saveEverySeconds, signal, onProgress },
    );
    const { test, history, seconds } = trained;
    if (test === undefined) return undefined;
    const scored = { task: dataset.task, truth: dataset.splits.test.labels, classes: dataset.classNames.length };
    const written = writePredictionFile(directory, { ...scored, scores: test.probabilities }, naming);
    const result = gridResultSchema.parse({
      testAuc: written.auc,
      testAccuracy: written.accuracy,
      testMacroF1: test.macroF1,
      ...(dataset.task === 'ordinal-regression' ? { testKappa: kappaOf(dataset, test) } : {}),
      valAuc: history[test.epoch - 1].valAuc,
      selectedEpoch: test.epoch,
      epochs: history.length,
      seconds,
      ...(source.sha256 === undefined ? {} : { weightsSha256: source.sha256 }),
      predictionFile: basename(written.path),
      history,
    });
    writeFileAtomic(join(directory, measuredFile), `${JSON.stringify(result)}\n`);
    checkpoints.remove();
    return result;
  } finally {
    await Promise.all([input.close(), trainingInput.close()]);
    dataset.close();
  }
}

/** The learning rate is the schedule's. */
function optimizerSettings(optimizer: GridConfiguration['optimizer']): OptimizerSettings {
  return optimizer.name === 'adamw'
    ? adamW(without(optimizer, ['name', 'learningRate']))
    : sgd(without(optimizer, ['name', 'learningRate']));
}

function without<T extends object, K extends keyof T>(value: T, names: readonly K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name as K))) as Omit<T, K>;
}

function kappaOf({ splits, classNames }: Dataset, { probabilities }: TestResult): number {
  const grades = classNames.length;
  return quadraticWeightedKappa(splits.test.labels, argmaxRows(probabilities, grades), grades);
}

/** MedMNIST's file names have room for its own datasets: others keep the letters and digits of their name, and their size as part of it. */
function predictionNaming({ name, size }: GridDataset, run: string) {
  const split = 'test' as const;
  if (datasetNames().includes(name)) return { dataset: name, size, split, run };
  const plain = basename(name, '.npz').toLowerCase().replace(/[^a-z0-9]/g, '') || 'data'; // prettier-ignore
  const isOfficial = (imageSizes as readonly number[]).includes(size);
  return { dataset: isOfficial ? plain : `${plain}${size}`, size: isOfficial ? size : 28, split, run };
}

function readMeasured(directory: string): GridResult | undefined {
  const path = join(directory, measuredFile);
  if (!existsSync(path)) return undefined;
  try {
    const read = gridResultSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return read.success && existsSync(join(directory, read.data.predictionFile)) ? read.data : undefined;
  } catch {
    return undefined;
  }
}
