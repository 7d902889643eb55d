import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mean } from '../../../lib/metrics/intervals';
import { fractionTitle } from '../../../lib/runs/mask-groups';
import {
  areComparable,
  isDataOfStudy,
  publishedCostRows,
  publishedScoreRows,
} from '../../../lib/studies/dinov3-segmentation/comparison';
import { groupRuns, networkTitle } from '../../../lib/studies/dinov3-segmentation/groups';
import { networkOfEncoder, publishedDice } from '../../../lib/studies/dinov3-segmentation/published';
import { dinov3EncoderNames } from '../../../lib/studies/dinov3-segmentation/parameters';
import * as tables from '../../../lib/workbench/mask-tables';
import { userError } from '../../data/user-error';
import { readFixture } from '../../metrics/masks';
import { ofRuns, recordOf, scoresOf } from './records';

const armRows = ofRuns(tables.armRows);
const calibrationRows = ofRuns(tables.calibrationRows);
const cleaningRows = ofRuns(tables.cleaningRows);
const comparePairs = ofRuns(tables.comparePairs);
const costRows = ofRuns(tables.costRows);
const flipRows = ofRuns(tables.flipRows);
const scoreRows = ofRuns(tables.scoreRows);
const winRateRows = ofRuns(tables.winRateRows);

const small = 'dinov3_vits16';
const base = 'dinov3_vitb16';

interface Fixture {
  networks: Record<string, number[][]>;
  rows: {
    first: string;
    second: string;
    difference: number;
    won: number;
    ties: number;
    lost: number;
    winRate: number;
    statistic: number;
    pValue: number;
    adjusted: number;
  }[];
}

const fixture = readFixture<Fixture>('paired_networks.json');
const titles: Readonly<Record<string, string>> = { unet: 'U-Net', small: 'DINOv3-S', base: 'DINOv3-B' };

function assertClose(actual: number, expected: number, what = 'value'): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
    `${what} is ${actual}, expected ${expected}`,
  );
}

describe('groups of runs', () => {
  it('are the seeds of one network, arm and fraction; fractions ascend, a run given twice counts once', () => {
    const dice = [0.8, 0.9];
    const second = recordOf({ encoder: small, fraction: 0.25, seed: 43, dice });
    const runs = [
      recordOf({ dice, fraction: 1 }),
      second,
      recordOf({ encoder: small, fraction: 0.25, dice }),
      recordOf({ dice, fraction: 0.5 }),
      second,
    ];
    const groups = groupRuns(runs);
    assert.deepEqual(
      groups.map(({ network, fraction, runs: seeds }) => [network, fraction, seeds.map(({ point }) => point.seed)]),
      [
        ['U-Net', 0.5, [42]],
        ['U-Net', 1, [42]],
        ['DINOv3-S', 0.25, [42, 43]],
      ],
    );
    assert.deepEqual(
      groups.map(({ networkOfStudy }) => networkOfStudy),
      ['unet', 'unet', 'small'],
    );
  });

  it('with other settings are other groups, named by what differs', () => {
    const dice = [0.8];
    const names = groupRuns([
      recordOf({ dice }),
      recordOf({ dice, settings: { learningRate: 1e-3 } }),
      recordOf({ encoder: small, dice }),
    ]).map(({ network }) => network);
    assert.deepEqual(names, ['U-Net, learningRate 0.0003', 'U-Net, learningRate 0.001', 'DINOv3-S']);
  });

  it('stay one series where the arm shortens the training on all images', () => {
    const runs = [0.25, 0.5, 1].map((fraction) =>
      recordOf({
        encoder: base,
        arm: 'as-published',
        fraction,
        settings: { epochs: fraction === 1 ? 30 : 100, plannedEpochs: 100 },
        dice: [0.8],
      }),
    );
    assert.deepEqual(
      groupRuns(runs).map(({ network }) => network),
      ['DINOv3-B', 'DINOv3-B', 'DINOv3-B'],
    );
    const corrected = runs.map(
      ({
        point: { fraction },
        row: {
          settings: { epochs },
        },
      }) => recordOf({ encoder: base, fraction, settings: { epochs, plannedEpochs: epochs }, dice: [0.8] }),
    );
    assert.deepEqual(
      groupRuns(corrected).map(({ network }) => network),
      ['DINOv3-B, epochs 100', 'DINOv3-B, epochs 100', 'DINOv3-B, epochs 30'],
    );
  });

  it('say whose weights are random, and know all encoders', () => {
    assert.equal(
      networkTitle(recordOf({ encoder: small, weights: 'random', dice: [0.8] })),
      'DINOv3-S, random weights',
    );
    assert.equal(networkTitle(recordOf({ encoder: 'dinov3_tour_b', weights: 'random', dice: [1] })), 'tour B');
    assert.equal(
      networkTitle(recordOf({ encoder: 'vit_mini_patch4', weights: 'random', dice: [1] })),
      'mini ViT, random weights',
    );
    const standing = dinov3EncoderNames.filter((name) => name !== 'vit_mini_random'); // which stands for none of the study's
    assert.deepEqual(
      Object.keys(networkOfEncoder)
        .filter((name) => name !== 'none')
        .sort(),
      [...standing].sort(),
    );
    assert.deepEqual([0.25, 0.125, 1].map(fractionTitle), ['25 %', '12.5 %', '100 %']);
  });

  it('need the same test images', () => {
    const runs = [recordOf({ dice: [0.8, 0.9] }), recordOf({ encoder: small, dice: [0.8] })];
    assert.throws(() => groupRuns(runs), userError(/were tested on different images \(2 and 1\)/));
  });
});

