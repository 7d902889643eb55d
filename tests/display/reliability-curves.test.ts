import assert from 'node:assert/strict';
import { test } from 'node:test';

import { reliabilityCurves, type ReliabilityCurves } from '../../lib/display/reliability-curves';

const bins = [
  { lower: 0, upper: 0.5, count: 90, confidence: 0.1, accuracy: 0.2 },
  { lower: 0.5, upper: 0.75, count: 0, confidence: NaN, accuracy: NaN },
  { lower: 0.75, upper: 1, count: 10, confidence: 0.9, accuracy: 0.7 },
];
const given: ReliabilityCurves = {
  title: 'Reliability',
  panels: [
    {
      title: 'All <b>',
      curves: [
        { name: 'A', bins },
        { name: 'B & C', bins: bins.slice(0, 1) },
      ],
    },
    { title: 'Border', curves: [{ name: 'B & C', bins }] },
  ],
  confidenceTitle: 'Predicted',
  accuracyTitle: 'Share',
};
const label = 'Shares over predictions';

test('a point a bin at its mean confidence, larger for more predictions, none for an empty bin', () => {
  const { figure } = reliabilityCurves(given, { label });
  const [first, second, third] = figure.data as unknown as Record<string, never>[];
  assert.deepEqual(
    [first.x, first.y],
    [
      [0.1, 0.9],
      [0.2, 0.7],
    ],
  );
  const { size } = first.marker as { size: number[] };
  assert.equal(size[0], 12);
  assert.ok(size[1] > 4 && size[1] < 12);
  assert.deepEqual([first.name, second.name], ['A', 'B &amp; C']);
  assert.deepEqual([first.xaxis, third.xaxis, third.yaxis], ['x', 'x2', 'y2']);
  assert.equal(
    (second.line as { color: string }).color,
    (third.line as { color: string }).color,
    'of one name, of one colour',
  );
  assert.notEqual((first.line as { dash: string }).dash, (second.line as { dash: string }).dash);
  assert.equal(figure.table?.length, 7);
});

test('each diagram has its diagonal and title; on a phone they are below one another', () => {
  const { layout, narrowLayout } = reliabilityCurves(given, { label }).figure;
  const shapes = layout.shapes as { xref: string; x1: number; y1: number }[];
  assert.deepEqual(
    shapes.map(({ xref, x1, y1 }) => [xref, x1, y1]),
    [
      ['x', 1, 1],
      ['x2', 1, 1],
    ],
  );
  assert.deepEqual(
    (layout.annotations as { text: string }[]).map(({ text }) => text),
    ['<b>All &lt;b&gt;</b>', '<b>Border</b>'],
  );
  const domain = (of: typeof layout | undefined, axis: string): number[] => (of?.[axis] as { domain: number[] }).domain;
  assert.ok(domain(layout, 'xaxis2')[0] > domain(layout, 'xaxis')[1]);
  assert.deepEqual(domain(narrowLayout, 'xaxis'), domain(narrowLayout, 'xaxis2'));
  assert.ok(domain(narrowLayout, 'yaxis')[0] > domain(narrowLayout, 'yaxis2')[1]);
  assert.ok((narrowLayout?.height ?? 0) > (layout.height ?? 0));
});
