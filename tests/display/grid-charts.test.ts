import assert from 'node:assert/strict';
import { test } from 'node:test';

import { rankChart } from '../../lib/display/rank-chart';
import { scorePanels, type ScorePanels } from '../../lib/display/score-panels';
import type { PlotLayout } from '../../lib/display/figure';
import { palette } from '../../lib/display/theme';

const label = 'Test AUC of both networks on three datasets';

const panels: ScorePanels = {
  title: 'Test AUC',
  groups: ['AdamW', 'SGD'],
  valueTitle: 'Test AUC',
  unit: 'seed',
  referenceTitle: 'Published',
  columns: 2,
  panels: ['blood', 'derma <b>', 'retina'].map((title, at) => ({
    title,
    reference: at === 0 ? null : 0.9,
    series: [
      {
        name: 'ResNet-50',
        scores: [
          [0.88, 0.9, 0.92],
          [0.4, 0.42],
        ],
      },
      { name: 'Swin-B', scores: [at === 2 ? [] : [0.95, 0.97], [0.96]] },
    ],
  })),
};

interface Annotation {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly xref: string;
  readonly yref: string;
}
const annotations = (layout: PlotLayout): Annotation[] => layout.annotations as Annotation[];
interface Axis {
  readonly domain: readonly [number, number];
  readonly range: readonly [number, number];
}
const axis = (layout: PlotLayout | undefined, name: string): Axis => layout?.[name] as Axis;

test('panels have a dot for each run, a bar at the mean of several, whiskers of three, and one entry each in the legend', () => {
  const { data, layout, label: given } = scorePanels(panels, { label }).figure;
  assert.equal(given, label);
  const traces = data.filter(({ mode }) => mode === 'markers');
  assert.equal(traces.length, 3 * 2 * 2);
  assert.deepEqual(traces.map(({ name, xaxis, showlegend }) => [name, xaxis, showlegend]).slice(0, 5), [
    ['ResNet-50', 'x', true],
    ['ResNet-50', 'x', false],
    ['Swin-B', 'x', true],
    ['Swin-B', 'x', false],
    ['ResNet-50', 'x2', false],
  ]);
  const [dots, means, others] = traces;
  assert.deepEqual(dots.y, [0.88, 0.9, 0.92, 0.4, 0.42]);
  assert.equal(new Set(dots.x as number[]).size, 5, 'no dot hides another');
  assert.deepEqual(
    (means.y as number[]).map((value) => Number(value.toFixed(3))),
    [0.9, 0.41],
  );
  const [ofThree, ofTwo] = (means.error_y as { array: number[] }).array;
  assert.deepEqual([Number(ofThree.toFixed(3)), ofTwo], [0.02, 0], 'two runs have no deviation that says anything');
  assert.notEqual((dots.marker as { symbol: string }).symbol, (others.marker as { symbol: string }).symbol);
  assert.ok(
    Math.max(...(dots.x as number[]).slice(0, 3)) < Math.min(...(others.x as number[]).slice(0, 2)),
    'side by side',
  );
  const [low, high] = axis(layout, 'yaxis3').range;
  assert.ok(low < 0.4 && high > 0.97, 'nothing is cut off');
});

test('panels mark the number to compare with, where there is one', () => {
  const { data } = scorePanels(panels, { label }).figure;
  const marks = data.filter(({ mode }) => mode === 'lines');
  assert.deepEqual(
    marks.map(({ name, yaxis, y, showlegend }) => [name, yaxis, y, showlegend]),
    [
      ['Published', 'y2', [0.9, 0.9], true],
      ['Published', 'y3', [0.9, 0.9], false],
    ],
  );
});

test('the means stand above dots and whiskers, and what is missing is a dash at the foot', () => {
  const { layout, caption, table } = scorePanels(panels, { label, caption: 'Twelve runs.' }).figure;
  const third = annotations(layout).filter(({ xref }) => xref === 'x3');
  assert.deepEqual(
    third.map(({ text, y }) => [text, Number(y.toFixed(3))]),
    [
      ['0.900', 0.92],
      ['0.410', 0.42],
      ['–', Number(axis(layout, 'yaxis3').range[0].toFixed(3))],
      ['0.960', 0.96],
    ],
  );
  assert.equal(
    caption,
    'Twelve runs. A dot a seed, a bar at their mean, which is written above. Whiskers: standard deviation over seeds, of three and more. –: not there yet.',
  );
  const { 'ResNet-50 SD': deviation, ...row } = table?.[4] as Record<string, unknown>;
  assert.equal(Number(deviation).toFixed(3), '0.020');
  assert.deepEqual(row, {
    Panel: 'retina',
    Group: 'AdamW',
    'ResNet-50': 0.9,
    'ResNet-50 n': 3,
    'Swin-B': null,
    'Swin-B SD': null,
    'Swin-B n': 0,
    Published: 0.9,
  });
  assert.equal(table?.length, 6);
});

