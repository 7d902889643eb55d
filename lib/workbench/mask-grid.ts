/** What a cell calls to train many segmentation networks: with one bar, the stop button, and a row each. */
import { join } from 'node:path';
import { progressBar } from '../display/progress';
import { interruptible } from '../interrupt';
import { trainGrid as trainGridOf, type GridOptions, type GridRun, type GridWork } from '../runs/grid';
import { trainingIdentity } from '../runs/identity';
import { currentRun, recordResults } from '../runs/notebook-run';
import { trainingId, trainingOverview } from '../runs/train';
import { keepModel, tellPlanCosts } from './training';

export interface TrainGridOptions extends Pick<GridOptions<never>, 'again' | 'keepWeights' | 'mapsOf'> {
  /** Beside the bar. */
  readonly progress: string;
}

/**
 * Trains and tests a network for each point, such as each size, draw, fraction or seed, and records a row each.
 * `plan` says of a point what is trained on what, after which recipe, how it is tested, and what its row says. What
 * was trained before is there at once; the stop button ends it softly, and the same cell continues. Undefined where
 * it was stopped.
 */
export async function trainGrid<P>(
  points: readonly P[],
  plan: (point: P) => GridWork,
  { progress, ...options }: TrainGridOptions,
): Promise<GridRun<P>[] | undefined> {
  const run = currentRun();
  const folder = join(run.directory, 'trainings');
  const onProgress = progressBar(progress, { step: 'step', epoch: 'training' });
  const keepsModels = run.parameters.keepModel === true;
  const trained = await interruptible(async (signal) => {
    const works = openWorks(points.map(plan), { folder, again: options.again });
    await tellPlanCosts(works, { signal, onProgress });
    return trainGridOf(points, plan, {
      ...options,
      keepWeights: options.keepWeights === true || keepsModels,
      folder,
      signal,
      onProgress,
      onRun: ({ run: { history }, row, data }) =>
        recordResults(run, data.whole ?? data, row.trainingKey, [row], history),
    });
  });
  for (const { run: finished, data } of trained ?? [])
    if (finished.best) await keepModel(finished, finished.best, data);
  return trained;
}

/** Those that have not been trained yet. */
function openWorks(
  works: readonly GridWork[],
  { folder, again }: { readonly folder: string; readonly again: boolean | undefined },
): readonly GridWork[] {
  if (again) return works;
  const identities = works.map(({ network, data, recipe }) => trainingIdentity(network, data, recipe));
  const done = new Set(trainingOverview(folder, identities).finished.map(({ id }) => id));
  return works.filter((_, index) => !done.has(trainingId(identities[index])));
}
