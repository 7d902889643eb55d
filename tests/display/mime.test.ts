import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { displayLibrary, libraryMarker } from '../../lib/display/library';
import { inNotebook, liveDisplay, show } from '../../lib/display/mime';
import { bundleNames, bundleOf, bundleOfHtml, bundlePath } from '../../lib/display/plotly-bundles';
import { status } from '../../lib/display/status';
import { projectRoot } from '../../lib/paths';

test('outside a notebook the text is printed', (context) => {
  const log = context.mock.method(console, 'log', () => undefined);
  assert.equal(inNotebook(), false);
  show(status('The loss is not finite.', { kind: 'error' }));
  liveDisplay().update(status('Working.', { kind: 'processing' }));
  assert.deepEqual(
    log.mock.calls.map((call) => call.arguments),
    [['Error: The loss is not finite.']],
  );
});

test('a status says its kind by a word and a role, and shows markup as it is', () => {
  assert.match(
    status('<b>5 < 6</b>').html,
    /nb-info" role="status">.*<strong>Note\.<\/strong> &lt;b&gt;5 &lt; 6&lt;\/b&gt;/,
  );
  assert.match(status('Stop.', { kind: 'error' }).html, /role="alert".*<strong>Error\.<\/strong>/);
});

test('the library carries Plotly whole, its marker, the style sheet and nothing that ends a script early', () => {
  const { html } = displayLibrary('cartesian');
  assert.ok(html.startsWith(`<div ${libraryMarker}><style>`));
  assert.ok(html.length < 1_000_000, `${html.length} characters`);
  const packed = /id="plotly-cartesian">([^<]+)<\/script>/.exec(html)?.[1] ?? '';
  assert.ok(gunzipSync(Buffer.from(packed, 'base64')).equals(readFileSync(bundlePath('cartesian'))));
  assert.equal(html.match(/<script/g)?.length, 2);
  assert.equal(html.match(/<\/script/g)?.length, 2);
});

test('figures get the smallest bundle that draws them all', () => {
  assert.equal(bundleOf([]), 'basic');
  assert.equal(bundleOf(['bar', 'scatter']), 'basic');
  assert.equal(bundleOf(['bar', 'heatmap']), 'cartesian');
  assert.equal(bundleOf(['scatter3d', 'bar']), 'strict');
  assert.equal(bundleOfHtml('<p>none</p>'), 'basic');
  assert.equal(bundleOfHtml('<figure data-figure>, of an older notebook</figure>'), 'cartesian');
  assert.equal(bundleOfHtml('<figure data-figure="strict"></figure><figure data-figure="basic"></figure>'), 'strict');
});

test('each bundle registers the kinds of traces that it is taken for', () => {
  const kinds = {
    basic: ['bar', 'pie', 'scatter'],
    cartesian: ['violin', 'image'],
    strict: ['sankey', 'surface', 'parcoords', 'scattergeo'],
  } as const;
  for (const name of bundleNames) {
    const text = readFileSync(bundlePath(name), 'utf8');
    for (const kind of kinds[name]) assert.ok(text.includes(`moduleType:"trace",name:"${kind}"`), `${name}: ${kind}`);
    const next = bundleNames[bundleNames.indexOf(name) + 1];
    if (next !== undefined)
      assert.ok(
        !text.includes(`moduleType:"trace",name:"${kinds[next][0]}"`),
        `${name} is as small as it is said to be`,
      );
  }
});

test('the page knows the marker, and loads nothing from anywhere', () => {
  const read = (name: string) => readFileSync(join(projectRoot, 'lib/blog', name), 'utf8');
  assert.ok(read('index.html.j2').includes(`library_marker = '${libraryMarker}'`));
  for (const name of ['index.html.j2', 'page.js', 'blog.css', 'prose.css', 'code.css', 'print.css']) {
    assert.doesNotMatch(read(name), /https?:\/\/|@import|url\(/, name);
  }
});
