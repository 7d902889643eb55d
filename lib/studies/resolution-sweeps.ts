/** The trainings of the resolution study: each network at each source size and with each input. */
import { halfNormalization } from '../data/batches';
import type { Dataset } from '../data/dataset';
import type { ImageExpectation } from '../data/transform';
import { countParameters } from '../models/parameters';
import { trainClassifier, type TrainingSettings } from '../training/classifier';
import type { TrainingEvent } from '../training/events';
import { resizedInput, zeroPaddedInput, type InputTransform } from '../training/input-transforms';
import { runOtherProbe, trainFrozenHead, type HeadSettings, type StudyControls } from './frozen-head';
import { networkTitle, openNetwork, type NetworkChoice } from './networks';
import { createResnet18 } from './resnet-from-scratch';
import type { SizedData } from './resolution-data';
import { scoreFields, shortHash } from '../runs/results';
import { openTraining, recordResults, type NotebookRun } from '../runs/notebook-run';

/** How an image of some source size becomes a network's input. */
export type InputMode = 'native' | 'resized' | 'zero-padded';

export interface SweepState {
  readonly run: NotebookRun;
  /** Pixels a side of the input but for native ones. */
  readonly input: number;
  /** Points of a sweep that was stopped, which the same call does not repeat. */
  readonly finished: Set<string>;
}

export interface CnnSettings extends Pick<
  TrainingSettings,
  'epochs' | 'batchSize' | 'learningRate' | 'weightDecay' | 'seed'
> {
  readonly inputs: readonly Exclude<InputMode, 'zero-padded'>[];
}

/** What an input mode makes of images of a size; the whole image is used. */
export function inputFor(mode: InputMode, expected: ImageExpectation, source: number, input: number): InputTransform {
  const size = mode === 'native' ? source : input;
  const square = { height: size, width: size };
  return mode === 'zero-padded'
    ? zeroPaddedInput(expected, square)
    : resizedInput({ ...expected, cropFraction: 1 }, square);
}

interface Point {
  readonly source: number;
  readonly mode: InputMode;
}

/** Sizes and modes, but for modes that give the same images as one before. */
function pointsOf({ sizes }: SizedData, modes: readonly InputMode[], input: number): Point[] {
  return sizes.flatMap((source) =>
    modes.filter((_, index) => index === 0 || source !== input).map((mode) => ({ source, mode })),
  );
}

const resnetExpectation: ImageExpectation = { ...halfNormalization, interpolation: 'bicubic', cropFraction: 1 };

/** Trains a ResNet-18 from scratch at each point. @returns whether it came to its end */
export async function sweepCnn(
  state: SweepState,
  data: SizedData,
  { inputs, ...settings }: CnnSettings,
  { signal, progress }: StudyControls,
): Promise<boolean> {
  if (settings.epochs === 0) return true;
  const points = pointsOf(data, inputs, state.input);
  return sweep(
    state,
    points,
    { settings, data: data.all.sha256, model: 'ResNet-18' },
    progress?.('ResNet-18'),
    signal,
    (point, onProgress) => trainCnn(state, data, point, settings, { signal, onProgress }),
  );
}

async function trainCnn(
  { run, input }: SweepState,
  data: SizedData,
  { source, mode }: Point,
  settings: Omit<CnnSettings, 'inputs'>,
  controls: { readonly signal?: AbortSignal; readonly onProgress?: (event: TrainingEvent) => void },
): Promise<boolean> {
  const dataset = data.bySize.get(source) as Dataset;
  const transform = inputFor(mode, resnetExpectation, source, input);
  const classifier = { ...createResnet18(dataset), transform };
  const recorded = {
    ...settings,
    sourceSize: source,
    inputMode: mode,
    inputSize: transform.width,
    input: transform.key,
  };
  const trainingKey = shortHash({ model: classifier.name, settings: recorded, data: dataset.sha256 });
  const training = await openTraining(run, trainingKey);
  try {
    const { test, bestValAccuracy, seconds, history } = await trainClassifier(classifier, dataset, settings, {
      ...controls,
      checkpoints: training.checkpoints,
      saveEverySeconds: 20, // an epoch of small images takes little longer than a checkpoint
    });
    if (test === undefined || bestValAccuracy === undefined) return false;
    const parameters = countParameters(classifier);
    const row = {
      trainingKey,
      model: classifier.name,
      weights: 'random',
      protocol: 'scratch',
      arm: 'corrected',
      parameters,
      trainableParameters: parameters,
      seconds,
      bestValAccuracy,
      ...scoreFields(test),
      settings: recorded,
    } as const;
    recordResults(run, data.all, trainingKey, [row], history);
    training.close();
    return true;
  } finally {
    await transform.close();
  }
}

