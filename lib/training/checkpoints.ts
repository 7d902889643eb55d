/**
 * Checkpoints that a run continues from after any end, `kill -9` included: the weights and the optimizer's slots after each epoch, the
 * best weights, and a manifest that is replaced last, so that it never names a file that is not whole.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { hashFile, writeFileAtomic, writeFileInBackground } from '../files';
import { exportParameters, importParameters, toPublished, type Parameters } from '../models/parameters';
import { encodeSafetensors, openSafetensors, type Float32Tensors } from '../tensor/safetensors';
import { readResult } from '../tensor/read';
import { tf, type Tensor } from '../tf';
import type { HistoryRow } from './events';
import type { Optimizer } from './optimizers';

const fileSchema = z.strictObject({ name: z.string(), sha256: z.string() });
const manifestSchema = z.strictObject({
  version: z.literal(1),
  /** Hash of everything that determines the run: a checkpoint of another run is not continued. */
  key: z.string(),
  /** Finished epochs. */
  epoch: z.int().min(0),
  optimizerSteps: z.int().min(0),
  learningRateFactor: z.number(),
  recoveries: z.int().min(0),
  history: z.array(z.custom<HistoryRow>((row) => typeof row === 'object' && row !== null).transform(withNaN)),
  best: z.strictObject({ epoch: z.int().min(1), valAccuracy: z.number(), file: fileSchema }).optional(),
  state: fileSchema,
  finished: z.boolean(),
});

export type CheckpointManifest = z.infer<typeof manifestSchema>;
export type CheckpointProgress = Omit<CheckpointManifest, 'version' | 'key' | 'state' | 'best' | 'optimizerSteps'>;

export interface CheckpointStore {
  /** The last whole checkpoint of this run, or undefined; checkpoints of other runs and damaged ones are ignored. */
  load(): Promise<CheckpointManifest | undefined>;
  /** Puts a checkpoint's weights and optimizer slots in place. */
  restore(manifest: CheckpointManifest, parameters: Parameters, optimizer: Optimizer): void;
  /** The best weights so far, in the published layout. */
  readBest(manifest: CheckpointManifest): Map<string, Float32Array>;
  /** Takes the state at once and writes it meanwhile; the promise ends when all is on the disk. One at a time. */
  save(
    progress: CheckpointProgress,
    best: BestEpoch | undefined,
    parameters: Parameters,
    optimizer: Optimizer,
  ): Promise<void>;
  remove(): void;
}

/** The best epoch so far. */
export interface BestEpoch {
  readonly epoch: number;
  readonly valAccuracy: number;
  /** Whether no checkpoint before has had it. */
  readonly isNew: boolean;
  /** Its weights in memory layout, where it is not the epoch that is being saved. */
  readonly values?: ReadonlyMap<string, Tensor>;
}

/** Checkpoints of one run in a folder of its own. `key` is the hash of its configuration and data. */
export function openCheckpoints(directory: string, key: string): CheckpointStore {
  const manifestPath = join(directory, 'checkpoint.json');
  let previous: CheckpointManifest | undefined;

  return {
    async load() {
      previous = undefined;
      if (!existsSync(manifestPath)) return undefined;
      const parsed = manifestSchema.safeParse(parseJson(readFileSync(manifestPath, 'utf8')));
      if (!parsed.success || parsed.data.key !== key) return undefined;
      const files = [parsed.data.state, ...(parsed.data.best ? [parsed.data.best.file] : [])];
      for (const { name, sha256 } of files) {
        const path = join(directory, name);
        if (!existsSync(path) || (await hashFile(path)) !== sha256) return undefined;
      }
      return (previous = parsed.data);
    },

    restore(manifest, parameters, optimizer) {
      const values = readAll(join(directory, manifest.state.name));
      const weights = new Map([...values].filter(([name]) => !name.startsWith(slotPrefix)));
      importParameters(parameters, weights, manifest.state.name);
      for (const [slot, variable] of optimizer.slots) {
        const value = values.get(slotPrefix + slot);
        if (value === undefined)
          throw new UserError(`${directory} has no optimizer state "${slot}": delete the folder to start over.`);
        tf.tidy(() => variable.assign(tf.tensor(value, [...variable.shape])));
      }
      optimizer.steps = manifest.optimizerSteps;
    },

    readBest(manifest) {
      if (manifest.best === undefined) throw new Error('This checkpoint has no best weights.');
      return readAll(join(directory, manifest.best.file.name));
    },

    async save(progress, best, parameters, optimizer) {
      const weights = namedShapes(exportParameters(parameters), parameters);
      const stateName = `epoch-${String(progress.epoch).padStart(4, '0')}.safetensors`;
      const files = [encodeFile(stateName, new Map([...weights, ...exportSlots(optimizer)]))];
      if (best?.isNew) {
        const values = best.epoch === progress.epoch ? weights : publishedValues(best, parameters);
        files.push(encodeFile(`best-${String(best.epoch).padStart(4, '0')}.safetensors`, values));
      }
      const [state, newBest] = files.map(({ name, sha256 }) => ({ name, sha256 }));
      const bestFile = newBest ?? previous?.best?.file;
      const manifest: CheckpointManifest = {
        version: 1,
        key,
        ...progress,
        optimizerSteps: optimizer.steps,
        state,
        ...(best && bestFile ? { best: { epoch: best.epoch, valAccuracy: best.valAccuracy, file: bestFile } } : {}),
      };
      previous = manifest;
      // Everything is in memory by now: training may go on while the files are written.
      for (const { name, parts } of files) await writeFileInBackground(join(directory, name), parts);
      writeFileAtomic(manifestPath, JSON.stringify(manifest, undefined, 1));
      const kept = new Set(['checkpoint.json', stateName, bestFile?.name]);
      for (const name of readdirSync(directory))
        if (!kept.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
    },

    remove() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const slotPrefix = 'optimizer/';

function encodeFile(name: string, tensors: Float32Tensors) {
  const parts = encodeSafetensors(tensors);
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return { name, parts, sha256: hash.digest('hex') };
}

function exportSlots({ slots }: Optimizer): Map<string, { shape: readonly number[]; values: Float32Array }> {
  return new Map(
    [...slots].map(([slot, variable]) => {
      const values = readResult(() => variable.read());
      return [slotPrefix + slot, { shape: variable.shape, values }];
    }),
  );
}

function publishedValues({ epoch, values }: BestEpoch, parameters: Parameters) {
  if (values === undefined) throw new Error(`The weights of epoch ${epoch} are needed to save it as the best.`);
  const published = [...values].map(([name, value]): [string, Float32Array] => {
    let exported = new Float32Array(0);
    tf.tidy(() => {
      exported = toPublished(value, parameters.table[name]);
    });
    return [name, exported];
  });
  return namedShapes(new Map(published), parameters);
}

function namedShapes(values: ReadonlyMap<string, Float32Array>, { table }: Parameters) {
  return new Map<string, { shape: readonly number[]; values: Float32Array }>(
    [...values].map(([name, value]) => [name, { shape: table[name].shape, values: value }]),
  );
}

function readAll(path: string): Map<string, Float32Array> {
  const file = openSafetensors(path);
  try {
    return new Map([...file.tensors].map(([name, tensor]) => [name, tensor.read()]));
  } finally {
    file.close();
  }
}

/** JSON has null where a number was none. */
function withNaN(row: HistoryRow): HistoryRow {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? NaN])) as unknown as HistoryRow;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
