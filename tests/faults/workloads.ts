/** What is disturbed: small pieces of work of every kind that leaves something on the disk. Each is over in a fraction of a second. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writePage } from '../../lib/cli/page/page';
import type { Engine } from '../../lib/cli/study/engine';
import { workOffGrid } from '../../lib/cli/study/grid';
import { ensureFile } from '../../lib/data/download';
import { acquireLock } from '../../lib/data/file-lock';
import { openDataset } from '../../lib/data/open';
import { createStore, openStore } from '../../lib/data/segmentation-store';
import { UserError } from '../../lib/errors';
import { hashFileNow, readRecord, recordText, writeFileAtomic } from '../../lib/files';
import { createRandom } from '../../lib/random';
import { openRunStore } from '../../lib/runs/store';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { exampleExtraction, exampleRequest } from '../training/feature-example';
import { content, md5 } from '../data/download-server';
import { digest, drawnImage } from './digest';

export interface Workload {
  readonly name: string;
  /** How many of a hundred injections are its: what takes longer gets fewer. */
  readonly share: number;
  /** Files below this folder are the user's own, whose content nobody else knows: they are neither deleted nor swapped nor changed by a bit. */
  readonly own?: string;
  /** What is there before. */
  prepare?(folder: string): Promise<void>;
  /** Does the work, or what is left of it. @returns what stands for its result, to the last bit */
  run(folder: string, server: string): Promise<string>;
}

/** What needs TensorFlow is loaded where it is run. */
const networks = () => import('./networks');

const training: Workload = {
  name: 'training',
  share: 20,
  run: async (folder) => (await networks()).train(folder),
};

const features: Workload = {
  name: 'features',
  share: 15,
  async run(folder) {
    const request = exampleRequest();
    const cache = openFeatureCache({ directory: folder, saveEverySeconds: 0 });
    const { file } = await cache.open(request, (writer) => exampleExtraction(request).extract(writer));
    try {
      return await file.hash();
    } finally {
      file.close();
    }
  },
};

const download: Workload = {
  name: 'download',
  share: 12,
  async run(folder, url) {
    const file = { url, md5: md5(content), bytes: content.length, fileName: 'file.npz' } as Parameters<
      typeof ensureFile
    >[0];
    const { path } = await ensureFile(file, 'A file', {
      cacheDirectory: folder,
      medmnistRoot: join(folder, 'none'),
      retries: 1,
      retryDelayMilliseconds: 1,
    });
    return hashFileNow(path);
  },
};

const preparation: Workload = {
  name: 'preparation',
  share: 15,
  async run(folder) {
    mkdirSync(folder, { recursive: true });
    const store = join(folder, 'store');
    const lock = await acquireLock(`${store}.lock`);
    try {
      const size = { height: 4, width: 6 };
      const opened = openStore(store) ?? draw();
      const split = opened.split('train', ['0', '1', '2']);
      const images = new Uint8Array(3 * 72);
      const masks = new Uint8Array(3 * 24);
      split.readImages([0, 1, 2], images);
      split.readMasks([0, 1, 2], masks);
      const mask = split.nativeMask(1);
      opened.close();
      return digest([opened.sha256, [...images], [...masks], mask]);
      function draw() {
        const writer = createStore(store, 3, size);
        try {
          for (let id = 0; id < 3; id++) {
            const random = createRandom(id, 'drawn');
            const image = Uint8Array.from({ length: 72 }, () => random.integer(256));
            writer.append({
              row: { id: String(id), height: 2, width: 2 },
              image,
              mask: image.subarray(0, 24),
              runs: Uint32Array.of(1, id, 3 - id),
            });
          }
          writer.finish('abc');
        } finally {
          writer.abort();
        }
        const written = openStore(store);
        if (written === undefined) throw new Error('It cannot be read.');
        return written;
      }
    } finally {
      lock.release();
    }
  },
};

