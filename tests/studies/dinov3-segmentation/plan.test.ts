import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { imagenetNormalization } from '../../../lib/data/normalization';
import { openVit, type Vit } from '../../../lib/models/encoders';
import { findModel } from '../../../lib/models/pretrained';
import { scoreSegmentation } from '../../../lib/metrics/segmentation';
import { trainingIdentity } from '../../../lib/runs/identity';
import { resolveParameters } from '../../../lib/runs/parameters';
import { shortHash } from '../../../lib/runs/results';
import {
  armsOf,
  epochsOf,
  imagesOf,
  partOf,
  pointsOf,
  seedsFrom,
  workOf,
  type Dinov3Resources,
} from '../../../lib/studies/dinov3-segmentation/arms';
import {
  dinov3Encoders,
  encoderRequest,
  encodersOf,
  encoderTitle,
} from '../../../lib/studies/dinov3-segmentation/encoders';
import { dinov3ParameterSpecs, fractionsOf } from '../../../lib/studies/dinov3-segmentation/parameters';
import { openTestProbabilities } from '../../../lib/runs/predicted-masks';
import { readStoredRuns, trainDinov3Runs } from '../../../lib/cli/study/dinov3-runs';
import { openFeatureCache } from '../../../lib/training/feature-cache';
import { userError } from '../../data/user-error';
import { toySegmentation } from '../../training/toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'dinov3-plan-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const data = toySegmentation({ counts: { train: 20, val: 6, test: 7 } });
const settings = resolveParameters(dinov3ParameterSpecs, {
  weights: 'random',
  imageSize: 48,
  epochs: 2,
  unetWidth: 2,
  decoderWidth: 16,
  flipTta: true,
});
const arms = armsOf({ seeds: 2 });

async function resources(): Promise<Dinov3Resources> {
  const vit: Vit = await openVit(encoderRequest('dinov3_tour_s', { ...settings, imageSize: data.height }));
  return { settings: { ...settings, imageSize: data.height }, data, vits: { dinov3_tour_s: vit }, arms };
}

describe('the fractions of the training images', () => {
  it('are the study’s 648, 1297 and 2594, nested for each seed, and others for another', () => {
    assert.deepEqual(
      [0.25, 0.5, 1].map((fraction) => partOf(2594, fraction)),
      [648, 1297, 2594],
    );
    assert.equal(partOf(10, 0.01), 1);
    const ids = (fraction: number, seed: number) => imagesOf(data, { fraction, seed }, arms.corrected).splits.train.ids;
    assert.ok(ids(0.25, 42).every((id) => ids(0.5, 42).includes(id)));
    assert.notDeepEqual(ids(0.25, 42), ids(0.25, 43));
  });

  it('leave all validation images in the corrected arm, and shrink them as published', () => {
    const validation = (fraction: number, arm: keyof typeof arms) =>
      imagesOf(data, { fraction, seed: 1 }, arms[arm]).splits.val.count;
    assert.deepEqual(
      [0.25, 0.5, 1].map((fraction) => validation(fraction, 'corrected')),
      [6, 6, 6],
    );
    assert.deepEqual(
      [0.25, 0.5, 1].map((fraction) => validation(fraction, 'as-published')),
      [1, 3, 6],
    );
  });
});

describe('the arms of the study', () => {
  it('differ in every switch, in the tour in all but the precision', () => {
    const ofPaper = armsOf({ seeds: 2, profile: 'paper' });
    for (const option of Object.keys(arms.corrected) as (keyof typeof arms.corrected)[])
      assert.notEqual(ofPaper['as-published'][option], ofPaper.corrected[option], option);
    assert.deepEqual([arms['as-published'].precision, ofPaper['as-published'].precision], ['float32', 'auto']);
    const { mean, std } = findModel(dinov3Encoders.dinov3_vits16.pretrained);
    assert.deepEqual(imagenetNormalization, { mean, std });
    assert.deepEqual([seedsFrom(42, arms['as-published']), seedsFrom(42, arms.corrected)], [[42], [42, 43]]);
  });

  it('train Dino U-Nets on all images for 30 of 100 epochs as published', () => {
    const epochs = (arm: keyof typeof arms, encoder: string, fraction: number) =>
      epochsOf({ encoder, fraction }, 100, arms[arm]);
    assert.deepEqual(
      [0.25, 0.5, 1].map((fraction) => epochs('as-published', 'dinov3_vits16', fraction)),
      [100, 100, 30],
    );
    assert.deepEqual([epochs('as-published', 'none', 1), epochs('corrected', 'dinov3_vits16', 1)], [100, 100]);
  });

  it('make a training of its own of each point', async () => {
    const all = (['as-published', 'corrected'] as const).flatMap((arm) =>
      pointsOf(arm, ['none', 'dinov3_tour_s'], [0.25, 1], seedsFrom(42, arms[arm])),
    );
    assert.equal(all.length, 2 * 2 * (1 + 2));
    const given = await resources();
    const ids = all.map((point) => {
      const { network, data: taken, recipe } = workOf(point, given);
      return shortHash(trainingIdentity(network, taken, recipe));
    });
    assert.equal(new Set(ids).size, all.length);
    assert.throws(
      () => workOf({ ...all[0], encoder: 'dinov3_vitb16' }, given),
      userError(/needs dinov3_vitb16, which was not opened/),
    );
  });
});

