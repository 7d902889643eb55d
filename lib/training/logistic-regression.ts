/** Multinomial logistic regression on frozen features: a linear probe without learning rate, order or chance. */
import { UserError } from '../errors';
import type { FeatureSets } from './feature-set';
import { fitLogistic, logisticProbabilities, type LogisticFit } from './logistic-fit';
import { accuracyOf, checkSets, firstLargest, testOf, type ProbeControls, type ProbeResult } from './probe-result';

export interface LogisticSettings {
  /** Inverse strengths of the penalty; the first with the best validation accuracy is selected, so the smallest should come first. */
  readonly regularizations?: readonly number[];
  /** Largest component of the gradient of the mean loss; 1e-4 by default, scikit-learn's. */
  readonly tolerance?: number;
  readonly maxIterations?: number;
}

export { fitLogistic, logisticProbabilities, type LogisticFit } from './logistic-fit';

export interface LogisticRow extends Pick<LogisticFit, 'regularization' | 'iterations' | 'converged'> {
  readonly valAccuracy: number;
}

export interface LogisticResult extends ProbeResult {
  /** Of the selected regularisation; undefined where it was stopped before the first fit. */
  readonly fit: LogisticFit | undefined;
  readonly grid: readonly LogisticRow[];
}

const defaultRegularizations = [1e-3, 1e-2, 0.1, 1, 10, 100];

/** Fits with each regularisation, from the strongest penalty on, selects on the validation split and tests that one. */
export async function logisticRegression(
  sets: FeatureSets,
  { regularizations = defaultRegularizations, ...settings }: LogisticSettings = {},
  { model = 'logistic regression', signal, onProgress = () => undefined }: ProbeControls = {},
): Promise<LogisticResult> {
  checkSets(sets);
  if (regularizations.length === 0) throw new UserError('regularizations is empty: at least one number is needed.');
  const begin = performance.now();
  const secondsNow = (): number => (performance.now() - begin) / 1000;
  const fits: LogisticFit[] = [];
  const accuracies: number[] = [];
  const { maxIterations = 1000 } = settings;
  const steps = regularizations.length * maxIterations;
  try {
    for (const regularization of regularizations) {
      const onIteration = (iteration: number, loss: number): void => {
        onProgress({ kind: 'batch', epoch: 1, epochs: 1, step: fits.length * maxIterations + iteration, steps, loss });
        signal?.throwIfAborted();
      };
      const start = fits[fits.length - 1];
      const fitted = await fitLogistic(sets.train, { ...settings, regularization, start, onIteration });
      fits.push(fitted);
      accuracies.push(accuracyOf(sets.val, logisticProbabilities(sets.val, fitted)));
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  const grid = fits.map(({ regularization, iterations, converged }, index) => {
    return { regularization, iterations, converged, valAccuracy: accuracies[index] };
  });
  const stopped = signal?.aborted === true && fits.length < regularizations.length;
  const best = firstLargest(accuracies);
  const fit = fits.length > 0 ? fits[best] : undefined;
  const seconds = secondsNow();
  const test = stopped || fit === undefined ? undefined : testOf(sets.test, logisticProbabilities(sets.test, fit));
  onProgress(stopped ? { kind: 'stopped', epoch: 0, epochs: 1, seconds } : { kind: 'done', epochs: 1, seconds });
  const hyperparameters: ProbeResult['hyperparameters'] = fit
    ? { regularization: fit.regularization, iterations: fit.iterations }
    : {};
  const trained = { model, history: [], bestEpoch: undefined, bestValAccuracy: accuracies[best], stopped, seconds };
  return { ...trained, test, testOfLast: test, hyperparameters, fit, grid };
}
