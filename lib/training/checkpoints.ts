/**
 * Checkpoints that a run continues from after any end, `kill -9` included: the weights and the optimizer's slots after each epoch, the
 * best weights, and a manifest that is replaced last, so that it never names a file that is not whole. The one before the last is kept,
 * too, for the case that the disk has damaged the last.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { hashFile, readRecord, recordText, writeFileAtomic, writeFilePieces } from '../files';
import { assignPublished, toPublished, type Parameters } from '../models/parameters';
import { openSafetensors, safetensorsHeader } from '../tensor/safetensors';
import { toPrecision } from '../tensor/precision';
import { readResult } from '../tensor/read';
import { tf, type Tensor } from '../tf';
import type { HistoryRow } from './events';
import type { Optimizer } from './optimizers';

/** The rows of a training's history, as they are kept. */
export const historySchema = z.array(
  z.custom<HistoryRow>((row) => typeof row === 'object' && row !== null).transform(withNaN),
);

const fileSchema = z.strictObject({ name: z.string(), sha256: z.string() });
const manifestSchema = z.strictObject({
  version: z.literal(2),
  /** Hash of everything that determines the run, the frozen weights among it, which are in no file of it. */
  key: z.string(),
  /** Finished epochs. */
  epoch: z.int().min(0),
  optimizerSteps: z.int().min(0),
  learningRateFactor: z.number(),
  recoveries: z.int().min(0),
  history: historySchema,
  best: z.strictObject({ epoch: z.int().min(1), file: fileSchema }).optional(),
  state: fileSchema,
  finished: z.boolean(),
});

export type CheckpointManifest = z.infer<typeof manifestSchema>;
export type CheckpointProgress = Omit<CheckpointManifest, 'version' | 'key' | 'state' | 'best' | 'optimizerSteps'>;

export interface CheckpointStore {
  /**
   * The last whole checkpoint, or undefined where there is none. A damaged one is told to `warn` and passed over.
   * @throws UserError where the folder has the checkpoint of another run
   */
  load(warn?: (message: string) => void): Promise<CheckpointManifest | undefined>;
  /** Puts a checkpoint's weights and optimizer slots in place. */
  restore(manifest: CheckpointManifest, parameters: Parameters, optimizer: Optimizer): void;
  /** Puts the best weights so far in place, a tensor at a time. */
  restoreBest(manifest: CheckpointManifest, parameters: Parameters): void;
  /**
   * Writes the state at once, a tensor at a time, so that it is never in memory as a whole, and sees to it meanwhile that all comes onto
   * the disk; only then the promise ends and the checkpoint counts. One at a time.
   */
  save(
    progress: CheckpointProgress,
    best: BestToSave | undefined,
    parameters: Parameters,
    optimizer: Optimizer,
  ): Promise<CheckpointManifest>;
  remove(): void;
}

/** The best epoch so far, to be saved. */
export interface BestToSave {
  readonly epoch: number;
  /** Whether no checkpoint before has had it. */
  readonly isNew: boolean;
  /** Its weights in memory layout, where it is not the epoch that is being saved. */
  readonly values?: ReadonlyMap<string, Tensor>;
}