/** Runs the frozen networks at each point, under the study's linear head and nearest neighbours. @returns whether it came to its end */
export async function sweepFrozen(
  state: SweepState,
  data: SizedData,
  { models, ...choice }: NetworkChoice & { readonly models: readonly string[] },
  settings: HeadSettings,
  { signal, progress }: StudyControls,
): Promise<boolean> {
  for (const model of models) {
    const network = await openNetwork({ ...choice, model, size: state.input, seed: settings.seed, signal }, model);
    try {
      const points = pointsOf(data, ['resized', 'zero-padded'], state.input);
      const bar = progress?.(`${networkTitle(model)}, frozen`);
      const ended = await sweep(
        state,
        points,
        { settings, data: data.all.sha256, model },
        bar,
        signal,
        async (point, onProgress) => {
          const { source, mode } = point;
          const dataset = data.bySize.get(source) as Dataset;
          const input = inputFor(mode, network.expected, source, state.input);
          const from = { network, dataset, input, recordedAs: data.all };
          const more = { sourceSize: source, inputMode: mode, inputSize: state.input };
          const controls = { signal, progress: onProgress && (() => onProgress) };
          const head = await trainFrozenHead(state.run, from, 'corrected', settings, controls, more);
          if (head?.test === undefined) return false;
          const knn = await runOtherProbe(state.run, from, 'knn', settings, controls, more);
          return knn?.test !== undefined;
        },
      );
      if (!ended) return false;
    } finally {
      network.dispose();
    }
  }
  return true;
}

/** Runs the points that an earlier, stopped call has not finished. A sweep that has come to its end begins anew. */
async function sweep(
  { finished }: SweepState,
  points: readonly Point[],
  of: object,
  onProgress: ((event: TrainingEvent) => void) | undefined,
  signal: AbortSignal | undefined,
  run: (point: Point, onProgress: ((event: TrainingEvent) => void) | undefined) => Promise<boolean>,
): Promise<boolean> {
  const start = performance.now();
  const keys = points.map((point) => shortHash({ ...of, ...point }));
  for (const [index, point] of points.entries()) {
    if (finished.has(keys[index])) continue;
    const ended = !signal?.aborted && (await run(point, onProgress && partOf(onProgress, index, points.length)));
    const seconds = (performance.now() - start) / 1000;
    if (!ended) {
      onProgress?.({ kind: 'stopped', epoch: index, epochs: points.length, seconds });
      return false;
    }
    finished.add(keys[index]);
  }
  for (const key of keys) finished.delete(key);
  onProgress?.({ kind: 'done', epochs: 1, seconds: (performance.now() - start) / 1000 });
  return true;
}

/** The progress of one point as part of the sweep: its batches and warnings, not its ends. */
function partOf(
  onProgress: (event: TrainingEvent) => void,
  index: number,
  points: number,
): (event: TrainingEvent) => void {
  return (event) => {
    if (event.kind !== 'batch' && event.kind !== 'warning') return;
    const before = event.kind === 'batch' ? (event.epoch - 1) * event.steps : 0;
    const placed = { ...event, epoch: index + 1, epochs: points };
    if (placed.kind === 'warning') onProgress(placed);
    else onProgress({ ...placed, step: before + placed.step, steps: placed.steps * event.epochs });
  };
}
