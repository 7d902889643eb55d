import assert from 'node:assert/strict';
import { test } from 'node:test';

import { differenceChart, type DifferenceChart } from '../../lib/display/difference-chart';

const label = 'Differences in test AUC on three datasets';

const differences: DifferenceChart = {
  title: 'Swin-B against ResNet-50',
  rows: ['blood', 'derma <b>', 'retina'],
  xTitle: 'Difference in test AUC',
  sides: ['ResNet-50 is better', 'Swin-B is better'],
  intervalTitle: '95 % bootstrap intervals',
  ordered: true,
  series: [
    { name: 'AdamW', differences: [{ value: 0.02, interval: [0.01, 0.05] }, { value: -0.01 }, null] },
    {
      name: 'SGD',
      differences: [{ value: 0, interval: [-0.02, 0.01] }, null, { value: 0.03, interval: [0.03, 0.03] }],
    },
  ],
};

interface ErrorBars {
  readonly array: number[];
  readonly arrayminus: number[];
}
interface Annotation {
  readonly text: string;
  readonly y: number;
  readonly yref?: string;
}

test('a difference stands at its value, with bars to the ends of its interval', () => {
  const { data, label: given } = differenceChart(differences, { label }).figure;
  assert.equal(given, label);
  assert.equal(data.length, 2);
  assert.deepEqual(data[0].x, [0.02, -0.01]);
  const bars = data[0].error_x as ErrorBars;
  assert.deepEqual(
    bars.array.map((value) => Number(value.toFixed(6))),
    [0.03, 0],
  );
  assert.deepEqual(
    bars.arrayminus.map((value) => Number(value.toFixed(6))),
    [0.01, 0],
  );
  assert.match((data[0].text as string[])[0], /^blood \(0\.01\d* to 0\.05\d*\)$/);
  const looks = data.map(({ marker }) => marker as { symbol: string[]; color: string });
  assert.deepEqual(
    looks.map(({ symbol }) => symbol),
    [
      ['circle', 'circle-open'],
      ['square-open', 'square'],
    ],
    'filled where the interval excludes 0',
  );
  assert.notEqual(looks[0].color, looks[1].color);
});

test('series stand below one another within their row, rows do not mix, and both sides of 0 have room', () => {
  const { data, layout } = differenceChart(differences, { label }).figure;
  const [first, second] = data.map(({ y }) => y as number[]);
  assert.ok(first[0] < second[0] && second[0] < 0.5 && first[0] > -0.5);
  assert.ok(first[1] > 0.5 && first[1] < 1.5);
  const [low, high] = (layout.xaxis as { range: [number, number] }).range;
  assert.ok(high > 0.05 && low < -0.02);
  const positive = { name: 'all above', differences: [{ value: 1 }, { value: 2 }, null] };
  const shifted = differenceChart({ ...differences, series: [positive] }, { label }).figure.layout;
  assert.deepEqual(
    (shifted.xaxis as { range: number[] }).range.map((end) => Number(end.toFixed(9))),
    [-0.6, 2.2],
  );
});

test('what is missing is a dash, said in the caption, and empty in the table', () => {
  const { layout, caption, table } = differenceChart(differences, { label, caption: 'Five seeds.' }).figure;
  const dashes = (layout.annotations as Annotation[]).filter(({ text }) => text === '–');
  assert.deepEqual(
    dashes.map(({ y }) => Math.round(y)),
    [2, 1],
  );
  assert.equal(caption, 'Five seeds. Bars: 95 % bootstrap intervals. Filled: the bar excludes 0. –: not there yet.');
  assert.deepEqual(table?.[1], { Row: 'blood', Series: 'SGD', Difference: 0, From: -0.02, To: 0.01 });
  assert.deepEqual(table?.[4], { Row: 'retina', Series: 'AdamW', Difference: null, From: null, To: null });
  assert.equal(table?.length, 6);
});

test('rows stand with the largest mean difference at the top, and what belongs to them goes along', () => {
  const verdicts = [
    ['holds', 'fails', ''],
    ['cannot be told', '', 'holds'],
  ];
  const sorted = { ...differences, ordered: false, published: [0.1, null, 0.3], verdicts };
  const { data, layout, table } = differenceChart(sorted, { label }).figure;
  assert.deepEqual((layout.yaxis as { ticktext: string[] }).ticktext, ['retina', 'blood', 'derma &lt;b&gt;']);
  assert.deepEqual([data[1].x, data[2].name, data[2].x, data[2].y], [[0.03, 0], 'published', [0.3, 0.1], [0, 1]]);
  const words = (layout.annotations as Annotation[]).filter(({ text }) => /holds|fails|told/.test(text));
  assert.deepEqual(
    words.map(({ text, y }) => [text, Math.round(y)]),
    [
      ['holds', 1],
      ['fails', 2],
      ['holds', 0],
      ['cannot be told', 1],
    ],
  );
  assert.deepEqual(table?.[0], {
    ...{ Row: 'retina', Series: 'AdamW', Difference: null, From: null, To: null },
    ...{ Published: 0.3, Verdict: '' },
  });
  const scores = differenceChart({ ...differences, ordered: false, sides: undefined }, { label }).figure.layout;
  assert.equal((scores.yaxis as { ticktext: string[] }).ticktext[0], 'blood', 'scores keep their order');
});

test('both sides of 0 are named, and markup in names is shown', () => {
  const { layout } = differenceChart(differences, { label }).figure;
  const names = (layout.annotations as Annotation[]).filter(({ yref }) => yref === 'paper').map(({ text }) => text);
  assert.deepEqual(names, ['← ResNet-50 is better', 'Swin-B is better →']);
  assert.deepEqual((layout.yaxis as { ticktext: string[] }).ticktext[1], 'derma &lt;b&gt;');
});

test('a chart of differences refuses what does not fit', () => {
  const refused = (changed: Partial<DifferenceChart>, pattern: RegExp): void =>
    assert.throws(() => differenceChart({ ...differences, ...changed }, { label }), pattern);
  refused({ rows: [] }, /at least one row/);
  refused({ series: [] }, /at least one row and series/);
  refused({ rows: ['blood'] }, /"AdamW" has 3 differences, but there are 1 rows/);
  const none = { name: 'none', differences: [null, null, null] };
  assert.doesNotThrow(() => differenceChart({ ...differences, series: [none] }, { label }));
});
