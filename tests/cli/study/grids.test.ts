import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { main as study } from '../../../lib/cli/study';
import { main, runTitle } from '../../../lib/cli/study/medmnist2d';
import { projectRoot } from '../../../lib/paths';
import { createRandom } from '../../../lib/random';
import {
  assertComplete,
  gridArguments,
  gridRuns,
  isRunning,
  openGrid,
  readLog,
  startGrid,
  type GridProcess,
} from './grid';
import { epochVariable, logVariable, mishapVariable } from './worker';

const root = mkdtempSync(join(tmpdir(), 'study-'));
const started: GridProcess[] = [];
after(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
  rmSync(root, { recursive: true, force: true, maxRetries: 10 });
});

let places = 0;
function place() {
  const folder = join(root, String(places++));
  return { store: join(folder, 'store'), log: `${folder}.log` };
}

const start: typeof startGrid = (args, options) => {
  const grid = startGrid(args, options);
  started.push(grid);
  return grid;
};

async function output(args: string[], command = main): Promise<string> {
  let text = '';
  const stream = { write: (piece: string) => (text += piece) };
  await command(args, { output: stream, progress: { write: () => undefined } });
  return text;
}

/** False where the grid ends before. */
async function until(condition: () => boolean, grid: GridProcess): Promise<boolean> {
  let over = false;
  void grid.ended.then(() => (over = true));
  while (!condition()) {
    if (over) return false;
    await sleep(10);
  }
  return true;
}

interface DryRun {
  runs: { id: string; state: string; seconds?: number; source: string; seed: number; network: string }[];
  estimate: Record<'measured' | 'assumed' | 'unknown', { runs: number; seconds: number }> & {
    hours: number;
    wallHours: number;
  };
}

