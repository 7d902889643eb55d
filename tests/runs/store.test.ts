import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createRandom } from '../../lib/random';
import { onceEach } from '../../lib/runs/once';
import { openRunStore } from '../../lib/runs/store';
import { workerResult, workerRuns, workerText, type WorkerResult, type WorkerRun } from './store-worker';

const root = mkdtempSync(join(tmpdir(), 'run-store-'));
after(() => rmSync(root, { recursive: true, force: true }));

interface Run {
  readonly dataset: string;
  readonly seed: number;
}
const run: Run = { dataset: 'bloodmnist', seed: 1 };
const other: Run = { dataset: 'bloodmnist', seed: 2 };
const schema = z.object({ auc: z.number() });

let stores = 0;
function openStore() {
  return openRunStore<Run, { auc: number }>(join(root, `store-${stores++}`), schema);
}

/** The id of a process that has ended. */
const deadProcess = spawnSync(process.execPath, ['-e', '']).pid;

/** The claim of a process that was killed. */
function leaveClaim(directory: string, holder: { pid?: number; host?: string } = {}): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'claim');
  writeFileSync(path, JSON.stringify({ pid: deadProcess, host: hostname(), token: 'gone', ...holder }));
  return path;
}

describe('a store of runs', () => {
  it('keeps a result under the hash of its configuration, whatever the order of its keys', () => {
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    assert.match(claim.id, /^[0-9a-f]{10}$/);
    assert.equal(claim.directory, join(store.folder, claim.id));
    assert.equal(store.read(run), undefined);
    claim.finish({ auc: 1 / 3 });
    assert.deepEqual(store.read({ seed: 1, dataset: 'bloodmnist' }), { auc: 1 / 3 });
    assert.notEqual(store.idOf(other), claim.id);
    assert.deepEqual(readdirSync(claim.directory).sort(), ['configuration.json', 'result.json']);
    assert.deepEqual(JSON.parse(readFileSync(join(claim.directory, 'configuration.json'), 'utf8')), run);
  });

  it('gives a run to one at a time, and never again once it is finished', () => {
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    assert.equal(store.claim(run), undefined);
    assert.ok(store.claim(other));
    claim.release();
    const second = store.claim(run);
    assert.ok(second);
    second.finish({ auc: 0.5 });
    assert.equal(store.claim(run), undefined);
  });

  it('lists what is finished, running and missing', () => {
    const store = openStore();
    const runs = [0, 1, 2, 3, 4].map((seed): Run => ({ dataset: 'x', seed }));
    assert.equal(store.overview(runs).missing.length, 5);
    store.claim(runs[3])?.finish({ auc: 0.5 });
    store.claim(runs[1]);
    store.claim(runs[4])?.release();
    leaveClaim(join(store.folder, store.idOf(runs[2])));
    const { finished, running, missing } = store.overview(runs);
    assert.deepEqual(
      finished.map(({ configuration, result }) => [configuration.seed, result.auc]),
      [[3, 0.5]],
    );
    assert.deepEqual(
      running.map(({ configuration }) => configuration.seed),
      [1],
    );
    assert.deepEqual(
      missing.map(({ configuration, started }) => [configuration.seed, started]),
      [
        [0, false],
        [2, false],
        [4, true],
      ],
    );
  });

  it('takes over the claim of a process that is gone, with what it left, but for unfinished files', () => {
    const store = openStore();
    const directory = join(store.folder, store.idOf(run));
    leaveClaim(directory);
    writeFileSync(join(directory, '.result.json.0123456789ab.tmp'), '{"id":');
    writeFileSync(join(directory, 'checkpoint'), 'kept');
    assert.equal(store.read(run), undefined);
    const claim = store.claim(run);
    assert.ok(claim);
    assert.deepEqual(readdirSync(directory).sort(), ['checkpoint', 'claim', 'configuration.json']);
    claim.finish({ auc: 1 });
  });

  it('removes the claim of a process that was killed right after its result', () => {
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    claim.finish({ auc: 1 });
    leaveClaim(claim.directory);
    writeFileSync(join(claim.directory, '.result.json.0123456789ab.tmp'), 'the result once more');
    assert.equal(store.claim(run), undefined);
    assert.deepEqual(readdirSync(claim.directory).sort(), ['configuration.json', 'result.json']);
  });

  it('waits half an hour for a process that cannot be asked', () => {
    // On another machine, or of an earlier version, which did not write down when it was started.
    for (const holder of [{ host: 'another-machine' }, { pid: process.ppid }]) {
      const store = openStore();
      const path = leaveClaim(join(store.folder, store.idOf(run)), holder);
      const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
      utimesSync(path, minutesAgo(29), minutesAgo(29));
      assert.equal(store.claim(run), undefined);
      assert.equal(store.overview([run]).running.length, 1);
      utimesSync(path, minutesAgo(31), minutesAgo(31));
      assert.equal(store.overview([run]).missing.length, 1);
      assert.ok(store.claim(run));
    }
  });

  it('refuses the result of a run that was taken over', () => {
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    leaveClaim(claim.directory, { pid: process.ppid });
    assert.throws(() => claim.finish({ auc: 1 }), { name: 'UserError', message: /another process has taken it over/ });
    assert.equal(store.read(run), undefined);
    claim.release();
    assert.ok(existsSync(join(claim.directory, 'claim')), 'the claim of the other process is gone');
  });

  it('gives each attempt a folder of its own, with what the ones before it left, however fast they follow', ({
    mock,
  }) => {
    mock.method(Date, 'now', () => 1_700_000_000_000);
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    mkdirSync(join(claim.directory, 'checkpoints'));
    writeFileSync(join(claim.directory, 'checkpoints', 'epoch'), '1');
    const first = claim.beginAttempt();
    assert.equal(readFileSync(join(first, 'checkpoints', 'epoch'), 'utf8'), '1');
    writeFileSync(join(first, 'checkpoints', 'epoch'), '2');
    writeFileSync(join(first, 'predictions.csv'), 'first');
    const second = claim.beginAttempt();
    assert.ok(!existsSync(first));
    assert.deepEqual(readdirSync(claim.directory).sort(), [basename(second), 'claim', 'configuration.json']);
    assert.equal(readFileSync(join(second, 'checkpoints', 'epoch'), 'utf8'), '2');
    // The first one was taken for dead, and goes on.
    mkdirSync(join(first, 'checkpoints'), { recursive: true });
    writeFileSync(join(first, 'checkpoints', 'epoch'), '3');
    writeFileSync(join(second, 'predictions.csv'), 'second');
    claim.finish({ auc: 1 });
    assert.deepEqual(readdirSync(claim.directory).sort(), [
      'checkpoints',
      'configuration.json',
      'predictions.csv',
      'result.json',
    ]);
    assert.equal(readFileSync(join(claim.directory, 'checkpoints', 'epoch'), 'utf8'), '2');
    assert.equal(readFileSync(join(claim.directory, 'predictions.csv'), 'utf8'), 'second');
  });

  it('finds again what the attempt of a killed process left', () => {
    const store = openStore();
    const directory = join(store.folder, store.idOf(run));
    leaveClaim(directory);
    const names = ['attempt-1700000000000-aaaaaaaaaaaa', 'attempt-1700000000001-bbbbbbbbbbbb'];
    for (const name of names) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'checkpoint'), name);
      writeFileSync(join(directory, name, '.checkpoint.0123456789ab.tmp'), 'half');
    }
    writeFileSync(join(directory, 'checkpoint'), 'older');
    const claim = store.claim(run);
    assert.ok(claim);
    assert.deepEqual(readdirSync(directory).sort(), ['checkpoint', 'claim', 'configuration.json']);
    assert.equal(readFileSync(join(directory, 'checkpoint'), 'utf8'), names[1]);
    leaveClaim(directory, { pid: process.ppid });
    assert.throws(() => claim.beginAttempt(), { name: 'UserError', message: /another process has taken it over/ });
  });

  it('keeps the first of two results', () => {
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    const text = JSON.stringify({ id: claim.id, configuration: run, result: { auc: 0.25 } });
    writeFileSync(join(claim.directory, 'result.json'), text);
    assert.throws(() => claim.finish({ auc: 1 }), { name: 'UserError', message: /finished by another process/ });
    claim.release();
    assert.deepEqual(store.read(run), { auc: 0.25 });
    assert.deepEqual(readdirSync(claim.directory).sort(), ['configuration.json', 'result.json']);
  });

  it('refuses results of another form, and sets a damaged one aside: the run is done again', ({ mock }) => {
    const store = openStore();
    const claim = store.claim(run);
    assert.ok(claim);
    assert.throws(() => claim.finish({ auc: 'high' } as unknown as { auc: number }), /auc/);
    assert.ok(!existsSync(join(claim.directory, 'result.json')));
    claim.finish({ auc: 1 });
    const path = join(claim.directory, 'result.json');
    const whole = readFileSync(path, 'utf8');
    const ofOther = openStore();
    ofOther.claim(other)?.finish({ auc: 1 });
    const swapped = readFileSync(join(ofOther.folder, ofOther.idOf(other), 'result.json'), 'utf8');
    const broken = [
      whole.slice(0, 20),
      whole.replace('"auc": 1', '"auc": 0'),
      whole.replace('"seed": 1', '"seed": 3'),
      swapped,
      '',
    ];
    for (const text of broken) {
      writeFileSync(path, text);
      assert.equal(store.read(run), undefined);
      assert.equal(store.overview([run]).missing.length, 1);
      const told = mock.method(console, 'warn', () => undefined).mock;
      const again = store.claim(run);
      const [line] = told.calls.map(({ arguments: [first] }) => String(first));
      mock.restoreAll();
      const aside =
        /^(\S+result)\.json is damaged, or is of another version: it is kept as result(\.damaged-\d+\.json),/.exec(
          line,
        );
      assert.ok(aside, line);
      assert.equal(readFileSync(aside[1] + aside[2], 'utf8'), text);
      rmSync(aside[1] + aside[2]);
      again?.finish({ auc: 1 });
      assert.deepEqual(store.read(run), { auc: 1 });
    }
  });
});

