/** Disturbs the workloads, a fault at a time, and says of each what became of it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { fileProblem, UserError } from '../../lib/errors';
import { projectRoot } from '../../lib/paths';
import { createRandom, type Random } from '../../lib/random';
import { content, file, startServer, type TestServer } from '../data/download-server';
import { patience } from '../patience';
import { layOut, workloads, type Workload } from './workloads';

interface Plan {
  readonly folder: string;
  readonly at?: number;
  readonly fraction?: number;
  readonly kind?: string;
  readonly jump?: number;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, which a process can begin with
const disk = require('./disk.cjs') as { arm(plan: Plan): void; disarm(): number; wasReached(): boolean };

/**
 * `survived`: the result is that of an undisturbed run, of the disturbed command or of the same command once more. `refused`: one line said
 * what is wrong, and after what it asks for the result is right. `lost`: neither. `silent`: another result, and nobody said so.
 */
export type Outcome = 'survived' | 'refused' | 'lost' | 'silent';
export type Counts = Record<Outcome, number>;

export const faults = {
  'end within a change': 'the disk takes nothing any more, in the middle of a change: what kill -9 leaves',
  'kill -9 within a change': 'the process is killed in the middle of a change',
  'kill -9 at a moment': 'the process is killed at some time',
  'disk full': 'no change takes room any more (ENOSPC), a part of the last one done',
  'disk full, a small one': 'a file system that is mounted with too little room',
  'file too large': 'ulimit -f',
  'read-only': 'the file system can only be read from some change on (EROFS)',
  'disk error': 'nothing can be read or written from some change on (EIO)',
  'no rights': 'nothing can be read or written from some change on (EACCES)',
  cut: 'a file ends earlier',
  'flipped bit': 'one bit of a file is another',
  swapped: 'a file is another one, or that of another run',
  deleted: 'a file or a folder is gone',
  clock: 'the clock jumps, by up to ten years',
} as const;
export type Fault = keyof typeof faults;

/** One injection; `told`: what was said where it was refused, and what is wrong where it was lost or silent. */
export interface Injected {
  readonly fault: Fault;
  readonly number: number;
  readonly workload: string;
  readonly outcome: Outcome;
  readonly told: string;
}

export interface HarnessOptions {
  readonly seed: number;
  /** Of each kind … */
  readonly count: number;
  /** … and of those that take a process each. */
  readonly kills?: number;
  readonly kinds?: readonly Fault[];
  readonly only?: string;
  /** The number of the first, to try one again. */
  readonly first?: number;
  /** Those that are done already. */
  readonly isDone?: (fault: Fault, number: number) => boolean;
  readonly onInjected?: (injected: Injected) => void;
}

export interface HarnessReport {
  readonly injected: readonly Injected[];
  /** Why none was injected. */
  readonly skipped: Partial<Record<Fault, string>>;
}

interface Known {
  readonly workload: Workload;
  /** Of an undisturbed run. */
  readonly result: string;
  /** How often it changes the disk. */
  readonly changes: number;
  /** Milliseconds of a process that does it. */
  milliseconds?: number;
}

const told = (error: unknown): string | undefined => (error instanceof UserError ? error.message : fileProblem(error));

