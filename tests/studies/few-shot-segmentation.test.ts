import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unitNormalization } from '../../lib/data/segmentation-batches';
import { drawSplits } from '../../lib/data/splits';
import { disposeParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { readParameters } from '../../lib/models/parameters';
import { describeFewShotArms, allSeries, armOptions, drawsOf, planTraining, recordOfSize, savedOfStudy, scoresOfStudy, seriesNames, sizesOfStudy, type FewShotOptions, type PlanRequest } from '../../lib/studies/few-shot-segmentation/arms'; // prettier-ignore
import { fewShotParameterSpecs, usableSizes } from '../../lib/studies/few-shot-segmentation/parameters';
import { denoise, type DenoisedEncoder } from '../../lib/studies/few-shot-segmentation/denoising';
import { casePanel, findCase, scoreBars, seriesTitle } from '../../lib/studies/few-shot-segmentation/figures';
import type { SeriesControls, SeriesRequest } from '../../lib/studies/few-shot-segmentation/maps';
import { trainSeries, type FewShotTraining } from '../../lib/studies/few-shot-segmentation/series';
import { compareSeries, modelSizes, scoreRows, timingRows } from '../../lib/studies/few-shot-segmentation/tables';
import { resolveParameters } from '../../lib/runs/parameters';
import { readResults } from '../../lib/runs/results';
import type { NotebookRun } from '../../lib/runs/notebook-run';
import { checkEncoder, openEncoder, type SegmentationEncoder } from '../../lib/studies/segmentation-encoders';
import { tf } from '../../lib/tf';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { initialParameters } from '../../lib/models/initial-values';
import { userError } from '../data/user-error';
import { toySegmentation, withoutSeconds } from '../training/toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'few-shot-'));
after(() => rmSync(scratch, { recursive: true }));

const settings = { epochs: 200, batchSize: 10, learningRate: 2e-4, weightDecay: 1e-4, seed: 42, draws: 5 };
const normalization = { mean: [0.4, 0.5, 0.6], std: [0.1, 0.2, 0.3] } as const;
const counts = { train: 2000, val: 150 };
const plan = (changes: Partial<PlanRequest> & { options: FewShotOptions }) =>
  planTraining({ settings, size: 160, draw: 0, counts, normalization, ...changes });

describe('training images', () => {
  it('are nested in the corrected arm: 10 ⊂ 20 ⊂ 40 ⊂ 80 ⊂ 160, in each draw; as published, they are not', () => {
    const subsets = (options: FewShotOptions, draw: number) =>
      [10, 20, 40, 80, 160].map((size) => new Set(plan({ options, size, draw }).train));
    const areNested = (sets: Set<number>[]): boolean =>
      sets.slice(1).every((larger, index) => [...sets[index]].every((image) => larger.has(image)));
    for (const draw of [0, 1, 4]) assert.ok(areNested(subsets(armOptions.corrected, draw)));
    assert.ok(!areNested(subsets(armOptions['as-published'], 0)));
    assert.ok(!areNested(subsets({ ...armOptions.corrected, nestedSubsets: false }, 0)));
    const [first, second] = [0, 1].map((draw) => [...subsets(armOptions.corrected, draw)[0]]);
    assert.notDeepEqual(first, second);
    assert.deepEqual(subsets(armOptions.corrected, 0).map(({ size }) => size), [10, 20, 40, 80, 160]); // prettier-ignore
  });

  it('are in no other split, nor are validation and test images', () => {
    const ids = Array.from({ length: 300 }, (_, index) => `image_${index}`);
    for (const seed of [0, 42]) {
      const { train, val, test } = drawSplits(ids, { seed });
      assert.equal(new Set([...train, ...val, ...test]).size, 300);
      for (const arm of ['as-published', 'corrected'] as const) {
        const request = { options: armOptions[arm], size: 160, counts: { train: train.length, val: val.length } };
        const { train: trained, val: validated } = plan(request);
        const used = [...Array.from(trained, (index) => train[index]), ...Array.from(validated, (index) => val[index]), ...test]; // prettier-ignore
        assert.equal(new Set(used).size, trained.length + validated.length + test.length);
      }
    }
  });

  it('are the sizes that there are images for', () => {
    assert.deepEqual(usableSizes('10,160,20,160', 120), [20, 10]);
    assert.throws(() => usableSizes('80,40', 30), userError(/^sizes is 80,40, but there are 30 training images/));
    const resolved = resolveParameters(fewShotParameterSpecs, { sizes: 40 });
    assert.equal(resolved.sizes, '40');
    for (const sizes of ['', '10,', 'ten', '0', -3, '1.5'])
      assert.throws(() => resolveParameters(fewShotParameterSpecs, { sizes }), userError(/^sizes is .*, but must be numbers of images/)); // prettier-ignore
  });
});

describe('the arms', () => {
  const published = armOptions['as-published'];
  const corrected = armOptions.corrected;

  it('differ by the listed switches and by nothing else', () => {
    assert.deepEqual(describeFewShotArms(5).map(({ option }) => option).sort(), Object.keys(corrected).sort()); // prettier-ignore
    for (const option of Object.keys(corrected) as (keyof FewShotOptions)[])
      assert.notEqual(published[option], corrected[option], option);
    // With the options of the other arm, the plans are the same: no arm is asked for anywhere else.
    for (const size of [10, 160, 2000]) {
      assert.notDeepEqual(plan({ options: published, size }), plan({ options: corrected, size }));
      assert.deepEqual(plan({ options: { ...published, ...corrected }, size }), plan({ options: corrected, size }));
    }
  });

  it('each switch changes its own part of a training', () => {
    const parts: Record<keyof FewShotOptions, (options: FewShotOptions) => unknown> = {
      testStatistics: (options) => plan({ options }).settings.testStatistics,
      doubledEmbedding: (options) => plan({ options }).doubledEmbedding,
      normalizedInput: (options) => plan({ options }).normalization,
      nestedSubsets: (options) => plan({ options }).train,
      fixedValidation: (options) => plan({ options }).val.length,
      severalDraws: (options) => drawsOf(options, settings),
    };
    for (const option of Object.keys(parts) as (keyof FewShotOptions)[]) {
      const switched = { ...corrected, [option]: published[option] };
      for (const [part, of] of Object.entries(parts))
        assert[part === option ? 'notDeepEqual' : 'deepEqual'](of(switched), of(corrected), `${option} and ${part}`);
    }
    assert.deepEqual(plan({ options: published }).normalization, unitNormalization);
    assert.equal(drawsOf(published, settings), 1);
  });

  it('as published follow the study’s table at its settings', () => {
    for (const { size, validation, epochs, batchSize } of sizesOfStudy) {
      const planned = plan({ options: published, size });
      const own = planned.settings;
      assert.deepEqual([planned.val.length, own.epochs, own.batchSize], [validation, epochs, batchSize]);
      assert.deepEqual(
        [own.optimizer, own.schedule, own.selectBy, own.learningRate],
        ['sgd', 'constant', 'loss', 2e-4],
      );
    }
    assert.equal(recordOfSize(100).size, 80);
    assert.equal(recordOfSize(3).size, 10);
  });
});

describe('the study’s numbers', () => {
  it('agree with each other: the mean of what freezing saves is 47.79 %', () => {
    for (const { size, secondsE, secondsF, saved } of sizesOfStudy) {
      // At 80 images, its seconds give 48.30 % and its table says 48.23 %.
      assert.ok(Math.abs(1 - secondsF / secondsE - saved) < (size === 80 ? 8e-4 : 1e-4), `${size}`);
    }
    const mean = sizesOfStudy.reduce((sum, { secondsE, secondsF }) => sum + 1 - secondsF / secondsE, 0) / sizesOfStudy.length; // prettier-ignore
    assert.ok(Math.abs(mean - savedOfStudy) < 5e-5);
  });

  it('have F ahead of E where the text says so: in the Jaccard index at 40, 20 and 10 images', () => {
    const jaccard = (series: string, size: number) => scoresOfStudy.find((row) => row.series === series && row.size === size)?.jaccard ?? NaN; // prettier-ignore
    const ahead = sizesOfStudy.map(({ size }) => size).filter((size) => jaccard('F', size) > jaccard('E', size));
    assert.deepEqual(ahead, [40, 20, 10]);
  });

  it('have the sizes of its networks', async () => {
    const encoder = await openEncoder({ profile: 'tour', weights: 'random', imageSize: 32, seed: 1 });
    assert.deepEqual(modelSizes(encoder, 32).map(({ study }) => study), [85_798_656, 5_089_923, 2_158_017, 7_763_041]); // prettier-ignore
    assert.equal(modelSizes(encoder, 32)[3].here, 7_763_041);
    assert.throws(
      () => checkEncoder({ profile: 'tour', weights: 'random', imageSize: 100 }),
      userError(/multiple of 16/),
    );
    const missing = { profile: 'tour', weights: 'no-such.safetensors', imageSize: 96 };
    assert.throws(() => checkEncoder(missing), userError(/^There is no weights file no-such/));
  });
});

describe('series', () => {
  const dataset = toySegmentation({ counts: { train: 24, val: 6, test: 7 } });
  const small = { epochs: 1, batchSize: 4, learningRate: 0.05, weightDecay: 1e-4, seed: 1, draws: 2 };
  const denoising = { epochs: 2, batchSize: 8, learningRate: 1e-3, noise: 0.1, seed: 1 };
  const featureCache = openFeatureCache({ directory: join(scratch, 'features') });
  let encoder: SegmentationEncoder;
  let denoised: DenoisedEncoder | undefined;
  const runIn = (name: string): NotebookRun => {
    return { notebook: 'test', runId: name, directory: join(scratch, name), parameters: { profile: 'tour', seed: 1 } };
  };
  const request = (changes: Partial<SeriesRequest> = {}): SeriesRequest => {
    return {
      dataset,
      encoder,
      denoised,
      arm: 'corrected',
      sizes: [20, 10],
      settings: small,
      cache: true,
      featureCache,
      ...changes,
    };
  };

  before(async () => {
    process.env.NOTEBOOK_RUN_DIRECTORY = scratch;
    encoder = await openEncoder({ profile: 'tour', weights: 'random', imageSize: dataset.height, seed: 1 });
    denoised = await denoise(runIn('denoising'), { dataset, encoder, arm: 'corrected', settings: denoising });
  });
  after(() => delete process.env.NOTEBOOK_RUN_DIRECTORY);

  async function train(name: string, controls: SeriesControls = {}, changes: Partial<SeriesRequest> = {}) {
    const before = tf.memory().numTensors;
    const trained = await trainSeries(runIn(name), ['F', 'E'], request(changes), controls);
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
    return trained;
  }
  const comparable = (trainings: readonly FewShotTraining[] = []) =>
    trainings.map(({ row, history, masks, ...rest }) => ({
      ...rest,
      history: withoutSeconds(history),
      row: { ...row, seconds: 0, secondsWithoutCache: 0 },
      masks: masks && [...masks],
      seconds: undefined,
    }));

  it('doubled embedding and normalised input change what the encoder makes of an image', () => {
    const parameters = initialParameters(encoder.table, 0, encoder.values);
    tf.tidy(() => {
      const values = Float32Array.from(
        { length: 2 * dataset.height * dataset.width * 3 },
        (_, index) => (index % 97) / 97,
      );
      const images = tf.tensor4d(values, [2, dataset.height, dataset.width, 3]);
      const maps = (doubledEmbedding: boolean) =>
        encoder.encode(images, createScope(readParameters(parameters)), { doubledEmbedding }).dataSync();
      const [once, twice] = [maps(false), maps(true)];
      assert.ok(once.some((value, index) => Math.abs(value - twice[index]) > 1e-3));
    });
    disposeParameters(parameters);
  });

  it('train each size and draw, record a row each, and give the same for the same seed', async () => {
    const trained = await train('whole');
    assert.ok(trained);
    assert.deepEqual(trained.map(({ series, size, draw }) => `${series}-${size}-${draw}`), ['F-20-0', 'F-20-1', 'F-10-0', 'F-10-1', 'E-20-0', 'E-20-1', 'E-10-0', 'E-10-1']); // prettier-ignore
    const results = readResults(join(scratch, 'whole'));
    assert.equal(results?.results.length, 8);
    const decoderSize = modelSizes(encoder, 8)[2].here;
    trained.forEach(({ series, size, scores }: FewShotTraining, index) => {
      const row = results.results[index];
      assert.equal(row.protocol, series === 'F' ? 'frozen' : 'scratch');
      assert.equal(row.trainImages, size);
      const dice = scores.reduce((sum, score) => sum + score.dice, 0) / scores.length;
      assert.ok(Math.abs(Number(row.testDice) - dice) < 1e-12);
      for (const name of ['testIou', 'testSensitivity', 'testHd95', 'bestValLoss']) assert.equal(typeof row[name], 'number', name); // prettier-ignore
      assert.equal(row.trainableParameters, series === 'F' ? decoderSize : row.parameters);
    });
    assert.deepEqual(comparable(await train('again')), comparable(trained));
    // Finished ones are kept without their weights, and not trained again.
    const folder = join(scratch, 'again', 'checkpoints', trained[0].trainingKey);
    assert.deepEqual(readdirSync(folder), ['finished.json']);
    let events = 0;
    assert.deepEqual(comparable(await train('again', { onProgress: ({ kind }) => kind === 'batch' && events++ })), comparable(trained)); // prettier-ignore
    assert.equal(events, 0);
    // A damaged one is.
    writeFileSync(join(folder, 'finished.json'), readFileSync(join(folder, 'finished.json'), 'utf8').slice(0, 99));
    assert.deepEqual(comparable(await train('again')), comparable(trained));
  });

  it('continue a stopped run to the same end', async () => {
    const whole = await train('whole');
    for (const after of [1, 7, 30]) {
      const controller = new AbortController();
      let events = 0;
      const onProgress: SeriesControls['onProgress'] = ({ kind }) => kind === 'batch' && ++events === after && controller.abort(); // prettier-ignore
      const stopped = await train(`stopped-${after}`, { signal: controller.signal, onProgress });
      assert.equal(stopped, undefined);
      assert.ok(existsSync(join(scratch, `stopped-${after}`)));
      assert.deepEqual(comparable(await train(`stopped-${after}`)), comparable(whole));
    }
  });

  it('give nearly the same frozen training with and without kept maps, and say what each took', async () => {
    const [cached, plain] = [await train('whole'), await train('plain', {}, { cache: false })];
    assert.ok(cached && plain);
    cached.slice(0, 4).forEach((training, index) => {
      const other = plain[index];
      assert.equal(other.bestEpoch, training.bestEpoch);
      training.history.forEach((row, epoch) => assert.ok(Math.abs(row.valLoss - other.history[epoch].valLoss) < 1e-3)); // prettier-ignore
      assert.equal(other.seconds.features, 0);
      assert.equal(other.seconds.uncached, other.seconds.training);
      assert.ok(training.seconds.features > 0 && training.seconds.uncached > training.seconds.training);
    });
    const rows = timingRows(cached);
    assert.deepEqual(rows.map(({ trainImages }) => trainImages), ['20', '10', 'mean']); // prettier-ignore
    assert.equal(rows[2].savedInStudy, 47.79);
    for (const { secondsE, secondsF, secondsFCached, saved, savedCached } of rows.slice(0, 2)) {
      assert.ok(secondsFCached < secondsF || secondsF === 0);
      assert.ok(Math.abs(saved - 100 * (1 - secondsF / secondsE)) < 1e-9);
      assert.ok(savedCached > saved);
    }
  });

  it('test with batch statistics in the same trainings, where that switch alone is set', async () => {
    const [running, batch] = [await train('whole'), await train('batch', {}, { options: { testStatistics: 'batch' } })];
    assert.ok(running && batch);
    running.forEach(({ history }, index) => assert.deepEqual(withoutSeconds(batch[index].history), withoutSeconds(history))); // prettier-ignore
    assert.notDeepEqual(batch.map(({ scores }) => scores), running.map(({ scores }) => scores)); // prettier-ignore
  });

  it('are shown under the name of the training that made them', async () => {
    const trained = await train('whole');
    assert.ok(trained);
    const options = { seed: 1, resamples: 50 };
    const { figure } = scoreBars(trained, 'jaccard', options);
    const rows = scoreRows(trained, options);
    for (const series of ['F', 'E'] as const) {
      const trace = figure.data.find(({ type, name }) => type === 'bar' && name === seriesTitle(series));
      const expected = rows.filter((row) => row.series === series).map(({ jaccard }) => jaccard);
      (trace?.y as number[]).forEach((value, index) => assert.ok(Math.abs(value - expected[index]) < 1e-12));
    }
    const [comparison] = compareSeries(trained, 'F', 'E', options);
    assert.ok(Math.abs(comparison.difference - (rows[0].jaccard - rows[2].jaccard)) < 1e-12);
    assert.equal(comparison.trainImages, 20);

    const means = dataset.splits.test.ids.map((_, image) => trained.reduce((sum, { scores }) => sum + scores[image].jaccard, 0)); // prettier-ignore
    assert.equal(means[findCase(trained, 'worst')], Math.min(...means));
    assert.equal(means[findCase(trained, 'best')], Math.max(...means));
    // Of seven images, the fourth; some may be equal.
    const median = means[findCase(trained, 'median')];
    assert.ok(
      means.filter((value) => value < median).length <= 3 && means.filter((value) => value <= median).length > 3,
    );
    const { html, text } = await casePanel(trained, dataset, 'worst');
    assert.match(text, /F, 20 images, Jaccard \d\.\d{3}/);
    assert.match(html, /broken outline/);
    assert.match(text, /Images made by this project/);
  });

  it('have four kinds that differ in one thing each', () => {
    assert.deepEqual(seriesNames.map((name) => Object.values(allSeries[name]).join(' ')).sort(), ['denoised end-to-end', 'denoised frozen', 'pretrained end-to-end', 'pretrained frozen']); // prettier-ignore
  });
});
