/** In place of the second study's worker: trains nothing, but takes time, keeps checkpoints and logs what it does. Not a test. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runWorker, type TrainRun } from '../../../lib/cli/study/worker';
import { writeFileAtomic } from '../../../lib/files';
import { createRandom } from '../../../lib/random';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import type { GridResult } from '../../../lib/studies/medmnist2d/results';

/** Names the log file. */
export const logVariable = 'STUDY_TEST_LOG';
/** Names what a run of this seed does in place of its work: it fails, kills itself once, or waits. */
export const mishapVariable = 'STUDY_TEST_MISHAP';
/** Milliseconds of an epoch. */
export const epochVariable = 'STUDY_TEST_EPOCH';

interface Kept {
  readonly epoch: number;
  /** Depends on every epoch before: a run that is continued wrongly ends with another one. */
  readonly value: number;
}

function nextEpoch({ epoch, value }: Kept, id: string, seed: number): Kept {
  return { epoch: epoch + 1, value: (value + createRandom(seed, `${id} ${epoch + 1}`).uniform()) / 2 };
}

const beginning: Kept = { epoch: 0, value: 0.5 };

/** What a run ends with, however often it is stopped and continued. */
export function expectedAuc(id: string, { seed, schedule }: GridConfiguration): number {
  let kept = beginning;
  while (kept.epoch < schedule.epochs) kept = nextEpoch(kept, id, seed);
  return kept.value;
}

const train: TrainRun<GridConfiguration, GridResult> = async (run, { signal, onProgress }) => {
  const { id, configuration, directory } = run;
  const note = (event: string): void =>
    appendFileSync(process.env[logVariable] ?? '', `${event} ${id} ${process.pid}\n`);
  const path = join(directory, 'checkpoints', 'kept.json');
  const { epochs } = configuration.schedule;
  let kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : beginning;
  note(`start-${kept.epoch}`);
  const [mishap, seed] = (process.env[mishapVariable] ?? '').split(' ');
  while (kept.epoch < epochs) {
    if (signal.aborted) {
      note('stopped');
      return undefined;
    }
    if (Number(seed) === configuration.seed) {
      if (mishap === 'fail') throw new Error('The loss is no number.');
      if (mishap === 'die' && kept.epoch === 1) process.kill(process.pid, 'SIGKILL');
      if (mishap === 'die-always') process.kill(process.pid, 'SIGKILL');
    }
    await sleep(Number(process.env[epochVariable] ?? 20));
    kept = nextEpoch(kept, id, configuration.seed);
    const { epoch } = kept;
    writeFileAtomic(path, JSON.stringify(kept));
    const row = {
      epoch,
      trainLoss: 1,
      trainAccuracy: 0,
      valLoss: 1,
      valAccuracy: 0,
      valAuc: kept.value,
      learningRate: 1,
      seconds: 0.1,
    };
    onProgress({ kind: 'epoch', epoch, epochs, row });
  }
  const predictionFile = `${id}.csv`;
  writeFileAtomic(join(directory, predictionFile), `0,${kept.value}\n`);
  note('end');
  const { value } = kept;
  return {
    testAuc: value,
    testAccuracy: value / 3,
    testMacroF1: value / 7,
    valAuc: value / 11,
    selectedEpoch: epochs,
    epochs,
    seconds: 1,
    predictionFile,
    history: [],
  };
};

if (require.main === module) runWorker(train);
