import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  createFigure,
  figureTitle,
  narrowHeader,
  type Figure,
  type PlotLayout,
  type PlotTrace,
} from '../../lib/display/figure';

interface Payload {
  readonly data: readonly PlotTrace[];
  readonly layout: PlotLayout;
  readonly config: Readonly<Record<string, unknown>>;
}

function payloadOf(html: string): Payload {
  const match = /<script type="application\/json">(.*?)<\/script>/s.exec(html);
  assert.ok(match, 'the figure carries its data');
  return JSON.parse(match[1] ?? '') as Payload;
}

const plain: Figure = {
  data: [{ type: 'bar', x: [1, 2], y: [3, NaN] }],
  layout: { xaxis: { title: { text: 'Epoch' } } },
  label: 'Two bars',
};

test('the payload is valid JSON whatever the names are', () => {
  const name = '</script><script>alert("x")</script><!-- ]]>';
  const { html } = createFigure({ ...plain, data: [{ type: 'bar', name }], label: name, caption: name });
  assert.equal(payloadOf(html).data[0]?.name, name);
  assert.equal(html.match(/<script/g)?.length, 2, 'the payload and the queue, nothing else');
  assert.ok(html.includes('aria-label="&lt;/script&gt;'));
  assert.ok(html.includes('<figcaption>&lt;/script&gt;'));
});

test('a figure has an accessible name, and one without a label is refused', () => {
  assert.match(createFigure(plain).html, /^<figure class="nb-display nb-figure" aria-label="Two bars" data-figure>/);
  assert.throws(() => createFigure({ ...plain, label: ' ' }), /needs a label/);
});

test('the base layout is under the figure, and every axis has the theme', () => {
  const { layout, config } = payloadOf(createFigure(plain).html);
  const axis = layout.xaxis as { title: { text: string; standoff: number }; gridcolor: string };
  assert.equal(axis.title.text, 'Epoch');
  assert.equal(axis.gridcolor, 'var(--nb-grid)');
  assert.equal(layout.paper_bgcolor, 'rgba(0,0,0,0)');
  assert.equal(config.showSendToCloud, false);
  assert.equal(config.displaylogo, false);
  assert.equal(config.responsive, true);
});

test('the given figure is not changed', () => {
  const before = JSON.stringify(plain);
  createFigure(plain);
  assert.equal(JSON.stringify(plain), before);
});

test('numbers are there as a table too, in the HTML and in the text', () => {
  const { html, text } = createFigure({ ...plain, caption: 'A caption.', table: [{ epoch: 1, loss: 0.25 }] });
  assert.match(
    html,
    /<details class="nb-details"><summary>Data as table<\/summary>.*<strong>Data: Two bars<\/strong>/s,
  );
  assert.match(text, /^\[figure\] Two bars\nA caption\.\nData\nEpoch +Loss\n/);
});

test('a figure that scrolls sideways can be reached by keyboard', () => {
  assert.match(
    createFigure({ ...plain, width: { least: 700, most: 900 } }).html,
    /style="max-width:900px".*data-plot tabindex="0"/s,
  );
  assert.doesNotMatch(createFigure(plain).html, /data-plot tabindex/);
});

test('titles are objects, wrapped and without markup', () => {
  assert.equal(figureTitle('Training history: <b>ViT</b>', 20).text, 'Training history:<br>&lt;b&gt;ViT&lt;/b&gt;');
});

test('on a phone there is room for a title of two lines and a legend of a name a line', () => {
  const long = ['as published, training', 'as published, validation', 'corrected, training', 'corrected, validation'];
  assert.equal(narrowHeader('Denoising: reconstruction loss per epoch', long), 32 + 40 + 88);
  assert.equal(narrowHeader('Loss', ['F, training', 'F, validation']), 32 + 20 + 22, 'two short names share a line');
  assert.equal(narrowHeader('Loss', []), 52);
});
