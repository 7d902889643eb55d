import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DataFrame } from 'danfojs-node';
import { table, type FrameLike, type TableOptions } from '../../lib/display/tables';

const rows = [
  { model: 'ResNet-18', testAccuracy: 0.931234567, parameters: 11181642, seconds: 12 },
  { model: '<script>', testAccuracy: NaN, parameters: 21665664, seconds: 31.25 },
];

test('a table says what it is, which cells are heads, and can be scrolled by keyboard', () => {
  const { html } = table(rows, { caption: 'Results & more' });
  assert.match(
    html,
    /^<div class="nb-display nb-table" data-table><p class="nb-caption"><strong>Results &amp; more<\/strong><\/p><div class="nb-scroll" role="region" aria-label="Results &amp; more" tabindex="0"><table aria-label="Results &amp; more">/,
  );
  assert.equal(html.match(/<th scope="col"/g)?.length, 4);
  assert.equal(html.match(/<th scope="row"/g)?.length, 2);
  assert.match(html, /<th scope="row">&lt;script&gt;<\/th>/);
});

test('numbers are aligned, rounded for the eye and kept in full', () => {
  const { html } = table(rows, { caption: 'Results', digits: { seconds: 1 } });
  assert.match(html, /<td class="nb-number" data-value="0.931234567">0.9312<\/td>/);
  assert.match(html, /<td class="nb-number" data-value="11181642">11,181,642<\/td>/);
  assert.match(html, />12\.0<.*>31\.3</s, 'a column has one number of decimals');
  assert.match(html, /<td class="nb-number">–<\/td>/, 'a missing value');
  const layers = [{ parameters: 9408 }, { parameters: 36864 }, { parameters: 64 }];
  assert.match(
    table(layers, { caption: 'Layers' }).html,
    />9,408<.*>36,864<.*>64</s,
    'thousands as in the same column',
  );
});

test('columns can be chosen and renamed, and best and worst have signs of their own', () => {
  const { html, text } = table(rows, {
    caption: 'Results',
    columns: ['model', 'seconds'],
    headings: { seconds: 'Time in s' },
    highlight: { seconds: 'lowest' },
    worst: { seconds: 'highest' },
    digits: 2,
  });
  assert.deepEqual(
    [...html.matchAll(/<th scope="col"[^>]*>(.*?)</g)].map((match) => match[1]),
    ['Model', 'Time in s'],
  );
  assert.match(
    html,
    /<strong class="nb-best" title="The lowest of its column">12\.00<span class="nb-hidden"> \(the lowest of its column\)<\/span><\/strong>/,
  );
  assert.match(html, /<strong class="nb-worst" title="The highest of its column">31\.25</);
  assert.equal(text, 'Results\nModel      Time in s\nResNet-18     12.00*\n<script>      31.25!');
});

test('only what can be compared is starred: no ties, nothing that is alone, or the row that was chosen', () => {
  const scores = [
    { images: 10, dice: 0.5 },
    { images: 10, dice: 0.8001 },
    { images: 10, dice: 0.80012 },
    { images: 72, dice: 0.9 },
    { images: 72, dice: 0.7 },
    { images: 144, dice: 0.99 },
  ];
  const starred = (options: Partial<TableOptions>): string[] =>
    [...table(scores, { caption: 'Dice', ...options }).html.matchAll(/nb-best"[^>]*>([\d.]+)/g)].map(
      ([, text]) => text,
    );
  assert.deepEqual(
    starred({ highlight: { dice: 'highest' }, within: ['images'] }),
    ['0.900'],
    'the first group has a tie',
  );
  assert.deepEqual(starred({ highlight: { dice: 'highest' } }), ['0.990']);
  const chosen = { rows: [scores[4]], columns: ['dice'], how: 'chosen by the validation images' };
  assert.deepEqual(starred({ chosen, highlight: { dice: 'highest' } }), ['0.700']);
});

test('a column has one number of decimals: no more than its values have, and enough for the largest', () => {
  const shown = (values: number[], digits?: number): string[] =>
    [
      ...table(
        values.map((p) => ({ name: 'a', p })),
        { caption: 'p', digits },
      ).html.matchAll(/data-value="[^"]*">([^<]*)/g),
    ].map(([, text]) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>'));
  assert.deepEqual(shown([0.2, 0.28], 4), ['0.20', '0.28']);
  assert.deepEqual(shown([0.7024, 6.7e-6], 4), ['0.7024', '<0.0001']);
  assert.deepEqual(shown([-2e-6, 0.5], 2), ['>−0.01', '0.50']);
  assert.deepEqual(shown([0.0000312, 0.000001]), ['0.000031', '0.000001']);
  assert.deepEqual(shown([1e-3, 3e-4], 6), ['0.0010', '0.0003']);
});

test('columns without a value are left out, and a percent sign stays with its number', () => {
  const { html, text } = table([{ a: 'over 95 % of them', b: NaN, c: '', d: 1 }], { caption: 'At 95 %' });
  assert.deepEqual(
    [...html.matchAll(/<th scope="col"[^>]*>(.*?)</g)].map((match) => match[1]),
    ['A', 'D'],
  );
  assert.match(text, /^At 95\u00a0%\n/);
  assert.match(html, /over 95\u00a0% of them/);
});

test('an unknown column is named, with the nearest', () => {
  assert.throws(
    () => table(rows, { caption: 'Results', columns: ['testAcuracy'] }),
    /no column "testAcuracy", did you mean "testAccuracy"\?/,
  );
});

test('rows may lack a column, and a table may lack rows', () => {
  assert.match(table([{ a: 1 }, { b: 'x' }], { caption: 'Ragged' }).html, /<td class="nb-number">–<\/td><td>x<\/td>/);
  assert.match(table([], { caption: 'Empty', columns: ['model'] }).html, /<td colspan="1">No rows\.<\/td>/);
});

test('what a danfo DataFrame shows of itself is enough', () => {
  const frame: FrameLike = { columns: ['model', 'dice'], values: [['U-Net', 0.8125]] };
  assert.match(
    table(frame, { caption: 'Frame', digits: 4 }).html,
    /<th scope="row">U-Net<\/th><td class="nb-number" data-value="0.8125">0.8125</,
  );
  // Fails to compile should danfo's DataFrame no longer fit; danfo itself is not loaded.
  const accepts = (given: DataFrame): FrameLike => given;
  assert.equal(typeof accepts, 'function');
});
