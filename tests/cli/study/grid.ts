/** Starts grids of runs that train nothing, and looks at what they leave. Not a test. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../lib/paths';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import { gridConfigurations } from '../../studies/grid-of';
import { gridResultSchema, type GridFinishedRun, type GridResult } from '../../../lib/studies/medmnist2d/results';
import { openRunStore } from '../../../lib/runs/store';
import { epochVariable, expectedAuc, logVariable } from './worker';

export interface GridProcess {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Eight runs a seed on a dataset that nobody opens. */
export const gridArguments = (store: string, seeds: number, epochs: number): string[] => [
  '--datasets',
  'breastmnist',
  '--seeds',
  String(seeds),
  '--epochs',
  String(epochs),
  '--store',
  store,
];

export function gridRuns(seeds: number, epochs: number): GridConfiguration[] {
  return gridConfigurations({
    datasets: ['breastmnist'],
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    epochs,
  });
}

/** `npm run study -- medmnist2d` with a worker that trains nothing. */
export function startGrid(
  args: string[],
  {
    log,
    epochMilliseconds = 20,
    variables = {},
  }: { log: string; epochMilliseconds?: number; variables?: Record<string, string> },
): GridProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'command.ts'), ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [logVariable]: log, [epochVariable]: String(epochMilliseconds), ...variables },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece: Buffer) => (output += String(piece)));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
  return { child, output: () => output, ended };
}

export interface LogLine {
  /** `start-N`: from a checkpoint of N epochs; `end`; `stopped`. */
  readonly event: string;
  readonly id: string;
  readonly pid: number;
}

export function readLog(log: string): LogLine[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [event, id, pid] = line.split(' ');
      return { event, id, pid: Number(pid) };
    });
}

export function openGrid(store: string) {
  return openRunStore<GridConfiguration, GridResult>(store, gridResultSchema);
}

/** Every run is there with the values that it would have without any disturbance, and its folder holds what it should. */
export function assertComplete(store: string, configurations: readonly GridConfiguration[]): GridFinishedRun[] {
  const { finished } = openGrid(store).overview(configurations);
  assert.equal(finished.length, configurations.length);
  for (const { id, configuration, result } of finished) {
    assert.equal(result.testAuc, expectedAuc(id, configuration));
    assert.equal(readFileSync(join(store, id, result.predictionFile), 'utf8'), `0,${result.testAuc}\n`);
    // The process of an attempt that was taken for dead may have left a folder before it ended.
    const names = readdirSync(join(store, id)).filter((name) => !name.startsWith('attempt-'));
    assert.deepEqual(names.sort(), [`${id}.csv`, 'checkpoints', 'configuration.json', 'result.json'].sort());
  }
  return [...finished];
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
