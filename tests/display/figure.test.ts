import assert from 'node:assert/strict';
import { test } from 'node:test';

import { figure } from '../../lib/display/own-figure';
import { table } from '../../lib/display/tables';
import {
  createFigure,
  figureTitle,
  narrowHeader,
  type Figure,
  type PlotLayout,
  type PlotTrace,
} from '../../lib/display/figure';
import { userError } from '../data/user-error';

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
  assert.match(
    createFigure(plain).html,
    /^<figure class="nb-display nb-figure" aria-label="Two bars" data-figure="basic">/,
  );
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
    /style="max-width:900px".*data-plot="[^"]*" tabindex="0"/s,
  );
  assert.doesNotMatch(createFigure(plain).html, /tabindex/);
});

test('a chart says in words what it shows, by its series or its heat map; without either, what it is', () => {
  const shown = (figure: Figure): string => / data-plot="([^"]*)"/.exec(createFigure(figure).html)?.[1] ?? '';
  assert.equal(shown(plain), 'Two bars');
  const data: PlotTrace[] = [
    { type: 'scatter', mode: 'lines', name: 'A &lt;b&gt;<br>net', x: [1, 2, 3], y: [0.5, 0.875, 0.75] },
    { type: 'bar', name: 'Times', orientation: 'h', x: [3, NaN, 12000], y: ['a', 'b', 'c'], xaxis: 'x2' },
    { type: 'scatter', name: 'band', hoverinfo: 'skip', y: [7] },
    { type: 'heatmap', z: [[1, 2], [3, null]] }, // prettier-ignore
  ];
  const layout = { yaxis: { title: { text: 'Dice' } }, xaxis2: { title: { text: 'Seconds' } } };
  assert.equal(
    shown({ ...plain, data, layout }),
    'Dice, A &lt;b&gt; net: 0.500 at first, 0.750 at last; from 0.500 to 0.875. Seconds, Times: from 3 to 12,000. Heat map: 3 values from 1 to 3.',
  );
  const many = Array.from({ length: 10 }, (_, at): PlotTrace => ({ type: 'bar', name: `s${at}`, y: [at] }));
  assert.match(shown({ ...plain, data: many }), /^s0: 0\. .* s7: 7\. 2 more series\.$/);
});

test('other front ends are given the chart as data too, in colours instead of variables', () => {
  const value = createFigure({ ...plain, data: [{ type: 'bar', marker: { color: 'var(--nb-ink)' } }] });
  const method = (value as unknown as Record<symbol, () => Record<string, unknown>>)[Symbol.for('Jupyter.display')];
  const { 'application/vnd.plotly.v1+json': chart, ...texts } = method();
  assert.deepEqual(texts, { 'text/html': value.html, 'text/plain': value.text });
  const { data, layout } = chart as Payload;
  assert.deepEqual(data, [{ type: 'bar', marker: { color: '#1f2328' } }]);
  assert.equal(layout.paper_bgcolor, '#ffffff');
  assert.doesNotMatch(JSON.stringify(chart), /var\(/);
  assert.equal(Symbol.for('Jupyter.display') in table([{ a: 1 }], { caption: 'A' }), true);
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

test('a map of points is drawn without outlines; one that would load some is refused with what to do instead', () => {
  const points = { type: 'scattergeo' as const, lon: [12], lat: [50] };
  const { layout } = payloadOf(figure({ data: [points], label: 'A place' }).html);
  assert.equal((layout.template as { layout: { geo: { visible: boolean } } }).layout.geo.visible, false);
  const refused = (given: Parameters<typeof figure>[0], what: string): void =>
    assert.throws(
      () => figure(given),
      userError(new RegExp(`^The figure has ${what}, for which .*: draw points and outlines`)),
    );
  refused({ data: [points], layout: { geo: { showland: true } }, label: 'a' }, 'geo.showland');
  refused({ data: [{ type: 'scattergeo', locations: ['DEU'] }], label: 'a' }, 'scattergeo with locations');
  for (const type of ['choropleth', 'scattermap', 'densitymap'] as const)
    refused({ data: [{ type }], label: 'a' }, type);
  for (const type of ['heatmap', 'treemap'] as const) figure({ data: [{ type }], label: 'a' });
});
