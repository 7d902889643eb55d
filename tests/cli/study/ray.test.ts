import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { main } from '../../../lib/cli/study/medmnist2d';
import { rayMissing } from '../../../lib/cli/study/ray-engine';
import { projectRoot } from '../../../lib/paths';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import {
  assertComplete,
  gridArguments,
  gridRuns,
  isRunning,
  readLog,
  startGrid,
  type GridProcess,
  type LogLine,
} from './grid';
import { epochVariable, logVariable } from './worker';

const python = join(projectRoot, '.venv', 'bin', 'python');
const hasRay = existsSync(python) && spawnSync(python, ['-c', 'import ray']).status === 0;
const skip = hasRay ? false : 'Ray is not installed: npm run setup -- --ray';

// A short path: Ray's sockets are in it, and a socket's path has no more than 107 bytes.
const root = mkdtempSync(join(tmpdir(), 'ray-'));
const [log, epochMilliseconds] = [join(root, 'log'), 100];
const started: GridProcess[] = [];

interface Cluster {
  readonly process: ChildProcess;
  readonly address: string;
  /** Of the head, then of the other node. */
  readonly raylets: readonly number[];
}
let cluster: Cluster | undefined;
/** Everything that was ever seen below the cluster's process, so that nothing of it stays. */
const seen = new Set<number>();

/** Ray gives a node half a minute to start, which may be too short on a machine that is busy. */
async function startCluster(attempts = 10): Promise<Cluster> {
  const child = spawn(python, [join(__dirname, 'ray_cluster.py'), root, '2'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // The folder for what is temporary is theirs, too.
    env: { ...process.env, TMPDIR: root, [logVariable]: log, [epochVariable]: String(epochMilliseconds) },
  });
  let errors = '';
  child.stderr.on('data', (piece: Buffer) => (errors += String(piece)));
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text)),
    once(child, 'close').then(() => undefined),
  ]);
  if (line !== undefined) return { process: child, ...(JSON.parse(line) as Omit<Cluster, 'process'>) };
  if (attempts > 1) return await startCluster(attempts - 1);
  throw new Error(`No cluster: ${errors.slice(-2000)}`);
}

/** The processes below one, itself included. */
function descendants(pid: number): number[] {
  const table = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    table.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...below(child)]);
  return [pid, ...below(pid)];
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** Returns when the process does nothing any more, or has ended. */
function halt(pid: number): void {
  kill(pid, 'SIGSTOP');
  while (/^[^TZ]/.test(spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()));
}

/** Waits until none of the processes runs. */
async function gone(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) while (isRunning(pid)) await sleep(20);
}

after(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
  if (cluster !== undefined) {
    const { process: child, raylets } = cluster;
    for (const pid of [child.pid ?? 0, ...raylets].filter((one) => one > 0 && isRunning(one)).flatMap(descendants))
      seen.add(pid);
    const closed = once(child, 'close');
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await closed;
    clearTimeout(timer);
    for (const pid of seen) kill(pid, 'SIGKILL');
    await gone(seen);
  }
  rmSync(root, { recursive: true, force: true, maxRetries: 10 });
});

const rayArguments = (address: string, store: string, seeds: number, epochs: number): string[] => [
  ...gridArguments(store, seeds, epochs),
  ...['--engine', 'ray', '--address', address],
];

/** Two of a seed's eight. */
const fewRuns = ['--networks', 'resnet50', '--optimizers', 'sgd'];
const isOfFew = ({ network, optimizer }: GridConfiguration): boolean =>
  network === 'resnet50' && optimizer.name === 'sgd';

function start(args: string[]): GridProcess {
  const grid = startGrid(args, { log, epochMilliseconds });
  started.push(grid);
  return grid;
}

async function until(condition: () => boolean, grid: GridProcess): Promise<void> {
  let over = false;
  void grid.ended.then(() => (over = true));
  while (!condition()) {
    assert.ok(!over, grid.output());
    await sleep(20);
  }
}

/** Name, size and time of every file of a folder. */
function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const { size, mtimeMs } = statSync(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}

