import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ImageBatch } from '../../lib/data/batches';
import { recordText } from '../../lib/files';
import { readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { projectRoot } from '../../lib/paths';
import { tf } from '../../lib/tf';
import { openCheckpoints, type CheckpointManifest } from '../../lib/training/checkpoints';
import type { TrainingEvent } from '../../lib/training/events';
import type { FitOptions, FitResult, Validation } from '../../lib/training/fit';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { createToyRun, metricsOf, toyLoss, type ToyRun } from './toy';

type Options = Partial<FitOptions<ImageBatch>>;
/** Changes the toy's training, on top of earlier changes. */
type Change = (run: ToyRun, options: Options & Required<Pick<Options, 'batches'>>) => Options;
type Values = Record<string, number[]>;

interface Outcome {
  result: FitResult;
  metrics: ReturnType<typeof metricsOf>;
  events: TrainingEvent[];
  last: Values;
  best: Values;
  slots: Values;
  steps: number;
}

const scratch = mkdtempSync(join(tmpdir(), 'fit-'));
after(() => rmSync(scratch, { recursive: true }));
let folders = 0;
const newFolder = (): string => join(scratch, String(folders++));

function changed(run: ToyRun, changes: readonly Change[]): Options {
  return changes.reduce<Parameters<Change>[1]>((options, change) => ({ ...options, ...change(run, options) }), {
    batches: run.batches,
  });
}

/** A run with parameters of its own, of which no tensor may be left behind. */
async function train(...changes: Change[]): Promise<Outcome> {
  const before = tf.memory().numTensors;
  const run = createToyRun();
  const events: TrainingEvent[] = [];
  const result = await run.fit({ onProgress: (event) => events.push(event), ...changed(run, changes) });
  const last = run.weights();
  const slots = Object.fromEntries(
    [...run.optimizer.slots].map(([name, slot]) => [name, tf.tidy(() => [...slot.read().dataSync()])]),
  );
  result.useBest();
  const best = run.weights();
  result.dispose();
  run.dispose();
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return { result, metrics: metricsOf(result.history), events, last, best, slots, steps: run.optimizer.steps };
}

/** Two runs that cannot be told apart, to the last bit. */
function assertSame(actual: Outcome, expected: Outcome): void {
  assert.deepEqual(actual.metrics, expected.metrics);
  assert.deepEqual(actual.result.best, expected.result.best);
  for (const part of ['last', 'best', 'slots', 'steps'] as const) assert.deepEqual(actual[part], expected[part], part);
}

/** As many epochs as there are validation accuracies. */
function scripted(...accuracies: number[]): Change {
  return (run, { batches }) => {
    let current = 0;
    return {
      epochs: accuracies.length,
      batches(epoch) {
        current = epoch;
        return batches(epoch);
      },
      validate: async () => ({ loss: (await run.validate()).loss, accuracy: accuracies[current] }),
    };
  };
}

/** Aborts while a batch is computed; epoch and batch are counted from 0. */
function abortedAt(epoch: number, batch: number): Change {
  return (_run, { batches }) => {
    const controller = new AbortController();
    return {
      signal: controller.signal,
      async *batches(current) {
        let index = 0;
        for await (const item of batches(current)) {
          assert.ok(!controller.signal.aborted, 'a batch was read after the abort');
          if (current === epoch && index++ === batch) controller.abort();
          yield item;
        }
      },
    };
  };
}

/** Makes the loss of a batch NaN each of the first `times` that its epoch is tried. Counted from 0. */
function brokenAt(epoch: number, batch: number, times: number): Change {
  return (_run, { batches }) => {
    let [current, tries, index] = [0, 0, 0];
    return {
      batches(next) {
        [current, tries, index] = [next, next === current ? tries + 1 : 1, 0];
        return batches(next);
      },
      loss(item, scope) {
        const output = toyLoss(item, scope);
        const broken = current === epoch && index++ === batch && tries <= times;
        return broken ? { ...output, loss: output.loss.mul(NaN) } : output;
      },
    };
  };
}

function keptIn(folder: string, key = 'toy'): Change {
  return () => ({ checkpoints: openCheckpoints(folder, key) });
}

function manifestOf(folder: string): CheckpointManifest {
  return JSON.parse(readFileSync(join(folder, 'checkpoint.json'), 'utf8')) as CheckpointManifest;
}

/** Changes the last value that the file holds, by as little as can be. */
function flipBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 4] ^= 1;
  writeFileSync(path, bytes);
}

