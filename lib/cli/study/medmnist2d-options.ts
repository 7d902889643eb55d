/** The options of `npm run study -- medmnist2d`, checked. */
import { resolve } from 'node:path';
import { UserError } from '../../errors';
import { outputsDirectory } from '../../paths';
import { planGrid, type GridPlan } from '../../studies/medmnist2d/grid';
import { medmnist2dParameterSpecs } from '../../studies/medmnist2d/parameters';
import { resolveParameters } from '../../runs/parameters';
import { choice, parseCommandLine, refusePositionals } from '../command';
import { transfers, type Transfer } from './ray-engine';

export const help = `npm run study -- medmnist2d [OPTIONS]

The grid of the MedMNIST2D study: datasets × networks × initializations × optimizers × seeds, 480 runs unless told otherwise. A run is its
configuration's hash: it is done once, whoever starts it, and a run that was killed is continued.

What is run
  --profile PROFILE         paper (by default): the study's settings; tour: small networks on drawn images, for a few minutes
  --datasets A,B            names of MedMNIST2D, synthetic-blood, all, stand-ins (drawn, one of each kind of task), or paths of folders
                            of classes, tables and .npz files
  --size PIXELS             of MedMNIST's images: 28, 64, 128 or 224; --synthetic-images N, of synthetic-blood
  --fractions A,B           shares of the training images, such as 0.1,0.25,0.5,1; 1 by default
  --networks A,B            resnet50, swin_b; resnet_tour, swin_tour
  --initializations A,B     pretrained, scratch; --resnet-weights NAME, resnet50.a1_in1k (by default) or resnet50.tv_in1k
  --optimizers A,B          adamw, sgd; --learning-rates A,B and --weight-decays A,B, one for each of them
  --augmentation NAME       "crop and flip" (by default), crop, flip or none
  --arms A,B                corrected, as-published
  --seeds N                 how many, counted from 0; or a list with commas, such as 0,2
  --epochs N                at most; --batch-size N, --patience N likewise in place of the profile's
  --precision PRECISION     float32 (by default), bfloat16 (mixed precision), or auto for the faster of them here

How
  --store FOLDER            the runs' folder, outputs/medmnist2d (paper) or outputs/medmnist2d-tour by default
  --keep best               keeps each run's model, in its folder's model/; none by default: those of 480 runs take 100 GB
  --no-resume               refuses a folder that has runs of this grid already; by default they are continued
  --retries N               how often a run is continued whose process or machine was lost, 2 by default
  --dry-run                 only says which runs there are, which are finished, and about how long the others take
  --json                    the outcome, or the dry run, as one JSON object

Where: --engine local (by default), a process a run on this machine
  --workers N               processes at once, 1 by default
  --cpus-per-run N          threads of each, by default its share of the processor
  --gpus-per-run N          GPUs of each; by default all see all

Where: --engine ray, a task a run on a cluster that is there (npm run setup -- --ray)
  --address HOST:PORT       of the cluster's head, or auto (by default) for the cluster of this machine
  --cpus-per-run N          asked of Ray, 1 by default; --gpus-per-run N, 0 by default
  --workers N               the most runs at once, by default what the cluster can take
  --transfer WAY            shared-path (by default): all machines see the store at the same path; object-store: results and checkpoints
                            come through Ray's object store, and only this machine has the store

Ctrl+C ends it softly and keeps what was reached, a second one at once. The same number of threads gives the same results, bit for bit.

Examples
  npm run study -- medmnist2d --profile tour --workers 2
  npm run study -- medmnist2d --datasets breastmnist,retinamnist --seeds 3 --dry-run
  npm run study -- medmnist2d --engine ray --address 10.0.0.5:6379 --cpus-per-run 8 --gpus-per-run 1`;