describe('npm run study', () => {
  it('lists the studies, and says which name is near', async () => {
    assert.match(await output(['--help'], study), /medmnist2d .*480 runs/);
    await assert.rejects(study(['medmnist2']), { name: 'UserError', message: /did you mean "medmnist2d"\?/ });
    assert.match(await output(['medmnist2d', '--help'], study), /Examples\n {2}npm run study -- medmnist2d/);
  });

  it('refuses in one line what is misspelt, out of range or contradictory', async () => {
    for (const [args, message] of [
      [['--dataset', 'x'], /no option --dataset, did you mean "--datasets"/],
      [['--engine', 'rai'], /--engine is "rai", did you mean "ray"\? It must be local or ray/],
      [['--engine', 'ray', '--transfer', 'shared'], /It must be shared-path or object-store/],
      [['--datasets', 'breatmnist'], /did you mean "breastmnist"/],
      [['--networks', 'resnet51'], /did you mean "resnet50"/],
      [['--profile', 'papr'], /profile is "papr", but must be one of tour, paper/],
      [['--seeds', '0'], /--seeds is "0", but must be a whole number from 1/],
      [['--epochs', 'many'], /epochs is "many", but must be a whole number/],
      [['--workers', '0'], /--workers is "0"/],
      [['--retries', '-1'], /--retries needs a value|--retries is "-1"/],
      [['--gpus-per-run', '1.5', '--engine', 'ray'], /a part of one GPU/],
      [['--address', '10.0.0.1:1'], /--address is of --engine ray/],
      [['--resume', '--no-resume'], /contradict each other/],
      [['breastmnist'], /takes no "breastmnist" without an option's name/],
    ] as const) {
      await assert.rejects(main([...args, '--dry-run']), (error: Error) => {
        assert.equal(error.name, 'UserError', error.stack);
        assert.match(error.message, message);
        return !error.message.includes('\n');
      });
    }
  });

  it('shows runs and hours without beginning any, and says where the hours come from', async () => {
    const { store } = place();
    const args = [...gridArguments(store, 2, 10), '--dry-run'];
    const text = await output([...args, '--cpus-per-run', '1', '--gpus-per-run', '0', '--workers', '4']);
    assert.match(text, /16 runs in .*: 0 finished, 0 running, 0 begun, 16 not begun/);
    assert.match(text, /Assumed for 16 runs: ResNet-50 3, Swin-B 0\.8\d* images a second and core/);
    assert.ok(!existsSync(store));
    const configurations = gridRuns(2, 10);
    const grid = openGrid(store);
    grid.claim(configurations[0])?.finish({
      testAuc: 1,
      testAccuracy: 1,
      testMacroF1: 1,
      valAuc: 1,
      selectedEpoch: 1,
      epochs: 5,
      seconds: 50,
      predictionFile: 'x.csv',
      history: [],
    });
    const running = grid.claim(configurations[1]);
    grid.claim(configurations[2])?.release();
    const report = JSON.parse(await output([...args, '--json', '--workers', '2'])) as DryRun;
    running?.release();
    assert.deepEqual(
      report.runs.slice(0, 4).map(({ state }) => state),
      ['finished', 'running', 'begun', 'missing'],
    );
    assert.deepEqual(
      report.runs.map(({ id }) => id),
      configurations.map((one) => grid.idOf(one)),
    );
    const ofResnet = report.runs.filter(({ network, state }) => network === 'ResNet-50' && state !== 'finished');
    for (const { seconds, source } of ofResnet) assert.deepEqual([seconds, source], [100, 'measured']);
    assert.deepEqual([report.estimate.measured.runs, report.estimate.assumed.runs], [7, 8]);
    const hours = (report.estimate.measured.seconds + report.estimate.assumed.seconds) / 3600;
    assert.equal(report.estimate.hours, hours);
    assert.equal(report.estimate.wallHours, hours / 2);
  });
});

describe('a grid on this machine', () => {
  it('does every run once, several at a time, reports a failed one and does it the next time', async () => {
    const { store, log } = place();
    const args = [...gridArguments(store, 2, 2), '--networks', 'resnet50', '--workers', '3', '--json'];
    const failing = start(args, { log, variables: { [mishapVariable]: 'fail 1' } });
    assert.equal(await failing.ended, 1);
    assert.match(failing.output(), /4 runs have failed: The loss is no number\. \(4 runs\)/);
    assert.match(failing.output(), /failed {4}breastmnist, .*, seed 1: The loss is no number\.\n(.|\n)* all of it: /);
    const configurations = gridRuns(2, 2).filter(({ network }) => network === 'resnet50');
    const { finished, missing } = openGrid(store).overview(configurations);
    assert.deepEqual([finished.length, missing.length], [4, 4]);
    const failure = readFileSync(join(store, missing[0].id, 'failure.log'), 'utf8');
    assert.match(failure, /The loss is no number\.\nError: The loss is no number\.\n {4}at /);
    const second = start(args, { log });
    assert.equal(await second.ended, 0);
    const [report] = /^\{(.|\n)*\}$/m.exec(second.output()) ?? [''];
    const { runs, finishedNow, failed, stopped } = JSON.parse(report) as Record<string, unknown>;
    assert.deepEqual({ runs, finishedNow, failed, stopped }, { runs: 8, finishedNow: 4, failed: [], stopped: false });
    assertComplete(store, configurations);
    const ends = readLog(log)
      .filter(({ event }) => event === 'end')
      .map(({ id }) => id);
    assert.equal(ends.length, 8);
    assert.equal(new Set(ends).size, 8);
    const refused = start([...args, '--no-resume'], { log });
    assert.equal(await refused.ended, 1);
    assert.match(refused.output(), /has 8 of these runs already: leave --no-resume out/);
  });

  it('continues a run whose process was killed, as often as it may', async () => {
    const { store, log } = place();
    const args = [...gridArguments(store, 1, 3), '--workers', '2', '--networks', 'resnet50', '--optimizers', 'sgd'];
    const first = start(args, { log, variables: { [mishapVariable]: 'die 0' } });
    // It dies with one epoch behind it, in every attempt: the second one begins there.
    assert.equal(await first.ended, 1);
    assert.match(first.output(), /lost {6}breastmnist, .*: its process was ended by SIGKILL; it is continued/);
    assert.match(first.output(), /2 runs have failed: its process was ended by SIGKILL, 3 times \(2 runs\)/);
    const [run] = openGrid(store).overview(
      gridRuns(1, 3).filter(({ network, optimizer }) => network === 'resnet50' && optimizer.name === 'sgd'),
    ).missing;
    const starts = (): string[] =>
      readLog(log)
        .filter(({ id }) => id === run.id)
        .map(({ event }) => event);
    assert.deepEqual(starts(), ['start-0', 'start-1', 'start-1']);
    const second = start(args, { log });
    assert.equal(await second.ended, 0, second.output());
    assert.deepEqual(starts().slice(3), ['start-1', 'end']);
  });

  it('stops softly at the first interruption and continues from there', async () => {
    const { store, log } = place();
    const args = [...gridArguments(store, 1, 400), '--workers', '2'];
    const grid = start(args, { log, epochMilliseconds: 50 });
    const isUnderWay = (): boolean =>
      readLog(log).length === 2 && readLog(log).every(({ id }) => keptEpochs(store, id) >= 2);
    assert.ok(await until(isUnderWay, grid), grid.output());
    grid.child.kill('SIGTERM');
    assert.equal(await grid.ended, 130);
    assert.match(grid.output(), /Stopping: (.|\n)*Stopped: the same command continues\./);
    const stopped = readLog(log);
    assert.deepEqual(stopped.map(({ event }) => event).sort(), ['start-0', 'start-0', 'stopped', 'stopped']);
    assert.ok(stopped.every(({ pid }) => !isRunning(pid)));
    const configurations = gridRuns(1, 400);
    const { running, missing } = openGrid(store).overview(configurations);
    assert.deepEqual([running.length, missing.filter((one) => one.started).length], [0, 2]);
    const again = start(args, { log, epochMilliseconds: 1 });
    assert.equal(await again.ended, 0, again.output());
    const continued = readLog(log)
      .slice(4)
      .filter(({ event, id }) => event.startsWith('start') && stopped.some((line) => line.id === id));
    assert.equal(continued.length, 2);
    for (const { event } of continued) assert.match(event, /^start-([2-9]|\d{2,3})$/);
    assertComplete(store, configurations);
  });

  it('shared by two commands does every run exactly once, and both see all of them', async () => {
    const { store, log } = place();
    const args = [...gridArguments(store, 2, 3), '--workers', '2'];
    const grids = [start(args, { log }), start(args, { log })];
    for (const grid of grids) assert.equal(await grid.ended, 0, grid.output());
    const configurations = gridRuns(2, 3);
    assertComplete(store, configurations);
    for (const event of ['start-0', 'end']) {
      const ids = readLog(log)
        .filter((line) => line.event === event)
        .map(({ id }) => id);
      assert.deepEqual(ids.sort(), configurations.map((one) => openGrid(store).idOf(one)).sort());
    }
    for (const grid of grids) assert.match(grid.output(), /16 of 16 runs are finished in /);
  });

  it('that is killed at any moment repeats no finished run and loses none', async () => {
    const { store, log } = place();
    const args = [...gridArguments(store, 2, 3), '--workers', '2'];
    const configurations = gridRuns(2, 3);
    const random = createRandom(7, 'kills');
    const finishedAt: { lines: number; ids: string[] }[] = [];
    let killed: number | undefined;
    // On a busy machine, four may be too few for a run to be finished.
    for (let round = 0; round < 4 || finishedAt.every(({ ids }) => ids.length === 0); round++) {
      const before = readLog(log).length;
      const grid = start(args, { log, epochMilliseconds: 30 });
      if (!(await until(() => readLog(log).length >= before + 2, grid))) break; // it was done before
      await sleep(random.integer(150));
      // Sometimes a worker first, sometimes both, and always the process that holds the claims.
      const workers = readLog(log)
        .slice(before)
        .map(({ pid }) => pid)
        .filter(isRunning);
      if (round % 2 === 1 && workers.length > 0) process.kill(workers[0], 'SIGKILL');
      grid.child.kill('SIGKILL');
      killed = grid.child.pid;
      await grid.ended;
      finishedAt.push({
        lines: readLog(log).length,
        ids: openGrid(store)
          .overview(configurations)
          .finished.map(({ id }) => id),
      });
    }
    // Killed between a result and the end of its claim, whether or not one was above.
    const [finished] = openGrid(store).overview(configurations).finished;
    const holder = { pid: killed, host: hostname(), token: 'gone' };
    writeFileSync(join(store, finished.id, 'claim'), JSON.stringify(holder));
    const last = start(args, { log });
    assert.equal(await last.ended, 0, last.output());
    assertComplete(store, configurations);
    for (const { lines, ids } of finishedAt) {
      const later = readLog(log)
        .slice(lines)
        .filter(({ event, id }) => event.startsWith('start') && ids.includes(id));
      assert.deepEqual(later, []);
    }
    // Nobody is left to tell a worker to end, and it ends.
    while (readLog(log).some(({ pid }) => isRunning(pid))) await sleep(20);
  });
});

describe('a worker', () => {
  interface Worker {
    readonly child: ChildProcess;
    readonly directory: string;
    readonly log: string;
  }

  /** One that is at work. */
  async function begin(job: { temporary?: boolean } = {}): Promise<Worker> {
    const { store: directory, log } = place();
    mkdirSync(directory, { recursive: true });
    const [configuration] = gridRuns(1, 10_000);
    const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'worker.ts')], {
      cwd: projectRoot,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...process.env, [logVariable]: log, [epochVariable]: '5' },
    });
    workers.push(child);
    child.stdin?.write(`${JSON.stringify({ id: 'run', configuration, directory, context: {}, ...job })}\n`);
    while (!existsSync(join(directory, 'checkpoints', 'kept.json'))) await sleep(10);
    return { child, directory, log };
  }

  const workers: ChildProcess[] = [];
  after(() => workers.forEach((child) => child.kill('SIGKILL')));

  it('ends with whoever has started it, and keeps what it has reached unless that is only temporary', async () => {
    for (const temporary of [false, true]) {
      const { child, directory, log } = await begin({ temporary });
      child.kill('SIGINT'); // of a terminal: not for it
      child.stdin?.end();
      assert.deepEqual(await once(child, 'exit'), [1, null]);
      assert.equal(existsSync(join(directory, 'checkpoints', 'kept.json')), !temporary);
      assert.deepEqual(
        readLog(log).map(({ event }) => event),
        ['start-0'],
      );
    }
  });

  it('ends where another one has its run', async () => {
    const { child, directory, log } = await begin();
    const taken = `${directory}-taken`;
    renameSync(directory, taken);
    // By its own look at the folder, or because a file that it was writing is not there any more.
    await once(child, 'exit');
    assert.equal(child.signalCode, null);
    assert.ok(!readLog(log).some(({ event }) => event === 'end'));
    assert.ok(existsSync(join(taken, 'checkpoints', 'kept.json')));
  });
});

function keptEpochs(store: string, id: string): number {
  const attempt = readdirSync(join(store, id)).find((name) => name.startsWith('attempt-'));
  const path = join(store, id, attempt ?? '', 'checkpoints', 'kept.json');
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { epoch: number }).epoch;
  } catch {
    return 0;
  }
}

it('a run is named by everything that its grid varies', () => {
  assert.equal(runTitle(gridRuns(1, 1)[1]), 'breastmnist, ResNet-50, ImageNet-1k, SGD, seed 0');
});
