/** The networks and recipes of the second study's grid, as its code has them: what a configuration stands for. */
import { loadBackbone, createBackbone, type WeightsSource } from '../../models/backbone';
import type { WeightsOptions } from '../../models/hub';
import type { Network } from '../../models/network';
import { buildNetwork } from '../../models/network-spec';
import { backboneSpec } from '../../models/open-backbone';
import { disposeParameters, exportParameters } from '../../models/parameters';
import { withQuietBranches } from '../../models/resnet';
import { randomResizedCrop } from '../../training/augmentations';
import { adamW, sgd, type OptimizerSettings } from '../../training/create-optimizer';
import { resizedInput } from '../../training/input-transforms';
import type { Recipe } from '../../training/recipe';
import { cosine } from '../../training/schedules';
import { tourSpecs } from '../../models/tour-networks';
import type { GridConfiguration } from './grid';
import { gridNetworks, type GridOptimizer } from './study';

/** The network of a configuration, with a head of its outputs and random values. */
export function gridNetwork({
  network,
  inputSize,
  head,
  stochasticDepth,
  evaluation,
  normalization,
}: GridConfiguration): Network {
  const { title, architecture } = gridNetworks[network];
  const spec =
    architecture === 'resnet_tour' || architecture === 'swin_tour'
      ? tourSpecs[architecture](head.outputs)
      : backboneSpec(createBackbone(architecture, { size: inputSize }), head.outputs);
  const { table, forward } = buildNetwork(spec, stochasticDepth);
  return {
    name: title,
    normalization,
    transform: resizedInput({ ...evaluation, ...normalization }, { height: inputSize, width: inputSize }),
    weights: { source: 'random' },
    config: { architecture, stochasticDepth },
    spec,
    table: withQuietBranches(table),
    forward,
  };
}

/**
 * The network of a configuration with the values that it starts from.
 * @throws UserError where pretrained weights cannot be had
 */
export async function openGridNetwork(
  configuration: GridConfiguration,
  options: WeightsOptions = {},
): Promise<{ readonly network: Network; readonly source: WeightsSource }> {
  const network = gridNetwork(configuration);
  const { weights, inputSize } = configuration;
  if (weights === 'random') return { network, source: { kind: 'random' } };
  const { parameters, source } = await loadBackbone({ ...options, name: weights, weights: 'hub', size: inputSize });
  try {
    const origin = { source: 'hub', sha256: source.sha256 };
    return { network: { ...network, initial: exportParameters(parameters), weights: origin }, source };
  } finally {
    disposeParameters(parameters);
  }
}

/** How a configuration is trained, as the study's code does it; the mean of the task's loss is the default. */
export function gridRecipe({ schedule, optimizer, seed, augmentation, precision }: GridConfiguration): Recipe {
  const { epochs, warmupEpochs, batchSize, patience, minDelta } = schedule;
  const { horizontalFlip, ...window } = augmentation;
  return {
    epochs,
    batchSize,
    seed,
    optimizer: optimizerSettings(optimizer),
    // The study's LambdaLR reaches the full rate in the last epoch of the warm-up.
    schedule: cosine({ learningRate: optimizer.learningRate, warmup: warmupEpochs, peakInWarmup: true }),
    augment: [randomResizedCrop({ ...window, horizontalFlip: horizontalFlip ? 0.5 : 0 })],
    select: 'auc',
    minDelta,
    patience,
    precision,
  };
}

/** The learning rate is the schedule's. */
function optimizerSettings(optimizer: GridOptimizer): OptimizerSettings {
  return optimizer.name === 'adamw'
    ? adamW(without(optimizer, ['name', 'learningRate']))
    : sgd(without(optimizer, ['name', 'learningRate']));
}

function without<T extends object, K extends keyof T>(value: T, names: readonly K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name as K))) as Omit<T, K>;
}