describe('a grid on a Ray cluster of two nodes', { skip }, () => {
  before(async () => {
    cluster = await startCluster();
  });

  function connected(): Cluster {
    assert.ok(cluster);
    return cluster;
  }

  it('of which one is killed half way: every run is there once, as a grid on this machine would have it', async () => {
    const { address, raylets } = connected();
    const [store, configurations] = [join(root, 'killed'), gridRuns(2, 5)];
    const grid = start(rayArguments(address, store, 2, 5));
    const ends = (): LogLine[] => readLog(log).filter(({ event }) => event === 'end');
    const ofNode = (raylet: number): LogLine[] => {
      const below = new Set(descendants(raylet));
      return readLog(log).filter(({ event, pid }) => event.startsWith('start') && below.has(pid));
    };
    let victims: LogLine[] = [];
    await until(() => {
      if (ends().length < 5) return false;
      // As a machine that loses its network does, the process goes on later and knows of nothing.
      const candidates = ofNode(raylets[1]).filter(({ pid }) => !ends().some((one) => one.pid === pid));
      for (const { pid } of candidates) halt(pid);
      victims = candidates.filter(({ pid }) => !ends().some((one) => one.pid === pid));
      for (const { pid } of candidates.filter((one) => !victims.includes(one))) kill(pid, 'SIGCONT');
      return victims.length > 0;
    }, grid);
    const orphans = victims.map(({ pid }) => pid);
    for (const pid of orphans) seen.add(pid);
    for (const pid of descendants(raylets[1])) if (!orphans.includes(pid)) kill(pid, 'SIGKILL');
    assert.equal(await grid.ended, 0, grid.output());
    assert.match(grid.output(), /lost {6}breastmnist, .*; it is continued/);
    const finished = assertComplete(store, configurations);
    const before = finished.map(({ id }) => filesOf(join(store, id)).filter((line) => !line.startsWith('attempt-')));
    for (const pid of orphans) kill(pid, 'SIGCONT');
    await gone(orphans);
    assert.deepEqual(
      finished.map(({ id }) => filesOf(join(store, id)).filter((line) => !line.startsWith('attempt-'))),
      before,
    );
    const ids = configurations.map(
      (configuration) =>
        finished.find((one) => JSON.stringify(one.configuration) === JSON.stringify(configuration))?.id,
    );
    assert.deepEqual(
      ends()
        .map(({ id }) => id)
        .sort(),
      ids.sort(),
    );
    for (const { id } of victims) {
      const starts = readLog(log).filter((line) => line.id === id && line.event.startsWith('start'));
      assert.equal(starts.length, 2);
    }
    // The same numbers as on this machine, bit for bit.
    const local = join(root, 'local');
    const reference = startGrid([...gridArguments(local, 2, 5), '--workers', '2'], {
      log: join(root, 'local.log'),
      epochMilliseconds: 0,
    });
    started.push(reference);
    assert.equal(await reference.ended, 0, reference.output());
    for (const { id } of finished) {
      const [here, there] = [local, store].map((folder) => readFileSync(join(folder, id, 'result.json'), 'utf8'));
      assert.equal(here, there);
    }
  });

  it('carries checkpoints and results through Ray where no machine but this has the store', async () => {
    const { address } = connected();
    const store = join(root, 'carried');
    const args = [...rayArguments(address, store, 1, 40), ...fewRuns, '--transfer', 'object-store'];
    const lines = readLog(log).length;
    const own = (): LogLine[] => readLog(log).slice(lines);
    const killed = start(args);
    // Until a checkpoint of the run has come into the store; then the command itself is killed.
    await until(() => own().length > 0 && carriedEpochs(store, own()[0].id) > 0, killed);
    const [{ id, pid }] = own();
    killed.child.kill('SIGKILL');
    assert.equal(await killed.ended, 'SIGKILL');
    // Its tasks end with it.
    await gone([pid]);
    const carried = carriedEpochs(store, id);
    const again = start(args);
    assert.equal(await again.ended, 0, again.output());
    assertComplete(store, gridRuns(1, 40).filter(isOfFew));
    // What the killed tasks left, later ones have removed; the last one's is removed while its result is already here.
    const left = (): string[] => readdirSync(root).filter((name) => name.startsWith('study-run-'));
    for (let wait = 0; wait < 1000 && left().length > 0; wait++) await sleep(100);
    assert.deepEqual(left(), []);
    const [, continued] = own().filter((line) => line.id === id && line.event.startsWith('start'));
    assert.ok(Number(continued.event.slice('start-'.length)) >= carried, continued.event);
  });

  it('stops softly, keeps what was reached, and continues', async () => {
    const { address } = connected();
    const store = join(root, 'stopped');
    const args = [...rayArguments(address, store, 1, 40), ...fewRuns];
    const lines = readLog(log).length;
    const own = (): LogLine[] => readLog(log).slice(lines);
    const grid = start(args);
    await until(() => own().length > 0 && carriedEpochs(store, own()[0].id) > 2, grid);
    grid.child.kill('SIGINT');
    assert.equal(await grid.ended, 130, grid.output());
    await gone(own().map(({ pid }) => pid));
    assert.ok(own().some(({ event }) => event === 'stopped'));
    const again = start(args);
    assert.equal(await again.ended, 0, again.output());
    assertComplete(store, gridRuns(1, 40).filter(isOfFew));
    const [first, second] = own().filter(({ event, id }) => event.startsWith('start') && id === own()[0].id);
    assert.equal(first.event, 'start-0');
    assert.match(second.event, /^start-[1-9]/);
  });

  it('says what no machine has, and stops while a run waits for it', async () => {
    const store = join(root, 'large');
    const grid = start([...rayArguments(connected().address, store, 1, 1), '--cpus-per-run', '4']);
    await until(() => /No machine of the cluster has 4 CPUs: runs wait for one that has\./.test(grid.output()), grid);
    await until(() => existsSync(store) && readdirSync(store).some((run) => attemptOf(store, run) !== undefined), grid);
    grid.child.kill('SIGINT');
    assert.equal(await grid.ended, 130, grid.output());
    const [run, ...others] = readdirSync(store);
    assert.deepEqual(others, []);
    assert.ok(!existsSync(join(store, run, 'claim')));
  });
});