describe('a training', () => {
  it('learns', async () => {
    const { metrics } = await train(() => ({ epochs: 12, learningRate: () => 0.05 }));
    const [first, last] = [metrics[0], metrics[11]];
    assert.ok(last.trainLoss < 0.7 * first.trainLoss, `${first.trainLoss} → ${last.trainLoss}`);
    assert.ok(last.valAccuracy > 0.8 && last.trainAccuracy > 0.8);
  });

  it('has a row an epoch, with means over images whatever the size of the last batch', async () => {
    const asked: number[] = [];
    const validated: Validation[] = [];
    let [loss, correct] = [0, 0];
    const { result, metrics } = await train((run) => {
      // Without a learning rate all epochs have the same loss, computed here in another way.
      for (const batch of run.batches(0)) {
        tf.tidy(() => {
          const output = toyLoss(batch, createScope(readParameters(run.parameters), true));
          loss += output.loss.dataSync()[0] * batch.count;
          correct += output.reported.accuracy.dataSync()[0];
        });
        batch.dispose();
      }
      return {
        epochs: 3,
        batches: () => run.batches(0),
        learningRate(epoch) {
          asked.push(epoch);
          return 0;
        },
        async validate() {
          validated.push(await run.validate());
          return validated[validated.length - 1];
        },
      };
    });
    assert.deepEqual(asked, [0, 1, 2]);
    metrics.forEach(({ epoch, trainLoss, trainAccuracy, valLoss, valAccuracy }, index) => {
      assert.equal(epoch, index + 1);
      assertClose([trainLoss], [loss / 50], 1e-7, 'loss');
      assert.equal(trainAccuracy, correct / 50);
      assert.deepEqual({ loss: valLoss, accuracy: valAccuracy }, validated[index]);
    });
    // The running statistics moved, so each validation saw another model.
    assert.equal(new Set(metrics.map(({ valLoss }) => valLoss)).size, 3);
    assert.ok(result.history.every(({ seconds }) => seconds > 0));
    assert.equal(
      result.seconds,
      result.history.reduce((total, { seconds }) => total + seconds, 0),
    );
  });

  it('takes the learning rate of each epoch', async () => {
    const constant = await train(() => ({ epochs: 2, learningRate: () => 0.01 }));
    const falling = await train(() => ({ epochs: 2, learningRate: (epoch) => 0.01 / (epoch + 1) }));
    assert.deepEqual(falling.metrics[0], constant.metrics[0]);
    assert.equal(falling.metrics[1].learningRate, 0.005);
    assert.notDeepEqual(falling.last, constant.last);
  });

  it('is the same each time, bit for bit', async () => {
    const once = await train();
    assert.equal(once.steps, 24);
    assertSame(await train(), once);
  });

  it('limits the norm of its gradients where it is told to', async () => {
    const largestMove = async (maxGradientNorm?: number) => {
      let initial: number[] = [];
      const { last } = await train((run) => {
        initial = run.weights()['conv1.weight'];
        return { epochs: 1, maxGradientNorm };
      });
      return Math.max(...last['conv1.weight'].map((value, index) => Math.abs(value - initial[index])));
    };
    assert.ok((await largestMove()) > 0.02);
    // Far below Adam's ε: what is left is weight decay.
    assert.ok((await largestMove(1e-13)) < 0.002);
  });

  it('tells what happens, in order', async () => {
    const { events, metrics, result } = await train((_run, { batches }) => ({
      epochs: 2,
      async *batches(epoch) {
        for await (const batch of batches(epoch)) {
          await new Promise((resolve) => setTimeout(resolve, 90));
          yield batch;
        }
      },
    }));
    const order = events.map((event) => `${event.kind} ${'epoch' in event ? event.epoch : ''}`);
    assert.deepEqual([...new Set(order)], ['batch 1', 'epoch 1', 'batch 2', 'epoch 2', 'done ']);
    assert.equal(order.filter((text) => !text.startsWith('batch')).length, 3);
    let previous = { epoch: 0, step: 0 };
    for (const event of events) {
      assert.equal(event.epochs, 2);
      if (event.kind === 'batch') {
        assert.ok(event.epoch > previous.epoch || event.step > previous.step);
        assert.ok(event.step >= 1 && event.step <= 4 && event.steps === 4);
        assert.ok(Number.isFinite(event.loss) && Number(event.imagesPerSecond) > 0);
        previous = event;
      } else if (event.kind === 'epoch') {
        assert.deepEqual(metricsOf([event.row]), [metrics[event.epoch - 1]]);
      } else {
        const { best, seconds } = result;
        assert.deepEqual(event, {
          kind: 'done',
          epochs: 2,
          seconds,
          best,
        });
      }
    }
  });

  it('that fails leaves no tensor behind', async () => {
    const failing: Record<string, Change> = {
      validation: (run) => ({
        validate: async () => {
          if (run.optimizer.steps > 4) throw new Error('on purpose');
          return run.validate();
        },
      }),
      loss: (run) => ({
        loss(batch, scope) {
          const output = toyLoss(batch, scope);
          if (run.optimizer.steps > 6) throw new Error('on purpose');
          return output;
        },
      }),
      batches: (_run, { batches }) => ({
        async *batches(epoch) {
          yield* batches(epoch);
          if (epoch === 1) throw new Error('on purpose');
        },
      }),
      progress: () => ({
        onProgress(event) {
          if (event.kind === 'epoch' && event.epoch === 2) throw new Error('on purpose');
        },
      }),
    };
    for (const [what, change] of Object.entries(failing)) {
      const before = tf.memory().numTensors;
      const run = createToyRun();
      await assert.rejects(run.fit(changed(run, [change])), /on purpose/);
      run.dispose();
      assert.equal(tf.memory().numTensors, before, what);
    }
  });
});

