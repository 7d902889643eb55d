/** `npm run study -- dino-pretraining`: the training of the project's own weights, on drawn images and without labels. */
import { join, resolve } from 'node:path';
import { UserError } from '../../errors';
import { formatDuration } from '../../display/format';
import { interruptible } from '../../interrupt';
import { outputsDirectory } from '../../paths';
import { precisionSettings } from '../../precisions';
import { pretrain, pretrainingImages, pretrainingProbes, weightsFile, type PretrainingRequest } from './dino-training';
import type { HistoryRow, TrainingEvent } from '../../training/events';
import { pretrainingSettings } from '../../training/self-distillation/recipe';
import { choice, readOptions } from '../command';
import { createProgressLine, type ProgressLine } from '../progress-line';
import type { StudyContext } from '../study';

const defaultFolder = join(outputsDirectory, 'dino-pretraining');

const help = `npm run study -- dino-pretraining [OPTIONS]

Trains the project's small vision transformer by self-distillation (DINO, iBOT) on images that it draws meanwhile. No photograph and no
label is seen. After each epoch, features are tried on drawn images of other seeds: the share of them whose nearest neighbours have
their class.

  --out FOLDER          ${'outputs/dino-pretraining'} by default: checkpoints, ${weightsFile} (float16) and training.json. The same
                        command with the same folder continues, after any end
  --minutes N           ends softly after so long, at the last finished epoch
  --epochs N            ${pretrainingSettings.epochs} by default; --images N of each, ${pretrainingImages.perEpoch} by default
  --batch-size N        ${pretrainingSettings.batchSize} by default
  --learning-rate N     ${pretrainingSettings.learningRate} by default
  --seed N              ${pretrainingSettings.seed} by default
  --precision PRECISION float32 (by default), bfloat16 (mixed precision), or auto for the faster of them here
  --probes A,B          data with labels for the trial after each epoch, or none

Examples
  npm run study -- dino-pretraining --minutes 60
  npm run study -- dino-pretraining --epochs 10 --out outputs/short-pretraining`;

const options = {
  out: { type: 'string' },
  minutes: { type: 'string' },
  epochs: { type: 'string' },
  images: { type: 'string' },
  'batch-size': { type: 'string' },
  'learning-rate': { type: 'string' },
  seed: { type: 'string' },
  precision: { type: 'string' },
  probes: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
type Values = NonNullable<ReturnType<typeof readOptions<typeof options>>>;

/** Throws a UserError for what is misspelt or out of range. */
export async function main(args: string[], { output = process.stdout, progress = process.stderr }: StudyContext = {}) {
  const values = readOptions(args, options, { command: 'dino-pretraining', help, output });
  if (values === undefined) return;
  const request = readRequest(values);
  const minutes = values.minutes === undefined ? undefined : numberOf('minutes', values.minutes, 0, 100_000);
  const line = createProgressLine(progress, 30_000);
  const result = await interruptible((signal) => {
    const limit = minutes === undefined ? [] : [AbortSignal.timeout(60_000 * minutes)];
    return pretrain(request, { signal: AbortSignal.any([signal, ...limit]), onProgress: (event) => show(line, event) });
  });
  line.clear();
  const { history, stopped, seconds } = result;
  output.write(
    `${history.length} of ${request.settings.epochs} epochs in ${formatDuration(seconds)}: ${join(request.folder, weightsFile)}\n`,
  );
  if (stopped) output.write('Stopped: the same command continues.\n');
}

function readRequest(values: Values): PretrainingRequest {
  const { probes = pretrainingProbes.join(',') } = values;
  const whole = (name: keyof Values, otherwise: number, least: number): number => {
    const value = numberOf(name, String(values[name] ?? otherwise), least, 2 ** 31 - 1);
    if (!Number.isInteger(value)) throw new UserError(`--${name} is ${value}, but must be a whole number.`);
    return value;
  };
  const epochs = whole('epochs', pretrainingSettings.epochs, 1);
  const batchSize = whole('batch-size', pretrainingSettings.batchSize, 2);
  // Short trainings keep the proportions.
  const share = (part: number): number => (part * epochs) / pretrainingSettings.epochs;
  return {
    settings: {
      ...pretrainingSettings,
      epochs,
      batchSize,
      seed: whole('seed', pretrainingSettings.seed, 0),
      learningRate: numberOf(
        'learning-rate',
        String(values['learning-rate'] ?? pretrainingSettings.learningRate),
        1e-8,
        1,
      ),
      warmupEpochs: share(pretrainingSettings.warmupEpochs),
      teacherWarmupEpochs: share(pretrainingSettings.teacherWarmupEpochs),
      precision: choice('precision', values.precision ?? 'float32', precisionSettings),
    },
    images: {
      ...pretrainingImages,
      perEpoch: whole('images', pretrainingImages.perEpoch, batchSize),
      validation: Math.max(batchSize, pretrainingImages.validation),
    },
    probes: probes === 'none' ? [] : probes.split(','),
    folder: resolve(values.out ?? defaultFolder),
  };
}

function numberOf(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (given.trim() !== '' && value >= least && value <= most) return value;
  throw new UserError(`--${name} is ${JSON.stringify(given)}, but must be a number from ${least} to ${most}.`);
}

function show(line: ProgressLine, event: TrainingEvent): void {
  if (event.kind === 'batch') {
    const { epoch, epochs, step, steps, loss = NaN, imagesPerSecond = NaN } = event;
    line.update(
      `epoch ${epoch} of ${epochs}: step ${step} of ${steps}, loss ${loss.toFixed(3)}, ${imagesPerSecond.toFixed(0)} images/s`,
    );
  } else if (event.kind === 'epoch') line.print(rowText(event.row));
  else if (event.kind === 'warning') line.print(event.message);
}

function rowText({ epoch, trainLoss, valLoss, valAccuracy, seconds, ...others }: HistoryRow): string {
  const monitors = Object.entries(others).filter(([name]) => name.startsWith('val'));
  const measures = monitors.map(([name, value]) => `${name[3].toLowerCase()}${name.slice(4)} ${value.toFixed(3)}`);
  return `epoch ${epoch}: loss ${trainLoss.toFixed(3)}, on others ${valLoss.toFixed(3)}, neighbours ${valAccuracy.toFixed(3)} (${measures.join(', ')}), ${formatDuration(seconds)}`;
}