describe('working off a grid', () => {
  const runs = [1, 2, 3].map((seed): Run => ({ dataset: 'x', seed }));

  it('does what is missing, and goes on after a failure without trying it again', async () => {
    const store = openStore();
    store.claim(runs[0])?.finish({ auc: 0.1 });
    const begun: number[] = [];
    const done: string[] = [];
    const work = ({ seed }: Run): Promise<{ auc: number }> => {
      begun.push(seed);
      return seed === 2 ? Promise.reject(new Error('out of memory')) : Promise.resolve({ auc: seed / 10 });
    };
    const summary = await onceEach(store, runs, work, { onFinished: (id) => done.push(id) });
    assert.deepEqual([begun, done], [[2, 3], [store.idOf(runs[2])]]);
    assert.deepEqual(
      summary.failed.map(({ id, error }) => [id, error.message]),
      [[store.idOf(runs[1]), 'out of memory']],
    );
    assert.equal(summary.stopped, false);
    assert.deepEqual(
      store.overview(runs).missing.map(({ configuration }) => configuration.seed),
      [2],
    );
    const again = await onceEach(store, runs, () => Promise.resolve({ auc: 0.2 }));
    assert.deepEqual(again.finished, [store.idOf(runs[1])]);
  });

  it('gives the claim back where a result is of another form', async () => {
    const store = openStore();
    const work = () => Promise.resolve({ auc: 'high' } as unknown as { auc: number });
    const { failed } = await onceEach(store, runs.slice(0, 1), work);
    assert.match(failed[0].error.message, /auc/);
    assert.equal(store.overview(runs).running.length, 0);
  });

  it('stops at the signal and gives the claim back', async () => {
    const store = openStore();
    const controller = new AbortController();
    const work = ({ seed }: Run): Promise<{ auc: number } | undefined> => {
      if (seed === 2) controller.abort();
      return Promise.resolve(seed === 2 ? undefined : { auc: 1 });
    };
    const { finished, stopped } = await onceEach(store, runs, work, { signal: controller.signal });
    assert.equal(finished.length, 1);
    assert.equal(stopped, true);
    const { running, missing } = store.overview(runs);
    assert.equal(running.length, 0);
    assert.deepEqual(
      missing.map(({ started }) => started),
      [true, false],
    );
  });

  it('leaves what another process is at alone', async () => {
    const store = openStore();
    const claim = store.claim(runs[0]);
    const work = () => Promise.resolve({ auc: 1 });
    assert.equal((await onceEach(store, runs, work)).finished.length, 2);
    claim?.release(); // as if it had been stopped
    assert.deepEqual((await onceEach(store, runs, work)).finished, [store.idOf(runs[0])]);
  });
});

