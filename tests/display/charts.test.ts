import assert from 'node:assert/strict';
import { test } from 'node:test';

import { barComparison } from '../../lib/display/bar-chart';
import { classBalance } from '../../lib/display/balance-chart';
import { confusionMatrix } from '../../lib/display/confusion-chart';
import { reliabilityDiagram } from '../../lib/display/calibration-chart';
import { trainingHistories, trainingHistory } from '../../lib/display/history-chart';
import type { PlotLayout } from '../../lib/display/figure';
import { trainingCurves } from '../../lib/display/training-curves';
import type { HistoryRow } from '../../lib/training/events';

const label = 'What is to be seen';

function rows(count: number): HistoryRow[] {
  return Array.from({ length: count }, (_, index) => ({
    epoch: index + 1,
    trainLoss: 1 / (index + 1),
    trainAccuracy: 1 - 1 / (index + 2),
    valLoss: 1.1 / (index + 1),
    valAccuracy: 0.9 - 0.5 / (index + 1),
    learningRate: 0.001,
    seconds: 2,
  }));
}

interface Annotation {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}
interface Axis {
  readonly range: readonly number[];
  readonly dtick: number;
  readonly ticktext: readonly string[];
}
const axis = (layout: PlotLayout, name: string): Axis => layout[name] as Axis;
const annotations = (layout: PlotLayout): Annotation[] => layout.annotations as Annotation[];

test('a training history has both panels, the star, the line and the scores', () => {
  const run = { model: 'ResNet-18', history: rows(12), bestEpoch: 7, test: { accuracy: 0.9312, macroF1: 0.9188 } };
  const { data, layout, caption } = trainingHistory(run, { label }).figure;
  assert.equal(layout.title?.text, 'Training history: ResNet-18');
  assert.deepEqual(
    data.map((trace) => [trace.name, trace.yaxis]),
    [
      ['Training', 'y'],
      ['Validation', 'y'],
      ['Training', 'y2'],
      ['Validation', 'y2'],
      ['Best validation epoch', 'y2'],
    ],
  );
  assert.deepEqual(data[4]?.x, [7]);
  assert.equal((data[4]?.marker as { symbol: string }).symbol, 'star');
  const [line] = layout.shapes as { x0: number; line: { dash: string } }[];
  assert.equal(line?.x0, 7);
  assert.equal(line?.line.dash, 'dash');
  assert.deepEqual(axis(layout, 'yaxis2').range, [0, 1.05]);
  assert.deepEqual(layout.annotations, [], 'nothing hides the curves');
  assert.equal(
    caption?.replace(/\u00a0/g, ' '),
    'Kept is epoch 7, with the best validation accuracy: 82.9 %. On the test images: accuracy 93.1 %, macro-F1 91.9 %.',
  );
  const last = trainingHistory({ ...run, test: { ...run.test, epoch: 12 } }, { label }).figure.caption;
  assert.match(last ?? '', /On the test images, with the weights of epoch 12: accuracy 93\.1/);
});

test('both arms stand in the same panels, told apart by colour and mark, and their scores in the caption', () => {
  const run = (bestEpoch: number) => ({ model: 'ViT', history: rows(9), bestEpoch });
  const arms = { 'as published': run(9), corrected: { ...run(4), test: { accuracy: 0.9, macroF1: 0.8 } } };
  const { data, layout, caption, table } = trainingHistories(arms, { label })?.figure ?? assert.fail();
  assert.equal(data.length, 10);
  assert.deepEqual(
    data.filter(({ showlegend }) => showlegend).map(({ name }) => name),
    ['as published, training', 'as published, validation', 'corrected, training', 'corrected, validation'],
  );
  const [ofFirst, ofSecond] = [data[1], data[6]].map(({ line, marker }) => ({
    ...(line as { color: string; dash: string }),
    ...(marker as { symbol: string }),
  }));
  assert.deepEqual([ofFirst.dash, ofSecond.dash, (data[0].line as { dash: string }).dash], ['solid', 'solid', 'dot']);
  assert.ok(ofFirst.color !== ofSecond.color && ofFirst.symbol !== ofSecond.symbol);
  assert.deepEqual(
    (layout.shapes as { x0: number; line: { color: string } }[]).map(({ x0, line }) => [x0, line.color]),
    [
      [9, ofFirst.color],
      [4, ofSecond.color],
    ],
  );
  assert.match(caption ?? '', /^As published: Kept is epoch 9.* Corrected: Kept is epoch 4.* accuracy 90\.0/);
  assert.deepEqual([table?.length, (table?.[9] as { training: string }).training], [18, 'corrected']);
  const alone = trainingHistories({ 'as published': undefined, corrected: arms.corrected }, { label })?.figure;
  assert.deepEqual(alone, trainingHistory(arms.corrected, { label }).figure);
  assert.equal(trainingHistories({ corrected: undefined }), undefined);
});

test('a run of one epoch and a run that was stopped draw too', () => {
  const one = trainingHistory({ model: 'ViT', history: rows(1) }, { label }).figure;
  assert.deepEqual(axis(one.layout, 'xaxis').range, [0.5, 1.5]);
  assert.equal(axis(one.layout, 'xaxis').dtick, 1);
  assert.equal(one.data.length, 4);
  assert.deepEqual(annotations(one.layout), []);
  const none = trainingHistory({ model: 'ViT', history: [], bestEpoch: 3 }, { label }).figure;
  assert.deepEqual(
    annotations(none.layout).map(({ text }) => text),
    ['No epoch was finished.', 'No epoch was finished.'],
  );
});

