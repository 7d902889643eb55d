/** What a grid would do, and how long it would take. */
import { counted } from '../../data/file-facts';
import { formatDuration, formatInteger } from '../../display/format';
import { gridNetworks, optimizerTitles } from '../../studies/medmnist2d/study';
import { assumedThroughput, type RunDevice, type RunEstimate } from './medmnist2d-estimate';
import type { GridConfiguration } from '../../studies/medmnist2d/grid';
import type { GridResult } from '../../studies/medmnist2d/results';
import type { RunOverview } from '../../runs/store';
import { alignColumns } from '../align-columns';
import type { StudyRequest } from './medmnist2d-options';

type Estimate = (configuration: GridConfiguration) => RunEstimate | undefined;

interface DryRow {
  readonly id: string;
  readonly dataset: string;
  readonly size: number;
  readonly network: string;
  readonly initialization: string;
  readonly optimizer: string;
  readonly arm: string;
  /** Of the training images. */
  readonly fraction: number;
  readonly seed: number;
  readonly state: 'finished' | 'running' | 'begun' | 'missing';
  /** Of a finished run as measured, of others as estimated with all epochs. */
  readonly seconds: number | undefined;
  readonly source: 'finished' | RunEstimate['source'] | 'unknown';
}

/** The dry run as text or, where asked for, as JSON. */
export function describeDryRun(
  request: StudyRequest,
  overview: RunOverview<GridConfiguration, GridResult>,
  { estimate, device }: { readonly estimate: Estimate; readonly device: RunDevice },
): string {
  const rows = rowsOf(request.plan.configurations, overview, estimate);
  const open = rows.filter(({ state }) => state !== 'finished');
  const sums = {
    measured: totalOf(open, 'measured'),
    assumed: totalOf(open, 'assumed'),
    unknown: totalOf(open, 'unknown'),
  };
  const seconds = sums.measured.seconds + sums.assumed.seconds;
  const atOnce = request.engine.workers ?? 1;
  if (request.json) {
    const { store } = request;
    const report = {
      store,
      runs: rows,
      estimate: { ...sums, hours: seconds / 3600, atOnce, wallHours: seconds / 3600 / atOnce },
    };
    return `${JSON.stringify(report, undefined, 2)}\n`;
  }
  const cells = rows.map(
    ({ id, dataset, size, network, initialization, optimizer, arm, fraction, seed, state, seconds: time, source }) => [
      id,
      dataset,
      String(size),
      network,
      initialization,
      optimizer,
      arm,
      String(fraction),
      String(seed),
      state,
      time === undefined ? '' : `${source === 'finished' ? '' : 'about '}${formatDuration(time)}`,
    ],
  );
  const heading = [
    'run',
    'dataset',
    'size',
    'network',
    'initialization',
    'optimizer',
    'arm',
    'fraction',
    'seed',
    'state',
    'time',
  ];
  return (
    [alignColumns([heading, ...cells], [2, 7, 8]), '', ...summary(request, device, rows, sums, seconds)].join('\n') +
    '\n'
  );
}

function rowsOf(
  configurations: readonly GridConfiguration[],
  { finished, running, missing }: RunOverview<GridConfiguration, GridResult>,
  estimate: Estimate,
): DryRow[] {
  const states = new Map<GridConfiguration, Pick<DryRow, 'id' | 'state'> & { readonly seconds?: number }>([
    ...finished.map(
      ({ id, configuration, result: { seconds } }) => [configuration, { id, state: 'finished', seconds }] as const,
    ),
    ...running.map(({ id, configuration }) => [configuration, { id, state: 'running' }] as const),
    ...missing.map(
      ({ id, configuration, started }) => [configuration, { id, state: started ? 'begun' : 'missing' }] as const,
    ),
  ]);
  return configurations.map((configuration) => {
    const { id, state, seconds } = states.get(configuration) ?? { id: '', state: 'missing' as const };
    const { dataset, network, initialization, optimizer, arm, fraction = 1, seed } = configuration;
    const guess = state === 'finished' ? undefined : estimate(configuration);
    return {
      id,
      dataset: dataset.name,
      size: dataset.size,
      network: gridNetworks[network].title,
      initialization,
      optimizer: optimizerTitles[optimizer.name],
      arm,
      fraction,
      seed,
      state,
      seconds: seconds ?? guess?.seconds,
      source: state === 'finished' ? 'finished' : (guess?.source ?? 'unknown'),
    };
  });
}

interface Total {
  readonly runs: number;
  readonly seconds: number;
}

function totalOf(rows: readonly DryRow[], source: DryRow['source']): Total {
  const of = rows.filter((row) => row.source === source);
  return { runs: of.length, seconds: of.reduce((sum, { seconds = 0 }) => sum + seconds, 0) };
}

function summary(
  { engine, store, plan }: StudyRequest,
  device: RunDevice,
  rows: readonly DryRow[],
  { measured, assumed, unknown }: Record<'measured' | 'assumed' | 'unknown', Total>,
  seconds: number,
): string[] {
  const countOf = (state: DryRow['state']): number => rows.filter((row) => row.state === state).length;
  const lines = [
    `${counted(rows.length, 'run')} in ${store}: ${countOf('finished')} finished, ${countOf('running')} running, ${countOf('begun')} begun, ${countOf('missing')} not begun.`,
  ];
  if (measured.runs + assumed.runs > 0) {
    const hours = formatDuration(seconds);
    const share =
      engine.workers !== undefined && engine.workers > 1
        ? `, ${formatDuration(seconds / engine.workers)} with ${engine.workers} at once`
        : '';
    lines.push(`What is left takes about ${hours} one after the other${share}, if no run stops before its last epoch.`);
  }
  if (measured.runs > 0)
    lines.push(`Measured for ${measured.runs} runs: by finished runs of the same network in this store.`);
  if (assumed.runs > 0)
    lines.push(
      `Assumed for ${assumed.runs} runs: ${assumption(device, plan.configurations)}; a few finished runs make it a measurement.`,
    );
  if (unknown.runs > 0)
    lines.push(`Not known for ${unknown.runs} runs: nothing of their kind is finished in this store.`);
  return lines;
}

function assumption(device: RunDevice, configurations: readonly GridConfiguration[]): string {
  const gpu = device.kind === 'gpu';
  const names = [...new Set(configurations.map(({ network }) => network))];
  const rates = names.flatMap((name) => {
    const throughput = assumedThroughput[name];
    if (throughput === undefined) return [];
    return [`${gridNetworks[name].title} ${formatInteger(gpu ? throughput.gpu : throughput.core)}`];
  });
  return `${rates.join(', ')} images a second and ${gpu ? 'GPU, as of an A100; not measured here' : 'core, as on an AMD EPYC with AVX-512'}`;
}
