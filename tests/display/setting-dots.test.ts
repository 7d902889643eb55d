import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingDots, type SettingValues } from '../../lib/display/setting-dots';

const scores = [
  { title: 'Validation', values: [0.6, 0.9, 0.7] },
  { title: 'Test', values: [0.5, undefined, 0.8] },
];
const draw = (settings: readonly SettingValues[], best?: number) =>
  settingDots(
    { title: 'Runs', settings, scores, names: ['run 0', 'run 1', 'run <2>'], best, bestTitle: 'Chosen' },
    { label: 'Scores over settings' },
  ).figure;

test('a dot a training stands at its setting and its scores; the chosen one has a star in each diagram', () => {
  const { data } = draw(
    [
      { title: 'rate', values: [1e-4, 1e-2, 1e-3] },
      { title: 'weights', values: ['random', 'hub', undefined] },
    ],
    1,
  );
  assert.deepEqual(
    data.map(({ name, xaxis, x, y, showlegend }) => [name, xaxis, x, y, showlegend]),
    [
      ['Validation', 'x', [1e-4, 1e-2, 1e-3], [0.6, 0.9, 0.7], true],
      ['Test', 'x', [1e-4, 1e-3], [0.5, 0.8], true],
      ['Chosen', 'x', [1e-2], [0.9], true],
      ['Validation', 'x2', [1, 0], [0.6, 0.9], false],
      ['Test', 'x2', [1], [0.5], false],
      ['Chosen', 'x2', [0], [0.9], false],
    ],
  );
  assert.deepEqual(data[0].text, ['run 0', 'run 1', 'run &lt;2&gt;']);
});

test('numbers over a factor of ten are on a logarithmic axis, texts at equal distances, and all diagrams have one axis of scores', () => {
  const { layout } = draw([
    { title: 'rate', values: [1e-4, 1e-2, 1e-3] },
    { title: 'decay', values: [0, 10, 1] },
    { title: 'mixed', values: [3, 'none', 20] },
    { title: 'one', values: [3, 3, 3] },
  ]);
  const axis = (name: string) =>
    layout[name] as { type?: string; ticktext?: string[]; range: number[]; domain: number[] };
  assert.equal(axis('xaxis').type, 'log');
  assert.deepEqual(
    axis('xaxis').range.map((end) => Math.round(end * 100) / 100),
    [-4.16, -1.84],
  );
  assert.equal(axis('xaxis2').type, undefined, 'there is no logarithm of 0');
  assert.deepEqual(axis('xaxis3').ticktext, ['20', '3', 'none'], 'numbers among texts are texts');
  assert.deepEqual(axis('xaxis4').ticktext, ['3']);
  assert.deepEqual(axis('yaxis').range, axis('yaxis4').range);
  assert.ok(axis('yaxis4').domain[1] < axis('yaxis').domain[0], 'three in a row');
  assert.throws(() => draw([{ title: 'a', values: [1] }]), /^Error: a has 1 values, but there are 3 trainings\.$/);
});