const model: Workload = {
  name: 'model',
  share: 12,
  prepare: async (folder) => (await networks()).keepModel(join(folder, 'model'), 1),
  run: async (folder) => (await networks()).openAndReplace(folder),
};

const prediction: Workload = {
  name: 'prediction',
  share: 8,
  own: 'photographs',
  prepare: async (folder) => (await networks()).layOutPhotographs(folder),
  run: async (folder) => (await networks()).predictAll(folder),
};

const valueSchema = z.object({ value: z.number() });
const stepSchema = z.object({ epoch: z.number(), value: z.number() });

/** As a worker's process works, in the folder that it was given. */
function work(seed: number, directory: string): number {
  const path = join(directory, 'kept.json');
  let kept = stepSchema.safeParse(readRecord(path)).data ?? { epoch: 0, value: 0.5 };
  while (kept.epoch < 3) {
    kept = { epoch: kept.epoch + 1, value: (kept.value + createRandom(seed, String(kept.epoch)).uniform()) / 2 };
    writeFileAtomic(path, recordText(kept));
  }
  return kept.value;
}

const grid: Workload = {
  name: 'grid',
  share: 15,
  async run(folder) {
    const store = openRunStore<{ readonly seed: number }, { readonly value: number }>(folder, valueSchema);
    const runs = [1, 2, 3].map((seed) => ({ seed }));
    const engine: Engine = {
      description: 'here',
      capacity: () => 2,
      start(job) {
        const { seed } = job.configuration as { readonly seed: number };
        const outcome = (async () => ({ kind: 'finished', result: { value: work(seed, job.directory) } }) as const)();
        return {
          outcome: outcome.catch((error: Error) => ({ kind: 'failed', message: error.message, log: '' }) as const),
          stop: () => undefined,
        };
      },
      onChange: () => undefined,
      failure: () => undefined,
      close: () => Promise.resolve(),
    };
    const options = {
      retries: 0,
      context: {},
      signal: new AbortController().signal,
      onEvent: () => undefined,
      pollMilliseconds: 5,
    };
    const { failed } = await workOffGrid(store, runs, engine, options);
    if (failed.length > 0) throw new UserError(failed[0].message);
    return digest(store.overview(runs).finished.map(({ result }) => result));
  },
};

const page: Workload = {
  name: 'export',
  share: 1,
  own: 'notebook.ipynb',
  prepare(folder) {
    const cell = { cell_type: 'markdown', metadata: {}, source: '# A title\n\nA sentence.' };
    writeFileSync(
      join(folder, 'notebook.ipynb'),
      JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }),
    );
    return Promise.resolve();
  },
  async run(folder) {
    await writePage(join(folder, 'notebook.ipynb'), join(folder, 'page.html'));
    return hashFileNow(join(folder, 'page.html'));
  },
};

const images: Workload = {
  name: 'images',
  share: 2,
  own: 'photographs',
  async prepare(folder) {
    for (const kind of ['no', 'yes'])
      for (let image = 0; image < 5; image++) {
        mkdirSync(join(folder, 'photographs', kind), { recursive: true });
        writeFileSync(join(folder, 'photographs', kind, `${image}.png`), await drawnImage(kind, image));
      }
  },
  async run(folder) {
    const data = await openDataset(join(folder, 'photographs'), { size: 12, cacheDirectory: join(folder, 'cache') });
    try {
      const { train } = data.splits;
      const bytes = new Uint8Array(train.count * 12 * 12 * 3);
      train.readImages(
        Array.from({ length: train.count }, (_, index) => index),
        bytes,
      );
      return digest([data.sha256, [...train.labels], [...bytes]]);
    } finally {
      data.close();
    }
  },
};

export const workloads: readonly Workload[] = [
  training,
  features,
  download,
  preparation,
  model,
  prediction,
  grid,
  page,
  images,
];

/** Empties the folder of a workload and lays out what it begins with. */
export async function layOut({ prepare }: Workload, folder: string): Promise<void> {
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  mkdirSync(folder, { recursive: true });
  await prepare?.(folder);
}