test('titles of panels stay with their panels, and markup in them is shown', () => {
  const { layout } = scorePanels(panels, { label }).figure;
  const title = annotations(layout).find(({ text }) => text.includes('derma'));
  assert.equal(title?.text, '<b>derma &lt;b&gt;</b>');
  assert.deepEqual([title?.xref, title?.yref], ['x2 domain', 'y2 domain']);
});

test('panels are arranged in rows, and in fewer columns on a phone, without an overlap', () => {
  const twelve = { ...panels, columns: 4, panels: Array.from({ length: 12 }, () => panels.panels[0]) };
  const { layout, narrowLayout } = scorePanels(twelve, { label }).figure;
  for (const [arranged, across] of [
    [layout, 4],
    [narrowLayout, 2],
  ] as const) {
    const boxes = Array.from({ length: 12 }, (_, at) => {
      const number = at === 0 ? '' : String(at + 1);
      return { x: axis(arranged, `xaxis${number}`).domain, y: axis(arranged, `yaxis${number}`).domain };
    });
    assert.equal(new Set(boxes.map(({ x }) => x[0])).size, across);
    boxes.forEach((one, at) => {
      assert.ok([...one.x, ...one.y].every((value) => value >= 0 && value <= 1 + 1e-9));
      for (const other of boxes.slice(at + 1)) {
        const apart = one.x[1] < other.x[0] || other.x[1] < one.x[0] || other.y[1] < one.y[0] || one.y[1] < other.y[0];
        assert.ok(apart);
      }
    });
  }
  assert.ok((narrowLayout?.height ?? 0) > (layout.height ?? 0));
});

test('panels that do not fit together are refused', () => {
  const [one] = panels.panels;
  const other = { ...one, series: one.series.slice(0, 1) };
  assert.throws(() => scorePanels({ ...panels, panels: [one, other] }, { label }), /has other series than the first/);
  assert.throws(() => scorePanels({ ...panels, groups: ['AdamW'] }, { label }), /scores for each of 1 groups/);
  assert.throws(() => scorePanels({ ...panels, panels: [] }, { label }), /at least one panel/);
  assert.throws(() => scorePanels(panels, { label: ' ' }), /A figure needs a label/);
});

const ranks = {
  title: 'Mean ranks',
  methods: [
    { name: 'worst', meanRank: 3.6 },
    { name: 'best', meanRank: 1.4 },
    { name: 'second', meanRank: 2.1 },
    { name: 'third', meanRank: 2.9 },
  ],
  datasets: 12,
  criticalDifference: 1.3,
  pValue: 0.0004,
};

test('a rank chart has the best at the top, a bar of one critical difference each, and tells who reaches the best', () => {
  const { data, layout, caption, table } = rankChart(ranks, { label: 'Ranks' }).figure;
  const [dots] = data;
  assert.deepEqual(dots.x, [1.4, 2.1, 2.9, 3.6]);
  assert.deepEqual((layout.yaxis as { ticktext: string[] }).ticktext, ['best', 'second', 'third', 'worst']);
  assert.deepEqual((layout.yaxis as { range: number[] }).range, [3.5, -0.5]);
  const { array, arrayminus } = dots.error_x as { array: number[]; arrayminus: number[] };
  assert.deepEqual(array, [0.65, 0.65, 0.65, 0.65]);
  assert.deepEqual(
    arrayminus.map((down) => Number(down.toFixed(2))),
    [0.4, 0.65, 0.65, 0.65],
    'none is better than rank 1',
  );
  const marker = dots.marker as { color: string[]; symbol: string[] };
  assert.deepEqual(marker.color, [palette[0], palette[0], palette[1], palette[1]]);
  assert.deepEqual(marker.symbol, ['circle', 'circle', 'diamond', 'diamond']);
  const [band] = layout.shapes as { x0: number; x1: number }[];
  assert.deepEqual(
    [band.x0, band.x1].map((value) => Number(value.toFixed(2))),
    [1, 2.05],
  );
  assert.match(
    caption ?? '',
    /^Bars are one critical difference long \(1\.30, Nemenyi, 95 %\).* p = 0\.0004 \(Friedman/,
  );
  assert.deepEqual(table?.[1], { Method: 'second', 'Mean rank': 2.1, 'Not told apart from the best': true });
});

test('a rank chart needs methods and a label', () => {
  assert.throws(() => rankChart({ ...ranks, methods: ranks.methods.slice(0, 1) }, { label: 'Ranks' }), /two methods/);
  assert.throws(() => rankChart(ranks, { label: '' }), /A figure needs a label/);
});
