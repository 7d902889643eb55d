/**
 * Self-distillation without labels: a student learns to say of any view of an image what a teacher, its own running mean, says of another
 * (DINO, Caron et al., ICCV 2021), and of hidden patches what the teacher sees there (iBOT, Zhou et al., ICLR 2022), with what DINOv2
 * (Oquab et al. 2023) added: Sinkhorn–Knopp in place of the centre, and KoLeo.
 */
import { normalizedImages } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { startThreads } from '../data/threads';
import { viewBatches, viewWorker, type ViewSource, type ViewThreads } from '../data/view-batches';
import type { ViewedBatch } from '../data/view-worker';
import type { ViewSettings } from '../data/views';
import { UserError } from '../errors';
import { inPrecision } from '../models/low-precision';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  readParameters,
  trainableNames,
  variableOf,
  type Parameters,
  type PublishedValues,
} from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { patchGrid } from '../models/vit';
import { createRandom } from '../random';
import type { PrecisionSetting } from '../precisions';
import { tf, type Scalar, type Tensor1D, type Tensor2D, type Tensor3D, type Tensor4D } from '../tf';
import type { CheckpointStore } from './checkpoints';
import type { HistoryRow, TrainingEvent } from './events';
import { fit, type Batch, type Validation } from './fit';
import type { LossOutput } from './gradients';
import { adamW, withStepSchedule } from './optimizers';
import { isDecayed } from './parameter-groups';
import { predictLogits } from './predict';
import { cosineBetween, warmupCosineSchedule, type Schedule } from './schedules';
import { patchLoss, spreadLoss, viewLoss } from './self-distillation/losses';
import { drawMasks, type MaskSettings } from './self-distillation/masks';
import { effectiveRank, entropies, featureSpread, neighbourAccuracy } from './self-distillation/monitors';
import {
  distillationTable,
  headForward,
  partOf,
  prototypes,
  type DistilledNetwork,
  type HeadSettings,
} from './self-distillation/network';
import { centredTargets, movedCentre, sinkhornTargets } from './self-distillation/targets';
import { withTeacher } from './self-distillation/teacher';

type FromTo = readonly [from: number, to: number];

export interface SelfDistillationSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Fixes the initial weights, the order of the images, their views and what is hidden of them. */
  readonly seed: number;
  /** The highest, after the warm-up; then half a cosine towards 0. */
  readonly learningRate: number;
  readonly warmupEpochs: number;
  /** Half a cosine over the training, as all that goes from one value to another. */
  readonly weightDecay: FromTo;
  /** How much of the teacher stays in each step. */
  readonly momentum: FromTo;
  readonly studentTemperature: number;
  /** In a straight line over the teacher's warm-up. */
  readonly teacherTemperature: FromTo;
  readonly teacherWarmupEpochs: number;
  /** `none` is there to see what happens without: all images get the same answer. */
  readonly targets: 'centred' | 'sinkhorn' | 'none';
  readonly centreMomentum: number;
  readonly head: HeadSettings;
  readonly views: ViewSettings;
  readonly masks: MaskSettings;
  /** Of the patch loss and of KoLeo, beside 1 for DINO's loss. 0 leaves one out. */
  readonly patchWeight: number;
  readonly spreadWeight: number;
  readonly maxGradientNorm: number;
  /** Epochs in which the prototypes stay where they are. */
  readonly frozenPrototypeEpochs: number;
  /** As in a recipe. */
  readonly precision?: PrecisionSetting;
}

