import { tf, type Scalar } from '../tf';
import { historyKey } from './events';
import type { Batch, FitOptions, Validation } from './fit';
import { trainingStep } from './step';

const millisecondsBetweenReports = 250;

/** The validation of an epoch, unless it is stopped or finds that the last update has broken the weights. */
export async function validate<B extends Batch>(
  options: FitOptions<B>,
): Promise<Validation | 'stopped' | 'not finite'> {
  const { signal } = options;
  try {
    const validation = await options.validate(signal);
    if (signal?.aborted) return 'stopped';
    return Number.isFinite(validation.loss) ? validation : 'not finite';
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return 'stopped';
    throw error;
  }
}

/** The training's half of a history row. */
type TrainedEpoch = { readonly trainLoss: number } & Readonly<Record<string, number>>;

/** One pass over the training data. Losses stay on the device but where progress is shown. */
export async function trainEpoch<B extends Batch>(
  options: FitOptions<B>,
  epoch: number,
  learningRate: number,
): Promise<TrainedEpoch | 'stopped' | 'not finite'> {
  const { epochs, batchesPerEpoch, signal, onProgress = () => undefined } = options;
  const pending: { loss: Scalar; reported: Readonly<Record<string, Scalar>>; count: number }[] = [];
  const total = { loss: 0, images: 0 };
  const metrics: Record<string, number> = {};
  let lastLoss = NaN;
  const settle = (): boolean => {
    for (const { loss, reported, count } of pending.splice(0)) {
      [lastLoss] = loss.dataSync();
      total.loss += lastLoss * count;
      for (const [name, sum] of Object.entries(reported)) metrics[name] = (metrics[name] ?? 0) + sum.dataSync()[0];
      total.images += count;
      tf.dispose([loss, ...Object.values(reported)]);
    }
    return Number.isFinite(total.loss);
  };
  const start = performance.now();
  let reported = start;
  let step = 0;

  try {
    for await (const batch of options.batches(epoch)) {
      const { count } = batch;
      try {
        const { loss, reported } = trainingStep((scope) => options.loss(batch, scope), { ...options, learningRate });
        pending.push({ count, loss, reported });
      } finally {
        batch.dispose();
      }
      step++;
      await new Promise(setImmediate); // lets the stop button and timers in
      const now = performance.now();
      if (now - reported >= millisecondsBetweenReports) {
        reported = now;
        if (!settle()) return 'not finite';
        const imagesPerSecond = total.images / ((now - start) / 1000);
        onProgress({
          kind: 'batch',
          epoch: epoch + 1,
          epochs,
          step,
          steps: batchesPerEpoch,
          loss: lastLoss,
          imagesPerSecond,
        });
      }
      if (signal?.aborted) return 'stopped';
    }
    if (!settle()) return 'not finite';
    const means = Object.entries(metrics).map(
      ([name, sum]) => [historyKey('train', name), sum / total.images] as const,
    );
    return { trainLoss: total.loss / total.images, ...Object.fromEntries(means) };
  } finally {
    for (const { loss, reported } of pending) tf.dispose([loss, ...Object.values(reported)]);
  }
}
