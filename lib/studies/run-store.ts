/**
 * A folder of runs for a grid that several processes work on, and that may be killed at any moment.
 *
 *     STORE/RUN ID/configuration.json   what is run; the run's id is its hash
 *     STORE/RUN ID/claim                who runs it: there only meanwhile, and void once its process is gone
 *     STORE/RUN ID/result.json          appears by one renaming, when the run is finished
 *
 * Whatever else a run keeps in its folder, such as checkpoints, is found again by whoever takes the run over.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isLocked, tryAcquireLock } from '../data/file-lock';
import { UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { shortHash } from './results';

/** The right to run one configuration, until `finish` or `release`. */
export interface RunClaim<C, R> {
  readonly id: string;
  readonly configuration: C;
  /** The run's own folder. */
  readonly directory: string;
  /** Records the result and gives the claim back. Throws a UserError where another process has taken the run over. */
  finish(result: R): void;
  /** Gives the claim back without a result; what is in the folder stays. */
  release(): void;
}

export interface FinishedRun<C, R> {
  readonly id: string;
  readonly configuration: C;
  readonly result: R;
}

export interface UnfinishedRun<C> {
  readonly id: string;
  readonly configuration: C;
}

/** Each configuration is in exactly one list, in the order given. */
export interface RunOverview<C, R> {
  readonly finished: readonly FinishedRun<C, R>[];
  /** Claimed by a process that is not known to be gone. */
  readonly running: readonly UnfinishedRun<C>[];
  /** `started`: somebody has begun it, and a continuation finds what was left. */
  readonly missing: readonly (UnfinishedRun<C> & { readonly started: boolean })[];
}

export interface RunStore<C, R> {
  readonly folder: string;
  /** The hash of the configuration: its folder's name. */
  idOf(configuration: C): string;
  /** Undefined where the run is finished, or claimed by somebody else. Throws a UserError where its result is damaged. */
  claim(configuration: C): RunClaim<C, R> | undefined;
  /** The result; undefined where the run is not finished. Throws a UserError where it is damaged. */
  read(configuration: C): R | undefined;
  overview(configurations: readonly C[]): RunOverview<C, R>;
}

const configurationFile = 'configuration.json';
const claimFile = 'claim';
const resultFile = 'result.json';

/**
 * A process on this machine is known by its id, so that its end frees the run at once. Long silence frees it too: an id may be in use
 * again, and processes of other machines cannot be asked. It is far longer than the longest step of a training, in which no heartbeat is
 * possible.
 */
const silence = { silenceMilliseconds: 30 * 60_000 };

/** Opens a store, which needs not exist yet. `result` checks what is read and written. */
export function openRunStore<C extends object, R>(folder: string, result: z.ZodType<R>): RunStore<C, R> {
  const resultSchema = z.object({ id: z.string(), configuration: z.unknown(), result });
  const directoryOf = (id: string): string => join(folder, id);

  function readById(id: string): R | undefined {
    const path = join(directoryOf(id), resultFile);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const read = resultSchema.safeParse(parseJson(text));
    if (!read.success || read.data.id !== id || shortHash(read.data.configuration) !== id) {
      throw new UserError(`${path} is damaged, or is of another version: delete its folder to run it again.`);
    }
    return read.data.result;
  }

  function claim(configuration: C): RunClaim<C, R> | undefined {
    const id = shortHash(configuration);
    const directory = directoryOf(id);
    if (readById(id) !== undefined) {
      // A process that is killed between its result and its release leaves the claim behind.
      const claimPath = join(directory, claimFile);
      if (existsSync(claimPath)) tryAcquireLock(claimPath, silence)?.release();
      return undefined;
    }
    mkdirSync(directory, { recursive: true });
    const lock = tryAcquireLock(join(directory, claimFile), silence);
    if (lock === undefined) return undefined;
    try {
      // Somebody may have finished it between the first look and the claim.
      if (readById(id) !== undefined) {
        lock.release();
        return undefined;
      }
      removeLeftovers(directory);
      writeFileAtomic(join(directory, configurationFile), prettyJson(configuration));
    } catch (error) {
      lock.release();
      throw error;
    }
    return {
      id,
      configuration,
      directory,
      finish(given) {
        if (!lock.isHeld()) {
          throw new UserError(
            `Run ${id} was silent for so long that another process has taken it over: its result is not recorded here.`,
          );
        }
        writeFileAtomic(join(directory, resultFile), prettyJson({ id, configuration, result: result.parse(given) }));
        lock.release();
      },
      release: () => lock.release(),
    };
  }

  return {
    folder,
    idOf: shortHash,
    claim,
    read: (configuration) => readById(shortHash(configuration)),
    overview(configurations) {
      const finished: FinishedRun<C, R>[] = [];
      const running: UnfinishedRun<C>[] = [];
      const missing: (UnfinishedRun<C> & { started: boolean })[] = [];
      for (const configuration of configurations) {
        const id = shortHash(configuration);
        // In this order: a run that ends meanwhile is seen as running, never as missing.
        const claimed = isLocked(join(directoryOf(id), claimFile), silence);
        const found = readById(id);
        if (found !== undefined) finished.push({ id, configuration, result: found });
        else if (claimed) running.push({ id, configuration });
        else missing.push({ id, configuration, started: existsSync(join(directoryOf(id), configurationFile)) });
      }
      return { finished, running, missing };
    },
  };
}

/** What a killed process has not put in its place; with the claim in hand, nobody else is writing. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (/^\..*\.tmp$/.test(name)) rmSync(join(directory, name), { force: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
