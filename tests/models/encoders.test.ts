import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { byteNormalization, halfNormalization } from '../../lib/data/normalization';
import {
  dinoUnet,
  endToEnd,
  frozen,
  reconstructionDecoder,
  segmentationDecoder,
} from '../../lib/models/encoder-networks';
import { blockMaps, encoderIdentity, frozenParameters, lastMap, openVit, withValues } from '../../lib/models/encoders';
import { dinoUnetOfWidth, dinoUnetParameters } from '../../lib/models/dino-unet';
import { initialParameters } from '../../lib/models/initial-values';
import { network } from '../../lib/models/network';
import { networkSpecSchema, specOf } from '../../lib/models/network-spec';
import { libraryNetwork } from '../../lib/models/networks';
import {
  countParameters,
  disposeParameters,
  exportParameters,
  readParameters,
  trainableNames,
} from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { trainingIdentity } from '../../lib/runs/identity';
import { sameOutputs } from '../../lib/workbench/networks';
import { tf, type Tensor4D } from '../../lib/tf';
import { adamW } from '../../lib/training/create-optimizer';
import { constant } from '../../lib/training/schedules';
import { userError } from '../data/user-error';
import { openToyVit, toyNetworks } from '../training/encoders';
import { side, toySegmentation } from '../training/toy-segmentation';

describe('an encoder', () => {
  it('is a value: nothing of it is on the device but while it is used', async () => {
    const before = tf.memory().numTensors;
    const vit = await openToyVit({ depth: 4, patchSize: 8 });
    const [last, maps] = [lastMap(vit), blockMaps(vit, { blocks: [0, 2], normalizeTokens: true })];
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual([last.channels, maps.channels, maps.rows, maps.columns], [12, 24, 2, 2]);
    // What comes after the last block is left out.
    assert.ok('blocks.2.norm1.weight' in maps.table && !('blocks.3.norm1.weight' in maps.table));
    for (const encoder of [last, maps]) {
      const parameters = frozenParameters(encoder);
      tf.tidy(() => {
        const images: Tensor4D = tf.randomNormal([2, side, side, 3], 0, 1, 'float32', 1);
        const map = encoder.encode(images, createScope(readParameters(parameters)));
        assert.deepEqual(map.shape, [2, encoder.rows, encoder.columns, encoder.channels]);
      });
      disposeParameters(parameters);
    }
    assert.equal(tf.memory().numTensors, before);
    assert.throws(
      () => blockMaps(vit, { blocks: [2, 5, 8, 11], normalizeTokens: true }),
      userError(/^toy ViT has 4 blocks, so there is no block 11/),
    );
  });

  it('has random weights of a seed, or says that it has no others', async () => {
    const [first, again, other] = [await openToyVit(), await openToyVit(), await openToyVit({ seed: 2 })];
    assert.deepEqual(again.weights, first.weights);
    assert.notEqual(other.weights.origin.sha256, first.weights.origin.sha256);
    const { config, ...request } = { ...first, architecture: first.config, imageSize: side, seed: 1 };
    await assert.rejects(openVit({ ...request, weights: 'hub' }), userError(/^toy has random weights only/));
    await assert.rejects(openVit({ ...request, weights: 'random', imageSize: 20 }), userError(/20/));
    assert.equal(config.depth, 2);
  });

  it('tells the first blocks of a file from all of them', async () => {
    const request = {
      name: 'mini',
      title: 'mini ViT',
      architecture: 'vit_mini_patch4',
      pretrained: 'vit_mini_patch4',
    } as const;
    const open = async (depth?: number) =>
      lastMap(
        await openVit({
          ...request,
          normalization: halfNormalization,
          weights: 'embedded',
          imageSize: 28,
          seed: 0,
          depth,
        }),
      );
    const [whole, half] = [await open(), await open(3)];
    assert.equal(whole.weights.origin.sha256, half.weights.origin.sha256);
    assert.notDeepEqual(encoderIdentity(whole), encoderIdentity(half));
  });

  it('and its options, weights and normalisation are in the identity of a training', async () => {
    const { encoder, decoder } = await toyNetworks();
    const recipe = { epochs: 1, batchSize: 2, seed: 1, optimizer: adamW(), schedule: constant({ learningRate: 0.1 }) };
    const data = toySegmentation();
    const moved = new Map(
      [...encoder.weights.values].map(([name, values]) => [name, values.map((value) => value + 1)]),
    );
    const networks = [
      frozen(encoder, decoder),
      frozen(encoder, decoder, { cache: false }),
      endToEnd(encoder, decoder),
      frozen(withValues(encoder, moved), decoder),
      frozen({ ...encoder, normalization: byteNormalization }, decoder),
      frozen(lastMap(await openToyVit(), { doubledEmbedding: true }), decoder),
    ];
    const identities = networks.map((one) => JSON.stringify(trainingIdentity(one, data, recipe)));
    assert.equal(new Set(identities).size, networks.length);
    assert.deepEqual(encoderIdentity(encoder), encoderIdentity((await toyNetworks()).encoder));
  });
});

