import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { imageBatches } from '../../lib/data/batches';
import type { Dataset } from '../../lib/data/dataset';
import { createParameters, disposeParameters, hashParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { tf } from '../../lib/tf';
import { roundMatrices } from '../../lib/models/low-precision';
import type { TrainingEvent } from '../../lib/training/events';
import { listFeatureCache, openFeatureCache, type FeatureCache } from '../../lib/training/feature-cache';
import {
  extractAllFeatures,
  extractFeatures,
  type ExtractOptions,
  type FeatureBackbone,
  type FeatureSet,
} from '../../lib/training/features';
import { userError } from '../data/user-error';
import { assertClose } from '../close';
import { toyDataset } from './toy';
import { backboneParameters, backboneTable, backboneValues, doubled, toyBackbone, withoutLeak } from './toy-features';

const scratch = mkdtempSync(join(tmpdir(), 'features-'));
after(() => rmSync(scratch, { recursive: true }));

let serial = 0;
const newCache = (limitBytes?: number): FeatureCache =>
  openFeatureCache({ directory: join(scratch, String(serial++)), limitBytes, saveEverySeconds: 0 });

const parameters = backboneParameters();
after(() => disposeParameters(parameters));

/** Extracts the toy's features, and asserts that no tensor is left behind. */
function extract(changes: Partial<ExtractOptions> = {}): Promise<FeatureSet> {
  const common = { backbone: toyBackbone, parameters, dataset: toyDataset(), transform: doubled, batchSize: 16 };
  return withoutLeak(() => extractFeatures({ ...common, split: 'train', cache: 'off', ...changes }));
}

/** All rows, as bytes: equal to the last bit. */
function bytesOf(set: FeatureSet): Buffer {
  const rows = new Float32Array(set.count * set.width);
  set.readRows(
    Int32Array.from({ length: set.count }, (_, index) => index),
    rows,
  );
  set.close();
  return Buffer.from(rows.buffer);
}

/** Aborts while the batch of this number (from 1) is reported. */
function abortAt(step: number, events: TrainingEvent[] = []): Pick<ExtractOptions, 'signal' | 'onProgress'> {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress(event) {
      events.push(event);
      if (event.kind === 'batch' && event.step === step) controller.abort();
    },
  };
}

const stepsOf = (events: readonly TrainingEvent[]): string[] =>
  events.map((event) => (event.kind === 'batch' ? `${event.step}/${event.steps}` : event.kind));

function sizesOfReads(): { dataset: Dataset; reads: number[][] } {
  const reads: number[][] = [];
  return { reads, dataset: toyDataset({ read: (_, indices) => void reads.push(Array.from(indices)) }) };
}

