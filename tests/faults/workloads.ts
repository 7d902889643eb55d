/** What is disturbed: small pieces of work of every kind that leaves something on the disk. Each is over in a fraction of a second. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writePage } from '../../lib/cli/page/page';
import type { Engine } from '../../lib/cli/study/engine';
import { workOffGrid } from '../../lib/cli/study/grid';
import { createLocalEngine } from '../../lib/cli/study/local-engine';
import { connectRayEngine } from '../../lib/cli/study/ray-engine';
import { ensureFile } from '../../lib/data/download';
import { acquireLock } from '../../lib/data/file-lock';
import { openDataset } from '../../lib/data/open';
import { createStore, openStore } from '../../lib/data/segmentation-store';
import { UserError } from '../../lib/errors';
import { hashFileNow } from '../../lib/files';
import { createRandom } from '../../lib/random';
import { openRunStore } from '../../lib/runs/store';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { exampleExtraction, exampleRequest } from '../training/feature-example';
import { content, md5 } from '../data/download-server';
import { digest, drawnImage } from './digest';
import { layOutProject, setUpProject } from './set-up';
import { work } from './steps';

export interface Workload {
  readonly name: string;
  /** How many of a thousand injections are its: what takes longer gets fewer. None: it is tried where it is asked for by name. */
  readonly share: number;
  /** Files that are the user's own, or another program's, whose content nobody here knows: they are neither deleted nor swapped nor changed. */
  readonly own?: RegExp;
  /** Faults that it cannot be tried with. */
  readonly without?: readonly string[];
  /** How often a process that it starts changes the disk. */
  readonly changesOfOthers?: number;
  /** Loads what it needs, which is none of its work. */
  load?(): Promise<unknown>;
  close?(): Promise<void>;
  /** What is there before. */
  prepare?(folder: string): Promise<void>;
  /** Does the work, or what is left of it. @returns what stands for its result, to the last bit */
  run(folder: string, server: string): Promise<string>;
}

/** What needs TensorFlow is loaded where it is run. */
const networks = () => import('./networks');

const training: Workload = {
  name: 'training',
  share: 120,
  load: networks,
  run: async (folder) => (await networks()).train(folder),
};

const features: Workload = {
  name: 'features',
  share: 220,
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
  share: 160,
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
  share: 200,
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
  share: 80,
  load: networks,
  prepare: async (folder) => (await networks()).keepModel(join(folder, 'model'), 1),
  run: async (folder) => (await networks()).openAndReplace(folder),
};

const prediction: Workload = {
  name: 'prediction',
  share: 6,
  load: networks,
  own: /^photographs/,
  prepare: async (folder) => (await networks()).layOutPhotographs(folder),
  run: async (folder) => (await networks()).predictAll(folder),
};

const valueSchema = z.object({ value: z.number() });
/** A grid of three runs, by whatever does them. */
async function workOff(folder: string, engine: Engine): Promise<string> {
  const store = openRunStore<{ readonly seed: number }, { readonly value: number }>(folder, valueSchema);
  const runs = [1, 2, 3].map((seed) => ({ seed }));
  const { failed } = await workOffGrid(store, runs, engine, {
    retries: 1,
    context: {},
    signal: new AbortController().signal,
    onEvent: () => undefined,
    pollMilliseconds: 5,
  });
  if (failed.length > 0) throw new UserError(failed[0].message);
  return digest(store.overview(runs).finished.map(({ result }) => result));
}

const grid: Workload = {
  name: 'grid',
  share: 190,
  run: (folder) =>
    workOff(folder, {
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
    }),
};

const worker = 'tests/faults/grid-worker.ts';

const processes: Workload = {
  name: 'grid of processes',
  share: 8,
  changesOfOthers: 20,
  async run(folder) {
    const engine = createLocalEngine({ worker, workers: 3, threads: 1 });
    try {
      return await workOff(folder, engine);
    } finally {
      await engine.close();
    }
  },
};

let ray: Promise<Engine> | undefined;
/** The address of a cluster, which takes half a minute to start. */
export const rayVariable = 'FAULTS_RAY';

const cluster: Workload = {
  name: 'grid on Ray',
  share: 0,
  load: () => connectedRay(),
  run: async (folder) => workOff(folder, await connectedRay()),
  close: async () => (await ray)?.close(),
};

function connectedRay(): Promise<Engine> {
  const address = process.env[rayVariable] ?? '';
  return (ray ??= connectRayEngine({ worker, address, cpus: 1, gpus: 0, transfer: 'shared-path' }));
}

const setUp: Workload = {
  name: 'set-up',
  share: 10,
  // What npm, pip and the compiler leave is theirs to check, but for the addon, which is made here.
  own: /^(?!\.venv\/(\.set-up|share\/|tfjs\/))/,
  // It needs two gigabytes.
  without: ['disk full, a small one'],
  prepare: (folder) => Promise.resolve(layOutProject(folder)),
  run: (folder) => setUpProject(folder),
};

const page: Workload = {
  name: 'export',
  share: 2,
  own: /^notebook\.ipynb$/,
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
  share: 4,
  own: /^photographs/,
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
  processes,
  cluster,
  setUp,
  page,
  images,
];

/** Empties the folder of a workload and lays out what it begins with. */
export async function layOut({ prepare }: Workload, folder: string): Promise<void> {
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  mkdirSync(folder, { recursive: true });
  await prepare?.(folder);
}