describe('the best epoch', () => {
  it('is the first of the highest accuracy', async () => {
    const bestOf = async (...accuracies: number[]) => (await train(scripted(...accuracies))).result.best;
    assert.deepEqual(await bestOf(0.5, 0.9, 0.9, 0.7), { epoch: 2, metric: 'accuracy', value: 0.9 });
    assert.deepEqual(await bestOf(0, 0), { epoch: 1, metric: 'accuracy', value: 0 });
    assert.deepEqual(await bestOf(0.1, 0.2, 0.3), { epoch: 3, metric: 'accuracy', value: 0.3 });
  });

  for (const [what, change] of [
    ['', () => ({})],
    [', with checkpoints', keptIn(newFolder())],
  ] as [string, Change][])
    it(`has weights of its own, not the last ones${what}`, async () => {
      const run = createToyRun();
      const atEpoch: Values[] = [];
      const observed: Change = () => ({
        onProgress({ kind }) {
          if (kind === 'epoch') atEpoch.push(run.weights());
        },
      });
      const result = await run.fit(changed(run, [scripted(0.5, 0.9, 0.9, 0.7), change, observed]));
      const [, second, third, fourth] = atEpoch;
      for (const name of Object.keys(second)) assert.notDeepEqual(second[name], fourth[name], `${name} did not move`);
      assert.notDeepEqual(second, third);
      result.useBest();
      assert.deepEqual(run.weights(), second);
      result.useLast();
      assert.deepEqual(run.weights(), fourth);
      // Training that goes on from them does not touch what is kept.
      for (const [use, expected] of [
        [result.useBest, second],
        [result.useLast, fourth],
      ] as const) {
        use();
        (await run.fit({ epochs: 1 })).dispose();
        assert.notDeepEqual(run.weights(), expected);
        use();
        assert.deepEqual(run.weights(), expected);
      }
      result.dispose();
      run.dispose();
    });

  it('is in memory a second time only without checkpoints, and so is what an epoch begins with', async () => {
    const copiesAt = async (folder?: string): Promise<number[]> => {
      const run = createToyRun();
      const tensors: number[] = [];
      const [before, copy] = [tf.memory().numTensors, Object.keys(run.weights()).length];
      const counted: Change = (_run, { batches }) => ({
        async *batches(epoch) {
          while (folder !== undefined && (await openCheckpoints(folder, 'toy').load())?.epoch !== epoch)
            await new Promise((resolve) => setTimeout(resolve, 5));
          await new Promise(setImmediate);
          tensors.push((tf.memory().numTensors - before) / copy);
          yield* batches(epoch);
        },
      });
      const changes = [scripted(0.9, 0.5, 0.7), counted, ...(folder === undefined ? [] : [keptIn(folder)])];
      (await run.fit(changed(run, changes))).dispose();
      run.dispose();
      return tensors.map(Math.floor);
    };
    assert.deepEqual(await copiesAt(newFolder()), [0, 0, 0]);
    const [first, ...others] = await copiesAt();
    assert.equal(first, 1);
    for (const copies of others) assert.ok(copies >= 2);
  });

  it('is never one whose accuracy is not a number', async () => {
    const { result, metrics } = await train(scripted(NaN, 0.3, NaN, 0.2));
    assert.deepEqual(result.best, { epoch: 2, metric: 'accuracy', value: 0.3 });
    assert.ok(Number.isNaN(metrics[0].valAccuracy) && Number.isNaN(metrics[2].valAccuracy));
    const none = await train(scripted(NaN, NaN));
    assert.equal(none.result.best, undefined);
    assert.deepEqual(none.best, none.last);
  });

  it('ends the run where no better one follows for as long as patience lasts', async () => {
    const lengthOf = async (patience: number, ...accuracies: number[]) => {
      const { result, events } = await train(scripted(...accuracies), () => ({ patience }));
      assert.equal(result.stopped, false);
      assert.equal(events[events.length - 1].kind, 'done');
      return result.history.length;
    };
    assert.equal(await lengthOf(2, 0.5, 0.6, 0.6, 0.5, 0.9), 4);
    assert.equal(await lengthOf(2, 0.5, 0.4, 0.6, 0.5, 0.4, 0.9), 5);
    assert.equal(await lengthOf(1, 0.5, 0.6, 0.7, 0.8), 4);
    assert.equal(await lengthOf(1, 0.5, 0.4, 0.9), 2);
  });
});

