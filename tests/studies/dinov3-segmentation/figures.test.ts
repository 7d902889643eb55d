import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { FigureDisplay } from '../../../lib/display/figure';
import { mergeBins } from '../../../lib/display/reliability-curves';
import { agreementOf, countVotes, majorityMask } from '../../../lib/metrics/mask-votes';
import { openPredictedMasks } from '../../../lib/runs/predicted-masks';
import { diceOverImages, publishedDiceChart } from '../../../lib/studies/dinov3-segmentation/comparison';
import * as charts from '../../../lib/workbench/mask-charts';
import * as panels from '../../../lib/workbench/mask-panels';
import type { Dinov3Run } from '../../../lib/studies/dinov3-segmentation/groups';
import {
  decoderLevels,
  logitPlaces,
  resolutionPanel,
  resolutionRows,
} from '../../../lib/studies/dinov3-segmentation/resolution';
import { throughPlaces } from '../../../lib/models/mask-places';
import { vitConfigs } from '../../../lib/models/vit';
import { tf } from '../../../lib/tf';
import { userError } from '../../data/user-error';
import { side, toySegmentation } from '../../training/toy-segmentation';
import { ofRuns, recordOf, someBins, withProbabilities, type RunFacts } from './records';

const reliabilityOfPixels = ofRuns(charts.reliabilityOfPixels);
const trainingCurves = ofRuns(charts.trainingCurves);
const consensusPanel = ofRuns(panels.consensusPanel);
const consensusRows = ofRuns(panels.consensusRows);
const hardestImages = ofRuns(panels.hardestImages);
const samplePanel = ofRuns(panels.samplePanel);
const worstPanel = ofRuns(panels.worstPanel);

const scratch = mkdtempSync(join(tmpdir(), 'dinov3-figures-'));
after(() => rmSync(scratch, { recursive: true }));

const dataset = toySegmentation({ counts: { train: 4, val: 2, test: 5 } });
const { test } = dataset.splits;
const area = side * side;
const encoders = ['none', 'dinov3_vits16', 'dinov3_vitb16'];
const traces = ({ figure }: FigureDisplay) => figure.data as unknown as Record<string, unknown>[];

/** A run whose masks are the truth moved by a number of pixels, as bytes just above and below one half. */
function shifted(shift: number, facts: Omit<RunFacts, 'dice'>): Dinov3Run {
  const dice = test.ids.map((_, index) => 0.9 - 0.1 * index);
  const truth = new Uint8Array(test.count * area);
  test.readMasks(
    test.ids.map((_, index) => index),
    truth,
  );
  const pixels = truth.map((_, index) => (index - shift >= 0 && truth[index - shift] === 1 ? 128 : 127));
  return withProbabilities(recordOf({ ...facts, dice }), scratch, side, pixels);
}

const runs = [0.5, 1].flatMap((fraction) => encoders.map((encoder, shift) => shifted(shift, { encoder, fraction })));