describe('processes on one store', { timeout: 120_000 }, () => {
  function start(folder: string, log: string, count: number, milliseconds: number): ChildProcess {
    const worker = join(__dirname, 'store-worker.ts');
    return spawn(process.execPath, ['--import', 'tsx', worker, folder, log, String(count), String(milliseconds)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  async function ended(worker: ChildProcess): Promise<void> {
    if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
  }

  const eventsOf = (log: string): string[][] =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => line.split(' '))
      : [];

  function assertComplete(folder: string, log: string, count: number): void {
    const store = openRunStore<WorkerRun, WorkerResult>(folder, workerResult);
    const { finished } = store.overview(workerRuns(count));
    assert.equal(finished.length, count);
    const events = eventsOf(log);
    for (const { id, configuration, result } of finished) {
      assert.equal(result.square, configuration.number ** 2);
      assert.equal(result.text, workerText);
      const own = events.filter(([, of]) => of === id).map(([event]) => event);
      assert.equal(own.filter((event) => event === 'failed' || event === 'overlap').length, 0);
      // Whoever took it over found what was left. A kill may fall between the start and the keeping.
      assert.ok(result.steps <= own.filter((event) => event === 'start').length);
      const end = own.indexOf('finished');
      assert.ok(end < 0 || end === own.length - 1, `run ${id} was begun again after its end: ${own.join(' ')}`);
      assert.deepEqual(readdirSync(join(folder, id)).sort(), ['configuration.json', 'result.json', 'steps']);
    }
  }

  it('do every run exactly once', async () => {
    const [folder, log] = [join(root, 'shared'), join(root, 'shared.log')];
    const workers = [0, 1, 2].map(() => start(folder, log, 12, 40));
    await Promise.all(workers.map(ended));
    assertComplete(folder, log, 12);
    const events = eventsOf(log);
    for (const kind of ['start', 'end', 'finished']) {
      const ids = events.filter(([event]) => event === kind).map(([, id]) => id);
      assert.equal(ids.length, 12);
      assert.equal(new Set(ids).size, 12);
    }
  });

  it('take over what a killed one has begun', async () => {
    const [folder, log] = [join(root, 'killed'), join(root, 'killed.log')];
    const victim = start(folder, log, 2, 60_000);
    while (!eventsOf(log).some(([event]) => event === 'start')) await sleep(20);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    const [, id] = eventsOf(log)[0];
    assert.ok(existsSync(join(folder, id, 'claim')));
    await once(start(folder, log, 2, 10), 'exit');
    assertComplete(folder, log, 2);
    assert.equal(eventsOf(log).filter(([event, of]) => event === 'start' && of === id).length, 2);
    const store = openRunStore<WorkerRun, WorkerResult>(folder, workerResult);
    assert.equal(store.overview(workerRuns(2)).finished.find((one) => one.id === id)?.result.steps, 2);
  });

  it('lose nothing when they are killed at any moment', async () => {
    const [folder, log] = [join(root, 'storm'), join(root, 'storm.log')];
    const count = 40;
    const random = createRandom(5, 'kills');
    for (let round = 0; round < 5; round++) {
      const workers = [start(folder, log, count, 4), start(folder, log, count, 4)];
      const before = eventsOf(log).length;
      while (eventsOf(log).length < before + 2 && workers.every(({ exitCode }) => exitCode === null)) await sleep(5);
      for (const worker of workers) {
        await sleep(random.integer(25));
        worker.kill('SIGKILL');
      }
      await Promise.all(workers.map(ended));
    }
    const kills =
      eventsOf(log).filter(([event]) => event === 'start').length -
      eventsOf(log).filter(([event]) => event === 'finished').length;
    assert.ok(kills > 0, 'no kill hit a run');
    await once(start(folder, log, count, 1), 'exit');
    assertComplete(folder, log, count);
  });
});
