/** `npm run study -- medmnist2d`: the second study's grid of runs, on this machine or on a cluster. */
import { existsSync } from 'node:fs';
import { UserError } from '../../errors';
import { interruptible } from '../../interrupt';
import { createEstimator, type RunDevice } from './medmnist2d-estimate';
import type { GridConfiguration } from '../../studies/medmnist2d/grid';
import { gridResultSchema, methodTitle, type GridResult } from '../../studies/medmnist2d/results';
import { openRunStore, type RunOverview, type RunStore } from '../../runs/store';
import type { StudyContext } from '../study';
import type { Engine } from './engine';
import { workOffGrid, type WorkSummary } from './grid';
import { createLocalEngine, threadsPerWorker } from './local-engine';
import { describeDryRun } from './medmnist2d-dry-run';
import { help, readRequest, type EngineRequest, type StudyRequest } from './medmnist2d-options';
import { createGridView } from './progress';
import { connectRayEngine } from './ray-engine';

/** What a test replaces. */
export interface Medmnist2dContext extends StudyContext {
  /** The worker's source file, relative to the project. */
  readonly worker?: string;
  readonly pollMilliseconds?: number;
}

const workerFile = 'lib/cli/study/medmnist2d-worker.ts';

/** Throws a UserError for what is misspelt, and at the end where runs have failed. */
export async function main(args: string[], context: Medmnist2dContext = {}): Promise<void> {
  const { output = process.stdout } = context;
  const request = await readRequest(args);
  if (request === 'help') {
    output.write(`${help}\n`);
    return;
  }
  const { plan, json } = request;
  const store = openRunStore<GridConfiguration, GridResult>(request.store, gridResultSchema);
  const overview = store.overview(plan.configurations);
  const device = deviceOf(request.engine);
  const estimate = createEstimator(overview.finished, device);
  if (request.dryRun) {
    output.write(describeDryRun(request, overview, { estimate, device }));
    return;
  }
  const existing =
    overview.finished.length + overview.running.length + overview.missing.filter(({ started }) => started).length;
  if (!request.resume && existing > 0) {
    throw new UserError(
      `${request.store} has ${existing} of these runs already: leave --no-resume out to continue them, or name another folder with --store.`,
    );
  }
  const started = performance.now();
  const { summary, aborted } = await work(request, store, overview, estimate, context);
  const finished = store.overview(plan.configurations).finished.length;
  const seconds = (performance.now() - started) / 1000;
  if (json) output.write(jsonOf(request, finished, summary, seconds));
  else output.write(`${finished} of ${plan.configurations.length} runs are finished in ${request.store}\n`);
  if (aborted) {
    if (!json) output.write('Stopped: the same command continues.\n');
    process.exitCode = 130;
  } else if (summary !== undefined && summary.failed.length > 0) throw new UserError(failureMessage(summary));
}

/** `summary` is undefined where it was stopped at once. */
async function work(
  { plan, keepModels, engine: wanted, retries }: StudyRequest,
  store: RunStore<GridConfiguration, GridResult>,
  overview: RunOverview<GridConfiguration, GridResult>,
  estimate: ReturnType<typeof createEstimator>,
  { progress = process.stderr, worker = workerFile, pollMilliseconds }: Medmnist2dContext,
): Promise<{ summary: WorkSummary<GridConfiguration> | undefined; aborted: boolean }> {
  const engine = await createEngine(wanted, worker);
  const view = createGridView<GridConfiguration>(progress, {
    total: plan.configurations.length,
    finished: overview.finished.length,
    titleOf: runTitle,
    expectedSeconds: (configuration) => estimate(configuration)?.seconds,
    waiting: overview.missing.map(({ configuration }) => configuration),
    capacity: engine.capacity(),
  });
  view.note(`${engine.description}; the runs are in ${store.folder}`);
  // A batch system announces the end of its patience so.
  const terminate = (): void => void process.kill(process.pid, 'SIGINT');
  process.on('SIGTERM', terminate);
  let signal: AbortSignal | undefined;
  try {
    const summary = await interruptible((given) => {
      signal = given;
      given.addEventListener('abort', () =>
        view.note('Stopping: running epochs end at their last checkpoint. Once more ends at once.'),
      );
      return workOffGrid(store, plan.configurations, engine, {
        retries,
        context: { data: plan.source, ...(keepModels && { modelFolder: 'model' }) },
        signal: given,
        onEvent: view.onEvent,
        pollMilliseconds,
      });
    });
    return { summary, aborted: summary.stopped };
  } catch (error) {
    if (signal?.aborted === true) return { summary: undefined, aborted: true };
    throw error;
  } finally {
    view.close();
    process.removeListener('SIGTERM', terminate);
    await engine.close();
  }
}

function createEngine(wanted: EngineRequest, worker: string): Promise<Engine> | Engine {
  return wanted.name === 'local' ? createLocalEngine({ ...wanted, worker }) : connectRayEngine({ ...wanted, worker });
}

function deviceOf(engine: EngineRequest): RunDevice {
  if (engine.name === 'ray') return engine.gpus > 0 ? { kind: 'gpu' } : { kind: 'cpu', cores: engine.cpus };
  if (existsSync('/proc/driver/nvidia/version') && engine.gpus !== 0) return { kind: 'gpu' };
  return { kind: 'cpu', cores: engine.threads ?? threadsPerWorker(engine.workers) };
}

/** Such as `breastmnist, ResNet-50, from scratch, SGD, seed 0`. */
export function runTitle({ dataset, network, initialization, optimizer, arm, seed }: GridConfiguration): string {
  const method = methodTitle({ network, initialization, optimizer: optimizer.name, arm });
  return `${dataset.name}, ${method}, seed ${seed}`;
}

function jsonOf(
  { plan, store }: StudyRequest,
  finished: number,
  summary: WorkSummary<GridConfiguration> | undefined,
  seconds: number,
): string {
  const failed = summary?.failed.map(({ id, configuration, message, file }) => ({
    id,
    run: runTitle(configuration),
    message,
    file,
  }));
  const report = {
    store,
    runs: plan.configurations.length,
    finished,
    finishedNow: summary?.finished.length,
    failed: failed ?? [],
    stopped: summary?.stopped ?? true,
    seconds,
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

/** One line, whatever the number of runs that failed for the same reason. */
function failureMessage({ failed }: WorkSummary<GridConfiguration>): string {
  const reasons = new Map<string, number>();
  for (const { message } of failed) reasons.set(message, (reasons.get(message) ?? 0) + 1);
  const listed = [...reasons].map(([message, count]) => (count === 1 ? message : `${message} (${count} runs)`));
  return `${failed.length} ${failed.length === 1 ? 'run has' : 'runs have'} failed: ${listed.join('; ')}. The same command tries again.`;
}