describe('a stopped training', () => {
  it('ends between two batches, as if its epoch had not begun', async () => {
    const stopped = await train(abortedAt(2, 1));
    assertSame(stopped, await train(() => ({ epochs: 2 })));
    assert.equal(stopped.result.stopped, true);
    assert.equal(stopped.steps, 8);
    const { seconds } = stopped.result;
    assert.deepEqual(stopped.events.slice(-1), [{ kind: 'stopped', epoch: 2, epochs: 6, seconds }]);
    assert.ok(stopped.events.every(({ kind }) => kind !== 'done'));
  });

  it('may have finished no epoch', async () => {
    const { result, last, best } = await train(abortedAt(0, 0));
    assert.deepEqual([result.stopped, result.history, result.best, result.seconds], [true, [], undefined, 0]);
    assert.deepEqual(best, last);
  });

  it('is continued by the same call, and ends as if it had never been stopped', async () => {
    // The best epoch lies before the stops: its weights have to come from a checkpoint.
    const script = scripted(0.2, 0.8, 0.3, NaN, 0.5, 0.6);
    const whole = await train(script);
    const kept = keptIn(newFolder());

    const nothing = await train(script, kept, abortedAt(0, 2));
    assert.equal(nothing.result.history.length, 0);
    const first = await train(script, kept, abortedAt(4, 1));
    assert.deepEqual(first.metrics, whole.metrics.slice(0, 4));
    assert.deepEqual(first.result.best, { epoch: 2, metric: 'accuracy', value: 0.8 });
    const second = await train(script, kept, abortedAt(5, 0));
    assert.deepEqual(second.metrics, whole.metrics.slice(0, 5));
    const third = await train(script, kept);
    assert.equal(third.result.stopped, false);
    assertSame(third, whole);
    assert.deepEqual(third.result.history.slice(0, 4), first.result.history, 'history of the first part');

    // Finished: nothing is trained again, and the weights are there.
    const fourth = await train(script, kept, () => ({ batches: () => assert.fail('trained again') }));
    assertSame(fourth, whole);
    assert.deepEqual(fourth.result.history, third.result.history);
    assert.deepEqual(
      fourth.events.map(({ kind }) => kind),
      ['done'],
    );
  });

  it('is continued in place, with the same parameters and optimizer', async () => {
    const whole = await train();
    const kept = keptIn(newFolder());
    const run = createToyRun();
    (await run.fit(changed(run, [kept, abortedAt(3, 2)]))).dispose();
    const result = await run.fit(changed(run, [kept]));
    assert.deepEqual(metricsOf(result.history), whole.metrics);
    assert.deepEqual(run.weights(), whole.last);
    result.dispose();
    run.dispose();
  });
});

