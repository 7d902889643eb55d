import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { normalizedImages } from '../../../lib/data/batches';
import { encodersOf } from '../../../lib/studies/dinov3-segmentation/encoder-choice';
import { dinov3EncoderNames } from '../../../lib/studies/dinov3-segmentation/encoder-names';
import { checkEncoder, dinov3Encoders, encoderTitle, openDinov3Encoder } from '../../../lib/studies/dinov3-segmentation/encoders'; // prettier-ignore
import { byteNormalization, describeDinov3Arms, dinov3ArmOptions, epochsOf, imagenetNormalization, normalizationOf, planFraction, studySettings } from '../../../lib/studies/dinov3-segmentation/arms'; // prettier-ignore
import { cacheRoomMessage, mapBytes, openDinov3Maps, splitMaps } from '../../../lib/studies/dinov3-segmentation/maps';
import { configurationsOf, dinov3ParameterSpecs, fractionsOf, hashOfSplits, openDinov3Data } from '../../../lib/studies/dinov3-segmentation/parameters'; // prettier-ignore
import { dinov3ConfigurationSchema, type Dinov3Arm } from '../../../lib/studies/dinov3-segmentation/results';
import { resolveParameters } from '../../../lib/runs/parameters';
import { shortHash } from '../../../lib/runs/results';
import { findModel } from '../../../lib/models/pretrained';
import { tf, type Tensor4D } from '../../../lib/tf';
import { openFeatureCache } from '../../../lib/training/feature-cache';
import { userError } from '../../data/user-error';
import { openToyEncoder, toyData } from './run';

