import assert from 'node:assert/strict';
import { test } from 'node:test';

import { barPanels, rankChart, type BarPanels } from '../../lib/display/charts';
import type { PlotLayout } from '../../lib/display/figure';
import { palette } from '../../lib/display/theme';

const label = 'Test AUC of both networks on three datasets';

const panels: BarPanels = {
  title: 'Test AUC',
  groups: ['AdamW', 'SGD'],
  valueTitle: 'Test AUC',
  errorTitle: 'standard deviation over 5 seeds',
  referenceTitle: 'Published',
  range: [0.5, 1],
  columns: 2,
  panels: ['blood', 'derma <b>', 'retina'].map((title, at) => ({
    title,
    reference: at === 0 ? null : 0.9,
    series: [
      { name: 'ResNet-50', values: [0.9, 1], errors: [0.01, 0.02], counts: [5, 5] },
      { name: 'Swin-B', values: [at === 2 ? null : 0.95, 0.96], errors: [0.01, NaN], counts: [at === 2 ? 0 : 5, 1] },
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

test('panels have a bar for each series, its error bar, and one entry each in the legend', () => {
  const { data, layout, label: given } = barPanels(panels, { label }).figure;
  assert.equal(given, label);
  const bars = data.filter(({ type }) => type === 'bar');
  assert.equal(bars.length, 6);
  assert.deepEqual(bars.map(({ name, xaxis, showlegend }) => [name, xaxis, showlegend]).slice(0, 3), [
    ['ResNet-50', 'x', true],
    ['Swin-B', 'x', true],
    ['ResNet-50', 'x2', false],
  ]);
  assert.deepEqual(bars[4].y, [0.9, 1]);
  assert.deepEqual((bars[4].error_y as { array: number[] }).array, [0.01, 0.02]);
  // A single seed has no deviation.
  assert.deepEqual((bars[5].error_y as { array: number[] }).array, [0.01, 0]);
  assert.deepEqual(bars[5].y, [null, 0.96]);
  const patterns = bars.slice(0, 2).map(({ marker }) => (marker as { pattern: { shape: string } }).pattern.shape);
  assert.notEqual(patterns[0], patterns[1]);
  // Bars stand side by side within their group.
  const [first, second] = bars.map(({ x, width }) => ({ x: x as number[], width: width as number }));
  assert.ok(first.x[0] + first.width / 2 < second.x[0] - second.width / 2 + 1e-9);
  assert.ok(second.x[0] + second.width / 2 < 0.5 && first.x[1] - first.width / 2 > 0.5);
  assert.deepEqual(
    axis(layout, 'yaxis3').range.map((value) => Number(value.toFixed(2))),
    [0.5, 1.06],
  );
});

test('panels mark the number to compare with, where there is one', () => {
  const { data } = barPanels(panels, { label }).figure;
  const marks = data.filter(({ type }) => type === 'scatter');
  assert.deepEqual(
    marks.map(({ name, yaxis, y, showlegend }) => [name, yaxis, y, showlegend]),
    [
      ['Published', 'y2', [0.9, 0.9], true],
      ['Published', 'y3', [0.9, 0.9], false],
    ],
  );
});

test('the numbers of panels stand above the error bars, and what is missing is a dash at the foot', () => {
  const { layout, caption, table } = barPanels(panels, { label, caption: 'Twelve runs.' }).figure;
  const third = annotations(layout).filter(({ xref }) => xref === 'x3');
  assert.deepEqual(
    third.map(({ text, y }) => [text, y]),
    [
      ['0.900', 0.91],
      ['1.000', 1.02],
      ['–', 0.5],
      ['0.960', 0.96],
    ],
  );
  assert.equal(
    caption,
    'Twelve runs. Error bars: standard deviation over 5 seeds. Bars begin at 0.5, not at 0. –: not there yet.',
  );
  assert.deepEqual(table?.[4], {
    Panel: 'retina',
    Group: 'AdamW',
    'ResNet-50': 0.9,
    'ResNet-50 error': 0.01,
    'ResNet-50 n': 5,
    'Swin-B': null,
    'Swin-B error': 0.01,
    'Swin-B n': 0,
    Published: 0.9,
  });
  assert.equal(table?.length, 6);
});

test('titles of panels stay with their panels, and markup in them is shown', () => {
  const { layout } = barPanels(panels, { label }).figure;
  const title = annotations(layout).find(({ text }) => text.includes('derma'));
  assert.equal(title?.text, '<b>derma &lt;b&gt;</b>');
  assert.deepEqual([title?.xref, title?.yref], ['x2 domain', 'y2 domain']);
});

test('panels are arranged in rows, and in fewer columns on a phone, without an overlap', () => {
  const twelve = { ...panels, columns: 4, panels: Array.from({ length: 12 }, () => panels.panels[0]) };
  const { layout, narrowLayout } = barPanels(twelve, { label }).figure;
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

test('panels without a range begin at 0 and end above the highest error bar', () => {
  const { layout, caption } = barPanels({ ...panels, range: undefined, errorTitle: undefined }, { label }).figure;
  assert.equal(axis(layout, 'yaxis').range[0], 0);
  assert.ok(axis(layout, 'yaxis').range[1] > 1.02);
  assert.equal(caption, '–: not there yet.');
});

test('panels that do not fit together are refused', () => {
  const [one] = panels.panels;
  const other = { ...one, series: one.series.slice(0, 1) };
  assert.throws(() => barPanels({ ...panels, panels: [one, other] }, { label }), /has other series than the first/);
  assert.throws(() => barPanels({ ...panels, groups: ['AdamW'] }, { label }), /one value for each of 1 groups/);
  assert.throws(() => barPanels({ ...panels, panels: [] }, { label }), /at least one panel/);
  assert.throws(() => barPanels(panels, { label: ' ' }), /A figure needs a label/);
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
  assert.deepEqual((dots.error_x as { array: number[] }).array, [0.65, 0.65, 0.65, 0.65]);
  const marker = dots.marker as { color: string[]; symbol: string[] };
  assert.deepEqual(marker.color, [palette[0], palette[0], palette[1], palette[1]]);
  assert.deepEqual(marker.symbol, ['circle', 'circle', 'diamond', 'diamond']);
  const [band] = layout.shapes as { x0: number; x1: number }[];
  assert.deepEqual(
    [band.x0, band.x1].map((value) => Number(value.toFixed(2))),
    [0.75, 2.05],
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