describe('networks of an encoder and a decoder', () => {
  it('have the studies’ numbers of values', () => {
    const map = { channels: 768 };
    assert.equal(countParameters(segmentationDecoder(map)), 2_158_017);
    assert.equal(countParameters(reconstructionDecoder(map)), 5_089_923);
    const dino = (channels: number, arm: 'as-published' | 'corrected') =>
      countParameters(dinoUnet({ channels: 4 * channels }, { arm, size: 256 }));
    assert.deepEqual(
      [384, 768, 1024].map((channels) => dino(channels, 'as-published')),
      [4_030_433, 4_214_753, 4_337_633],
    );
    assert.deepEqual(dino(384, 'corrected'), 4_063_297);
    assert.deepEqual(dinoUnetOfWidth(8, 64, 'corrected').widths, [64, 32, 16, 8]);
    assert.ok(countParameters({ table: dinoUnetParameters(dinoUnetOfWidth(8, 64, 'corrected')) }) < 300_000);
  });

  it('give the same, frozen on maps or end to end on images', async () => {
    const { encoder, decoder, whole } = await toyNetworks();
    const before = tf.memory().numTensors;
    const ofWhole = initialParameters(whole.table, 3, whole.initial);
    const ofDecoder = initialParameters(decoder.table, 3);
    const ofEncoder = frozenParameters(encoder);
    tf.tidy(() => {
      const images: Tensor4D = tf.randomNormal([2, side, side, 3], 0, 1, 'float32', 1);
      const logits = whole.forward(images, createScope(readParameters(ofWhole)));
      const maps = encoder.encode(images, createScope(readParameters(ofEncoder)));
      const alone = decoder.forward(maps, createScope(readParameters(ofDecoder)));
      assert.deepEqual(logits.shape, [2, side, side, 1]);
      assert.deepEqual(alone.dataSync(), logits.dataSync());
    });
    for (const parameters of [ofWhole, ofDecoder, ofEncoder]) disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('are told as data, from which the same network is built, encoder included', async () => {
    const vit = await openToyVit({ depth: 4, patchSize: 8 });
    const [doubled, blocks] = [
      lastMap(vit, { doubledEmbedding: true }),
      blockMaps(vit, { blocks: [0, 1, 2, 3], normalizeTokens: false }),
    ];
    const low = { ...lastMap(vit), precision: 'bfloat16' } as const;
    const networks = [
      frozen(doubled, segmentationDecoder(doubled, { widths: [8, 6, 4] })),
      frozen(blocks, dinoUnet(blocks, { width: 16, size: side })),
      frozen(low, segmentationDecoder(low, { widths: [8, 6, 4] })),
      endToEnd(doubled, segmentationDecoder(doubled, { widths: [8, 6, 4] })),
    ];
    const before = tf.memory().numTensors;
    for (const one of networks) {
      const spec = networkSpecSchema.parse(JSON.parse(JSON.stringify(specOf(one))));
      const built = libraryNetwork(spec, { name: one.name, normalization: one.normalization });
      const values = initialParameters(one.table, 3, one.initial);
      const whole = initialParameters(
        built.table,
        3,
        new Map([...(one.frozen?.encoder.weights.values ?? []), ...exportParameters(values)]),
      );
      const ofEncoder = one.frozen && frozenParameters(one.frozen.encoder);
      tf.tidy(() => {
        const images: Tensor4D = tf.randomNormal([2, side, side, 3], 0, 1, 'float32', 1);
        const given =
          one.frozen && ofEncoder ? one.frozen.encoder.encode(images, createScope(readParameters(ofEncoder))) : images;
        const expected = one.forward(given, createScope(readParameters(values)));
        assert.deepEqual(built.forward(images, createScope(readParameters(whole))).dataSync(), expected.dataSync());
      });
      assert.deepEqual(trainableNames(built, built.trainable), trainableNames(one));
      for (const parameters of [values, whole, ...(ofEncoder ? [ofEncoder] : [])]) disposeParameters(parameters);
    }
    assert.equal(tf.memory().numTensors, before);
    const own = network({ name: 'own', table: networks[3].table, forward: networks[3].forward });
    assert.equal(specOf(frozen(doubled, own)), undefined);
  });

  it('can have a decoder of one’s own, which is compared on maps', async () => {
    const { encoder, decoder } = await toyNetworks();
    const data = { height: side, width: side };
    const same = network({ name: 'own', table: decoder.table, forward: (map, p) => decoder.forward(map, p) });
    const other = network({ name: 'own', table: decoder.table, forward: (map, p) => decoder.forward(map, p).mul(2) });
    assert.match(sameOutputs(frozen(encoder, same), frozen(encoder, decoder), data).text, /0/);
    assert.throws(
      () => sameOutputs(frozen(encoder, other), frozen(encoder, decoder), data),
      userError(/give different outputs/),
    );
  });
});
