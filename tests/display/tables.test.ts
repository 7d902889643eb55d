import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DataFrame } from 'danfojs-node';
import { table, type FrameLike } from '../../lib/display/tables';

const rows = [
  { model: 'ResNet-18', testAccuracy: 0.931234567, parameters: 11181642, seconds: 12 },
  { model: '<script>', testAccuracy: NaN, parameters: 21665664, seconds: 31.25 },
];

test('a table says what it is, which cells are heads, and can be scrolled by keyboard', () => {
  const { html } = table(rows, { caption: 'Results & more' });
  assert.match(
    html,
    /^<div class="nb-display nb-table" role="region" aria-label="Results &amp; more" tabindex="0"><table><caption>Results &amp; more</,
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
});

test('columns can be chosen, renamed and have their lowest value marked as such', () => {
  const { html, text } = table(rows, {
    caption: 'Results',
    columns: ['model', 'seconds'],
    headings: { seconds: 'Time in s' },
    highlight: { seconds: 'lowest' },
    digits: 2,
  });
  assert.deepEqual(
    [...html.matchAll(/<th scope="col"[^>]*>(.*?)</g)].map((match) => match[1]),
    ['Model', 'Time in s'],
  );
  assert.match(
    html,
    /<strong title="The lowest of its column">12\.00<span class="nb-hidden"> \(lowest\)<\/span><\/strong>/,
  );
  assert.equal(text, 'Results\nModel      Time in s\nResNet-18     12.00*\n<script>       31.25');
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
