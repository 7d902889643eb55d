/** Frozen networks: features of a folder of photographs, and heads trained on features with and without the cache. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SplitName } from '../../data/dataset';
import { openDataset, syntheticBlood } from '../../data/open';
import { renderBloodCell, syntheticBloodClasses } from '../../data/synthetic-blood';
import { transformFor } from '../../data/transform';
import { createBackbone, loadBackbone } from '../../models/backbone';
import { createParameters, disposeParameters } from '../../models/parameters';
import { openFeatureCache, type FeatureCache } from '../../training/feature-cache';
import { absentFeatures, extractAllFeatures, extractFeatures, type FeatureSet } from '../../training/features';
import { linearProbe, linearProbeRecipe } from '../../training/linear-probe';
import { openFeatureInput } from '../features-input';
import { writeFeatures } from '../features-run';
import { temporaryFolder } from './folder';
import type { BenchCase, BenchSize, BenchWork } from './measure';

const model = 'vit_tiny_patch16_224';

export const featureCases: readonly BenchCase[] = [
  {
    name: 'jpeg-features',
    description: 'features of ViT-Ti/16 at 224 pixels from a folder of JPEGs, as `npm run features` makes them',
    size: { images: 256, pixels: 360 },
    repeats: 2,
    warmUp: 1,
    prepare: jpegFeatures,
  },
  {
    name: 'frozen-probe-cached',
    description: `a linear head's ${linearProbeRecipe.epochs} epochs on a frozen ViT-Ti/16, with an empty feature cache; again with a full one`,
    size: { images: 64, pixels: 224 },
    withoutRate: true,
    repeats: 2,
    warmUp: 1,
    prepare: (size) => frozenProbe(size, { cached: true }),
  },
  {
    name: 'frozen-probe-uncached',
    description: 'the same with the network run in every epoch',
    size: { images: 64, pixels: 224 },
    withoutRate: true,
    repeats: 1,
    warmUp: 0,
    prepare: (size) => frozenProbe(size, { cached: false }),
  },
];

/** Decoding, resizing and the network, one overlapping the other; loading the network is not in the time. */
async function jpegFeatures({ images, pixels }: BenchSize): Promise<BenchWork> {
  const folder = temporaryFolder();
  const path = join(folder.path, 'images');
  mkdirSync(path);
  for (let index = 0; index < images; index++) {
    const classIndex = index % syntheticBloodClasses.length;
    const bytes = renderBloodCell({ classIndex, size: pixels, seed: 0, split: 'test', index });
    const image = sharp(bytes, { raw: { height: pixels, width: pixels, channels: 3 } }).jpeg({ quality: 90 });
    await image.toFile(join(path, `${String(index).padStart(6, '0')}.jpg`));
  }
  return {
    async run() {
      const input = await openFeatureInput({ path, split: undefined, recursive: false, skipBroken: false });
      const { record, inputSize } = createBackbone(model);
      const { batches, close } = input.begin({ transform: transformFor(record, inputSize), batchSize: 16 });
      try {
        const loaded = await loadBackbone({ name: model, weights: 'random' });
        try {
          const target = { path: join(folder.path, 'features.npy'), count: input.count, output: 'pooled' } as const;
          return 1000 * (await writeFeatures(loaded, batches, target)).seconds;
        } finally {
          disposeParameters(loaded.parameters);
        }
      } finally {
        await close();
        input.close();
      }
    },
    dispose: () => folder.remove(),
  };
}

/** A probe of drawn cells: features of train, val and test, the head's training on them, and its test. */
async function frozenProbe({ images, pixels }: BenchSize, { cached }: { cached: boolean }): Promise<BenchWork> {
  const folder = temporaryFolder();
  const options = { size: pixels, syntheticImages: images, cacheDirectory: join(folder.path, 'images') };
  const dataset = await openDataset(syntheticBlood, options);
  const backbone = createBackbone(model, { size: pixels });
  const parameters = createParameters(backbone.table, 0);
  const { mean, std } = backbone.record;
  const transform = {
    key: `${pixels}×${pixels} as drawn`,
    height: pixels,
    width: pixels,
    normalization: { mean, std },
    apply: (bytes: Uint8Array) => bytes,
  };
  const extraction = { backbone, parameters, dataset, transform };
  const settings = { ...linearProbeRecipe, seed: 0 };
  let cache: FeatureCache | undefined;
  let repetition = 0;

  const withCache = async (): Promise<void> => {
    const sets = await extractAllFeatures({ ...extraction, cache });
    await linearProbe(sets, settings);
  };
  const inEveryEpoch = async (): Promise<void> => {
    const recompute = (split: SplitName): Promise<FeatureSet> =>
      extractFeatures({ ...extraction, split, cache: 'off' });
    const absent = (split: SplitName): FeatureSet => absentFeatures(dataset, split, backbone.width);
    const sets = { train: absent('train'), val: absent('val'), test: await recompute('test') };
    await linearProbe(sets, settings, { recompute });
  };

  const dispose = (): void => {
    disposeParameters(parameters);
    dataset.close();
    folder.remove();
  };
  if (!cached) return { run: inEveryEpoch, dispose };
  return {
    run() {
      cache = openFeatureCache({ directory: join(folder.path, `features-${repetition++}`) });
      return withCache();
    },
    async further() {
      const start = performance.now();
      await withCache(); // the features of the last repetition are there
      return { again_milliseconds: performance.now() - start };
    },
    dispose,
  };
}
