/** The options of `npm run study -- dinov3-segmentation`, under the names of the study's own command line where it has them. */
import { suggestion, UserError } from '../../errors';
import { dinov3ParameterSpecs, fractionsOf, type Dinov3Parameters } from '../../studies/dinov3-segmentation/parameters';
import { arms, type Arm } from '../../runs/arms';
import { resolveParameters } from '../../runs/parameters';
import { choice, parseCommandLine, refusePositionals } from '../command';

export const trainOptions = {
  model: { type: 'string' },
  encoder: { type: 'string' },
  arm: { type: 'string' },
  'data-fraction': { type: 'string' },
  seed: { type: 'string' },
  'split-seed': { type: 'string' },
  dataset: { type: 'string' },
  'synthetic-images': { type: 'string' },
  'skip-broken': { type: 'boolean' },
  'keep-empty': { type: 'boolean' },
  'group-by': { type: 'string' },
  weights: { type: 'string' },
  precision: { type: 'string' },
  profile: { type: 'string' },
  'image-size': { type: 'string' },
  epochs: { type: 'string' },
  'batch-size': { type: 'string' },
  lr: { type: 'string' },
  'weight-decay': { type: 'string' },
  'dice-weight': { type: 'string' },
  'early-patience': { type: 'string' },
  'base-channels': { type: 'string' },
  'decoder-channels': { type: 'string' },
  flips: { type: 'boolean' },
  'flip-tta': { type: 'boolean' },
  'native-scores': { type: 'boolean' },
  'no-cache': { type: 'boolean' },
  keep: { type: 'string', default: 'best' },
  'output-dir': { type: 'string' },
  resume: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type OptionName = keyof typeof trainOptions;

/** Which parameter an option sets. */
const parameterOf = {
  dataset: 'dataset',
  'synthetic-images': 'syntheticImages',
  'skip-broken': 'skipBroken',
  'keep-empty': 'keepEmpty',
  'group-by': 'groupBy',
  weights: 'weights',
  precision: 'precision',
  'image-size': 'imageSize',
  epochs: 'epochs',
  'batch-size': 'batchSize',
  lr: 'learningRate',
  'weight-decay': 'weightDecay',
  'dice-weight': 'diceWeight',
  'early-patience': 'patience',
  'base-channels': 'unetWidth',
  'decoder-channels': 'decoderWidth',
  flips: 'flips',
  'flip-tta': 'flipTta',
  'native-scores': 'nativeScores',
  'data-fraction': 'fractions',
  'split-seed': 'seed',
  encoder: 'encoders',
  profile: 'profile',
} as const satisfies Partial<Record<OptionName, keyof Dinov3Parameters>>;

const texts: readonly string[] = ['dataset', 'group-by', 'weights', 'precision', 'data-fraction', 'encoder', 'profile'];

/** Options of the study's code that nothing here depends on. */
const withoutUse: Readonly<Record<string, string>> = {
  'freeze-encoder': 'the encoder is always frozen',
  'num-workers': 'images are read from a cache, without workers',
  'no-mixed-precision': 'it is --precision float32, the default',
  'early-min-delta': 'any better validation Dice counts, as in the study',
  'resume-from': '--resume continues a run in its own folder',
};

const encoderAliases: Readonly<Record<string, string>> = {
  small: 'dinov3_vits16',
  base: 'dinov3_vitb16',
  large: 'dinov3_vitl16',
};

const dinov3Models = ['unet', 'dino-unet'] as const;
type Dinov3Model = (typeof dinov3Models)[number];

/** Which runs are wanted. */
interface RunSelection {
  readonly arms: readonly Arm[];
  readonly models: readonly Dinov3Model[];
  readonly fractions: readonly number[];
  readonly seeds: readonly number[];
}

const modelAliases: Readonly<Record<string, Dinov3Model>> = { baseline: 'unet', dinov3: 'dino-unet' };

export interface TrainRequest {
  readonly parameters: Dinov3Parameters;
  readonly selection: RunSelection;
  readonly folder: string | undefined;
  /** The best epoch's model of each run, in a folder that `loadModel` opens. */
  readonly keepModels: boolean;
  readonly resume: boolean;
  readonly json: boolean;
}

/** Reads a command line; undefined where help is asked for. @throws UserError in one line for what is misspelt or out of range */
export function readTrainOptions(args: string[]): TrainRequest | undefined {
  refuseUseless(args);
  const { values, positionals } = parseCommandLine(args, trainOptions);
  if (values.help === true) return undefined;
  refusePositionals('train', positionals);
  const { models, encoders } = readModels(values.model, values.encoder);
  const seeds = readNumbers(
    'seed',
    values.seed ?? '42',
    'whole numbers from 0',
    (seed) => Number.isInteger(seed) && seed >= 0,
  );
  const given: Record<string, unknown> = {
    profile: 'paper',
    seed: 42,
    encoders,
    dataset: 'synthetic-lesions',
    cache: values['no-cache'] !== true,
  };
  for (const [option, parameter] of Object.entries(parameterOf)) {
    const value = values[option as OptionName];
    if (value === undefined || option === 'encoder') continue;
    given[parameter] = typeof value === 'boolean' || texts.includes(option) ? value : readNumber(option, value);
  }
  const parameters = underOptionNames(() => resolveParameters(dinov3ParameterSpecs, given));
  return {
    parameters,
    selection: { arms: readArms(values.arm), models, fractions: fractionsOf(parameters.fractions), seeds },
    folder: values['output-dir'],
    keepModels: choice('keep', values.keep, ['best', 'none'] as const) === 'best',
    resume: values.resume === true,
    json: values.json === true,
  };
}

function refuseUseless(args: readonly string[]): void {
  for (const argument of args) {
    const name = /^--([a-z-]+)/.exec(argument)?.[1] ?? '';
    if (Object.hasOwn(withoutUse, name))
      throw new UserError(`--${name} is an option of the study's code that is not needed here: ${withoutUse[name]}.`);
  }
}

/** `dinov3_base` is a Dino U-Net with that encoder, as in the study's README. */
function readModels(model = 'dino-unet', encoder?: string): { models: Dinov3Model[]; encoders: string } {
  const named: string[] = [];
  const models = listOf('model', model).map((name): Dinov3Model => {
    const size = /^dinov3_(small|base|large)$/.exec(name)?.[1];
    if (size !== undefined) named.push(encoderAliases[size]);
    const found = size !== undefined ? 'dino-unet' : (modelAliases[name] ?? dinov3Models.find((one) => one === name));
    if (found !== undefined) return found;
    const known = [...dinov3Models, ...Object.keys(modelAliases)];
    throw new UserError(
      `There is no model "${name}"${suggestion(name, known) || '.'} There are ${dinov3Models.join(' and ')}.`,
    );
  });
  if (named.length > 0 && encoder !== undefined)
    throw new UserError(
      `--model ${model} names its encoder already: give --model dino-unet with --encoder ${encoder}.`,
    );
  const given =
    encoder === undefined
      ? ['dinov3_vits16']
      : listOf('encoder', encoder).map((name) => encoderAliases[name.replace(/^dinov3_/, '')] ?? name);
  return { models: [...new Set(models)], encoders: (named.length > 0 ? named : given).join() };
}

function readArms(arm = 'corrected'): Arm[] {
  return listOf('arm', arm).map((name) => {
    const found = arms.find((one) => one === name);
    if (found !== undefined) return found;
    throw new UserError(`There is no arm "${name}"${suggestion(name, arms) || '.'} There are ${arms.join(' and ')}.`);
  });
}

function listOf(option: string, value: string): string[] {
  const names = [...new Set(value.split(',').map((name) => name.trim()))];
  if (names.includes('')) throw new UserError(`--${option} is "${value}", but must be names with commas between them.`);
  return names;
}

function readNumbers(option: string, value: string, allowed: string, fits: (number: number) => boolean): number[] {
  const numbers = listOf(option, value).map(Number);
  if (numbers.every(fits)) return numbers;
  throw new UserError(`--${option} is "${value}", but must be ${allowed}, with commas between several.`);
}

function readNumber(option: string, value: string): number {
  const number = value.trim() === '' ? NaN : Number(value);
  if (Number.isFinite(number)) return number;
  throw new UserError(`--${option} is "${value}", but must be a number.`);
}

/** Messages about parameters name the option that sets them. */
export function underOptionNames<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof UserError ? new UserError(withOptionNames(error.message)) : error;
  }
}

/** `learningRate is …` as `--lr is …`. */
export function withOptionNames(message: string): string {
  for (const [option, parameter] of Object.entries(parameterOf))
    if (message.startsWith(`${parameter} is `)) return `--${option}${message.slice(parameter.length)}`;
  return message;
}