/** Checkpoints of one run in a folder of its own. `key` is the hash of its configuration and data. */
export function openCheckpoints(directory: string, key: string): CheckpointStore {
  const pathOf = (name: (typeof manifestNames)[number]): string => join(directory, name);
  let previous: CheckpointManifest | undefined;
  const bestPath = ({ best }: CheckpointManifest): string => {
    if (best === undefined) throw new Error('This checkpoint has no best weights.');
    return join(directory, best.file.name);
  };

  return {
    async load(warn = () => undefined) {
      previous = undefined;
      const damaged: string[] = [];
      for (const path of manifestNames.map(pathOf).filter((name) => existsSync(name))) {
        const parsed = manifestSchema.safeParse(readRecord(path));
        if (parsed.success && parsed.data.key !== key)
          throw new UserError(
            `${path} is of another training (${parsed.data.key}, not ${key}): give another folder, or delete ${directory}.`,
          );
        const broken = parsed.success ? await damagedFile(directory, parsed.data) : path;
        if (parsed.success && broken === undefined) previous = parsed.data;
        else if (broken !== undefined) damaged.push(broken);
        if (previous !== undefined) break;
      }
      const goesOn = previous === undefined ? 'starts over' : `goes on from epoch ${previous.epoch}`;
      if (damaged.length > 0)
        warn(`${damaged.join(' and ')} is damaged, or of another version: the training ${goesOn}.`);
      return previous;
    },

    restore(manifest, parameters, optimizer) {
      const path = join(directory, manifest.state.name);
      const begun = manifest.optimizerSteps > 0;
      withTensors(path, (read, has) => {
        assignTrained(parameters, read, has);
        for (const [slot, variable] of optimizer.slots) {
          const shape = [...variable.shape];
          tf.tidy(() => variable.assign(begun ? tf.tensor(read(slotPrefix + slot), shape) : tf.zeros(shape)));
        }
      });
      optimizer.steps = manifest.optimizerSteps;
    },

    restoreBest(manifest, parameters) {
      withTensors(bestPath(manifest), (read, has) => assignTrained(parameters, read, has));
    },

    async save(progress, best, parameters, optimizer) {
      const write = (name: string, tensors: readonly LazyTensor[]) => ({
        name,
        ...writeFilePieces(join(directory, name), piecesOf(tensors)),
      });
      const current = new Map([...parameters.variables].map(([name, variable]) => [name, () => variable.read()]));
      const stateName = `epoch-${String(progress.epoch).padStart(4, '0')}.safetensors`;
      const files = [write(stateName, [...weightsOf(parameters, current), ...slotsOf(optimizer)])];
      if (best?.isNew) {
        const values = best.epoch === progress.epoch ? current : readersOf(best);
        files.push(write(`best-${String(best.epoch).padStart(4, '0')}.safetensors`, weightsOf(parameters, values)));
      }
      const [state, newBest] = files.map(({ name, sha256 }) => ({ name, sha256 }));
      const bestFile = newBest ?? previous?.best?.file;
      const manifest: CheckpointManifest = {
        version: 2,
        key,
        ...progress,
        optimizerSteps: optimizer.steps,
        state,
        ...(best && bestFile ? { best: { epoch: best.epoch, file: bestFile } } : {}),
      };
      const before = previous;
      // Everything is written by now: training may go on while it comes onto the disk.
      for (const { place } of files) await place();
      const [last, oneBefore] = manifestNames.map(pathOf);
      if (before === undefined) rmSync(oneBefore, { force: true });
      else writeFileAtomic(oneBefore, recordText(before, 1));
      writeFileAtomic(last, recordText(manifest, 1));
      previous = manifest;
      const kept = new Set<string>(manifestNames);
      for (const one of before === undefined ? [manifest] : [manifest, before])
        for (const { name } of filesOf(one)) kept.add(name);
      for (const name of readdirSync(directory))
        if (!kept.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
      return manifest;
    },

    remove() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const manifestNames = ['checkpoint.json', 'checkpoint-before.json'] as const;
const slotPrefix = 'optimizer/';

function filesOf({ state, best }: CheckpointManifest): CheckpointManifest['state'][] {
  return best === undefined ? [state] : [state, best.file];
}

/** The path of a file that is not what the manifest says; undefined where all are. */
async function damagedFile(directory: string, manifest: CheckpointManifest): Promise<string | undefined> {
  for (const { name, sha256 } of filesOf(manifest)) {
    const path = join(directory, name);
    if (!existsSync(path) || (await hashFile(path)) !== sha256) return path;
  }
  return undefined;
}

/** All but what is frozen, and is there already. */
function assignTrained(
  { table, variables, frozen }: Parameters,
  read: (name: string) => Float32Array,
  has: (name: string) => boolean,
): void {
  const trained = Object.entries(table).filter(([name]) => frozen?.has(name) !== true || has(name));
  assignPublished({ table: Object.fromEntries(trained), variables }, read);
}

/** A tensor of a checkpoint, whose values are fetched when it is their turn. */
interface LazyTensor {
  readonly name: string;
  readonly shape: readonly number[];
  values(): Float32Array;
}

function* piecesOf(tensors: readonly LazyTensor[]): Generator<Uint8Array, void, undefined> {
  yield* safetensorsHeader(new Map(tensors.map(({ name, shape }) => [name, shape])));
  for (const { values } of tensors) {
    const { buffer, byteOffset, byteLength } = values();
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/** Weights in the published layout, from functions that give them in memory layout. */
function weightsOf({ table, frozen }: Parameters, current: ReadonlyMap<string, () => Tensor>): LazyTensor[] {
  const changing = [...current].filter(([name]) => frozen?.has(name) !== true);
  return changing.map(([name, read]) => ({
    name,
    shape: table[name].shape,
    values() {
      let published = new Float32Array(0);
      // Not by way of tidy's result, each of whose numbers would be looked at for a tensor.
      tf.tidy(() => {
        published = toPublished(toPrecision(read(), 'float32'), table[name]);
      });
      return published;
    },
  }));
}

/** Before the first step they are zeros, which need no file. */
function slotsOf({ slots, steps }: Optimizer): LazyTensor[] {
  if (steps === 0) return [];
  return [...slots].map(([slot, variable]) => ({
    name: slotPrefix + slot,
    shape: variable.shape,
    values: () => readResult(() => variable.read()),
  }));
}

function readersOf({ epoch, values }: BestToSave): Map<string, () => Tensor> {
  if (values === undefined) throw new Error(`The weights of epoch ${epoch} are needed to save it as the best.`);
  return new Map([...values].map(([name, value]) => [name, () => value]));
}

/** Gives `use` a function that reads a tensor of the file by its name, and one that says whether it is there. */
function withTensors(
  path: string,
  use: (read: (name: string) => Float32Array, has: (name: string) => boolean) => void,
): void {
  const file = openSafetensors(path);
  try {
    use(
      (name) => {
        const tensor = file.tensors.get(name);
        if (tensor === undefined)
          throw new UserError(`${path} has no tensor "${name}": delete the folder to start over.`);
        return tensor.read();
      },
      (name) => file.tensors.has(name),
    );
  } finally {
    file.close();
  }
}

/** JSON has null where a number was none. */
function withNaN(row: HistoryRow): HistoryRow {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? NaN])) as unknown as HistoryRow;
}
