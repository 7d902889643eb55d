import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { unetConfigs } from '../../lib/models/unet';
import { unet } from '../../lib/models/networks';
import { endToEnd, reconstructionDecoder, segmentationDecoder } from '../../lib/models/encoder-networks';
import { lastMap, openVit } from '../../lib/models/encoders';
import { beginRun, directoryVariable } from '../../lib/runs/current-run';
import { recordResults } from '../../lib/runs/notebook-run';
import { resolveParameters } from '../../lib/runs/parameters';
import { readResults } from '../../lib/runs/results';
import { decoderWidths, encoderRequest } from '../../lib/studies/few-shot-segmentation/encoder';
import { fewShotParameterSpecs } from '../../lib/studies/few-shot-segmentation/parameters';
import {
  lengthAt,
  planRows,
  recordOfSize,
  savedOfStudy,
  scoresOfStudy,
  sizesOfStudy,
  usableSizes,
  validationAt,
} from '../../lib/studies/few-shot-segmentation/published';
import { pointsOf, rowOf, type FewShotTraining, type SeriesName } from '../../lib/studies/few-shot-segmentation/series';
import { comparisonRows, modelSizes, scoreTable, timingRows } from '../../lib/studies/few-shot-segmentation/tables';
import { claimRows, claimTable } from '../../lib/studies/few-shot-segmentation/claims';
import { findCase, scoresOverImages } from '../../lib/studies/few-shot-segmentation/figures';
import * as views from '../../lib/studies/few-shot-segmentation/views';
import { table } from '../../lib/display/tables';
import { sgd } from '../../lib/training/create-optimizer';
import { constant } from '../../lib/training/schedules';
import { userError } from '../data/user-error';
import { toySegmentation } from '../training/toy-segmentation';
import { recordOf, scoresOf } from './dinov3-segmentation/records';

/** A training that nobody has trained, with scores as a test wants them. */
function training(
  series: SeriesName,
  size: number,
  draw: number,
  jaccard: readonly number[],
  seconds = 2,
): FewShotTraining {
  const scores = scoresOf(jaccard).map((score, image) => ({ ...score, jaccard: jaccard[image] }));
  const history = [{ epoch: 1, trainLoss: 0.5, valLoss: 0.4, learningRate: 0.1, seconds }];
  const recipe = { epochs: 1, batchSize: 10, seed: 1, optimizer: sgd(), schedule: constant({ learningRate: 0.1 }) };
  return {
    point: { arm: 'corrected', series, size, draw },
    run: { history, bestEpoch: 1, recipe },
    test: { scores, readMasks: () => new Uint8Array() },
    row: { ...recordOf({ dice: jaccard }).row, seconds, secondsWithoutCache: 3 * seconds, valImages: 5 },
  };
}

const trainings = [0, 1].flatMap((draw) => [
  training('F', 10, draw, [0.5, 0.6, 0.7], 1),
  training('E', 10, draw, [0.4, 0.7, 0.6], 4),
]);