describe('tables of the DINOv3 study', () => {
  it('have means over images and seeds with the interval of Dice', () => {
    const runs = [
      [0.8, 0.9],
      [0.6, 0.9],
    ].map((dice, seed) => recordOf({ dice, seed }));
    const [row] = scoreRows(runs);
    assert.deepEqual(
      [row.network, row.arm, row.fraction, row.trainImages, row.seeds],
      ['U-Net', 'corrected', '100 %', 2594, 2],
    );
    assertClose(row.dice, 0.8);
    assertClose(row.jaccard, (0.8 / 1.2 + 0.9 / 1.1 + 0.6 / 1.4 + 0.9 / 1.1) / 4);
    assert.equal(row.hd95, 3);
    assert.equal(row.interval, '0.000 – 1.000'); // two seeds, two images: nothing is known, and no Dice is beyond
    const [first] = runs;
    const scores = first.test.scores.map((score, index) => ({ ...score, hd95Defined: index > 0 }));
    assert.equal(scoreRows([{ ...first, test: { ...first.test, scores } }])[0].undefinedHd95, 1);
    const dice = [0.81, 0.8, 0.79, 0.8];
    const [one] = scoreRows([recordOf({ dice })]);
    assert.equal(one.interval, '0.787 – 0.813 (images only)'); // 3.182 · 0.008165 / 2 on each side
  });

  it('compare networks as scipy and statsmodels do, over means of seeds', () => {
    const encoders: Readonly<Record<string, string>> = { unet: 'none', small, base };
    const runs = Object.entries(fixture.networks).flatMap(([name, seeds]) =>
      seeds.map((dice, seed) => recordOf({ encoder: encoders[name], seed, dice })),
    );
    const rows = winRateRows(runs);
    const pairs = comparePairs(runs);
    assert.equal(rows.length, fixture.rows.length);
    fixture.rows.forEach((golden, index) => {
      const row = rows[index];
      assert.deepEqual([row.first, row.second], [titles[golden.first], titles[golden.second]]);
      assert.deepEqual([row.imagesWon, row.ties, row.imagesLost], [golden.won, golden.ties, golden.lost]);
      assert.equal(row.winRate, golden.winRate);
      assertClose(row.difference, golden.difference, 'difference');
      assertClose(row.pValue / golden.adjusted, 1, 'adjusted p');
      assertClose(pairs[index].paired.wilcoxon.pValue / golden.pValue, 1, 'p');
      assert.equal(pairs[index].paired.wilcoxon.statistic, golden.statistic);
    });
  });

  it('compare within an arm and a fraction only, and by the seeds that both have', () => {
    const dice = [0.8, 0.7, 0.6];
    const better = dice.map((value) => value + 0.1);
    const runs = [
      recordOf({ dice, fraction: 0.25 }),
      recordOf({ dice, fraction: 1 }),
      recordOf({ dice: better, encoder: small, fraction: 1 }),
      recordOf({ dice: [0, 0, 0], encoder: small, fraction: 1, seed: 43 }),
      recordOf({ dice, encoder: small, fraction: 1, arm: 'as-published' }),
      recordOf({ dice, encoder: base, fraction: 1, seed: 44 }),
    ];
    const rows = winRateRows(runs);
    assert.deepEqual(
      rows.map(({ first, second, fraction }) => [first, second, fraction]),
      [['U-Net', 'DINOv3-S', '100 %']],
    );
    assertClose(rows[0].difference, -0.1);
    assert.equal(rows[0].interval, '−0.100 – −0.100 (images only)');
    assert.equal(rows[0].winRate, 0);
  });

  it('show what correcting changes', () => {
    const runs = [
      recordOf({ dice: [0.5, 0.6, 0.9], arm: 'as-published', encoder: base }),
      recordOf({ dice: [0.7, 0.7, 0.85], encoder: base }),
      recordOf({ dice: [0.7, 0.7, 0.8] }),
    ];
    const [row, ...others] = armRows(runs);
    assert.equal(others.length, 0);
    assert.deepEqual([row.network, row.fraction, row.better, row.worse], ['DINOv3-B', '100 %', 2, 1]);
    assertClose(row.difference, 0.25 / 3);
    assertClose(row.pValue, 0.5); // the smallest of three differences is the only one below 0: two of eight sign patterns, twice
  });

  it('report calibration before and after the temperature as means over seeds', () => {
    const dice = [0.8];
    const first = recordOf({ dice, encoder: small });
    const before = { ...first.test.report.before, error: 0.08, borderError: 0.4 };
    const second = recordOf({ dice, encoder: small, seed: 43, report: { temperature: 2.5, before } });
    const [row] = calibrationRows([first, second]);
    assertClose(row.error, 0.06);
    assertClose(row.errorAfter, 0.02);
    assertClose(row.borderError, 0.3);
    assertClose(row.borderErrorAfter, 0.1);
    assertClose(row.temperature, 2);
  });

  it('report cleaning and flips apart, the latter only where they were predicted', () => {
    const plain = recordOf({ dice: [0.8, 0.9] });
    const flipped = recordOf({ dice: [0.8, 0.9], encoder: small, report: { flippedScores: scoresOf([0.82, 0.88]) } });
    const [row] = cleaningRows([plain]);
    assertClose(row.difference, 0.01);
    assert.deepEqual([row.better, row.worse, row.hd95, row.hd95After], [2, 0, 3, 2]);
    const rows = flipRows([plain, flipped]);
    assert.deepEqual(
      rows.map(({ network, better, worse }) => [network, better, worse]),
      [['DINOv3-S', 1, 1]],
    );
    assertClose(rows[0].diceAfter, 0.85);
  });

  it('count the costs at the largest fraction, the first epoch by itself', () => {
    const dice = [0.8];
    const rows = costRows(
      [0.25, 1].flatMap((fraction) => [recordOf({ dice, fraction }), recordOf({ dice, fraction, encoder: small })]),
    );
    assert.deepEqual(
      rows.map(({ network, fraction }) => [network, fraction]),
      [
        ['U-Net', '100 %'],
        ['DINOv3-S', '100 %'],
      ],
    );
    assert.deepEqual([rows[0].trainedShare, rows[1].trainedShare], [100, 16]);
    assert.deepEqual(
      [rows[1].firstEpoch, rows[1].laterEpochs, rows[1].millisecondsPerImage, rows[1].featureSeconds],
      [60, 15, 7, 40],
    );
    assert.deepEqual(
      publishedCostRows().map(({ trainedShare }) => Math.round(trainedShare)),
      [100, 16, 4, 3],
    );
  });
});

