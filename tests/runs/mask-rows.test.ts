import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparableRows, comparisonOfMasks, maskRows } from '../../lib/runs/mask-rows';
import type { Results, SegmentationRow } from '../../lib/runs/results';

function rowOf(changes: Partial<SegmentationRow> = {}, settings: SegmentationRow['settings'] = {}): SegmentationRow {
  const all = { epochs: 4, learningRate: 0.01, seed: 42, imageSize: 64, ...settings };
  return {
    trainingKey: JSON.stringify([changes, all]),
    ...{ model: 'U-Net', weights: 'random', protocol: 'scratch', arm: 'corrected', dataSha256: 'd' },
    ...{
      parameters: 10,
      trainableParameters: 10,
      seconds: 2,
      epoch: 1,
      trainImages: 20,
      valImages: 5,
      testImages: 'a',
    },
    ...{
      testDice: 0.8,
      testIou: 0.7,
      testSensitivity: 0.9,
      testAccuracy: 0.9,
      testHd95: 5,
      bestValLoss: 0.1,
      bestValDice: 0.8,
    },
    ...changes,
    settings: all,
  };
}

const shown = (rows: readonly SegmentationRow[]) =>
  comparisonOfMasks(rows).map(({ draws, testDice, changed }) => [draws, testDice, changed]);

describe('the comparison of segmentation networks', () => {
  it('is a mean over seeds and draws, which it counts', () => {
    const rows = [rowOf(), rowOf({ testDice: 0.6 }, { seed: 43 })];
    assert.deepEqual(shown(rows), [[2, 0.7, '']]);
  });

  it('never averages over two test sets: the splits that seeds 42 and 50 draw of a folder are two rows', () => {
    const rows = [rowOf(), rowOf({ testImages: 'b', testDice: 0.6 }, { seed: 50 })];
    assert.deepEqual(shown(rows), [
      [1, 0.8, 'testImages a'],
      [1, 0.6, 'testImages b'],
    ]);
    assert.deepEqual(comparableRows(rows, { testImages: 'a', imageSize: 64 }), rows.slice(0, 1));
  });

  it('never holds distances in pixels of two image sizes against each other', () => {
    const rows = [rowOf(), rowOf({ testHd95: 3 }, { imageSize: 32 })];
    assert.equal(comparisonOfMasks(rows).length, 2);
    assert.deepEqual(comparableRows(rows, { testImages: 'a', imageSize: 32 }), rows.slice(1));
  });

  it('says what sets rows of the same network apart: options, weights, validation images', () => {
    const rows = [
      rowOf(),
      rowOf({}, { testStatistics: 'batch' }),
      rowOf({ valImages: 2 }),
      rowOf({ weights: 'hub' }),
      rowOf({ trainImages: 10 }),
    ];
    const changed = comparisonOfMasks(rows).map((row) => row.changed);
    assert.equal(comparisonOfMasks(rows).length, 5);
    assert.match(changed[1], /testStatistics batch/);
    assert.match(changed[2], /valImages 2/);
    assert.match(changed[3], /weights hub/);
    assert.equal(changed[4], '');
  });

  it('counts a training once that several runs have in common, and takes segmentation rows alone', () => {
    const classifier = { ...rowOf(), testDice: undefined, trainImages: undefined };
    const results = [[rowOf()], [rowOf(), classifier]].map((rows) => ({ results: rows }) as unknown as Results);
    assert.equal(maskRows(results).length, 1);
  });
});