describe('extractFeatures', () => {
  it('gives what the backbone makes of the transformed images', async () => {
    const dataset = toyDataset();
    const { rows, labels, labelWidth, ...rest } = await extract({ dataset });
    assert.ok(rows);
    const { count, width, task, classes } = rest;
    assert.deepEqual(
      { count, width, task, classes, labelWidth },
      { count: 50, width: 4, task: 'multi-class', classes: 3, labelWidth: 1 },
    );
    assert.equal(labels, dataset.splits.train.labels);
    // The same by hand: all images at once, doubled by tfjs.
    const [batch] = imageBatches(dataset, dataset.splits.train, {
      batchSize: 50,
      normalization: doubled.normalization,
    });
    const expected = tf.tidy(() => {
      const images = tf.image.resizeNearestNeighbor(batch.images, [12, 12]);
      return toyBackbone
        .forward(images, createScope(readParameters(parameters)))
        .pooled.dataSync()
        .slice();
    });
    batch.dispose();
    assertClose(rows, expected, 1e-6, 'features');
    assert.ok(new Set(rows).size > 150, 'features that tell images apart');
  });

  it('gives the same bits anew, from the cache, and from the disk', async () => {
    const cache = newCache();
    const expected = bytesOf(await extract());
    for (const [what, changes] of Object.entries({
      'extracted into the cache': { cache },
      'from the cache': { cache },
      'from the disk': { cache, memoryBytes: 799 },
      'just in memory': { cache, memoryBytes: 928 },
      'extracted to the disk': { cache: newCache(), memoryBytes: 0 },
    } satisfies Record<string, Partial<ExtractOptions>>)) {
      const set = await extract(changes);
      assert.equal(set.rows === undefined, /disk/.test(what), what);
      assert.ok(bytesOf(set).equals(expected), what);
    }
    assert.equal(listFeatureCache(cache).length, 1);
    assert.equal(listFeatureCache(cache)[0].of, 'toy of Toy, train, doubled 12×12, float32');
  });

  it('computes once, and reads each image once', async () => {
    const cache = newCache();
    const { dataset, reads } = sizesOfReads();
    await extract({ cache, dataset });
    assert.deepEqual(
      reads.map((indices) => indices.length),
      [16, 16, 16, 2],
    );
    assert.deepEqual(
      reads.flat(),
      Array.from({ length: 50 }, (_, index) => index),
    );
    await extract({ cache, dataset });
    assert.equal(reads.length, 4);
    await extract({ cache, dataset, batchSize: 25 });
    assert.equal(reads.length, 6);
  });

  it('reports each batch, then the end; of what is there, only the end', async () => {
    const cache = newCache();
    const events: TrainingEvent[] = [];
    const onProgress = (event: TrainingEvent): void => void events.push(event);
    await extract({ onProgress });
    assert.deepEqual(stepsOf(events), ['1/4', '2/4', '3/4', '4/4', 'done']);
    for (const event of events) {
      assert.equal(event.epochs, 1);
      if (event.kind === 'batch') assert.ok(event.epoch === 1 && (event.imagesPerSecond ?? 0) > 0);
      if (event.kind === 'done') assert.ok(event.seconds > 0);
    }
    events.length = 0;
    await extract({ cache, onProgress });
    assert.deepEqual(stepsOf(events), ['1/4', '2/4', '3/4', '4/4', 'done']);
    events.length = 0;
    await extract({ cache, onProgress });
    assert.deepEqual(stepsOf(events), ['done']);
  });

  it('stops between two batches and goes on from there, to the same bits', async () => {
    const cache = newCache();
    const { dataset, reads } = sizesOfReads();
    const events: TrainingEvent[] = [];
    const message = /^Stopped after 48 of 50 images of train: the same call goes on from there\.$/;
    await assert.rejects(extract({ cache, dataset, ...abortAt(2, events) }), userError(message));
    assert.deepEqual(stepsOf(events), ['1/4', '2/4', 'stopped']);
    assert.equal(listFeatureCache(cache)[0].state, 'unfinished');

    reads.length = 0;
    events.length = 0;
    const set = await extract({ cache, dataset, onProgress: (event) => void events.push(event) });
    assert.deepEqual(reads, [[48, 49]]);
    assert.deepEqual(stepsOf(events), ['4/4', 'done']);
    assert.ok(bytesOf(set).equals(bytesOf(await extract())));
    assert.deepEqual(readdirSync(cache.directory).length, 1);
  });

  it('computes no further batch where the stop button was pressed during one', async () => {
    const controller = new AbortController();
    let batches = 0;
    const pressed: FeatureBackbone = {
      ...toyBackbone,
      forward(images, scope) {
        // As a signal of the process comes in: when the event loop has its next turn.
        if (++batches === 2) setTimeout(() => controller.abort(), 0);
        for (const begin = performance.now(); performance.now() < begin + 5;);
        return toyBackbone.forward(images, scope);
      },
    };
    const stopped = extract({ backbone: pressed, signal: controller.signal });
    await assert.rejects(stopped, userError(/^Stopped after 32 of 50 images of train/));
    assert.equal(batches, 2);
  });

  it('ends as usual where it is stopped in the last batch, and says so where nothing is kept', async () => {
    const cache = newCache();
    assert.equal((await extract({ cache, ...abortAt(4) })).count, 50);
    assert.equal((await extract({ cache, signal: AbortSignal.abort() })).count, 50, 'what is there is given');
    const message = /^Stopped after 16 of 50 images of train: without a cache nothing is kept\.$/;
    await assert.rejects(extract({ signal: AbortSignal.abort() }), userError(message));
  });

  it('waits for another extraction of the same, with a warning; the wait can be stopped', async () => {
    const cache = newCache();
    const { dataset, reads } = sizesOfReads();
    const events: TrainingEvent[] = [];
    const controller = new AbortController();
    let goOn: () => void = () => undefined;
    const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
    const apply: typeof doubled.apply = async (bytes, shape) => (await mayGoOn, doubled.apply(bytes, shape));
    const options = { backbone: toyBackbone, parameters, dataset, transform: { ...doubled, apply }, batchSize: 16 };
    await withoutLeak(async () => {
      const first = extractFeatures({ ...options, split: 'train', cache });
      const second = extractFeatures({
        ...options,
        split: 'train',
        cache,
        signal: controller.signal,
        onProgress(event) {
          events.push(event);
          controller.abort();
        },
      });
      const message = /^Stopped while another process extracts the features of train: /;
      await assert.rejects(second, userError(message));
      assert.deepEqual(stepsOf(events), ['warning', 'stopped']);
      const third = extractFeatures({ ...options, split: 'train', cache, onProgress: goOn });
      assert.ok(bytesOf(await first).equals(bytesOf(await third)));
    });
    assert.equal(reads.length, 4);
  });

  it('uses features that are larger than the cache, with a warning', async () => {
    const cache = newCache(500);
    for (const memoryBytes of [0, 1e6]) {
      const events: TrainingEvent[] = [];
      const set = await extract({ cache, memoryBytes, onProgress: (event) => void events.push(event) });
      assert.deepEqual(stepsOf(events), ['1/4', '2/4', '3/4', '4/4', 'done', 'warning']);
      assert.match((events[5] as { message: string }).message, /are not kept\. FEATURE_CACHE_GIGABYTES sets another/);
      assert.ok(bytesOf(set).equals(bytesOf(await extract())));
      assert.deepEqual(readdirSync(cache.directory), []);
    }
  });

  it('refuses features that are not finite, by image, and keeps nothing of their batch', async () => {
    const dataset = toyDataset();
    const { train } = dataset.splits;
    const black: Dataset = {
      ...dataset,
      splits: {
        ...dataset.splits,
        train: {
          ...train,
          readImages(indices, target) {
            train.readImages(indices, target);
            for (let position = 0; position < indices.length; position++)
              if (indices[position] === 37) target.fill(0, 108 * position, 108 * (position + 1));
          },
        },
      },
    };
    const broken = (factor: number): FeatureBackbone => ({
      name: 'logarithm',
      width: 3,
      forward: (images) => ({ pooled: images.add(1).mean([1, 2]).maximum(0).log().mul(factor) }),
    });
    for (const [factor, value] of Object.entries({ 1: '-Infinity', '-1': 'Infinity', 0: 'NaN' })) {
      const cache = newCache();
      const message = `^logarithm makes ${value} of image 37 of train: its weights or the image are damaged\\.$`;
      for (const where of ['off', cache, cache] as const)
        await assert.rejects(
          extract({ backbone: broken(Number(factor)), dataset: black, cache: where }),
          userError(new RegExp(message)),
        );
      assert.equal(listFeatureCache(cache)[0].state, 'unfinished');
    }
  });

  it('fails with what fails, and leaves no tensor behind', async () => {
    const cache = newCache();
    const wide = { ...toyBackbone, width: 2 };
    await assert.rejects(extract({ backbone: wide }), /^Error: toy gives 64 values for 16 images, not 2 each\.$/);
    const failing: FeatureBackbone = {
      ...toyBackbone,
      forward() {
        tf.scalar(1);
        throw new Error('on purpose');
      },
    };
    await assert.rejects(extract({ backbone: failing, cache }), /on purpose/);
    const broken = toyDataset({
      read(_, indices) {
        if (indices[0] === 32) throw new Error('cannot be read');
      },
    });
    await assert.rejects(extract({ dataset: broken, cache }), /cannot be read/);
    const cut = { ...doubled, apply: (bytes: Uint8Array) => bytes };
    await assert.rejects(extract({ transform: cut }), /"doubled 12×12" gives 1728 bytes, not 16×12×12×3/);
    for (const batchSize of [0, -1, 1.5, NaN])
      await assert.rejects(
        extract({ batchSize }),
        userError(new RegExp(`^batchSize is ${batchSize}, but must be a whole number of images`)),
      );
    assert.ok(bytesOf(await extract({ cache })).equals(bytesOf(await extract())));
  });
});