describe('charts of the DINOv3 study', () => {
  it('have a line a network with its interval at each number of images, and the study’s only where asked for', () => {
    const figure = diceOverImages(runs);
    const lines = traces(figure);
    assert.deepEqual(
      lines.map(({ name }) => name),
      ['U-Net', 'DINOv3-S', 'DINOv3-B'],
    );
    assert.deepEqual(lines[0].text, ['1297', '2594']);
    const [first] = lines[0].y as number[];
    assert.ok(Math.abs(first - 0.7) < 1e-12);
    assert.ok((lines[0].error_y as { array: number[] }).array[0] > 0);
    assert.match(
      String(figure.figure.caption),
      /over test images; there is one seed, so that it says nothing of others/,
    );
    const beside = traces(diceOverImages(runs, { published: true }));
    assert.equal(beside.length, 7);
    assert.equal(beside[3].name, 'U-Net (the study)');
    assert.deepEqual([beside[3].y, beside[3].error_y], [[0.828, 0.867, 0.898], undefined]);
    assert.deepEqual(traces(publishedDiceChart())[2].y, [0.876, 0.897, 0.885]);
  });

  it('name the arm where there are several', () => {
    const both = [...runs, shifted(0, { arm: 'as-published' })];
    const names = traces(diceOverImages(both)).map(({ name }) => name);
    assert.deepEqual(names, ['U-Net, corrected', 'DINOv3-S, corrected', 'DINOv3-B, corrected', 'U-Net, as published']);
  });

  it('put the pixels of several seeds into the same bins', () => {
    const other = [
      { ...someBins[0], count: 30, confidence: 0.4, accuracy: 0.1 },
      { ...someBins[1], count: 5, confidence: 0.9, accuracy: 0.8 },
    ];
    const [low, high] = mergeBins([someBins, other]);
    assert.equal(low.count, 40);
    assert.ok(Math.abs(low.confidence - 0.35) < 1e-12 && Math.abs(low.accuracy - 0.15) < 1e-12);
    assert.deepEqual([high.count, high.confidence, high.accuracy], [5, 0.9, 0.8]);
    assert.ok(Number.isNaN(mergeBins([someBins])[1].confidence));
  });

  it('show reliability of all pixels, at the border and with temperature, at one fraction', () => {
    const { figure } = reliabilityOfPixels(runs, { fraction: 1 });
    assert.equal(figure.data.length, 9);
    const titles = (figure.layout.annotations as { text: string }[]).map(({ text }) => text);
    assert.deepEqual(titles, ['<b>U-Net</b>', '<b>DINOv3-S</b>', '<b>DINOv3-B</b>'], 'a diagram for each network');
    const names = figure.data.slice(0, 3).map(({ name }) => name);
    assert.deepEqual(names, ['all pixels', 'at the border', 'at the border, scaled']);
    assert.match(String(figure.caption), /within 2 pixels of it/);
  });

  it('show Dice by epoch of the first seed, a diagram a fraction', () => {
    const lines = traces(trainingCurves([...runs, shifted(0, { seed: 43 })]));
    assert.equal(lines.length, 2 * 6);
    assert.deepEqual(
      [lines[0].y, lines[1].y],
      [
        [0.6, 0.7, 0.8],
        [0.4, 0.5, 0.6],
      ],
    ); // training, validation
  });

  it('show both arms in one figure, an arm a column, with one colour a network and one scale a row', () => {
    const ofArm = encoders.map((encoder) => shifted(0, { encoder, fraction: 1, arm: 'as-published' }));
    const both = trainingCurves([...ofArm, ...runs]).figure;
    const titles = (both.layout.annotations as { text: string }[]).map(({ text }) => text);
    const none = 'No epoch was finished.';
    assert.deepEqual(
      titles.filter((text) => text !== none),
      ['50 %', '100 %'].flatMap((size) => ['as published', 'corrected'].map((arm) => `${size} of the images, ${arm}`)),
    );
    assert.equal(titles.filter((text) => text === none).length, 1, 'the half as published was not trained');
    assert.deepEqual(
      [both.layout.yaxis2, both.layout.yaxis4].map((axis) => (axis as { matches?: string }).matches),
      ['y', 'y3'],
    );
    assert.equal(new Set(both.data.map(({ name }) => name)).size, 6, 'the legend names networks, not arms');
    assert.equal(both.data.filter(({ showlegend }) => showlegend === true).length, 6, 'once each');
  });
});

describe('masks of runs', () => {
  it('are where the byte is above 127, and only on their own images', () => {
    const opened = openPredictedMasks(runs.slice(0, 2), dataset);
    const truth = test.nativeMask(3);
    const [first, second] = opened.read(3);
    opened.close();
    assert.deepEqual(first.pixels, truth.pixels);
    assert.notDeepEqual(second.pixels, truth.pixels);
    const others = toySegmentation({ counts: { train: 4, val: 2, test: 4 } });
    assert.throws(
      () => openPredictedMasks(runs, others),
      userError(/was tested on other images than those of squares/),
    );
  });

  it('are counted by pixel', () => {
    const mask = (...pixels: number[]) => ({ height: 1, width: 4, pixels: Uint8Array.from(pixels) });
    const masks = [mask(1, 1, 0, 0), mask(1, 0, 1, 0), mask(1, 1, 0, 0)];
    const votes = countVotes(masks);
    assert.deepEqual([...votes], [3, 2, 1, 0]);
    assert.equal(agreementOf(votes, 3), 1 / 3);
    assert.deepEqual([...majorityMask(masks).pixels], [1, 1, 0, 0]);
    assert.deepEqual([...majorityMask(masks.slice(0, 2)).pixels], [1, 0, 0, 0], 'half is no majority');
    assert.equal(agreementOf(new Uint8Array(4), 3), 1);
  });

  it('of a majority are scored beside the best network', () => {
    const rows = consensusRows(runs, dataset);
    assert.deepEqual(
      rows.map(({ fraction, networks }) => [fraction, networks]),
      [
        ['50 %', 3],
        ['100 %', 3],
      ],
    );
    assert.ok(rows[0].agreement > 0.4 && rows[0].agreement < 1, `${rows[0].agreement}`);
    assert.ok(rows[0].majorityDice > rows[0].agreement && rows[0].majorityDice < 1);
    assert.ok(rows.every(({ correlation }) => Number.isNaN(correlation) || Math.abs(correlation) <= 1));
    assert.deepEqual(consensusRows(runs.slice(0, 1), dataset), []);
    const alike = [shifted(0, { seed: 7 }), shifted(0, { seed: 7, encoder: 'dinov3_vits16' })];
    assert.deepEqual(
      consensusRows(alike, dataset).map(({ agreement, majorityDice }) => [agreement, majorityDice]),
      [[1, 1]],
    );
  });
});

