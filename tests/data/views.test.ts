import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawProcedural } from '../../lib/data/procedural-images';
import { openSyntheticTask } from '../../lib/data/synthetic-tasks';
import { startThreads } from '../../lib/data/threads';
import { datasetSource, drawnSource, viewBatches, viewWorker, type ViewThreads } from '../../lib/data/view-batches';
import type { ViewedBatch } from '../../lib/data/view-worker';
import { drawViews, type ViewSettings } from '../../lib/data/views';
import { createRandom } from '../../lib/random';

const settings: ViewSettings = {
  globalSize: 16,
  localSize: 8,
  locals: 3,
  globalScale: [0.3, 1],
  localScale: [0.05, 0.3],
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.2,
  hue: 0.1,
  grey: 0.2,
  blur: 1,
  solarize: 0.2,
};
const plain: ViewSettings = {
  ...settings,
  globalScale: [1, 1],
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
  grey: 0,
  blur: 0,
  solarize: 0,
};
const size = { height: 48, width: 48 };
const image = drawProcedural({ seed: 1, index: 4, size: 48 });

async function collect(batches: AsyncIterable<ViewedBatch>): Promise<ViewedBatch[]> {
  const all: ViewedBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

async function withThreads<T>(run: (threads: ViewThreads) => Promise<T>): Promise<T> {
  const threads: ViewThreads = startThreads(viewWorker, 2);
  try {
    return await run(threads);
  } finally {
    await threads.close();
  }
}

describe('views', () => {
  it('are two large ones and as many small ones as asked for, each another', () => {
    const { globals, locals } = drawViews(image, size, settings, createRandom(1));
    assert.deepEqual(
      globals.map(({ length }) => length),
      [768, 768],
    );
    assert.deepEqual(
      locals.map(({ length }) => length),
      [192, 192, 192],
    );
    const all = [...globals, ...locals].map((view) => Buffer.from(view).toString('base64'));
    assert.equal(new Set(all).size, 5);
    assert.deepEqual(drawViews(image, size, settings, createRandom(1)), { globals, locals });
    assert.notDeepEqual(drawViews(image, size, settings, createRandom(2)), { globals, locals });
  });

  it('change nothing but the side where nothing else is asked for', () => {
    const flat = Uint8Array.from({ length: image.length }, (_, at) => [200, 100, 30][at % 3]);
    for (const view of drawViews(flat, size, plain, createRandom(3)).globals)
      assert.deepEqual([...new Set(view)].sort(), [100, 200, 30]);
    const whole = { ...plain, globalSize: 48 };
    const sorted = (bytes: Uint8Array): Uint8Array => bytes.slice().sort();
    for (let seed = 0; seed < 6; seed++)
      for (const view of drawViews(image, size, whole, createRandom(seed)).globals)
        assert.deepEqual(sorted(view), sorted(image), 'mirrored at the most');
  });

  it('leave greys grey under a turn of the hue, and turn colours', () => {
    const grey = Uint8Array.from({ length: image.length }, (_, at) => (5 * Math.floor(at / 3)) % 256);
    const turned = { ...plain, hue: 0.5 };
    for (let seed = 0; seed < 4; seed++) {
      const [view] = drawViews(grey, size, turned, createRandom(seed)).globals;
      for (let at = 0; at < view.length; at += 3) assert.ok(Math.abs(view[at] - view[at + 2]) <= 1);
    }
    const reds = Uint8Array.from({ length: image.length }, (_, at) => [200, 60, 60][at % 3]);
    const seen = new Set(
      Array.from({ length: 20 }, (_, seed) => {
        const [view] = drawViews(reds, size, turned, createRandom(seed)).globals;
        return [0, 1, 2].reduce((most, channel) => (view[channel] > view[most] ? channel : most), 0);
      }),
    );
    assert.equal(seen.size, 3);
  });

  it('come from threads in batches, view by view, the same whatever the batch', () =>
    withThreads(async (threads) => {
      const source = drawnSource({ seed: 5, size: 48 }, 6);
      const read = (batchSize: number, epoch: number): Promise<ViewedBatch[]> =>
        collect(viewBatches(threads, source, { batchSize, seed: 9, epoch, settings }));
      const [pairs, fours] = [await read(2, 1), await read(4, 1)];
      assert.deepEqual(
        pairs.map(({ count }) => count),
        [2, 2, 2],
      );
      assert.deepEqual(
        fours.map(({ count }) => count),
        [4],
      );
      const view = ({ globals, count }: ViewedBatch, kind: number, position: number): Uint8Array =>
        globals.slice((kind * count + position) * 768, (kind * count + position + 1) * 768);
      for (const kind of [0, 1]) {
        assert.deepEqual(view(fours[0], kind, 1), view(pairs[0], kind, 1));
        assert.deepEqual(view(fours[0], kind, 2), view(pairs[1], kind, 0));
      }
      const index = 6 + 3; // the fourth image of the second epoch
      const drawn = drawProcedural({ seed: 5, index, size: 48 });
      const direct = drawViews(drawn, size, settings, createRandom(9, 'views', 1, index));
      assert.deepEqual(view(fours[0], 1, 3), direct.globals[1]);
      assert.deepEqual(fours[0].locals.slice((2 * 4 + 3) * 192, (2 * 4 + 4) * 192), direct.locals[2]);
      assert.notDeepEqual(await read(4, 2), fours);
    }));

  it('are made of a dataset’s images too, in another order in each epoch, grey ones as well', () =>
    withThreads(async (threads) => {
      const dataset = openSyntheticTask('synthetic-binary');
      const source = datasetSource(dataset, 'val');
      assert.equal(source.count, 120);
      assert.deepEqual(
        [...Array.from(source.order(1, 0))].sort((a, b) => a - b),
        Array.from({ length: 120 }, (_, at) => at),
      );
      assert.notDeepEqual(source.order(1, 0), source.order(1, 1));
      const batches = await collect(
        viewBatches(threads, source, { batchSize: 50, seed: 1, epoch: 0, settings: plain }),
      );
      assert.deepEqual(
        batches.map(({ count }) => count),
        [50, 50],
      );
      const { globals } = batches[1];
      for (let at = 0; at < globals.length; at += 3) assert.ok(globals[at] === globals[at + 1]);
      assert.ok(new Set(globals).size > 50);
    }));
});
