/**
 * A folder of runs for a grid that several processes work on, and that may be killed at any moment.
 *
 *     STORE/RUN ID/configuration.json   what is run; the run's id is its hash
 *     STORE/RUN ID/claim                who runs it: there only meanwhile, and void once its process is gone
 *     STORE/RUN ID/result.json          appears at once, when the run is finished, and is never replaced
 *     STORE/RUN ID/result.damaged-….json   one that could not be read: the run is done again
 *     STORE/RUN ID/attempt-…/           the folder of another process that works for the claim's holder, only meanwhile
 *
 * Whatever else a run keeps in its folder, such as checkpoints, is found again by whoever takes the run over.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { isLocked, isNobodys, tryAcquireLock } from '../data/file-lock';
import { UserError } from '../errors';
import { makeFolder, createFileAtomic, readRecord, recordText, writeFileAtomic } from '../files';
import { shortHash } from './results';

/** The right to run one configuration, until `finish` or `release`. */
export interface RunClaim<C, R> {
  readonly id: string;
  readonly configuration: C;
  /** The run's own folder. */
  readonly directory: string;
  /**
   * A new folder below the run's own, for a process that works in the name of this claim, with everything in it that was left so far. Who
   * was given an earlier one finds it gone: a process that was taken for dead and is not, be it on another machine, disturbs nobody.
   * `finish` and the next claim bring its files back. Throws a UserError where another process has taken the run over.
   */
  beginAttempt(): string;
  /**
   * Records the result and gives the claim back. Throws a UserError where another process has taken the run over or finished it.
   */
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
  /** Whether a claim is there that says of nobody that he has it: whoever made it was perhaps killed right then; a while later it is void. */
  isNobodys(configuration: C): boolean;
  /** Undefined where the run is finished, or claimed by somebody else. A damaged result is set aside beside it, which is told. */
  claim(configuration: C): RunClaim<C, R> | undefined;
  /** The result; undefined where the run is not finished, or its result is damaged or of another version. */
  read(configuration: C): R | undefined;
  overview(configurations: readonly C[]): RunOverview<C, R>;
}

const configurationFile = 'configuration.json';
const claimFile = 'claim';
const resultFile = 'result.json';

/**
 * A process on this machine is known by its id and its start, so that its end frees the run at once, and nothing else does. Processes of
 * other machines cannot be asked: long silence frees their runs. It is far longer than the longest step of a training, in which no
 * heartbeat is possible.
 */
const silence = { silenceMilliseconds: 30 * 60_000 };

/** Opens a store, which needs not exist yet. `result` checks what is read and written. */
export function openRunStore<C extends object, R>(folder: string, result: z.ZodType<R>): RunStore<C, R> {
  const resultSchema = z.object({ id: z.string(), configuration: z.unknown(), result });
  const directoryOf = (id: string): string => join(folder, id);

  function readById(id: string): R | undefined {
    const read = resultSchema.safeParse(readRecord(join(directoryOf(id), resultFile)));
    const isOfRun = read.success && read.data.id === id && shortHash(read.data.configuration) === id;
    return isOfRun ? read.data.result : undefined;
  }

  function claim(configuration: C): RunClaim<C, R> | undefined {
    const id = shortHash(configuration);
    const directory = directoryOf(id);
    if (readById(id) !== undefined) {
      // A process that is killed between its result and its release leaves the claim behind, and what the result was written to.
      const claimPath = join(directory, claimFile);
      const left = existsSync(claimPath) ? tryAcquireLock(claimPath, silence) : undefined;
      if (left !== undefined) removeLeftovers(directory);
      left?.release();
      return undefined;
    }
    makeFolder(directory);
    const lock = tryAcquireLock(join(directory, claimFile), silence);
    if (lock === undefined) return undefined;
    try {
      // Somebody may have finished it between the first look and the claim.
      if (readById(id) !== undefined) {
        lock.release();
        return undefined;
      }
      setAside(directory);
      collectAttempts(directory);
      removeLeftovers(directory);
      writeFileAtomic(join(directory, configurationFile), prettyJson(configuration));
    } catch (error) {
      lock.release();
      throw error;
    }
    const checkHeld = (): void => {
      if (lock.isHeld()) return;
      throw new UserError(
        `Run ${id} was silent for so long that another process has taken it over: its result is not recorded here.`,
      );
    };
    return {
      id,
      configuration,
      directory,
      beginAttempt() {
        checkHeld();
        return beginAttempt(directory);
      },
      finish(given) {
        checkHeld();
        const text = recordText({ id, configuration, result: result.parse(given) }, 2);
        collectAttempts(directory);
        // The claim may go to somebody else between the look and this line: the first result stays.
        if (!createFileAtomic(join(directory, resultFile), text)) {
          throw new UserError(`Run ${id} has been finished by another process meanwhile: its result stays.`);
        }
        lock.release();
      },
      release: () => lock.release(),
    };
  }

  return {
    folder,
    idOf: shortHash,
    isNobodys: (configuration) => isNobodys(join(directoryOf(shortHash(configuration)), claimFile)),
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

/** With the claim in hand: a result that is there all the same cannot be read. */
function setAside(directory: string): void {
  const path = join(directory, resultFile);
  if (!existsSync(path)) return;
  const aside = join(directory, `result.damaged-${Date.now()}.json`);
  renameSync(path, aside);
  console.warn(
    `${path} is damaged, or is of another version: it is kept as ${basename(aside)}, and the run is done again.`,
  );
}

/** What a killed process has not put in its place; with the claim in hand, nobody else is writing. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (/^\..*\.tmp$/.test(name)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** By name, later ones are later. No name is used twice. */
const attemptName = /^attempt-\d{13}-[0-9a-f]{12}$/;

function beginAttempt(directory: string): string {
  const [latest, ...older] = attemptsIn(directory);
  for (const name of older) removeStray(join(directory, name));
  // Later than the one before it also where the clock says otherwise, or nothing yet: the latest is told by its name.
  const started = Math.max(Date.now(), latest === undefined ? 0 : Number(latest.split('-')[1]) + 1);
  const attempt = join(directory, `attempt-${started}-${randomBytes(6).toString('hex')}`);
  if (latest === undefined) mkdirSync(attempt);
  else renameSync(join(directory, latest), attempt);
  for (const name of readdirSync(directory)) {
    const ofTheStore = name.startsWith(claimFile) || [configurationFile, resultFile].includes(name);
    if (!ofTheStore && !attemptName.test(name)) replace(join(directory, name), join(attempt, name));
  }
  return attempt;
}

/** Brings what the last attempt left into the run's folder. An older one is of a process that did not know that it had lost the run. */
function collectAttempts(directory: string): void {
  const [latest, ...older] = attemptsIn(directory);
  for (const name of older) removeStray(join(directory, name));
  if (latest === undefined) return;
  const attempt = join(directory, latest);
  removeLeftovers(attempt);
  for (const name of readdirSync(attempt)) replace(join(attempt, name), join(directory, name));
  rmSync(attempt, { recursive: true, force: true });
}

/** The names of attempts, the latest first. */
function attemptsIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => attemptName.test(name))
    .sort()
    .reverse();
}

/** Its process may be writing into it still. */
function removeStray(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Nobody looks for anything in it.
  }
}

function replace(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  renameSync(from, to);
}

function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
