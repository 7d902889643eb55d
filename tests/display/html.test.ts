import assert from 'node:assert/strict';
import { test } from 'node:test';

import { escapeHtml, escapeLabel, scriptJson, shorten, shortNames, wrapText } from '../../lib/display/html';

test('escapeHtml leaves nothing that could open a tag, end an attribute or start an entity', () => {
  assert.equal(escapeHtml(`<img src="x" onerror='a&b'>`), '&lt;img src=&quot;x&quot; onerror=&#39;a&amp;b&#39;&gt;');
  assert.equal(escapeHtml('nevus'), 'nevus');
});

test('escapeLabel disarms the tags that Plotly obeys', () => {
  assert.equal(escapeLabel('<a href="javascript:x">R&D</a>'), '&lt;a href="javascript:x"&gt;R&amp;D&lt;/a&gt;');
});

test('scriptJson parses to the same value and cannot end its script element', () => {
  const value = { name: '</script><script>alert(1)</script>', comment: '<!--', lines: 'a\u2028b\u2029c' };
  const json = scriptJson(value);
  assert.deepEqual(JSON.parse(json), value);
  assert.doesNotMatch(json, /[<>\u2028\u2029]/);
});

test('wrapText breaks between words and keeps line breaks', () => {
  assert.deepEqual(wrapText('immature granulocytes', 14), ['immature', 'granulocytes']);
  assert.deepEqual(wrapText('true: nevus\npredicted: melanoma', 14), ['true: nevus', 'predicted:', 'melanoma']);
  assert.deepEqual(wrapText('', 14), ['']);
});

test('wrapText never exceeds the width, not even for a long word', () => {
  const lines = wrapText('dermatofibrosarcoma-protuberans and squamous/basal_cell', 14);
  assert.ok(lines.every((line) => line.length <= 14));
  assert.equal(lines.join('').replace(/ /g, ''), 'dermatofibrosarcoma-protuberansandsquamous/basal_cell');
});

test('shorten says that something was left out', () => {
  assert.equal(shorten('basophil', 8), 'basophil');
  assert.equal(shorten('erythroblast', 8), 'erythro…');
});

test('short names lose what is in brackets, and never become equal', () => {
  assert.deepEqual(shortNames(['immature granulocytes (myelocytes, metamyelocytes)', 'basophil'], 24), [
    'immature granulocytes',
    'basophil',
  ]);
  assert.deepEqual(shortNames(['cells (a)', 'cells (b)'], 24), ['cells (a)', 'cells (b)']);
  const [first, second] = shortNames(['adenocarcinoma of the left lung', 'adenocarcinoma of the right lung'], 16);
  assert.ok(first !== second && first.length <= 16 && second.length <= 16, `${first} ${second}`);
  assert.deepEqual(shortNames(['abcdefgh1xyzwv', 'abcdefgh2xyzwv'], 8), ['1 abc…yzwv', '2 abc…yzwv']);
});