export interface SelfDistillationControls {
  /** Labelled data, of one label an image and of a size that the network takes, on which features are tried after each epoch. */
  readonly probes?: readonly Dataset[];
  readonly checkpoints?: CheckpointStore;
  readonly saveEverySeconds?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

export interface SelfDistillationResult {
  /** In it, accuracy is that of nearest neighbours on the probes, and in training how often student and teacher name one prototype. */
  readonly history: readonly HistoryRow[];
  readonly stopped: boolean;
  readonly seconds: number;
  /** The teacher without its head after the last epoch, in the published layout. */
  readonly values: PublishedValues;
}

/**
 * Trains a network on images without labels.
 * @param sources images of an epoch, and others that the loss is measured on after it
 */
export async function trainSelfDistillation(
  network: DistilledNetwork,
  sources: { readonly train: ViewSource; readonly val: ViewSource },
  settings: SelfDistillationSettings,
  controls: SelfDistillationControls = {},
): Promise<SelfDistillationResult> {
  const { epochs, batchSize, learningRate, warmupEpochs, seed, maxGradientNorm } = settings;
  const stepsPerEpoch = Math.floor(sources.train.count / batchSize);
  for (const [name, { count }] of Object.entries(sources))
    if (count < batchSize) throw new UserError(`batchSize is ${batchSize}, but ${name} has only ${count} images.`);
  const total = stepsPerEpoch * epochs;
  const run = openRun(network, settings, stepsPerEpoch);
  const schedule = warmupCosineSchedule({ learningRate, warmup: warmupEpochs * stepsPerEpoch, total });
  const threads: ViewThreads = startThreads(viewWorker);
  try {
    const { probes, ...fitControls } = controls;
    const fitted = await fit<DistillationBatch>({
      select: 'accuracy',
      ...fitControls,
      parameters: run.parameters,
      names: run.names,
      optimizer: withStepSchedule(run.optimizer, schedule, stepsPerEpoch),
      epochs,
      learningRate: (epoch) => schedule(epoch * stepsPerEpoch),
      maxGradientNorm,
      batchesPerEpoch: stepsPerEpoch,
      batches: (epoch) =>
        taughtBatches(
          run,
          viewBatches(threads, sources.train, { batchSize, seed, epoch, settings: settings.views }),
          true,
        ),
      loss: (batch, scope) => studentLoss(run, batch, scope.at('student')),
      validate: async (signal) => {
        // The same views after each epoch, so that losses can be compared.
        const views = viewBatches(threads, sources.val, { batchSize, seed, epoch: 0, settings: settings.views });
        return validateRun(run, views, { probes, signal });
      },
    });
    try {
      fitted.useLast();
      const { history, stopped, seconds } = fitted;
      return { history, stopped, seconds, values: exportParameters(partOf(run.teacher, 'backbone')) };
    } finally {
      fitted.dispose();
    }
  } finally {
    run.dispose();
    await threads.close();
  }
}

type Run = ReturnType<typeof openRun>;

function openRun(network: DistilledNetwork, settings: SelfDistillationSettings, stepsPerEpoch: number) {
  const { epochs, seed, weightDecay, momentum, teacherTemperature, teacherWarmupEpochs } = settings;
  const total = stepsPerEpoch * epochs;
  const parameters = inPrecision(createParameters(distillationTable(network, settings.head), seed), settings.precision);
  const [student, teacher] = ['student', 'teacher'].map((role) => partOf(parameters, role));
  for (const [name, variable] of teacher.variables) tf.tidy(() => variable.assign(variableOf(student, name).read()));
  const names = trainableNames(parameters, (name) => name.startsWith('student.'));
  const decay = cosineBetween(weightDecay, total);
  const optimizer = adamW(parameters, names, {
    weightDecay: 1,
    decayFactor: decay,
    settingsOf: (name) => (isDecayed(name, parameters.table) && !name.endsWith('mask_token') ? {} : { weightDecay: 0 }),
  });
  const warmup = Math.max(1, teacherWarmupEpochs * stepsPerEpoch);
  const temperature: Schedule = (step) =>
    teacherTemperature[0] + Math.min(1, step / warmup) * (teacherTemperature[1] - teacherTemperature[0]);
  return {
    network,
    settings,
    parameters,
    student,
    teacher,
    names,
    temperature,
    optimizer: withTeacher(optimizer, {
      teacher,
      student,
      momentum: cosineBetween(momentum, total),
      frozen: (name) => name.endsWith(prototypes),
      frozenSteps: settings.frozenPrototypeEpochs * stepsPerEpoch,
    }),
    dispose() {
      optimizer.dispose();
      disposeParameters(parameters);
    },
  };
}

interface DistillationBatch extends Batch {
  /** 2·N×S×S×3 and L·N×s×s×3, normalised. */
  readonly globals: Tensor4D;
  readonly locals: Tensor4D | undefined;
  /** The teacher's answer to the large views, 2·N×K. */
  readonly targets: Tensor2D;
  readonly hidden: HiddenPatches | undefined;
}

/** Not an interface, which tf.tidy would not take. */
type HiddenPatches = {
  /** 2·N×P×1. */
  readonly masked: Tensor3D;
  /** Of the hidden ones, M: image · P + patch. */
  readonly positions: Tensor1D;
  readonly weights: Tensor1D;
  /** The teacher's answer there, M×K. */
  readonly targets: Tensor2D;
};

/** Views with the teacher's answers as it is now: each batch is made when the step before is done. */
async function* taughtBatches(
  run: Run,
  views: AsyncIterable<ViewedBatch>,
  moves: boolean,
): AsyncGenerator<DistillationBatch> {
  let index = 0;
  for await (const batch of views) yield taughtBatch(run, batch, { moves, index: index++ });
}

function taughtBatch(
  { network, settings, teacher, parameters, temperature, optimizer }: Run,
  { count, globals: globalBytes, locals: localBytes }: ViewedBatch,
  { moves, index }: { readonly moves: boolean; readonly index: number },
): DistillationBatch {
  const { views, masks, patchWeight, seed } = settings;
  const { globalSize, localSize, locals } = views;
  const step = optimizer.steps;
  const result = tf.tidy(() => {
    const large = normalizedImages(globalBytes, [2 * count, globalSize, globalSize, 3], network.normalization);
    const small =
      locals === 0
        ? undefined
        : normalizedImages(localBytes, [locals * count, localSize, localSize, 3], network.normalization);
    const scope = createScope(readParameters(teacher));
    const { tokens } = network.forward(large, scope.at('backbone'));
    const scores = headForward(imageTokens(tokens), scope.at('head'));
    const answer = (of: Tensor2D, centre: 'image' | 'patch'): Tensor2D =>
      targetsOf(of, { settings, temperature: temperature(step), parameters, centre: `centre.${centre}`, moves });
    const targets = answer(scores, 'image');
    if (patchWeight === 0) return { globals: large, locals: small, targets, hidden: undefined };
    const grid = patchGrid({ height: globalSize, width: globalSize }, network.config);
    const random = createRandom(seed, moves ? 'masks' : 'validation masks', moves ? step : index);
    const { masked, positions: numbers, weights } = drawMasks(2 * count, grid, masks, random);
    const positions = tf.tensor1d(numbers, 'int32');
    const hidden = {
      masked: tf.tensor3d(masked, [2 * count, grid[0] * grid[1], 1]),
      positions,
      weights: tf.tensor1d(weights),
      targets: answer(headForward(patchTokens(tokens, positions, network), scope.at('head')), 'patch'),
    };
    return { globals: large, locals: small, targets, hidden };
  });
  return { ...result, count, dispose: () => void tf.dispose(result) };
}

interface TargetOptions {
  readonly settings: SelfDistillationSettings;
  readonly temperature: number;
  readonly parameters: Parameters;
  readonly centre: string;
  /** Whether the centre follows. */
  readonly moves: boolean;
}

function targetsOf(scores: Tensor2D, { settings, temperature, parameters, centre, moves }: TargetOptions): Tensor2D {
  if (settings.targets === 'sinkhorn') return sinkhornTargets(scores, temperature);
  const variable = variableOf(parameters, centre);
  const before = variable.read() as Tensor2D;
  const targets = centredTargets(scores, before, temperature);
  if (moves && settings.targets === 'centred') variable.assign(movedCentre(before, scores, settings.centreMomentum));
  return targets;
}

/** N×T×C → N×C: the class token. */
function imageTokens(tokens: Tensor3D): Tensor2D {
  const [count, , width] = tokens.shape;
  return tokens.slice([0, 0, 0], [count, 1, width]).reshape([count, width]);
}

/** The patches at these positions (image · P + patch), M×C. tokens: N×T×C. */
function patchTokens(tokens: Tensor3D, positions: Tensor1D, { config }: DistilledNetwork): Tensor2D {
  const [count, , width] = tokens.shape;
  const patches = tokens.slice([0, 1 + config.registerTokens, 0], [count, -1, width]);
  return tf.gather(patches.reshape<Tensor2D>([-1, width]), positions);
}

/** DINO's loss, the patch loss and KoLeo as weighted. What counts as correct: the teacher's favourite of the other large view. */
function studentLoss(
  { network, settings }: Pick<Run, 'network' | 'settings'>,
  { globals, locals, targets, hidden, count }: DistillationBatch,
  student: Scope,
): LossOutput {
  const { studentTemperature: temperature, patchWeight, spreadWeight } = settings;
  const backbone = student.at('backbone');
  const { tokens } = network.forward(globals, backbone, hidden?.masked);
  const large = imageTokens(tokens);
  const small = locals === undefined ? [] : [imageTokens(network.forward(locals, backbone).tokens)];
  const patches = hidden === undefined ? [] : [patchTokens(tokens, hidden.positions, network)];
  // One product for all that goes through the head.
  const scores = headForward(tf.concat2d([large, ...small, ...patches], 0), student.at('head'));
  const [, outputs] = scores.shape;
  const views = large.shape[0] + (small[0]?.shape[0] ?? 0);
  const ofViews = scores.slice<Tensor2D>([0, 0], [views, outputs]);
  const terms = [viewLoss(ofViews, targets, temperature)];
  if (hidden !== undefined) {
    const ofPatches = scores.slice<Tensor2D>([views, 0], [scores.shape[0] - views, outputs]);
    const options = { temperature, images: large.shape[0] };
    terms.push(patchLoss(ofPatches, hidden.targets, hidden.weights, options).mul(patchWeight));
  }
  if (spreadWeight > 0)
    for (const start of [0, count])
      terms.push(spreadLoss(large.slice<Tensor2D>([start, 0], [count, large.shape[1]])).mul(spreadWeight / 2));
  const correct = tf.tidy(() => {
    const favourites = targets.argMax<Tensor1D>(1);
    const others = tf.concat1d([favourites.slice([count], [count]), favourites.slice([0], [count])]);
    const own = ofViews.slice<Tensor2D>([0, 0], [2 * count, outputs]).argMax<Tensor1D>(1);
    return own.equal(others).toFloat().sum().div<Scalar>(2);
  });
  return { loss: tf.addN(terms), reported: { accuracy: correct } };
}

interface ValidationOptions {
  readonly probes?: readonly Dataset[];
  readonly signal?: AbortSignal;
}

async function validateRun(
  run: Run,
  views: AsyncIterable<ViewedBatch>,
  { probes = [], signal }: ValidationOptions,
): Promise<Validation> {
  const { teacher, student, network } = run;
  const total = { loss: 0, batches: 0, row: 0, mean: 0 };
  for await (const batch of taughtBatches(run, views, false)) {
    signal?.throwIfAborted();
    try {
      tf.tidy(() => {
        total.loss += studentLoss(run, batch, createScope(readParameters(student))).loss.dataSync()[0];
      });
      const { row, mean } = entropies(batch.targets);
      total.row += row;
      total.mean += mean;
      total.batches++;
    } finally {
      batch.dispose();
    }
  }
  const backbone = partOf(teacher, 'backbone');
  const monitors: Record<string, number> = {
    teacherEntropy: total.row / total.batches,
    meanEntropy: total.mean / total.batches,
  };
  const accuracies: number[] = [];
  for (const dataset of probes) {
    const rowsOf = (split: 'train' | 'val'): Promise<Float32Array> =>
      predictLogits(backbone, (images, scope) => network.forward(images, scope).pooled, dataset, split, {
        normalization: network.normalization,
        signal,
      });
    const rows = { train: await rowsOf('train'), val: await rowsOf('val') };
    accuracies.push(await neighbourAccuracy(dataset, rows, network.config.width));
    monitors[`neighbours ${dataset.name}`] = accuracies[accuracies.length - 1];
    monitors[`spread ${dataset.name}`] = featureSpread(rows.val, network.config.width);
    monitors[`rank ${dataset.name}`] = effectiveRank(rows.val, network.config.width);
  }
  const accuracy = accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length;
  return { loss: total.loss / total.batches, accuracy, ...monitors };
}
