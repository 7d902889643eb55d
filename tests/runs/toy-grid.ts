/**
 * A grid of toy trainings, also as a process of its own that kills itself after so many epochs: `toy-grid.ts FOLDER FEATURES EPOCHS`.
 * Not a test.
 */
import { take } from '../../lib/data/take';
import { frozen } from '../../lib/models/encoder-networks';
import { trainGrid, type GridOptions, type GridRun } from '../../lib/runs/grid';
import { adamW } from '../../lib/training/create-optimizer';
import { flip } from '../../lib/training/augmentations';
import { openFeatureCache } from '../../lib/training/feature-cache';
import type { Recipe } from '../../lib/training/recipe';
import { constant } from '../../lib/training/schedules';
import { toyNetworks } from '../training/encoders';
import { toySegmentation } from '../training/toy-segmentation';

export interface ToyPoint {
  readonly series: 'frozen' | 'whole';
  readonly images: number;
  readonly seed: number;
  readonly cache?: boolean;
}

export type ToyRun = GridRun<ToyPoint>;

export const toyPoints: readonly ToyPoint[] = [
  { series: 'frozen', images: 12, seed: 1 },
  { series: 'frozen', images: 6, seed: 2 },
  { series: 'whole', images: 12, seed: 1 },
];

const toyRecipe: Omit<Recipe, 'seed'> = {
  epochs: 3,
  batchSize: 4,
  optimizer: adamW({ weightDecay: 0 }),
  schedule: constant({ learningRate: 0.01 }),
  augment: [flip('horizontal')],
};

export async function trainToyGrid(
  { folder, features }: { readonly folder: string; readonly features: string },
  points: readonly ToyPoint[],
  {
    recipe,
    onRead = () => undefined,
    ...options
  }: Partial<GridOptions<ToyPoint>> & { recipe?: Partial<Recipe>; onRead?: (split: string) => void } = {},
): Promise<ToyRun[] | undefined> {
  const networks = await toyNetworks();
  const data = toySegmentation({ counts: { train: 16, val: 5, test: 4 }, read: onRead });
  return trainGrid(
    points,
    ({ series, images, seed, cache }) => ({
      network: series === 'whole' ? networks.whole : frozen(networks.encoder, networks.decoder, { cache }),
      data: take(data, { train: images, seed }),
      recipe: { ...toyRecipe, seed, ...recipe },
      test: { batchSize: 2 },
      row: { arm: 'corrected', protocol: series === 'frozen' ? 'frozen' : 'scratch', series },
    }),
    { folder, featureCache: openFeatureCache({ directory: features }), saveEverySeconds: 0, ...options },
  );
}

if (require.main === module) {
  const [folder, features, epochs] = process.argv.slice(2);
  let seen = 0;
  void trainToyGrid({ folder, features }, toyPoints, {
    onPoint: ({ kind }) => kind === 'epoch' && ++seen === Number(epochs) - 1 && process.kill(process.pid, 'SIGKILL'),
  });
}