describe('the study’s numbers', () => {
  it('agree with each other: the mean of what freezing saves is 47.79 %', () => {
    for (const { size, secondsE, secondsF, saved } of sizesOfStudy) {
      // At 80 images, its seconds give 48.30 % and its table says 48.23 %.
      assert.ok(Math.abs(1 - secondsF / secondsE - saved) < (size === 80 ? 8e-4 : 1e-4), `${size}`);
    }
    const mean =
      sizesOfStudy.reduce((sum, { secondsE, secondsF }) => sum + 1 - secondsF / secondsE, 0) / sizesOfStudy.length;
    assert.ok(Math.abs(mean - savedOfStudy) < 5e-5);
  });

  it('have F ahead of E where the text says so: in the Jaccard index at 40, 20 and 10 images', () => {
    const jaccard = (series: string, size: number) =>
      scoresOfStudy.find((row) => row.series === series && row.size === size)?.jaccard ?? NaN;
    const ahead = sizesOfStudy.map(({ size }) => size).filter((size) => jaccard('F', size) > jaccard('E', size));
    assert.deepEqual(ahead, [40, 20, 10]);
  });

  it('say how long each size is trained, and this run keeps their proportion', () => {
    for (const { size, validation, epochs, batchSize } of sizesOfStudy) {
      assert.deepEqual(lengthAt(size, { epochs: 200, batchSize: 10 }), { epochs, batchSize });
      assert.equal(validationAt(size, 150), validation);
    }
    assert.deepEqual(lengthAt(20, { epochs: 4, batchSize: 10 }), { epochs: 16, batchSize: 10 });
    assert.deepEqual(
      [recordOfSize(100).size, recordOfSize(3).size, validationAt(80, 8), validationAt(1, 8)],
      [80, 10, 8, 1],
    );
    const [first, second] = planRows([160, 30], { epochs: 200, batchSize: 10 }, () => 7);
    assert.deepEqual([first.studyEpochs, first.epochs, first.steps, first.validation], [200, 200, 3200, 7]);
    assert.ok(Number.isNaN(second.studyEpochs));
  });

  it('have the sizes of its networks', async () => {
    const choice = { profile: 'tour', weights: 'random', imageSize: 32, seed: 1 };
    const encoder = lastMap(await openVit(encoderRequest(choice)));
    const widths = decoderWidths(choice);
    const networks = {
      segmentation: segmentationDecoder(encoder, { widths: widths.segmentation }),
      reconstruction: reconstructionDecoder(encoder, { widths: widths.reconstruction }),
      unet: unet({ width: unetConfigs.unet_base32.widths[0] }),
    };
    const rows = modelSizes({ encoder, ...networks });
    assert.deepEqual(
      rows.map(({ study }) => study),
      [85_798_656, 5_089_923, 2_158_017, 7_763_041],
    );
    assert.equal(rows[3].here, 7_763_041);
    assert.equal(rows[0].here, 1_344_576); // three blocks of six
    assert.ok(rows[2].here < 100_000);
    assert.equal(endToEnd(encoder, networks.segmentation).name, 'mini ViT + decoder');
    assert.deepEqual(decoderWidths({ profile: 'paper', weights: 'hub' }).segmentation, [256, 128, 64, 32]);
    assert.throws(
      () => encoderRequest({ ...choice, weights: 'no-such.safetensors' }),
      userError(/^There are no weights "no-such/),
    );
    await assert.rejects(openVit(encoderRequest({ ...choice, imageSize: 30 })), userError(/30×30 do not divide/));
  });

  it('normalise by the weights’ record, by what stands beside a file, or as is said', () => {
    const folder = mkdtempSync(join(tmpdir(), 'normalization-'));
    try {
      const means = (name: string, more: object = {}) => {
        writeFileSync(join(folder, name), '');
        const weights = join(folder, name);
        return encoderRequest({ profile: 'paper', weights, imageSize: 224, seed: 1, ...more }).normalization.mean;
      };
      assert.equal(means('vit_b_16-c867db91.pth')[0], 0.485);
      assert.throws(() => means('own.safetensors'), userError(/set normalization to imagenet or half/));
      assert.equal(means('own.safetensors', { normalization: 'half' })[0], 0.5);
      const config = { pretrained_cfg: { mean: [0.1, 0.2, 0.3], std: [1, 1, 1] } };
      writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
      assert.deepEqual(means('own.safetensors'), [0.1, 0.2, 0.3]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('trainings', () => {
  it('are the sizes that there are images for', () => {
    assert.deepEqual(usableSizes('10,160,20,160', 120), [20, 10]);
    assert.deepEqual(usableSizes(40, 120), [40]);
    assert.throws(() => usableSizes('80,40', 30), userError(/^sizes is 80,40, but there are 30 training images/));
    assert.equal(resolveParameters(fewShotParameterSpecs, { sizes: 40 }).sizes, '40');
    for (const sizes of ['', '10,', 'ten', '0', -3, '1.5'])
      assert.throws(
        () => resolveParameters(fewShotParameterSpecs, { sizes }),
        userError(/^sizes is .*, but must be numbers of images/),
      );
    assert.throws(
      () => resolveParameters(fewShotParameterSpecs, { imageSize: 100 }),
      userError(/^imageSize is 100, but must be a multiple of 16/),
    );
  });

  it('are points in the order in which they run, and say in their rows what they are', async () => {
    const points = pointsOf('corrected', ['F', 'E'], [20, 10], 2);
    assert.deepEqual(
      points.map(({ series, size, draw }) => `${series}-${size}-${draw}`),
      ['F-20-0', 'F-20-1', 'F-10-0', 'F-10-1', 'E-20-0', 'E-20-1', 'E-10-0', 'E-10-1'],
    );
    const vit = await openVit(encoderRequest({ profile: 'tour', weights: 'random', imageSize: 32, seed: 1 }));
    const protocols = (['F', 'E', 'F without denoising', 'E from the denoiser'] as const).map((series) =>
      rowOf({ ...points[0], series }, vit, {}),
    );
    assert.deepEqual(
      protocols.map(({ protocol }) => protocol),
      ['frozen', 'scratch', 'frozen', 'fine-tuned'],
    );
    assert.deepEqual(
      protocols.map(({ pretraining }) => pretraining),
      ['denoising', 'none here', 'none here', 'denoising'],
    );
  });

  it('are reported as means over draws, compared image by image, and timed', () => {
    const rows = scoreTable(trainings, toySegmentation());
    assert.deepEqual(
      rows.map(({ series, draws }) => [series, draws]),
      [
        ['F', 2],
        ['E', 2],
      ],
    );
    assert.ok(Math.abs(rows[0].jaccard - 0.6) < 1e-12);
    const published = scoreTable(trainings, { ...toySegmentation(), title: 'ISIC 2017 task 1' });
    assert.equal(published.length, 2 + scoresOfStudy.length);
    const [comparison] = comparisonRows(trainings);
    assert.deepEqual([comparison.comparison, comparison.imagesWon, comparison.imagesLost], ['F − E', 2, 1]);
    assert.ok(comparison.deviation < 1e-12 && rows[0].undefinedHd95 === 0); // both draws have the same scores
    const [timing, mean] = timingRows(trainings);
    assert.deepEqual([timing.secondsE, timing.secondsF, timing.secondsFCached, timing.savedCached], [4, 3, 1, 75]);
    assert.equal(mean.trainImages, 'mean');
    assert.equal(findCase(trainings, 'worst'), 0);
    assert.match(
      String(scoresOverImages(trainings, 'jaccard').figure.caption),
      /over test images and 2 draws of the training images/,
    );
  });

  it('that were stopped have nothing to show', () => {
    assert.equal(views.scoresOverImages(undefined, 'jaccard'), undefined);
    assert.equal(table(views.comparisonRows(undefined), { caption: 'Differences' }), undefined);
    assert.equal(views.denoisingLosses({ 'as-published': undefined, corrected: undefined }), undefined);
  });
});

describe('the claims of the few-shot study', () => {
  /** 16 images around a mean, in three draws that differ by a little. */
  const around = (center: number, own: number) =>
    Array.from({ length: 16 }, (_, image) => center + 0.02 * Math.sin(image) + 0.003 * Math.sin(own + 7 * image));
  const run = (scores: Partial<Record<number, { readonly F: number; readonly E: number }>>, draws = 3) =>
    Object.entries(scores).flatMap(([size, one]) =>
      (['F', 'E'] as const).flatMap((series) =>
        Array.from({ length: draws }, (_, draw) =>
          training(series, Number(size), draw, around(one?.[series] ?? NaN, draw), series === 'F' ? 1 : 10),
        ),
      ),
    );
  const verdicts = (all: FewShotTraining[], comparable = false) =>
    new Map(claimRows(all, { comparable }).map((row) => [row.claim, row]));
  const ahead = 'F is ahead of E at 10 images (Jaccard)';

  it('hold, fail and cannot be told by the interval; what was not trained is not tested', () => {
    const better = verdicts(run({ 10: { F: 0.55, E: 0.5 }, 20: { F: 0.5, E: 0.6 } }));
    assert.equal(better.get(ahead)?.verdict, 'holds here');
    assert.equal(better.get(ahead)?.ours, '+0.050');
    assert.equal(better.get('F is ahead of E at 20 images (Jaccard)')?.verdict, 'does not hold here');
    assert.equal(better.get('F is ahead of E at 40 images (Jaccard)')?.verdict, 'not tested');
    assert.equal(better.get('Freezing saves time')?.verdict, 'holds here'); // 3 s of 10
    assert.match(String(better.get('Freezing saves time')?.ours), /^70\.0/);
    assert.equal(verdicts(run({ 10: { F: 0.5, E: 0.5 } })).get(ahead)?.verdict, 'cannot be told here');
    const one = verdicts(run({ 10: { F: 0.55, E: 0.5 } }, 1)).get(ahead);
    assert.deepEqual([one?.verdict, one?.why], ['cannot be told here', 'one draw: another may turn it round']);
  });

  it('have the study’s numbers, by which Dice does not mirror the Jaccard index at 10 images', () => {
    const rows = verdicts(run({ 10: { F: 0.507, E: 0.497 } }), true);
    assert.equal(rows.get(ahead)?.published, '+0.010');
    assert.equal(rows.get(ahead)?.verdict, 'confirmed; its size fits too');
    assert.equal(rows.get('“Dice mirrors” that at 10 images')?.published, '−0.003');
    assert.equal(rows.get('Sensitivity of E rises from 20 images to 10')?.published, '+0.055');
  });

  it('are kept in the run’s results, with the numbers that can be drawn, whatever is trained afterwards', () => {
    const directory = mkdtempSync(join(tmpdir(), 'claims-'));
    const before = process.env[directoryVariable];
    try {
      process.env[directoryVariable] = directory;
      const own = beginRun('06_few_shot_segmentation', {});
      const data = { ...toySegmentation(), splits: { ...toySegmentation().splits } };
      recordResults(own, data, 'a training', [], []);
      assert.match(claimTable(trainings, toySegmentation()).html, /asked of other data/);
      recordResults(own, data, 'another training', [], []);
      const { claims } = readResults(directory) ?? {};
      const kept = claims?.rows.find(({ claim }) => claim === ahead);
      assert.deepEqual([claims?.comparable, kept?.outcome, kept?.estimate?.draws], [false, 'undecided', 2]);
      assert.ok(Math.abs((kept?.estimate?.mean ?? NaN) - 0.1 / 3) < 1e-12);
    } finally {
      if (before === undefined) delete process.env[directoryVariable];
      else process.env[directoryVariable] = before;
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