describe('parameters', () => {
  it('of the paper profile are the study’s', () => {
    const paper = resolveParameters(dinov3ParameterSpecs, { profile: 'paper' });
    const { epochs, batchSize, learningRate, weightDecay, patience, imageSize, unetWidth, decoderWidth } = paper;
    assert.deepEqual(
      { epochs, batchSize, learningRate, weightDecay, patience, imageSize, unetWidth, decoderWidth },
      {
        epochs: 100,
        batchSize: 8,
        learningRate: 3e-4,
        weightDecay: 1e-4,
        patience: 10,
        imageSize: 256,
        unetWidth: 32,
        decoderWidth: 256,
      },
    );
    assert.deepEqual(fractionsOf(paper.fractions), [0.25, 0.5, 1]);
    assert.deepEqual([paper.diceWeight, paper.flips, paper.flipTta], [0, false, false]);
  });

  it('take one fraction as a number, and refuse what is none', () => {
    assert.equal(resolveParameters(dinov3ParameterSpecs, { fractions: 0.5 }).fractions, '0.5');
    assert.deepEqual(fractionsOf('1,0.25,1'), [0.25, 1]);
    for (const fractions of ['', '0', '1.5', '0.5,', 'half'])
      assert.throws(
        () => resolveParameters(dinov3ParameterSpecs, { fractions }),
        userError(/^fractions is .*, but must be numbers above 0/),
      );
  });

  it('name encoders: the project’s own with its weights and without, small ones in the tour with random weights, else the study’s', () => {
    const of = (given: object) => encodersOf(resolveParameters(dinov3ParameterSpecs, { ...given }));
    assert.deepEqual(of({}), ['vit_mini_patch4', 'vit_mini_random']);
    assert.deepEqual(of({ weights: 'random' }), ['dinov3_tour_b', 'dinov3_tour_l']);
    assert.deepEqual(of({ profile: 'paper' }), Object.keys(dinov3Encoders));
    assert.deepEqual(of({ weights: 'hub', imageSize: 64 }), Object.keys(dinov3Encoders));
    assert.deepEqual(of({ weights: 'random', encoders: 'dinov3_vitb16, dinov3_tour_s' }), [
      'dinov3_vitb16',
      'dinov3_tour_s',
    ]);
    assert.throws(
      () => of({ encoders: 'dinov3_vits16' }),
      userError(/^No weights of vit_small_patch16_dinov3\.lvd1689m come with the project/),
    );
    assert.throws(
      () => of({ encoders: 'dinov3_vitx16' }),
      userError(/^There is no encoder "dinov3_vitx16", did you mean/),
    );
    assert.throws(
      () => of({ encoders: 'dinov3_tour_s', weights: 'hub' }),
      userError(/^dinov3_tour_s has random weights only/),
    );
    assert.throws(
      () => of({ profile: 'paper', weights: 'a.safetensors' }),
      userError(/^weights is a\.safetensors, but there are 3 encoders/),
    );
    assert.throws(
      () => of({ profile: 'paper', weights: '{encoder}.safetensors' }),
      userError(/^There are no weights "dinov3_vits16\.safetensors"\. Tried .* Give embedded, hub, random/),
    );
    assert.throws(() => of({ imageSize: 100 }), userError(/^imageSize is 100, but must be a multiple of 16/));
    assert.deepEqual([encoderTitle('dinov3_vitl16'), encoderTitle('none')], ['DINOv3-L', 'none']);
  });
});

describe('runs in a folder', () => {
  it('are found again with all that is shown of them; their masks are the scored ones to the pixel', async () => {
    const folder = join(scratch, 'runs');
    const given = await resources();
    const featureCache = openFeatureCache({ directory: join(scratch, 'features') });
    const points = pointsOf('corrected', ['none', 'dinov3_tour_s'], [0.5], [3]);
    const runs = (await trainDinov3Runs(points, given, { folder, featureCache })) ?? [];
    assert.equal(
      JSON.stringify(readStoredRuns(folder)),
      JSON.stringify({ finished: runs, unfinished: [], problems: [] }),
    );
    for (const { test, run, row, point } of runs) {
      assert.deepEqual([test.ids, test.scores.length, test.report.flippedScores?.length], [data.splits.test.ids, 7, 7]);
      assert.equal(row.bestValDice, Math.max(...run.history.map(({ valDice }) => valDice)));
      assert.equal(row.protocol, point.encoder === 'none' ? 'scratch' : 'frozen');
    }
    const [unet, dino] = runs;
    assert.deepEqual([unet.row.featureSeconds, Number(dino.row.featureSeconds) > 0], [0, true]);
    for (const run of runs) {
      const probabilities = openTestProbabilities(run);
      const size = { height: probabilities.height, width: probabilities.width };
      run.test.scores.forEach((scores, index) => {
        const { pixels } = data.splits.test.nativeMask(index);
        const predicted = probabilities.read(index).map((byte) => (byte > 127 ? 1 : 0));
        assert.deepEqual(scoreSegmentation({ ...size, pixels }, { ...size, pixels: predicted }), scores);
      });
      probabilities.close();
    }
  });
});