describe('a killed training', () => {
  const script = join(__dirname, 'toy-run.ts');
  const start = (...args: string[]) =>
    spawn(process.execPath, ['--import', 'tsx', script, ...args], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  it('goes on as if it had not been killed, in another process', async () => {
    const whole = await train();
    const folder = newFolder();
    const victim = start(folder, '3', '2');
    victim.stdout.once('data', () => victim.kill('SIGKILL'));
    const signal = await new Promise((resolve) => victim.on('exit', (_code, name) => resolve(name)));
    assert.equal(signal, 'SIGKILL');
    assert.ok([2, 3].includes(manifestOf(folder).epoch)); // the third may not have been written yet

    const survivor = start(folder);
    let output = '';
    survivor.stdout.on('data', (text) => (output += text));
    const code = await new Promise((resolve) => survivor.on('close', resolve));
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(output), { metrics: whole.metrics, weights: whole.last });
    const steps: number[] = [];
    assertSame(await train(keptIn(folder), () => ({ onProgress: ({ epochs }) => steps.push(epochs) })), whole);
    assert.deepEqual(steps, [6]);
  });

  it('goes on from the last whole checkpoint where it was killed while it wrote the next', async () => {
    const script = scripted(0.1, 0.2, 0.3, 0.4);
    const whole = await train(script);
    const [folder, crashed] = [newFolder(), newFolder()];
    await train(script, keptIn(folder), abortedAt(2, 0));
    cpSync(folder, crashed, { recursive: true });
    await train(script, keptIn(folder), abortedAt(3, 0));
    // Written before it was killed: the files of epoch 2, their manifest, and the files of epoch 3.
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.safetensors')))
      cpSync(join(folder, name), join(crashed, name));
    writeFileSync(join(crashed, '.checkpoint.json.012345.tmp'), '{"version"');
    assert.equal(manifestOf(crashed).epoch, 2);
    assert.equal(readdirSync(crashed).length, 9);

    const epochs: number[] = [];
    const continued = await train(script, keptIn(crashed), (_run, { batches }) => ({
      batches(epoch) {
        epochs.push(epoch);
        return batches(epoch);
      },
    }));
    assert.deepEqual(epochs, [2, 3]);
    assertSame(continued, whole);
    assert.deepEqual(readdirSync(crashed).sort(), [
      'best-0003.safetensors',
      'best-0004.safetensors',
      'checkpoint-before.json',
      'checkpoint.json',
      'epoch-0003.safetensors',
      'epoch-0004.safetensors',
    ]);
  });
});