describe('a cluster that is not there', { skip }, () => {
  it('is told in one line at once', async () => {
    for (const [address, message] of [
      ['127.0.0.1:1', /^Nothing answers at 127\.0\.0\.1:1: start a cluster with `ray start --head`/],
      ['head', /^The address is head, but has to be HOST:PORT/],
    ] as const) {
      const args = rayArguments(address, join(root, 'nowhere'), 1, 1);
      await assert.rejects(main(args), (error: Error) => {
        assert.equal(error.name, 'UserError', error.stack);
        assert.match(error.message, message);
        return !error.message.includes('\n');
      });
    }
    assert.ok(!existsSync(join(root, 'nowhere')));
  });
});

/** The folder of a run's latest attempt. */
function attemptOf(store: string, id: string): string | undefined {
  return readdirSync(join(store, id))
    .filter((name) => name.startsWith('attempt-'))
    .sort()
    .pop();
}

function carriedEpochs(store: string, id: string): number {
  try {
    const kept = readFileSync(join(store, id, attemptOf(store, id) ?? '', 'checkpoints', 'kept.json'), 'utf8');
    return (JSON.parse(kept) as { epoch: number }).epoch;
  } catch {
    return 0;
  }
}

describe('Ray that is not installed', { skip: existsSync(python) ? false : 'there is no .venv' }, () => {
  it('is what the link to it says first', () => {
    const driver = join(projectRoot, 'lib', 'cli', 'study', 'ray_driver.py');
    // -S: without the environment's packages.
    const { stdout } = spawnSync(python, ['-S', driver], { input: '{"connect": {}}\n', encoding: 'utf8' });
    assert.deepEqual(JSON.parse(stdout), { event: 'missing' });
    assert.match(rayMissing, /^Ray is not installed in this project: run `npm run setup -- --ray`/);
  });
});