const options = {
  profile: { type: 'string', default: 'paper' },
  datasets: { type: 'string' },
  size: { type: 'string' },
  'synthetic-images': { type: 'string' },
  fractions: { type: 'string' },
  networks: { type: 'string' },
  initializations: { type: 'string' },
  'resnet-weights': { type: 'string' },
  optimizers: { type: 'string' },
  'learning-rates': { type: 'string' },
  'weight-decays': { type: 'string' },
  augmentation: { type: 'string' },
  arms: { type: 'string' },
  seeds: { type: 'string' },
  epochs: { type: 'string' },
  'batch-size': { type: 'string' },
  precision: { type: 'string' },
  patience: { type: 'string' },
  store: { type: 'string' },
  keep: { type: 'string', default: 'none' },
  resume: { type: 'boolean' },
  'no-resume': { type: 'boolean' },
  retries: { type: 'string', default: '2' },
  'dry-run': { type: 'boolean' },
  json: { type: 'boolean' },
  engine: { type: 'string', default: 'local' },
  workers: { type: 'string' },
  'cpus-per-run': { type: 'string' },
  'gpus-per-run': { type: 'string' },
  address: { type: 'string' },
  transfer: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
type Values = ReturnType<typeof parseCommandLine<typeof options>>['values'];

export interface StudyRequest {
  readonly plan: GridPlan;
  readonly keepModels: boolean;
  readonly store: string;
  readonly resume: boolean;
  readonly retries: number;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly engine: EngineRequest;
}

export type EngineRequest =
  | {
      readonly name: 'local';
      readonly workers: number;
      readonly threads: number | undefined;
      readonly gpus: number | undefined;
    }
  | {
      readonly name: 'ray';
      readonly address: string;
      readonly workers: number | undefined;
      readonly cpus: number;
      readonly gpus: number;
      readonly transfer: Transfer;
    };

/**
 * What is asked for; `help` for --help. Files of datasets are opened, nothing else.
 * @throws UserError for what is misspelt, out of range or does not go together
 */
export async function readRequest(args: string[]): Promise<StudyRequest | 'help'> {
  const { values, positionals } = parseCommandLine(args, options);
  if (values.help === true) return 'help';
  refusePositionals('medmnist2d', positionals);
  if (values.resume === true && values['no-resume'] === true)
    throw new UserError('--resume and --no-resume contradict each other: give one of them.');
  const engine = readEngine(values);
  const parameters = resolveParameters(medmnist2dParameterSpecs, {
    profile: values.profile,
    datasets: values.datasets,
    size: numberIfOne(values.size),
    syntheticImages: numberIfOne(values['synthetic-images']),
    fractions: values.fractions,
    networks: values.networks,
    initializations: values.initializations,
    resnetWeights: values['resnet-weights'],
    optimizers: values.optimizers,
    learningRates: values['learning-rates'],
    weightDecays: values['weight-decays'],
    augmentation: values.augmentation,
    arms: values.arms,
    seeds: values.seeds === undefined ? undefined : readSeeds(values.seeds),
    epochs: numberIfOne(values.epochs),
    batchSize: numberIfOne(values['batch-size']),
    precision: values.precision,
    keepModel: choice('keep', values.keep, ['best', 'none'] as const) === 'best',
    patience: numberIfOne(values.patience),
  });
  const folder = parameters.profile === 'tour' ? 'medmnist2d-tour' : 'medmnist2d';
  return {
    plan: await planGrid(parameters),
    keepModels: parameters.keepModel,
    store: resolve(values.store ?? `${outputsDirectory}/${folder}`),
    resume: values['no-resume'] !== true,
    retries: wholeNumber('retries', values.retries, 0, 1000),
    dryRun: values['dry-run'] === true,
    json: values.json === true,
    engine,
  };
}

function readEngine(values: Values): EngineRequest {
  const name = choice('engine', values.engine, ['local', 'ray'] as const);
  const workers = values.workers === undefined ? undefined : wholeNumber('workers', values.workers, 1, 10_000);
  const [cpus, gpus] = [values['cpus-per-run'], values['gpus-per-run']];
  if (name === 'local') {
    for (const option of ['address', 'transfer'] as const) {
      if (values[option] !== undefined)
        throw new UserError(`--${option} is of --engine ray: add that, or leave --${option} out.`);
    }
    return {
      name,
      workers: workers ?? 1,
      threads: cpus === undefined ? undefined : wholeNumber('cpus-per-run', cpus, 1, 1024),
      gpus: gpus === undefined ? undefined : wholeNumber('gpus-per-run', gpus, 0, 64),
    };
  }
  return {
    name,
    workers,
    address: values.address ?? 'auto',
    cpus: wholeNumber('cpus-per-run', cpus ?? '1', 1, 1024),
    gpus: fraction('gpus-per-run', gpus ?? '0'),
    transfer: choice('transfer', values.transfer ?? 'shared-path', transfers),
  };
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UserError(`--${option} is "${text}", but must be a whole number from ${least} to ${most}.`);
}

/** Ray shares a GPU among tasks that ask for a part of it. */
function fraction(option: string, text: string): number {
  const value = Number(text);
  if (/^(\d+|0?\.\d+)$/.test(text) && value <= 64) return value;
  throw new UserError(`--${option} is "${text}", but must be a whole number, or a part of one GPU such as 0.5.`);
}

/** What is no number stays text, for the message of the parameter. */
function numberIfOne(text: string | undefined): string | number | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : text;
}

/** A number counts seeds from 0, a list names them. */
function readSeeds(text: string): string {
  if (text.includes(',')) return text;
  return Array.from({ length: wholeNumber('seeds', text, 1, 10_000) }, (_, seed) => seed).join(',');
}