export async function injectFaults(options: HarnessOptions): Promise<HarnessReport> {
  const { seed, count, kills = count, first = 0, kinds = Object.keys(faults) as Fault[], only } = options;
  const { isDone = () => false, onInjected } = options;
  const root = mkdtempSync(join(tmpdir(), 'faults-'));
  const server = await startServer(file(content, { etag: '"1"' }));
  const warn = console.warn;
  console.warn = () => undefined;
  process.setMaxListeners(0);
  const chosen = workloads.filter(({ name, share }) => (only === undefined ? share > 0 : name === only));
  const folder = join(root, 'disturbed');
  const program = kinds.some((kind) => kind.startsWith('kill -9')) ? await compiledProgram() : undefined;
  try {
    const known: Known[] = [];
    for (const workload of chosen) {
      await layOut(workload, folder);
      disk.arm({ folder });
      const result = await workload.run(folder, server.url);
      known.push({ workload, result, changes: disk.disarm() });
      cpSync(folder, join(root, `done-${workload.name}`), { recursive: true, verbatimSymlinks: true });
    }
    const shares = known.flatMap((one) => Array.from({ length: Math.max(1, one.workload.share) }, () => one));
    const injected: Injected[] = [];
    const skipped: Partial<Record<Fault, string>> = {};
    const given = { folder, server, root, program: program?.file ?? '' };
    for (let number = first; number < first + Math.max(count, kills); number++)
      for (const fault of kinds) {
        const end = first + (fault.startsWith('kill -9') ? kills : count);
        if (number >= end || skipped[fault] !== undefined || isDone(fault, number)) continue;
        const random = createRandom(seed, fault, number);
        const able = shares.filter(({ workload: { without } }) => without?.includes(fault) !== true);
        const one = able[random.integer(able.length)];
        try {
          const judged = await inEnd(inject({ ...given, kind: fault, one, random }));
          const found = { fault, number, workload: one.workload.name, ...judged };
          injected.push(found);
          onInjected?.(found);
        } catch (error) {
          if (!(error instanceof Impossible)) throw error;
          skipped[fault] = error.message;
        }
      }
    return { injected, skipped };
  } finally {
    console.warn = warn;
    server.close();
    for (const { close } of chosen) await close?.();
    program?.remove();
    rmSync(root, { recursive: true, force: true });
  }
}

/** What never comes to its end is lost. */
async function inEnd(work: Promise<Judged>): Promise<Judged> {
  let timer: NodeJS.Timeout | undefined;
  const hanging = new Promise<Judged>((resolve) => {
    timer = setTimeout(() => resolve({ outcome: 'lost', told: 'it does not come to its end' }), patience);
  });
  return Promise.race([work, hanging]).finally(() => clearTimeout(timer));
}

