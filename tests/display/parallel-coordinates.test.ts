import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallelCoordinates, type ParallelAxis } from '../../lib/display/parallel-coordinates';

const label = 'Settings and scores';
const draw = (axes: readonly ParallelAxis[], best?: number) => {
  const names = axes[0].values.map((_, index) => `run ${index}`);
  return parallelCoordinates({ title: 'Runs', axes, names, best, bestTitle: 'Highest' }, { label }).figure;
};
/** Where the lines cross one axis, in the order of the names. */
const heights = (axis: ParallelAxis): (number | null)[] =>
  draw([axis, { title: 'other', values: axis.values.map(() => 1) }])
    .data.map((trace) => [String(trace.hovertemplate), (trace.y as (number | null)[])[0]] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, height]) => height);

test('numbers are drawn from the least to the largest, by their logarithm where they span a factor of ten', () => {
  assert.deepEqual(heights({ title: 'epochs', values: [10, 20, 15] }), [0, 1, 0.5]);
  const rates = heights({ title: 'rate', values: [1e-4, 1e-2, 1e-3] }) as number[];
  rates.forEach((height, index) => assert.ok(Math.abs(height - [0, 1, 0.5][index]) < 1e-12, String(height)));
  assert.deepEqual(heights({ title: 'decay', values: [0, 10, 1] }), [0, 1, 0.1], 'there is no logarithm of 0');
});

test('texts are drawn at equal distances; a value that is missing breaks the line; one value alone is in the middle', () => {
  assert.deepEqual(heights({ title: 'weights', values: ['random', 'hub', 'random', 'web'] }), [0.5, 0, 0.5, 1]);
  assert.deepEqual(heights({ title: 'mixed', values: [3, 'none', 20] }), [0.5, 1, 0], 'numbers among texts are texts');
  assert.deepEqual(heights({ title: 'epochs', values: [1, undefined, 2, NaN] }), [0, null, 1, null]);
  assert.deepEqual(heights({ title: 'seed', values: [42, 42] }), [0.5, 0.5]);
});

test('the marked line lies above the others and differs in more than colour; the legend names both once', () => {
  const { data, table } = draw(
    [
      { title: 'epochs', values: [1, 2, 3] },
      { title: 'score', values: [0.1, 0.9, 0.4] },
    ],
    1,
  );
  assert.deepEqual(
    data.map(({ name, showlegend }) => [name, showlegend]),
    [
      ['Others', true],
      ['Others', false],
      ['Highest', true],
    ],
  );
  const [other, , best] = data.map(({ line, marker }) => ({ ...(line as object), ...(marker as object) })) as {
    width: number;
    symbol: string;
  }[];
  assert.ok(best.width > 2 * other.width);
  assert.notEqual(best.symbol, other.symbol);
  assert.deepEqual(table?.[1], { run: 'run 1', epochs: 2, score: 0.9, marked: true });
});

test('labels that would cover each other are left out, but not those of the ends', () => {
  const { layout } = draw([
    { title: 'score', values: Array.from({ length: 100 }, (_, index) => index) },
    { title: 'b', values: Array.from({ length: 100 }, () => 1) },
  ]);
  const labels = (layout.annotations as { x: number; text: string }[])
    .filter(({ x }) => x === 0)
    .map(({ text }) => text);
  assert.ok(labels.length > 5 && labels.length < 16, labels.join());
  assert.deepEqual([labels[0], labels[labels.length - 1]], ['0', '99']);
});

test('names are shown, not obeyed, and an axis has a value for every line', () => {
  const [trace] = draw([{ title: '<b>', values: ['<i>'] }]).data;
  assert.deepEqual(trace.text, ['&lt;b&gt;: &lt;i&gt;']);
  assert.throws(
    () =>
      draw([
        { title: 'a', values: [1, 2] },
        { title: 'b', values: [1] },
      ]),
    /^Error: b has 1 values, but there are 2 lines\.$/,
  );
});
