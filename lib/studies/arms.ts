/** What "as published" and "corrected" mean for the pretrained networks of the first study, and with which settings they are trained. */
import { recipes, type RecipeName } from '../training/recipes';
import type { TrainedClassifier, TrainingSettings } from '../training/classifier';

export const arms = ['as-published', 'corrected'] as const;
export type Arm = (typeof arms)[number];

export interface ArmDefinition {
  /**
   * Of each side of the image, what the network sees. The study resized to 248 pixels and cut out 224, which loses 18 % of the area of
   * images that are cut to the cell already.
   */
  readonly cropFraction: number;
  /** Whose epoch's weights are tested. The study's "best" state was a shallow copy, whose tensors went on training to the last epoch. */
  readonly tested: 'last' | 'best';
  /** How all of the network is trained. */
  readonly recipe: RecipeName;
}

export const armDefinitions: Readonly<Record<Arm, ArmDefinition>> = {
  'as-published': { cropFraction: 0.9, tested: 'last', recipe: 'as-published' },
  corrected: { cropFraction: 1, tested: 'best', recipe: 'corrected' },
};

/** For people. */
export function armTitle(arm: Arm): string {
  return arm.replace('-', ' ');
}

/** A training whose `test` is that of the weights which the arm tests. */
export function testedAs<T extends TrainedClassifier>(arm: Arm, trained: T): T {
  return armDefinitions[arm].tested === 'best' ? trained : { ...trained, test: trained.testOfLast };
}

/** One row a difference. */
export function describeArms(): { readonly what: string; readonly asPublished: string; readonly corrected: string }[] {
  const [published, corrected] = arms.map((arm) => armDefinitions[arm]);
  const area = (fraction: number): string => `${Math.round(100 * fraction ** 2)} % of the image's area`;
  const layers = (name: RecipeName): string =>
    recipes[name].layerDecay === 1 ? 'the same rate in all layers' : `rate × ${recipes[name].layerDecay} a layer down`;
  return [
    {
      what: 'The network sees',
      asPublished: area(published.cropFraction),
      corrected: area(corrected.cropFraction),
    },
    { what: 'Tested weights', asPublished: 'of the last epoch', corrected: 'of the best validation epoch' },
    { what: 'Fine-tuning', asPublished: layers(published.recipe), corrected: layers(corrected.recipe) },
    {
      what: 'Weight decay',
      asPublished: 'of everything',
      corrected: 'not of norms, biases, tokens and positions',
    },
    { what: 'Warm-up', asPublished: 'none', corrected: `first ${100 * recipes.corrected.warmup} % of the steps` },
  ];
}

export interface FineTuneParameters {
  readonly fineTuneEpochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
}

export type FineTuneSettings = Required<
  Pick<TrainingSettings, 'epochs' | 'batchSize' | 'learningRate' | 'weightDecay' | 'seed' | 'recipe' | 'layerDecay'>
>;

/**
 * The settings of fine-tuning. As published they are the head's. Corrected, learning rate and layer decay are the recipe's, the former in
 * proportion to the batch (Goyal et al. 2017); random weights have no good lower layers to be kept, so nothing holds them back there.
 */
export function fineTuneSettings(
  arm: Arm,
  { fineTuneEpochs: epochs, batchSize, learningRate, weightDecay, seed }: FineTuneParameters,
  weights: string,
): FineTuneSettings {
  const { recipe } = armDefinitions[arm];
  const common = { epochs, batchSize, seed, recipe };
  if (recipe === 'as-published') return { ...common, learningRate, weightDecay, layerDecay: 1 };
  const { weightDecay: decay, learningRate: rate, layerDecay } = recipes[recipe];
  return weights === 'random'
    ? { ...common, learningRate, weightDecay: decay, layerDecay: 1 }
    : { ...common, learningRate: (rate * batchSize) / 128, weightDecay: decay, layerDecay };
}