describe('what can be held against the study', () => {
  const split = (count: number) => ({ count }) as never;
  const ofStudy = {
    title: 'ISIC 2018 task 1',
    height: 256,
    splits: { train: split(2594), val: split(100), test: split(1000) },
  };

  it('is its own data at its size with all of its images', () => {
    assert.ok(isDataOfStudy(ofStudy));
    assert.ok(!isDataOfStudy({ ...ofStudy, title: 'ISIC 2017 task 1' }));
    assert.ok(!isDataOfStudy({ ...ofStudy, height: 128 }));
    assert.ok(!isDataOfStudy({ ...ofStudy, splits: { ...ofStudy.splits, test: split(999) } }));
  });

  it('and its own networks with their published weights', () => {
    const dice = [0.8];
    const own = [recordOf({ dice }), recordOf({ dice, encoder: small })];
    assert.ok(areComparable(own, ofStudy));
    assert.ok(!areComparable(own, { ...ofStudy, title: 'synthetic lesions' }));
    assert.ok(!areComparable([recordOf({ dice, encoder: small, weights: 'random' })], ofStudy));
    assert.ok(!areComparable([recordOf({ dice, encoder: 'dinov3_tour_s', weights: 'random' })], ofStudy));
    assert.ok(!areComparable([recordOf({ dice, settings: { unetWidth: 8 } })], ofStudy));
  });

  it('are twelve scores, at 648, 1297 and 2594 images', () => {
    const rows = publishedScoreRows();
    assert.equal(rows.length, 12);
    assert.deepEqual([...new Set(rows.map(({ trainImages }) => trainImages))], [648, 1297, 2594]);
    assertClose(mean(publishedDice.map(({ dice }) => dice)), 10.547 / 12);
  });
});
