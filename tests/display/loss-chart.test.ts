import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossCurves } from '../../lib/display/loss-chart';
import { maskOverlay } from '../../lib/display/mask-overlay';
import { progressBar } from '../../lib/display/progress';

const history = [1, 2, 3].map((epoch) => ({ epoch, trainLoss: 1 / epoch, valLoss: 1.5 / epoch }));
const label = 'What is to be seen';

test('losses have a diagram for each panel, one legend, and a dashed line at each best epoch', () => {
  const curves = [
    { name: 'F', history, bestEpoch: 3 },
    { name: 'E', history, bestEpoch: 2 },
  ];
  const panels = [80, 20, 10, 5].map((size) => ({ title: `${size} images`, curves }));
  const { figure } = lossCurves({ title: 'Loss', lossTitle: 'BCE', panels }, { label });
  assert.equal(figure.data.length, 4 * 2 * 2);
  assert.equal(figure.data.filter(({ showlegend }) => showlegend).length, 4);
  const shapes = figure.layout.shapes as { x0: number; xref: string; line: { dash: string; color: string } }[];
  assert.deepEqual(
    shapes.map(({ x0, xref }) => `${xref} ${x0}`),
    ['x 3', 'x 2', 'x2 3', 'x2 2', 'x3 3', 'x3 2', 'x4 3', 'x4 2'],
  );
  assert.notEqual(shapes[0].line.dash, shapes[1].line.dash);
  const [train, val, ofE] = figure.data as unknown as {
    line: { dash: string; color: string };
    marker: { symbol: string };
    y: number[];
    name: string;
  }[];
  assert.deepEqual([train.name, val.name], ['F, training', 'F, validation']);
  assert.deepEqual(val.y, [1.5, 0.75, 0.5]);
  assert.notEqual(train.line.dash, val.line.dash);
  assert.notDeepEqual([val.line.color, val.marker.symbol], [ofE.line.color, ofE.marker.symbol]);
  assert.equal(figure.table?.length, 4 * 2 * 3);
  const layout = figure.layout as unknown as Record<string, { domain: number[] }>;
  assert.ok(layout.xaxis4.domain[0] === 0 && layout.yaxis4.domain[1] < layout.yaxis.domain[0]);
});

test('truth and prediction differ in pattern and outline, not in colour alone', () => {
  const side = 200;
  const square = (from: number, to: number) =>
    Uint8Array.from({ length: side * side }, (_, at) => {
      const [row, column] = [Math.floor(at / side), at % side];
      return row >= from && row < to && column >= from && column < to ? 1 : 0;
    });
  const mask = (pixels: Uint8Array) => ({ height: side, width: side, pixels });
  const pixels = new Uint8Array(side * side * 3).fill(128);
  const nothing = mask(new Uint8Array(side * side));
  const draw = (truth: Uint8Array | undefined, prediction: Uint8Array | undefined) =>
    maskOverlay({
      pixels,
      truth: truth ? mask(truth) : nothing,
      prediction: prediction ? mask(prediction) : nothing,
      title: '',
      alt: '',
    }).pixels;
  const changed = (drawn: Uint8Array, inside: Uint8Array) => {
    const touched = Array.from({ length: side * side }, (_, at) => drawn[3 * at] !== 128 || drawn[3 * at + 1] !== 128);
    assert.ok(
      touched.every((value, at) => !value || inside[at] === 1),
      'nothing is drawn outside of the mask',
    );
    return touched.filter(Boolean).length / inside.reduce((sum, value) => sum + value, 0);
  };
  const area = square(50, 150);
  assert.deepEqual(draw(undefined, undefined), pixels);
  assert.equal(changed(draw(area, undefined), area), 1, 'the truth is filled');
  const share = changed(draw(undefined, area), area);
  assert.ok(share > 0.2 && share < 0.5, `the prediction is striped, ${share} of it`);
  const small = maskOverlay({ pixels: new Uint8Array(12), truth: mask2(), prediction: mask2(), title: 't', alt: 'a' });
  assert.ok(small.width >= 180 && small.pixels.length === small.width * small.height * 3);
});

function mask2() {
  return { height: 2, width: 2, pixels: Uint8Array.of(1, 0, 0, 0) };
}

test('progress names what it measures', () => {
  const lines: string[] = [];
  const row = { epoch: 1, trainLoss: 0.5, valLoss: 0.4, learningRate: 1, seconds: 1 };
  const log = (line: string) => lines.push(line);
  const trainings: { watched: Record<string, number>; metric: string; value: number }[] = [
    { watched: { trainAccuracy: 0.5, valAccuracy: 0.9 }, metric: 'accuracy', value: 0.9 },
    { watched: { trainDice: 0.5, valDice: 0.9 }, metric: 'dice', value: 0.9 },
    { watched: {}, metric: 'loss', value: 0.4 },
  ];
  for (const { watched, metric, value } of trainings) {
    const report = progressBar('Net', { epoch: metric === 'loss' ? 'training' : undefined, log });
    report({ kind: 'epoch', epoch: 1, epochs: 2, row: { ...row, ...watched } });
    report({ kind: 'done', epochs: 2, seconds: 2, best: { epoch: 1, metric, value } });
  }
  assert.match(lines[0], /val accuracy 90.0/);
  assert.match(lines[2], /val Dice 90.0/);
  assert.match(lines[3], /2 epochs · .* · best val Dice 90.0\s%? in epoch 1/);
  assert.doesNotMatch(lines[4], /accuracy|90/);
  assert.match(lines[5], /2 trainings · .* · best val loss 0.400 in epoch 1/);
});
