import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Displayable } from '../../lib/display/mime';
import { progressBar } from '../../lib/display/progress';
import type { HistoryRow, TrainingEvent } from '../../lib/training/events';

const row: HistoryRow = {
  epoch: 1,
  trainLoss: 0.9,
  trainAccuracy: 0.6,
  valLoss: 1.1,
  valAccuracy: 0.55,
  learningRate: 0.001,
  seconds: 3,
};

function batch(step: number, epoch = 1): TrainingEvent {
  return { kind: 'batch', epoch, epochs: 2, step, steps: 100, loss: 0.5, imagesPerSecond: 812.4 };
}

/** A bar whose clock is set by hand. */
function watch(label = 'ResNet-18') {
  const shown: Displayable[] = [];
  const clock = { time: 0 };
  const report = progressBar(label, {
    now: () => clock.time,
    display: { update: (displayable) => shown.push(displayable) },
  });
  const [first] = shown.splice(0);
  return { first, shown, clock, report };
}

test('at most four updates a second, and the end is always shown', () => {
  const { shown, clock, report } = watch();
  for (let step = 1; step <= 100; step++) {
    clock.time = step * 10;
    report(batch(step));
  }
  assert.ok(shown.length >= 3 && shown.length <= 4, `${shown.length} updates in a second`);
  report({ kind: 'done', epochs: 2, seconds: 61.2, best: { epoch: 2, metric: 'accuracy', value: 0.876 } });
  assert.equal(
    shown[shown.length - 1]?.text.replace(/\u00a0/g, ' '),
    'ResNet-18 · 2 epochs · 1 min 1 s · best val accuracy 87.6 % in epoch 2',
  );
});

test('the bar is there before the first batch, and tells what is done beside the epochs', () => {
  const { first, shown, report } = watch('<i>ViT</i>');
  assert.match(first.html, /⋯ &lt;i&gt;ViT&lt;\/i&gt; · starting/);
  report(batch(50));
  report({ kind: 'phase', message: 'scoring the test split' });
  report({ kind: 'phase', message: 'stopped', ended: 'stopped' });
  assert.deepEqual(
    shown.slice(1).map(({ html }) => />(. [^<]*)</.exec(html)?.[1]),
    ['⋯ &lt;i&gt;ViT&lt;/i&gt; · scoring the test split', '■ &lt;i&gt;ViT&lt;/i&gt; · stopped'],
  );
});

test('the bar tells its share, rate, remaining time and latest scores, to screen readers too', () => {
  const { shown, clock, report } = watch('<i>ViT</i>');
  report(batch(0));
  clock.time = 10_000;
  report({ kind: 'epoch', epoch: 1, epochs: 2, row });
  clock.time = 15_000;
  report(batch(50, 2));
  const { html = '', text = '' } = shown[2] ?? {};
  assert.match(
    html,
    /role="progressbar" aria-label="&lt;i&gt;ViT&lt;\/i&gt;" aria-valuemin="0" aria-valuemax="100" aria-valuenow="75"/,
  );
  assert.equal(
    text.replace(/\u00a0/g, ' '),
    '<i>ViT</i> · epoch 2 of 2 · 75 % · batch 50 of 100 · 812 images/s · loss 0.500 · val loss 1.100 · val accuracy 55.0 % · 5.0 s left',
  );
});

test('a resumed run is timed from where it went on', () => {
  const { shown, clock, report } = watch();
  report({ ...batch(0), epoch: 9, epochs: 10 } as TrainingEvent);
  clock.time = 10_000;
  report({ ...batch(0), epoch: 10, epochs: 10 } as TrainingEvent);
  assert.match(shown[1]?.text ?? '', /10\s+s left/);
});

test('a stopped run says how far it came, and warnings stay', () => {
  const { shown, report } = watch();
  report({ kind: 'warning', epoch: 1, epochs: 5, message: 'The loss is not finite & so on.' });
  report({ kind: 'epoch', epoch: 1, epochs: 5, row });
  report({ kind: 'stopped', epoch: 1, epochs: 5, seconds: 3 });
  const { html = '', text = '' } = shown[shown.length - 1] ?? {};
  assert.match(text, /stopped after 1 of 5 epochs/);
  assert.match(html, /role="status">■.*⚠ Warning: The loss is not finite &amp; so on\./);
});

test('outside a notebook there is one line an epoch', () => {
  const lines: string[] = [];
  const report = progressBar('ResNet-18', { log: (line) => lines.push(line) });
  report(batch(1));
  report(batch(100));
  report({ kind: 'epoch', epoch: 1, epochs: 2, row });
  report({ kind: 'warning', epoch: 2, epochs: 2, message: 'Started over.' });
  assert.deepEqual(
    lines.map((line) => line.replace(/\u00a0/g, ' ')),
    [
      'ResNet-18 · epoch 1 of 2 · train loss 0.900 · val loss 1.100 · val accuracy 55.0 % · 3.0 s',
      'ResNet-18 · warning: Started over.',
    ],
  );
});