/** The workloads as one file, which a process that is to be killed begins with at once; where the project's packages are found. */
async function compiledProgram(): Promise<{ readonly file: string; remove(): void }> {
  const folder = join(projectRoot, 'node_modules', '.cache', `faults-${process.pid}`);
  const file = join(folder, 'work.cjs');
  await build({
    entryPoints: [join(__dirname, 'work.ts')],
    bundle: true,
    platform: 'node',
    packages: 'external',
    // Commands that are a part of it are not what was started.
    define: { 'require.main': 'undefined' },
    outfile: file,
    logLevel: 'error',
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

class Impossible extends Error {}

interface Injection {
  readonly kind: Fault;
  readonly one: Known;
  readonly folder: string;
  readonly random: Random;
  readonly server: TestServer;
  readonly root: string;
  /** What a process runs that is to be killed. */
  readonly program: string;
}

type Judged = Pick<Injected, 'outcome' | 'told'>;

const codes: Partial<Record<Fault, string>> = {
  'disk full': 'ENOSPC',
  'read-only': 'EROFS',
  'disk error': 'EIO',
  'no rights': 'EACCES',
};

async function inject(given: Injection): Promise<Judged> {
  const { kind, one, folder, random } = given;
  const { workload, changes } = one;
  const at = random.integer(changes);
  const fraction = random.uniform();
  // In a process that the workload starts, whose changes are counted apart.
  const elsewhere = workload.changesOfOthers !== undefined && random.uniform() < 0.5;
  if (['cut', 'flipped bit', 'swapped', 'deleted'].includes(kind)) return damage(given);
  if (kind === 'disk full, a small one') return onSmallDisk(given);
  await layOut(workload, folder);
  const code = codes[kind];
  if (elsewhere && (kind === 'end within a change' || code !== undefined)) {
    const plan = { folder, at: random.integer(workload.changesOfOthers ?? 1), fraction, kind: code ?? 'SIGKILL' };
    return disturbed(given, () => elsewhereArmed(given, plan));
  }
  switch (kind) {
    case 'end within a change':
      return disturbed(given, () => ended(given, { folder, at, fraction, kind: 'kill' }));
    case 'clock': {
      const jump = Math.round((2 * random.uniform() - 1) ** 3 * 10 * 365 * 86_400_000);
      return disturbed(given, () => armed(given, { folder, at, kind: 'clock', jump }));
    }
    case 'kill -9 within a change':
      return disturbed(given, () => killedWithin(given, { folder, at, fraction, kind: 'SIGKILL' }));
    case 'kill -9 at a moment': {
      one.milliseconds ??= (await killed(given, undefined, Infinity)) ?? 0;
      const moment = random.uniform() * one.milliseconds;
      return disturbed(given, () => killedAt(given, moment));
    }
    case 'file too large':
      return disturbed(given, () => limited(given, random.integer(60_000)));
    default:
      return disturbed(given, () => armed(given, { folder, at, fraction, kind: code }));
  }
}

/** The disturbed command, then the same once more. */
async function disturbed(given: Injection, disturb: () => Promise<string | undefined>): Promise<Judged> {
  const { result } = given.one;
  let refused: string | undefined;
  try {
    const got = await disturb();
    if (got !== undefined && got !== result) return { outcome: 'silent', told: 'another result' };
  } catch (error) {
    refused = oneLine(error);
    if (refused === undefined) return { outcome: 'lost', told: stackOf(error) };
  }
  const again = await sameAgain(given);
  if (again !== undefined) return { ...again, told: `${again.told} (before: ${refused ?? 'nothing said'})` };
  return { outcome: refused === undefined ? 'survived' : 'refused', told: refused ?? '' };
}

/** What is wrong with the same command after the disturbance; undefined where its result is right. */
async function sameAgain({ one: { workload, result }, folder, server }: Injection): Promise<Judged | undefined> {
  try {
    const got = await workload.run(folder, server.url);
    return got === result ? undefined : { outcome: 'silent', told: 'another result of the same command' };
  } catch (error) {
    return { outcome: 'lost', told: stackOf(error) };
  }
}

/** The line that a command ends with; undefined where it would end with a stack. */
function oneLine(error: unknown): string | undefined {
  const line = told(error);
  return line?.includes('\n') === true ? undefined : line;
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

async function armed({ one: { workload }, folder, server }: Injection, plan: Plan): Promise<string> {
  disk.arm({ ...plan, folder });
  try {
    return await workload.run(folder, server.url);
  } finally {
    disk.disarm();
  }
}

/** As `armed`, for what nobody is left of to tell. */
async function ended(given: Injection, plan: Plan): Promise<string | undefined> {
  disk.arm(plan);
  try {
    const result = await given.one.workload.run(given.folder, given.server.url);
    return disk.wasReached() ? undefined : result;
  } catch (error) {
    if (disk.wasReached()) return undefined;
    throw error;
  } finally {
    disk.disarm();
  }
}

/** A process that the workload starts is disturbed, not this one. */
async function elsewhereArmed({ one: { workload }, folder, server }: Injection, plan: Plan): Promise<string> {
  const options = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${options ?? ''} --require ${JSON.stringify(join(__dirname, 'disk.cjs'))}`;
  process.env.FAULT_PLAN = JSON.stringify(plan);
  try {
    return await workload.run(folder, server.url);
  } finally {
    delete process.env.FAULT_PLAN;
    if (options === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = options;
  }
}

/**
 * A process of its own that is killed so many milliseconds after it has begun to work, or by the plan.
 * @returns how long it has worked, where it came to its end
 */
async function killed(given: Injection, plan: Plan | undefined, milliseconds: number): Promise<number | undefined> {
  const { one, folder, server, program } = given;
  const child = spawn(
    process.execPath,
    ['--require', join(__dirname, 'disk.cjs'), program, one.workload.name, folder, server.url],
    {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...(plan && { FAULT_PLAN: JSON.stringify(plan) }) },
    },
  );
  let timer: NodeJS.Timeout | undefined;
  let began = performance.now();
  child.stdout.once('data', () => {
    began = performance.now();
    if (milliseconds < Infinity) timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (code !== null && code !== 0) throw new Error(`The process of "${one.workload.name}" ended with code ${code}.`);
  return code === null ? undefined : performance.now() - began;
}

async function killedWithin(given: Injection, plan: Plan): Promise<undefined> {
  await killed(given, plan, Infinity);
  return undefined;
}

/** Where the process was done before, it is begun anew and killed earlier. */
async function killedAt(given: Injection, moment: number): Promise<undefined> {
  for (let milliseconds = moment; (await killed(given, undefined, milliseconds)) !== undefined; milliseconds /= 2)
    await layOut(given.one.workload, given.folder);
  return undefined;
}

/** This process may write no file larger than so many bytes. */
async function limited({ one: { workload }, folder, server }: Injection, bytes: number): Promise<string> {
  const limit = (size: number | string): number | null =>
    spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:unlimited`]).status;
  if (limit(bytes) !== 0) throw new Impossible('there is no prlimit here');
  try {
    return await workload.run(folder, server.url);
  } finally {
    limit('unlimited');
  }
}

async function onSmallDisk(given: Injection): Promise<Judged> {
  const { root, one, random, server } = given;
  const place = join(root, 'small');
  mkdirSync(place, { recursive: true });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', place]).status !== 0)
    throw new Impossible('no file system can be mounted here');
  try {
    const folder = join(place, 'disturbed');
    await layOut(one.workload, folder);
    const needed = bytesOf(join(root, `done-${one.workload.name}`));
    const free = 2 * 2 ** 20 - bytesOf(place);
    writeFileSync(join(place, 'ballast'), Buffer.alloc(Math.max(0, free - random.integer(Math.max(8192, 2 * needed)))));
    return await disturbed({ ...given, folder }, async () => {
      try {
        return await one.workload.run(folder, server.url);
      } finally {
        rmSync(join(place, 'ballast'));
      }
    });
  } finally {
    spawnSync('umount', ['-l', place]);
  }
}

const bytesOf = (folder: string): number =>
  filesIn(folder).reduce((sum, name) => sum + 4096 + statSync(join(folder, name)).size, 0);

/** Damages a file of a finished run, or of one that was ended. */
async function damage(given: Injection): Promise<Judged> {
  const { kind, one, folder, random, root, server } = given;
  const { workload, changes, result } = one;
  if (random.uniform() < 0.5) {
    rmSync(folder, { recursive: true, force: true });
    cpSync(join(root, `done-${workload.name}`), folder, { recursive: true, verbatimSymlinks: true });
  } else {
    await layOut(workload, folder);
    await ended(given, { folder, at: random.integer(changes), fraction: random.uniform(), kind: 'kill' });
  }
  const files = filesIn(folder).filter((name) => workload.own?.test(name) !== true);
  if (files.length === 0) return { outcome: 'survived', told: '' };
  const name = files[random.integer(files.length)];
  const path = join(folder, name);
  const { size } = statSync(path);
  let changed = '';
  if (kind === 'cut') truncateSync(path, random.integer(Math.max(1, size)));
  else if (kind === 'deleted') {
    const parts = name.split('/');
    const gone = parts.slice(0, 1 + random.integer(parts.length)).join('/');
    rmSync(join(folder, gone), { recursive: true });
    changed = gone;
  } else if (kind === 'swapped') {
    const other = files[random.integer(files.length)];
    writeFileSync(path, readFileSync(join(folder, other)));
    changed = `${name} for ${other}`;
  } else {
    const bytes = readFileSync(path);
    const bit = random.integer(Math.max(1, 8 * size));
    if (size > 0) bytes[bit >> 3] ^= 1 << (bit & 7);
    writeFileSync(path, bytes);
    changed = `${name}, bit ${bit}`;
  }
  const about = `${changed || name}: `;
  try {
    const got = await workload.run(folder, server.url);
    return got === result ? { outcome: 'survived', told: '' } : { outcome: 'silent', told: `${about}another result` };
  } catch (error) {
    const told = oneLine(error);
    if (told === undefined) return { outcome: 'lost', told: about + stackOf(error) };
    // What it asks for in the end: to delete, to copy again, to save again.
    await layOut(workload, folder);
    const again = await sameAgain(given);
    return again ?? { outcome: 'refused', told: about + told };
  }
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
