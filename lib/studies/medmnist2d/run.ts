/** One run of the second study's grid: from a configuration to its result, in whichever process. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Dataset } from '../../data/dataset';
import { take } from '../../data/take';
import { readRecord, recordText, writeFileAtomic } from '../../files';
import { quadraticWeightedKappa } from '../../metrics/kappa';
import { namingOf, predictionFileName, writePredictionFile } from '../../metrics/medmnist-files';
import { argmaxRows } from '../../metrics/scores';
import type { WeightsOptions } from '../../models/hub';
import { exportParameters, type PublishedValues } from '../../models/parameters';
import { openCheckpoints } from '../../training/checkpoints';
import type { TrainingEvent } from '../../training/events';
import type { Recipe } from '../../training/recipe';
import { scoreSplit, testResult, type TestResult } from '../../training/scored-split';
import { trainNetwork } from '../../training/train-network';
import { openReference, type DatasetSource } from '../../data/dataset-references';
import { checkGridSplits, type GridConfiguration } from './grid';
import { gridRecipe, openGridNetwork } from './networks';
import { gridResultSchema, type GridResult } from './results';
import { shortHash } from '../../runs/results';
import { saveTested } from '../../runs/save-model';
import type { RunClaim } from '../../runs/store';

/** What is run, and the folder for what it leaves. */
export type GridRunClaim = Pick<RunClaim<GridConfiguration, GridResult>, 'id' | 'configuration' | 'directory'>;

export interface GridRunContext {
  /** Where datasets are on this machine. */
  readonly data?: DatasetSource;
  /** Where published weights are on this machine. */
  readonly weights?: WeightsOptions;
  /** In place of the study's; its identity is in the configuration where it is another. */
  readonly recipe?: (configuration: GridConfiguration) => Recipe;
  /** Where its model is kept, if it is: relative to the run's own folder. */
  readonly modelFolder?: string;
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
  { data, weights, recipe = gridRecipe, modelFolder, saveEverySeconds = 60, signal, onProgress }: GridRunContext = {},
): Promise<GridResult | undefined> {
  const measured = readMeasured(directory);
  if (measured !== undefined) return measured;
  const dataset = await openReference(configuration.dataset, { ...data, signal });
  try {
    const { network, source } = await openGridNetwork(configuration, { ...weights, signal });
    checkGridSplits(dataset);
    const naming = namingOf(configuration.dataset, id);
    predictionFileName({ ...naming, auc: 0, accuracy: 0 }); // refuses a name now instead of after the training
    const checkpoints = openCheckpoints(join(directory, 'checkpoints'), shortHash({ id, weights: source.sha256 }));
    let test: TestResult | undefined;
    let values: PublishedValues | undefined;
    const part = partOf(dataset, configuration);
    const { history, seconds } = await trainNetwork(network, part, recipe(configuration), {
      checkpoints,
      saveEverySeconds,
      signal,
      onProgress,
      onWeights: async (parameters, { which, epoch }) => {
        if (which !== 'best') return;
        test = testResult(await scoreSplit(parameters, network, dataset, 'test', { signal }), epoch);
        if (modelFolder !== undefined) values = exportParameters(parameters);
      },
    }).catch(stoppedTest(signal));
    if (test === undefined) return undefined;
    if (modelFolder !== undefined && values !== undefined) {
      const trained = { id, network, values, test, seconds, recipe: recipe(configuration) };
      const folder = resolve(directory, modelFolder);
      const kept = await saveTested(trained, part, folder, { signal }).catch(stoppedTest(signal));
      if ('history' in kept) return undefined;
    }
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
    writeFileAtomic(join(directory, measuredFile), recordText(result));
    checkpoints.remove();
    return result;
  } finally {
    dataset.close();
  }
}

/** With the share of its training images that is wanted, of which a smaller one's are a part. */
export function partOf(dataset: Dataset, { fraction, seed }: GridConfiguration): Dataset {
  if (fraction === undefined) return dataset;
  return take(dataset, { train: Math.max(1, Math.round(fraction * dataset.splits.train.count)), seed });
}

/** A stop while the test images are scored is a stop of the run, which is continued by scoring them again. */
function stoppedTest(signal: AbortSignal | undefined) {
  return (error: unknown): { readonly history: []; readonly seconds: number } => {
    if (signal?.aborted === true && error === signal.reason) return { history: [], seconds: 0 };
    throw error;
  };
}

function kappaOf({ splits, classNames }: Dataset, { probabilities }: TestResult): number {
  const grades = classNames.length;
  return quadraticWeightedKappa(splits.test.labels, argmaxRows(probabilities, grades), grades);
}

function readMeasured(directory: string): GridResult | undefined {
  const read = gridResultSchema.safeParse(readRecord(join(directory, measuredFile)));
  return read.success && existsSync(join(directory, read.data.predictionFile)) ? read.data : undefined;
}