const scratch = mkdtempSync(join(tmpdir(), 'dinov3-plan-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const counts = { train: 2594, val: 100 };
const plan = (fraction: number, seed: number, arm: Dinov3Arm = 'corrected') =>
  planFraction({ fraction, seed, arm }, counts);

describe('the fractions of the training images', () => {
  it('are the study’s 648, 1297 and 2594, nested for each seed, and others for another', () => {
    assert.deepEqual(studySettings.fractions.map((fraction) => plan(fraction, 42).train.length), [648, 1297, 2594]); // prettier-ignore
    for (const seed of [0, 42, 43]) {
      const [quarter, half, all] = studySettings.fractions.map((fraction) => new Set(plan(fraction, seed).train));
      assert.ok([...quarter].every((image) => half.has(image)) && [...half].every((image) => all.has(image)));
    }
    assert.notDeepEqual(plan(0.25, 42).train, plan(0.25, 43).train);
    assert.equal(planFraction({ fraction: 0.01, seed: 1, arm: 'corrected' }, { train: 10, val: 2 }).train.length, 1);
  });

  it('leave all validation images in the corrected arm, and shrink them as published', () => {
    assert.deepEqual([0.25, 0.5, 1].map((fraction) => plan(fraction, 42).val.length), [100, 100, 100]); // prettier-ignore
    assert.deepEqual([0.25, 0.5, 1].map((fraction) => plan(fraction, 42, 'as-published').val.length), [25, 50, 100]); // prettier-ignore
  });
});

describe('the arms of the study', () => {
  it('differ in every switch, each listed', () => {
    const [published, corrected] = (['as-published', 'corrected'] as const).map((arm) => dinov3ArmOptions[arm]);
    for (const option of Object.keys(corrected) as (keyof typeof corrected)[])
      assert.notEqual(published[option], corrected[option], option);
    // Five more are of the model: blocks, norm of tokens, resolutions, order of the levels, gate.
    assert.equal(describeDinov3Arms(3).length, Object.keys(corrected).length + 5);
    for (const { asPublished, corrected: other } of describeDinov3Arms(3)) assert.notEqual(asPublished, other);
  });

  it('leave the images’ bytes as they are as published, and normalise them as ImageNet’s where corrected', () => {
    const bytes = Uint8Array.of(0, 128, 255);
    const pixel = (arm: Dinov3Arm): number[] => {
      const images = normalizedImages(bytes, [1, 1, 1, 3], normalizationOf(arm, imagenetNormalization));
      const values = [...images.dataSync()];
      images.dispose();
      return values;
    };
    pixel('as-published').forEach((value, index) => assert.ok(Math.abs(value - bytes[index]) < 1e-4));
    assert.ok(Math.abs(pixel('corrected')[0] + 0.485 / 0.229) < 1e-5);
    const { mean, std } = findModel(dinov3Encoders.dinov3_vits16.pretrained);
    assert.deepEqual(imagenetNormalization, { mean, std });
    assert.deepEqual(normalizationOf('as-published', imagenetNormalization), byteNormalization);
  });

  it('train Dino U-Nets on all images for 30 of 100 epochs as published', () => {
    const epochs = (arm: Dinov3Arm, model: 'unet' | 'dino-unet', fraction: number) => epochsOf({ arm, model, fraction }, 100); // prettier-ignore
    assert.deepEqual([0.25, 0.5, 1].map((fraction) => epochs('as-published', 'dino-unet', fraction)), [100, 100, 30]); // prettier-ignore
    assert.deepEqual([epochs('as-published', 'unet', 1), epochs('corrected', 'dino-unet', 1)], [100, 100]);
  });
});

describe('parameters', () => {
  it('of the paper profile are the study’s', () => {
    const paper = resolveParameters(dinov3ParameterSpecs, { profile: 'paper' });
    const { epochs, batchSize, learningRate, weightDecay, patience, imageSize, unetWidth, decoderWidth } = paper;
    assert.deepEqual(
      { epochs, batchSize, learningRate, weightDecay, patience, imageSize, unetWidth, decoderWidth },
      { epochs: 100, batchSize: 8, learningRate: 3e-4, weightDecay: 1e-4, patience: 10, imageSize: 256, unetWidth: 32, decoderWidth: 256 }, // prettier-ignore
    );
    assert.deepEqual(fractionsOf(paper.fractions), [0.25, 0.5, 1]);
    assert.deepEqual([paper.diceWeight, paper.flips, paper.flipTta], [0, false, false]);
  });

  it('take one fraction as a number, and refuse what is none', () => {
    assert.equal(resolveParameters(dinov3ParameterSpecs, { fractions: 0.5 }).fractions, '0.5');
    assert.deepEqual(fractionsOf('1,0.25,1'), [0.25, 1]);
    for (const fractions of ['', '0', '1.5', '0.5,', 'half'])
      assert.throws(() => resolveParameters(dinov3ParameterSpecs, { fractions }), userError(/^fractions is .*, but must be numbers above 0/)); // prettier-ignore
  });

  it('name encoders: small ones in the tour with random weights, else the study’s', () => {
    const of = (given: object) => encodersOf(resolveParameters(dinov3ParameterSpecs, { ...given }));
    assert.deepEqual(of({}), ['dinov3_tour_b', 'dinov3_tour_l']);
    assert.deepEqual(of({ profile: 'paper' }), Object.keys(dinov3Encoders));
    assert.deepEqual(of({ weights: 'hub', imageSize: 64 }), Object.keys(dinov3Encoders));
    assert.deepEqual(of({ encoders: 'dinov3_vitb16, dinov3_tour_s' }), ['dinov3_vitb16', 'dinov3_tour_s']);
    assert.throws(() => of({ encoders: 'dinov3_vitx16' }), userError(/^There is no encoder "dinov3_vitx16", did you mean/)); // prettier-ignore
    assert.throws(() => of({ encoders: 'dinov3_tour_s', weights: 'hub' }), userError(/^dinov3_tour_s has random weights only/)); // prettier-ignore
    assert.throws(() => of({ profile: 'paper', weights: 'a.safetensors' }), userError(/^weights is a\.safetensors, but there are 3 encoders/)); // prettier-ignore
    assert.throws(() => of({ profile: 'paper', weights: '{encoder}.safetensors' }), userError(/^There is no weights file dinov3_vits16\.safetensors/)); // prettier-ignore
    assert.throws(() => checkEncoder({ name: 'dinov3_vits16', weights: 'random', imageSize: 100 }), userError(/^imageSize is 100, but must be a multiple of 16/)); // prettier-ignore
    const data = { ...resolveParameters(dinov3ParameterSpecs, {}), imageSize: 40 };
    assert.throws(() => openDinov3Data(data), userError(/^imageSize is 40, but must be a multiple of 16/));
    assert.deepEqual([encoderTitle('dinov3_vitl16'), encoderTitle('none')], ['DINOv3-L', 'none']);
  });

  it('stand for one run for each arm, network, fraction and seed, with an id of its own', async () => {
    const encoder = await openToyEncoder();
    const parameters = resolveParameters(dinov3ParameterSpecs, { seeds: 2 });
    const all = configurationsOf(parameters, toyData, [encoder]);
    // As published one seed, corrected two; a U-Net and a Dino U-Net; three fractions.
    assert.equal(all.length, 2 * 3 * (1 + 2));
    assert.equal(new Set(all.map((configuration) => shortHash(configuration))).size, all.length);
    for (const configuration of all) dinov3ConfigurationSchema.parse(configuration);
    const selected = configurationsOf(parameters, toyData, [encoder], { arms: ['corrected'], models: ['unet'], fractions: [1], seeds: [5] }); // prettier-ignore
    assert.deepEqual(selected.map(({ arm, model, fraction, seed, encoder: name }) => [arm, model, fraction, seed, name]), [['corrected', 'unet', 1, 5, 'none']]); // prettier-ignore
    const swapped = { ...toyData, splits: { ...toyData.splits, val: toyData.splits.test, test: toyData.splits.val } };
    assert.notEqual(hashOfSplits(swapped), hashOfSplits(toyData));
    encoder.close();
  });
});

describe('encoders', () => {
  it('lose the blocks after 11 as published, and have them where corrected; both from the same weights', async () => {
    const before = tf.memory().numTensors;
    const encoder = await openDinov3Encoder({ name: 'dinov3_tour_l', weights: 'random', imageSize: 16, seed: 1 });
    const [published, corrected] = [encoder.variant('as-published'), encoder.variant('corrected')];
    assert.deepEqual([published.depth, corrected.depth], [12, 24]);
    assert.deepEqual(corrected.selection.blocks, [4, 11, 17, 23]);
    assert.ok(published.parameters < 0.6 * corrected.parameters);
    const tensors = tf.memory().numTensors;
    const images: Tensor4D = tf.randomNormal([2, 16, 16, 3], 0, 1, 'float32', 1);
    const [short, long] = [published.encode(images), corrected.encode(images)];
    for (const map of [...short, ...long]) assert.deepEqual(map.shape, [2, 2, 2, 64]);
    // Blocks have a say, whatever their weights: their maps differ.
    const difference = tf.tidy(() => long[0].sub(long[3]).abs().mean().dataSync()[0]);
    assert.ok(difference > 0.05, `maps differ by ${difference}`);
    tf.dispose([images, ...short, ...long]);
    assert.equal(tf.memory().numTensors, tensors);
    encoder.close();
    assert.equal(tf.memory().numTensors, before);
  });

  it('load only what their arms take, and have a name each', async () => {
    const encoder = await openDinov3Encoder({ name: 'dinov3_vits16', weights: 'random', imageSize: 32, seed: 1, arms: ['as-published'] }); // prettier-ignore
    assert.deepEqual([encoder.rows, encoder.columns, encoder.channels, encoder.variant('as-published').parameters], [2, 2, 384, 21_586_944]); // prettier-ignore
    encoder.close();
    assert.equal(new Set(dinov3EncoderNames.map(encoderTitle)).size, dinov3EncoderNames.length);
  });

  it('need so much room in the feature cache', () => {
    const dataset = { splits: { train: { count: 2594 }, val: { count: 100 }, test: { count: 1000 } } };
    const plain = { dataset, flips: false, flipTta: false };
    const [small, base, large] = [384, 768, 1024].map((channels) => ({ ...plain, encoder: { name: `of ${channels}`, rows: 16, columns: 16, channels } })); // prettier-ignore
    assert.equal(mapBytes(small), 3694 * 16 * 16 * 4 * 384 * 4);
    assert.equal(mapBytes({ ...small, flips: true, flipTta: true }), (4 * 2594 + 100 + 4000) * 16 * 16 * 4 * 384 * 4);
    assert.equal(cacheRoomMessage([small, base], 20e9), undefined);
    const message = cacheRoomMessage([small, base, large], 20e9) ?? '';
    assert.match(
      message,
      /^The maps of of 384, of 768, of 1024 take 32\.9 GB, more than the 20\.0 GB of the feature cache:/,
    );
    assert.match(message, /FEATURE_CACHE_GIGABYTES=33 keeps all\.$/);
  });

  it('have their four maps kept once an image and flip, from memory and from disk the same', async () => {
    const encoder = await openToyEncoder();
    const variant = encoder.variant('corrected');
    const featureCache = openFeatureCache({ directory: join(scratch, 'features') });
    const request = { dataset: toyData, encoder, arm: 'corrected' as const, flips: true, flipTta: false, featureCache };
    const before = tf.memory().numTensors;
    const gathered: Float32Array[][] = [];
    for (const memoryBytes of [2 ** 28, 0]) {
      const maps = await openDinov3Maps({ ...request, memoryBytes });
      const source = maps.source(toyData.splits, { horizontalFlip: 1, verticalFlip: 0 }, 1);
      const values: Float32Array[] = [];
      for (const batch of source.batches('train', { batchSize: 6, epoch: 0 })) {
        values.push(batch.images.dataSync<'float32'>().slice());
        batch.dispose();
      }
      gathered.push(values);
      assert.ok(maps.seconds > 0);
      maps.close();
    }
    assert.deepEqual(gathered[1], gathered[0]);
    assert.equal(tf.memory().numTensors, before);
    // The first image, left and right changed.
    const bytes = new Uint8Array(toyData.height * toyData.width * 3);
    toyData.splits.train.readImages([0], bytes);
    tf.tidy(() => {
      const image = normalizedImages(bytes, [1, toyData.height, toyData.width, 3], encoder.normalization).reverse(2);
      const expected = tf.concat(variant.encode(image), 3);
      const actual = tf.tensor4d(gathered[0][0].slice(0, expected.size), expected.shape); // prettier-ignore
      assert.ok(actual.sub(expected).abs().max().dataSync()[0] < 1e-5);
      const parts = splitMaps(actual);
      variant.encode(image).forEach((map, index) => {
        assert.ok(parts[index].sub(map).abs().max().dataSync()[0] < 1e-5);
      });
    });
    encoder.close();
  });
});
