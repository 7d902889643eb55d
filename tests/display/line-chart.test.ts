import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lineComparison, type LineComparison } from '../../lib/display/line-chart';

const given: LineComparison = {
  series: [
    {
      name: 'A <b>',
      points: [
        { x: 28, y: 0.7, interval: [0.6, 0.75] },
        { x: 64, y: 0.8, interval: [0.75, 0.9] },
      ],
    },
    { name: 'B', points: [{ x: 64, y: 0.9 }], reference: true },
  ],
  xTitle: 'Size',
  yTitle: 'Accuracy',
  intervalTitle: 'the 95 % interval',
};

test('sizes are ticks of a logarithmic axis, intervals are error bars, references are dotted and have none', () => {
  const { figure, html } = lineComparison(given, { label: 'Accuracy by size' });
  const [own, reference] = figure.data as unknown as Record<string, Record<string, unknown>>[];
  const axis = figure.layout.xaxis as Record<string, unknown>;
  assert.deepEqual([axis.type, axis.tickvals, axis.ticktext], ['log', [28, 64], ['28', '64']]);
  assert.deepEqual(own.y, [0.7, 0.8]);
  const bars = own.error_y as { array: number[]; arrayminus: number[] };
  const rounded = (values: number[]): number[] => values.map((value) => Number(value.toFixed(6)));
  assert.deepEqual(
    [rounded(bars.array), rounded(bars.arrayminus)],
    [
      [0.05, 0.1],
      [0.1, 0.05],
    ],
  );
  assert.equal(own.name, 'A &lt;b&gt;');
  assert.deepEqual([reference.line.dash, reference.error_y], ['dot', undefined]);
  assert.match(html, /aria-label="Accuracy by size"/);
  assert.equal(figure.caption, 'Error bars: the 95 % interval.');
  assert.deepEqual(figure.table, [
    { series: 'A <b>', 28: 0.7, 64: 0.8 },
    { series: 'B', 28: NaN, 64: 0.9 },
  ]);
});

test('a label is required, and a logarithm needs numbers above 0', () => {
  assert.throws(() => lineComparison(given, { label: ' ' }), /needs a label/);
  const series = [{ name: 'A', points: [{ x: 0, y: 1 }] }];
  assert.throws(() => lineComparison({ ...given, series }, { label: 'x' }), /x is 0, but must be above 0/);
});
