import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GridEvent } from '../../../lib/cli/study/grid';
import { createGridView } from '../../../lib/cli/study/progress';

type Run = string;

function view(options: { isTTY?: boolean; total?: number; expected?: number; capacity?: number } = {}) {
  const { isTTY = false, total = 4, expected, capacity = 2 } = options;
  let written = '';
  let now = 1_000_000;
  const stream = { isTTY, columns: 60, rows: 10, write: (text: string) => (written += text) };
  const runs = Array.from({ length: total }, (_, index) => `run ${index}`);
  const created = createGridView<Run>(
    stream,
    { total, finished: 0, titleOf: (run) => run, expectedSeconds: () => expected, waiting: runs, capacity },
    () => now,
  );
  const about = (configuration: Run) => ({ id: configuration, configuration });
  return {
    runs,
    view: created,
    about,
    begin(run: Run, attempt = 1) {
      created.onEvent({ kind: 'submitted', ...about(run), attempt });
      created.onEvent({ kind: 'started', ...about(run), where: 'here' });
    },
    epoch(run: Run, epoch: number, epochs: number) {
      const row = {
        epoch,
        trainLoss: 1,
        trainAccuracy: 1,
        valLoss: 1,
        valAccuracy: 1,
        valAuc: 0.75,
        learningRate: 1,
        seconds: 1,
      };
      created.onEvent({ kind: 'progress', ...about(run), progress: { kind: 'epoch', epoch, epochs, row } });
    },
    pass: (seconds: number) => void (now += seconds * 1000),
    /** What was written since the last look. */
    take(): string {
      const text = written;
      written = '';
      return text.replaceAll('\u00a0', ' ');
    },
  };
}

test('the time left is that of the running and the waiting runs, shared among those that run at once', () => {
  const grid = view({ expected: 100 });
  grid.begin('run 0');
  grid.begin('run 1');
  grid.pass(20);
  grid.take();
  grid.view.onEvent({ kind: 'capacity', capacity: 2 });
  // 80 + 80 of the running, 100 + 100 of the waiting, two at once.
  assert.match(grid.take(), /0 of 4 runs finished, 2 running, about 3 min 0 s left/);
  grid.pass(30);
  grid.view.onEvent({ kind: 'finished', ...grid.about('run 0'), seconds: 50 });
  // It took half of what was expected: 0 of the other, 50 + 50 of the waiting.
  assert.match(grid.take(), /1\/4 finished {2}run 0, 50 s\n1 of 4 runs finished, 1 running, about 50 s left/);
});

test('a continued run is measured from where it has begun', () => {
  const grid = view({ total: 1, capacity: 1 });
  grid.begin('run 0');
  grid.pass(20);
  grid.take();
  grid.epoch('run 0', 5, 10);
  assert.match(grid.take(), /time left not known yet/);
  grid.pass(20);
  grid.epoch('run 0', 6, 10);
  // A tenth in 40 seconds.
  assert.match(grid.take(), /about 2 min 40 s left/);
});

test('elsewhere than on a terminal, a line tells whatever happens and each epoch, and one in ten seconds how far all is', () => {
  const grid = view();
  grid.begin('run 0');
  grid.pass(11);
  grid.take();
  for (let epoch = 1; epoch <= 100; epoch++) grid.epoch('run 0', epoch, 100);
  const lines = grid.take().split('\n');
  assert.deepEqual(lines.slice(0, 1), ['          run 0: epoch 1 of 100 done, val AUC 0.7500']);
  assert.deepEqual([lines.filter((line) => line.includes('epoch')).length, lines.length], [100, 102]);
  const failure = { message: 'out of memory', log: 'first\nlast', file: '/x/failure.log' };
  const events: GridEvent<Run>[] = [
    { kind: 'lost', ...grid.about('run 0'), message: 'killed' },
    { kind: 'failed', ...grid.about('run 0'), failure },
    { kind: 'finished elsewhere', ...grid.about('run 1') },
  ];
  for (const event of events) grid.view.onEvent(event);
  assert.equal(
    grid.take(),
    '          lost      run 0: killed; it is continued\n' +
      '          failed    run 0: out of memory\n            first\n            last\n            all of it: /x/failure.log\n' +
      '      1/4 finished elsewhere  run 1\n',
  );
  grid.view.close();
});

test('on a terminal, a table replaces itself at most four times a second and never wraps', () => {
  const grid = view({ isTTY: true, total: 20, capacity: 12 });
  for (let run = 0; run < 12; run++) grid.begin(`run ${run}`);
  grid.pass(1);
  grid.take();
  for (let epoch = 1; epoch <= 50; epoch++) grid.epoch('run 0', epoch, 100);
  const drawn = grid.take();
  assert.equal(drawn.split('\u001b[J').length, 2, 'drawn once');
  const lines = drawn.split('\u001b[J')[1].trimEnd().split('\n');
  assert.match(lines[0], /^0 of 20 runs finished, 12 running/);
  assert.match(lines[1], /^ {2}run 0 +epoch 1 of 100 done, val AUC 0\.7500 +1\.0 s {2}here$/);
  assert.equal(lines.length, 9);
  assert.equal(lines[8], '  and 5 more');
  assert.ok(lines.every((line) => line.length < 60));
  grid.view.note('a note');
  // What was drawn is taken away first, and the note stays above the next table.
  assert.match(grid.take(), new RegExp(`^\\r\\u001b\\[9A\\u001b\\[Ja note\\n`));
  grid.view.close();
});