test('epochs have whole ticks, however few or many there are', () => {
  for (const [count, step] of [
    [1, 1],
    [2, 1],
    [12, 2],
    [100, 20],
  ] as const) {
    const { layout } = trainingHistory({ model: 'ViT', history: rows(count) }, { label }).figure;
    assert.equal(axis(layout, 'xaxis').dtick, step);
    const curves = [{ name: 'a', points: rows(count).map(({ epoch, valLoss }) => ({ epoch, value: valLoss })) }];
    assert.equal(
      axis(trainingCurves({ title: 't', yTitle: 'y', curves }, { label }).figure.layout, 'xaxis').dtick,
      step,
    );
  }
});

test('a confusion matrix shows counts and shares of the row', () => {
  const { data, layout, table } = confusionMatrix(
    {
      matrix: [
        [9, 1],
        [0, 0],
      ],
      classNames: ['nevus', 'melanoma'],
    },
    { label },
  ).figure;
  assert.deepEqual(data[0]?.z, [
    [0.9, 0.1],
    [null, null],
  ]);
  assert.deepEqual(data[0]?.text, [
    ['9<br>90.0\u00a0%', '1<br>10.0\u00a0%'],
    ['0', '0'],
  ]);
  assert.deepEqual(axis(layout, 'yaxis').ticktext, ['nevus', 'melanoma']);
  assert.deepEqual(table?.[0], { 'True class': 'nevus', 'predicted nevus': 9, 'predicted melanoma': 1 });
});

test('long class names are shortened on the axes and full where the mouse rests', () => {
  const long = 'immature granulocytes (myelocytes, metamyelocytes and promyelocytes)';
  const { data, layout } = confusionMatrix(
    {
      matrix: [
        [1, 2],
        [3, 4],
      ],
      classNames: ['<b>', long],
    },
    { label },
  ).figure;
  for (const name of ['xaxis', 'yaxis']) {
    const lines = axis(layout, name).ticktext[1]?.split('<br>') ?? [];
    assert.ok(lines.length > 1 && lines.every((line) => line.length <= 16), `${name}: ${lines.join('|')}`);
    assert.equal(axis(layout, name).ticktext[0], '&lt;b&gt;');
  }
  assert.ok((data[0]?.customdata as string[][])[0]?.[1]?.includes(`predicted: ${long}`));
});

test('a matrix of another size than the classes is refused', () => {
  assert.throws(
    () => confusionMatrix({ matrix: [[1, 2]], classNames: ['a', 'b'] }, { label }),
    /2 classes is 2×2; got 1×2/,
  );
});

test('empty bins leave a reliability diagram', () => {
  const empty = { lower: 0, upper: 0.5, count: 0, confidence: NaN, accuracy: NaN };
  const full = { lower: 0.5, upper: 1, count: 4, confidence: 0.8, accuracy: 0.75 };
  const { data, layout } = reliabilityDiagram(
    { bins: [empty, full], expectedCalibrationError: 0.05 },
    { label },
  ).figure;
  assert.deepEqual(data[0]?.x, [0.75]);
  assert.deepEqual(data[0]?.y, [0.75]);
  assert.equal(annotations(layout)[0]?.text, 'Expected calibration error 0.050');
});

test('compared bars carry their number above the error bar, and missing ones none', () => {
  const { data, layout, caption } = barComparison(
    {
      groups: ['scratch', 'frozen'],
      series: [
        { name: 'ResNet-18', values: [0.9, 0.8], errors: [0.02, [0.01, 0.05]] },
        { name: 'ViT', values: [null, 0.7] },
      ],
      valueTitle: 'Test accuracy',
      errorTitle: 'standard deviation of five seeds',
      reference: { name: 'published', values: [0.93, null] },
    },
    { label },
  ).figure;
  assert.deepEqual(
    annotations(layout).map(({ text, y }) => [text, y.toFixed(2)]),
    [
      ['0.900', '0.92'],
      ['0.800', '0.85'],
      ['0.700', '0.70'],
    ],
  );
  const errors = data[0]?.error_y as { array: number[]; arrayminus: number[] };
  assert.deepEqual(
    [errors.array, errors.arrayminus],
    [
      [0.02, 0.05],
      [0.02, 0.01],
    ],
  );
  assert.equal(data[2]?.name, 'published');
  assert.equal(caption, 'Error bars: standard deviation of five seeds.');
});

test('a series with too few values is refused', () => {
  const given = { groups: ['a', 'b'], series: [{ name: 'ViT', values: [1] }], valueTitle: 'Dice' };
  assert.throws(() => barComparison(given, { label }), /"ViT" has 1 values for 2 groups/);
});

test('series differ in more than colour', () => {
  const counts = { train: [7, 70], val: [1, 10], test: [2, 20] };
  const { data } = classBalance({ classNames: ['nevus', 'melanoma'], counts }, { label }).figure;
  const shapes = data.map((trace) => (trace.marker as { pattern: { shape: string } }).pattern.shape);
  assert.equal(new Set(shapes).size, 3);
});