describe('pictures of the DINOv3 study', () => {
  it('have the truth and the prediction with its Dice, a row a network', async () => {
    const { html } = await samplePanel(runs, dataset, { fraction: 1, count: 3 });
    assert.equal(html.match(/<img/g)?.length, 9);
    assert.match(html, /DINOv3-S<br>Dice 0\.\d{3}/);
    assert.match(html, /100 % of the images \(2594\), corrected/);
    assert.match(html, /made by this project/);
  });

  it('have the hardest images of all networks together', async () => {
    assert.deepEqual(hardestImages(runs, 1), [4, 3, 2, 1, 0]);
    const { html } = await worstPanel(runs, dataset, { fraction: 1, count: 2 });
    assert.equal(html.match(/<img/g)?.length, 6);
    assert.match(html, /For each network: test_004, test_003\./);
  });

  it('have the agreement of the networks', async () => {
    const { html } = await consensusPanel(runs, dataset, { fraction: 0.5 });
    assert.equal(html.match(/<img/g)?.length, 6);
    assert.match(html, /agreement \d+ %/);
  });
});

describe('the decoder’s resolution', () => {
  const encoder = { config: { ...vitConfigs.vit_small_patch16_dinov3, patchSize: 8, width: 8 }, size: 16 };

  it('is the patches’ as published, and four times as fine corrected', () => {
    assert.deepEqual([logitPlaces(encoder, 'as-published'), logitPlaces(encoder, 'corrected')], [2, 8]);
    const rows = decoderLevels({ ...encoder, size: 128 }, { height: 256 }, 256);
    assert.deepEqual(
      rows.map(({ placesAsPublished }) => placesAsPublished),
      ['16 × 16', '16 × 16', '16 × 16', '16 × 16', 'image: × 16'],
    );
    assert.deepEqual(
      rows.map(({ placesCorrected }) => placesCorrected),
      ['8 × 8', '16 × 16', '32 × 32', '64 × 64', 'image: × 4'],
    );
    assert.deepEqual(
      rows.map(({ blockAsPublished }) => blockAsPublished),
      ['2', '5', '8', '11', ''],
    );
    assert.deepEqual(
      rows.map(({ blockCorrected }) => blockCorrected),
      ['11', '8', '5', '2', ''],
    );
    assert.deepEqual(
      rows.map(({ channels }) => channels),
      [256, 128, 64, 32, 1],
    );
  });

  it('leaves a mask as it is where every pixel has a place, and nothing of one that is smaller than half a place', () => {
    const before = tf.memory().numTensors;
    const mask = test.nativeMask(0);
    assert.deepEqual(throughPlaces(mask, side).pixels, mask.pixels);
    const dot = { height: side, width: side, pixels: new Uint8Array(area) };
    dot.pixels[0] = 1;
    assert.ok(throughPlaces(dot, 4).pixels.every((value) => value === 0));
    const half = { ...dot, pixels: Uint8Array.from(dot.pixels, (_, index) => (index % side < 8 ? 1 : 0)) };
    assert.deepEqual(throughPlaces(half, 2).pixels, half.pixels);
    assert.equal(tf.memory().numTensors, before);
  });

  it('is shown on the test masks of both arms', async () => {
    const rows = resolutionRows(encoder, dataset);
    assert.deepEqual(
      rows.map(({ arm, places, pixelsPerPlace }) => [arm, places, pixelsPerPlace]),
      [
        ['as published', '2 × 2', 8],
        ['corrected', '8 × 8', 2],
      ],
    );
    assert.ok(rows[1].dice > rows[0].dice && rows[1].lowest <= rows[1].dice);
    const { html } = await resolutionPanel(encoder, dataset, { count: 2 });
    assert.equal(html.match(/<img/g)?.length, 4);
  });
});