describe('the key of features', () => {
  /** The key that the cache is asked for. */
  async function keyOf(changes: Partial<ExtractOptions> = {}): Promise<string> {
    let key = '';
    const cache: FeatureCache = {
      directory: '',
      limitBytes: 0,
      open(request) {
        key = request.key;
        return Promise.reject(new Error('asked'));
      },
    };
    await assert.rejects(extract({ ...changes, cache }), /asked/);
    assert.match(key, /^[0-9a-f]{64}$/);
    return key;
  }

  it('changes with all that features depend on, and with nothing else', async () => {
    const dataset = toyDataset();
    const { splits } = dataset;
    const { normalization } = doubled;
    const key = await keyOf();
    assert.equal(await keyOf({ memoryBytes: 1, weightsKey: hashParameters(parameters) }), key);
    assert.equal(await keyOf({ dataset: { ...dataset, name: 'renamed', title: 'Renamed' } }), key);
    const other = backboneParameters(6);
    const rounded = roundMatrices(backboneParameters(6), () => true);
    const changes: Record<string, Partial<ExtractOptions>> = {
      weights: { parameters: other },
      'file of weights': { weightsKey: '1'.repeat(64) },
      'name of the backbone': { backbone: { ...toyBackbone, name: 'other' } },
      width: { backbone: { ...toyBackbone, width: 5 } },
      data: { dataset: { ...dataset, sha256: '1'.repeat(64) } },
      'number of images': { dataset: { ...dataset, splits: { ...splits, train: { ...splits.train, count: 49 } } } },
      split: { split: 'val' },
      'split of equal size': { split: 'test' },
      transform: { transform: { ...doubled, key: 'other' } },
      size: { transform: { ...doubled, height: 14 } },
      mean: { transform: { ...doubled, normalization: { ...normalization, mean: [0.5, 0.5, 0.4] } } },
      deviation: { transform: { ...doubled, normalization: { ...normalization, std: [0.5, 0.5, 0.4] } } },
      precision: { parameters: rounded, weightsKey: hashParameters(parameters) },
      'batch size': { batchSize: 32 },
      'default batch size': { batchSize: undefined },
    };
    const keys = new Map([[key, 'nothing']]);
    for (const [what, change] of Object.entries(changes)) {
      const changed = await keyOf(change);
      assert.ok(!keys.has(changed), `${what} gives the key of ${keys.get(changed)}`);
      keys.set(changed, what);
    }
    assert.equal(await keyOf({ batchSize: undefined }), await keyOf({ batchSize: 64 }));
    disposeParameters(other);
    disposeParameters(rounded);
  });

  it('stands on a hash of the weights: names, shapes and values, in any order', () => {
    const hash = hashParameters(parameters);
    const before = tf.memory().numTensors;
    const reversed = { ...parameters, table: Object.fromEntries(Object.entries(backboneTable).reverse()) };
    assert.equal(hashParameters(reversed), hash);
    assert.equal(tf.memory().numTensors, before);
    const shape = [4, 3, 9, 1];
    const reshaped = createParameters({ 'conv1.weight': { shape: [4, 3, 3, 3], kind: 'vector', initial: 1 } }, 0);
    const spec = { shape, kind: 'vector', initial: 1 } as const;
    const flat = createParameters({ 'conv1.weight': spec }, 0);
    const renamed = createParameters({ 'conv2.weight': spec }, 0);
    const hashes = [reshaped, flat, renamed].map(hashParameters);
    assert.equal(new Set([hash, ...hashes]).size, 4);
    for (const made of [reshaped, flat, renamed]) disposeParameters(made);
    assert.equal(backboneValues().size, Object.keys(backboneTable).length);
  });
});

describe('extractAllFeatures', () => {
  const common = { backbone: toyBackbone, parameters, transform: doubled, batchSize: 16 };

  it('gives the three splits', async () => {
    const cache = newCache();
    const sets = await withoutLeak(() => extractAllFeatures({ ...common, dataset: toyDataset(), cache }));
    assert.deepEqual(
      Object.entries(sets).map(([name, { count }]) => [name, count]),
      [
        ['train', 50],
        ['val', 40],
        ['test', 40],
      ],
    );
    for (const split of ['train', 'val', 'test'] as const)
      assert.ok(bytesOf(sets[split]).equals(bytesOf(await extract({ split }))));
    assert.equal(listFeatureCache(cache).length, 3);
  });

  it('closes what it has opened where a split fails', async () => {
    const descriptor = (): number => {
      const file = openSync(scratch, 'r');
      closeSync(file);
      return file;
    };
    const dataset = toyDataset({
      read(split) {
        if (split === 'test') throw new Error('cannot be read');
      },
    });
    const before = descriptor();
    const failing = withoutLeak(() => extractAllFeatures({ ...common, dataset, cache: newCache(), memoryBytes: 0 }));
    await assert.rejects(failing, /cannot be read/);
    assert.equal(descriptor(), before);
  });
});
