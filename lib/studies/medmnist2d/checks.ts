/** What is asked of the second study's grid, refused in one line where it cannot be. */
import { suggestion, UserError } from '../../errors';
import {
  gridInitializations,
  gridNetworks,
  gridOptimizers,
  gridSchedule,
  type GridInitialization,
  type GridNetworkName,
  type GridOptimizerName,
  type GridSchedule,
} from '../medmnist2d';

export type LearningRates = Readonly<Partial<Record<GridOptimizerName, number>>>;

/** The names given, or all of a table. @throws UserError with the nearest known one */
export function chosen<K extends string>(
  what: string,
  given: readonly string[] | undefined,
  table: Record<K, unknown>,
): K[] {
  const names = Object.keys(table) as K[];
  if (given === undefined) return names;
  return given.map((name) => {
    const known = names.find((candidate) => candidate === name);
    if (known !== undefined) return known;
    throw new UserError(
      `There is no ${what} "${name}" in this grid${suggestion(name, names) || '.'} Known are ${names.join(', ')}.`,
    );
  });
}

/** @throws UserError where pretrained weights are asked for of a network that has none */
export function chosenInitializations(
  networks: readonly GridNetworkName[],
  given: readonly string[] | undefined,
): GridInitialization[] {
  const random = networks.find((network) => gridNetworks[network].pretrained === undefined);
  if (random === undefined) return chosen('initialization', given, gridInitializations);
  const initializations = chosen('initialization', given ?? ['scratch'], gridInitializations);
  if (!initializations.includes('pretrained')) return initializations;
  throw new UserError(
    `There are no pretrained weights of ${random}: set initializations to scratch, or another network.`,
  );
}

/** Fewer epochs have a warm-up of the same share, unless one is given. */
export function checkedSchedule(given: Partial<GridSchedule> = {}): GridSchedule {
  const share = gridSchedule.warmupEpochs / gridSchedule.epochs;
  const schedule: GridSchedule = {
    ...gridSchedule,
    warmupEpochs: Math.round(share * (given.epochs ?? gridSchedule.epochs)),
    ...given,
  };
  const { epochs, warmupEpochs, batchSize, patience, minDelta } = schedule;
  for (const [name, value, least] of [
    ['epochs', epochs, 1],
    ['warmupEpochs', warmupEpochs, 0],
    ['batchSize', batchSize, 1],
    ['patience', patience, 1],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new UserError(`${name} is ${value}, but must be a whole number of at least ${least}.`);
    }
  }
  if (warmupEpochs >= epochs) {
    throw new UserError(`A warm-up of ${warmupEpochs} epochs does not fit into ${epochs}: it has to end before.`);
  }
  if (!(minDelta >= 0)) throw new UserError(`minDelta is ${minDelta}, but must be 0 or more.`);
  return schedule;
}

export function checkedLearningRates(given: LearningRates = {}): LearningRates {
  chosen('optimizer', Object.keys(given), gridOptimizers);
  for (const [name, rate] of Object.entries(given))
    if (!(rate > 0 && rate < Infinity))
      throw new UserError(`The learning rate of ${name} is ${rate}, but must be above 0.`);
  return given;
}

export function checkSeeds(seeds: readonly number[]): void {
  const wrong = seeds.find((seed) => !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31));
  if (wrong !== undefined)
    throw new UserError(`A seed is ${wrong}, but must be a whole number from 0 to ${2 ** 31 - 1}.`);
  if (new Set(seeds).size < seeds.length)
    throw new UserError(`Seeds are ${seeds.join(', ')}, but each may be there once only.`);
}