describe('a checkpoint', () => {
  const damages: Record<string, (folder: string) => void> = {
    'with another value': (folder) => flipBit(join(folder, manifestOf(folder).state.name)),
    'with another best value': (folder) => flipBit(join(folder, manifestOf(folder).best?.file.name ?? '')),
    'without its weights': (folder) => rmSync(join(folder, manifestOf(folder).state.name)),
    'that ends too early': (folder) => {
      const path = join(folder, 'checkpoint.json');
      writeFileSync(path, readFileSync(path).subarray(0, -20));
    },
    'with another factor of the learning rate': (folder) => {
      const path = join(folder, 'checkpoint.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace('"learningRateFactor": 1', '"learningRateFactor": 3'));
    },
    'of another version': (folder) =>
      writeFileSync(join(folder, 'checkpoint.json'), recordText({ ...manifestOf(folder), version: 1 })),
  };
  const script = scripted(0.2, 0.3, 0.1);

  it('is there when the next epoch is announced or the training ends', async () => {
    const folder = newFolder();
    await train(script, keptIn(folder), () => ({
      onProgress(event) {
        if (event.kind === 'batch' || (event.kind === 'epoch' && event.epoch === 1)) return;
        const { epoch, history, optimizerSteps, finished, best } = manifestOf(folder);
        if (event.kind === 'epoch') assert.ok(epoch === event.epoch - 1 || epoch === event.epoch);
        else assert.equal(epoch, 3);
        assert.deepEqual([history.length, optimizerSteps, finished], [epoch, 4 * epoch, epoch === 3]);
        assert.equal(best?.epoch, Math.min(epoch, 2));
      },
    }));
    assert.equal((await openCheckpoints(folder, 'toy').load())?.epoch, 3);
    openCheckpoints(folder, 'toy').remove();
    assert.equal(await openCheckpoints(folder, 'toy').load(), undefined);
  });

  it('names no file that is not whole, at any moment', async () => {
    const folder = newFolder();
    const seen = new Set<number>();
    let training = true;
    const watching = (async () => {
      for (; training; await new Promise(setImmediate)) {
        if (!existsSync(join(folder, 'checkpoint.json'))) continue;
        const { epoch, state, best } = manifestOf(folder);
        seen.add(epoch);
        for (const { name, sha256 } of [state, ...(best ? [best.file] : [])])
          assert.equal(
            createHash('sha256')
              .update(readFileSync(join(folder, name)))
              .digest('hex'),
            sha256,
            name,
          );
      }
    })();
    try {
      await train(scripted(0.1, 0.2, 0.3, 0.2, 0.4), keptIn(folder));
    } finally {
      training = false;
    }
    await watching;
    assert.ok(seen.size >= 3);
  });

  for (const [what, damage] of Object.entries(damages)) {
    it(`${what} is told: the training goes on from the one before, or starts over where that is damaged, too`, async () => {
      const folder = newFolder();
      const whole = await train(script);
      await train(script, keptIn(folder), abortedAt(2, 1));
      assert.equal((await openCheckpoints(folder, 'toy').load())?.epoch, 2);
      damage(folder);
      const twice = newFolder();
      cpSync(folder, twice, { recursive: true });
      rmSync(join(twice, 'epoch-0001.safetensors'));
      for (const [at, from, epochs] of [
        [folder, 'goes on from epoch 1', 2],
        [twice, 'starts over', 3],
      ] as const) {
        const { events, ...again } = await train(script, keptIn(at));
        assertSame({ events, ...again }, whole);
        assert.equal(events.filter(({ kind }) => kind === 'epoch').length, epochs);
        const [told, ...more] = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
        assert.deepEqual(more, []);
        assert.ok(
          told.startsWith(join(at, '')) && told.endsWith(`is damaged, or of another version: the training ${from}.`),
          told,
        );
      }
    });
  }

  it('of another training is refused by name', async () => {
    const folder = newFolder();
    await train(script, keptIn(folder, 'one'), () => ({ learningRate: () => 0.5 }), abortedAt(2, 1));
    await assert.rejects(
      train(script, keptIn(folder, 'another')),
      userError(
        /^\S+checkpoint\.json is of another training \(one, not another\): give another folder, or delete \S+\.$/,
      ),
    );
    assert.equal(manifestOf(folder).key, 'one');
  });
});

describe('a loss that is not finite', () => {
  it('puts the training back to the start of the epoch with half the learning rate', async () => {
    const mended = await train(brokenAt(2, 1, 1));
    // The same as if the schedule had been halved there.
    const expected = await train(() => ({ learningRate: (epoch) => (epoch < 2 ? 0.02 : 0.01) }));
    assertSame(mended, expected);
    const warnings = mended.events.filter(({ kind }) => kind === 'warning');
    assert.deepEqual(warnings, [
      {
        kind: 'warning',
        epoch: 3,
        epochs: 6,
        message: 'The loss of epoch 3 is not finite: the epoch starts over with half the learning rate (0.01).',
      },
    ]);
  });

  it('does so three times, also at different epochs', async () => {
    const { metrics, result, events } = await train(brokenAt(1, 3, 2), brokenOnceAlso(3));
    assert.equal(result.stopped, false);
    assert.equal(events.filter(({ kind }) => kind === 'warning').length, 3);
    assert.deepEqual(
      metrics.map(({ learningRate }) => learningRate),
      [0.02, 0.005, 0.005, 0.0025, 0.0025, 0.0025],
    );
  });

  it('ends the training the fourth time, with the weights from before the epoch and no tensor left behind', async () => {
    const before = tf.memory().numTensors;
    const run = createToyRun();
    await assert.rejects(
      run.fit(changed(run, [brokenAt(2, 0, 4)])),
      userError(/^The loss of epoch 3 is not finite, even with learningRate 0\.0025: lower learningRate or set /),
    );
    assert.deepEqual(run.weights(), (await train(() => ({ epochs: 2 }))).last);
    assert.equal(run.optimizer.steps, 8);
    run.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it('comes of itself with a learning rate beyond all measure', async () => {
    const run = createToyRun();
    await assert.rejects(
      run.fit({ learningRate: () => 1e38 }),
      userError(/^The loss of epoch 1 is not finite, even with learningRate 1\.25e\+37/),
    );
    run.dispose();
  });

  it('is remembered by a continued training', async () => {
    const broken = brokenAt(1, 0, 1);
    const whole = await train(broken);
    const kept = keptIn(newFolder());
    const first = await train(broken, kept, abortedAt(3, 1));
    assert.equal(first.metrics.length, 3);
    const second = await train(kept);
    assertSame(second, whole);
    assert.equal(second.metrics[5].learningRate, 0.01);
    assert.ok(second.events.every(({ kind }) => kind !== 'warning'));
  });

  it('is noticed when progress is told, before the epoch has ended', async () => {
    let [tries, read] = [0, 0];
    const { events } = await train(brokenAt(0, 0, 1), (_run, { batches }) => ({
      epochs: 1,
      async *batches(epoch) {
        tries++;
        for await (const batch of batches(epoch)) {
          if (tries === 1) {
            read++;
            await new Promise((resolve) => setTimeout(resolve, 260));
          }
          yield batch;
        }
      },
    }));
    assert.deepEqual([tries, read], [2, 1]);
    assert.ok(events.some(({ kind }) => kind === 'warning'));
  });
});

/** Like `brokenAt`, on top of another one: the first batch of an epoch, the first time. */
function brokenOnceAlso(epoch: number): Change {
  return (_run, { batches, loss = toyLoss }) => {
    let armed = false;
    let used = false;
    return {
      batches(next) {
        armed = next === epoch && !used;
        return batches(next);
      },
      loss(item, scope) {
        const output = loss(item, scope);
        if (!armed) return output;
        [armed, used] = [false, true];
        return { ...output, loss: output.loss.mul(NaN) };
      },
    };
  };
}
