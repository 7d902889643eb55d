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
import { fileProblem, UserError } from '../../lib/errors';
import { projectRoot } from '../../lib/paths';
import { createRandom, type Random } from '../../lib/random';
import { content, file, startServer, type TestServer } from '../data/download-server';
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

export interface FaultReport {
  readonly injected: number;
  readonly counts: Counts;
  /** What was lost or silent, to be tried again by its number. */
  readonly bad: readonly string[];
  /** Why none was injected. */
  readonly skipped?: string;
}

export interface HarnessOptions {
  readonly seed: number;
  /** Of each kind; of those that take a process each, a third. */
  readonly count: number;
  readonly kinds?: readonly Fault[];
  readonly only?: string;
  /** The number of the first, to try one again. */
  readonly first?: number;
  readonly onReport?: (fault: Fault, report: FaultReport) => void;
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

export async function injectFaults(options: HarnessOptions): Promise<Partial<Record<Fault, FaultReport>>> {
  const { seed, count, first = 0, kinds = Object.keys(faults) as Fault[], only, onReport } = options;
  const root = mkdtempSync(join(tmpdir(), 'faults-'));
  const server = await startServer(file(content, { etag: '"1"' }));
  const warn = console.warn;
  console.warn = () => undefined;
  process.setMaxListeners(0);
  const reports: Partial<Record<Fault, FaultReport>> = {};
  try {
    const known: Known[] = [];
    for (const workload of workloads.filter(({ name }) => only === undefined || name === only)) {
      const folder = join(root, 'known');
      await layOut(workload, folder);
      disk.arm({ folder });
      const result = await workload.run(folder, server.url);
      known.push({ workload, result, changes: disk.disarm() });
      cpSync(folder, join(root, `done-${workload.name}`), { recursive: true });
    }
    const shares = known.flatMap((one) => Array.from({ length: one.workload.share }, () => one));
    for (const kind of kinds) {
      const counts: Counts = { survived: 0, refused: 0, lost: 0, silent: 0 };
      const bad: string[] = [];
      let skipped: string | undefined;
      const end = first + (kind.startsWith('kill -9') ? Math.ceil(count / 3) : count);
      for (let number = first; number < end && skipped === undefined; number++) {
        const random = createRandom(seed, kind, number);
        const one = shares[random.integer(shares.length)];
        const folder = join(root, 'disturbed');
        const injected = await inject({ kind, one, folder, random, server, root }).catch((error: unknown) => {
          if (error instanceof Impossible) return error;
          throw error;
        });
        if (injected instanceof Impossible) {
          skipped = injected.message;
          continue;
        }
        counts[injected.outcome]++;
        if (injected.outcome === 'lost' || injected.outcome === 'silent')
          bad.push(`${kind}, number ${number}, ${one.workload.name}: ${injected.outcome}: ${injected.told}`);
      }
      const injected = Object.values(counts).reduce((sum, one) => sum + one, 0);
      const report: FaultReport = { injected, counts, bad, skipped };
      reports[kind] = report;
      onReport?.(kind, report);
    }
    return reports;
  } finally {
    console.warn = warn;
    server.close();
    rmSync(root, { recursive: true, force: true });
  }
}

class Impossible extends Error {}

interface Injection {
  readonly kind: Fault;
  readonly one: Known;
  readonly folder: string;
  readonly random: Random;
  readonly server: TestServer;
  readonly root: string;
}

interface Injected {
  readonly outcome: Outcome;
  readonly told: string;
}

const codes: Partial<Record<Fault, string>> = {
  'disk full': 'ENOSPC',
  'read-only': 'EROFS',
  'disk error': 'EIO',
  'no rights': 'EACCES',
};

async function inject(given: Injection): Promise<Injected> {
  const { kind, one, folder, random } = given;
  const { workload, changes } = one;
  const at = random.integer(changes);
  const fraction = random.uniform();
  if (['cut', 'flipped bit', 'swapped', 'deleted'].includes(kind)) return damage(given);
  if (kind === 'disk full, a small one') return onSmallDisk(given);
  await layOut(workload, folder);
  const code = codes[kind];
  switch (kind) {
    case 'end within a change':
      return disturbed(given, () => ended(given, { folder, at, fraction, kind: 'kill' }));
    case 'clock': {
      const jump = Math.round((2 * random.uniform() - 1) ** 3 * 10 * 365 * 86_400_000);
      return disturbed(given, () => armed(given, { folder, at, kind: 'clock', jump }));
    }
    case 'kill -9 within a change':
      return disturbed(given, () => killed(given, { folder, at, fraction, kind: 'SIGKILL' }));
    case 'kill -9 at a moment': {
      one.milliseconds ??= await timeOf(given);
      await layOut(workload, folder);
      const { milliseconds } = one;
      return disturbed(given, () => killed(given, undefined, (0.3 + 0.7 * random.uniform()) * milliseconds));
    }
    case 'file too large':
      return disturbed(given, () => limited(given, random.integer(60_000)));
    default:
      return disturbed(given, () => armed(given, { folder, at, fraction, kind: code }));
  }
}

/** The disturbed command, then the same once more. */
async function disturbed(given: Injection, disturb: () => Promise<string | undefined>): Promise<Injected> {
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
async function sameAgain({ one: { workload, result }, folder, server }: Injection): Promise<Injected | undefined> {
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

function startProcess({ one: { workload }, folder, server }: Injection, plan?: Plan) {
  return spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '--require',
      join(__dirname, 'disk.cjs'),
      join(__dirname, 'work.ts'),
      workload.name,
      folder,
      server.url,
    ],
    {
      cwd: projectRoot,
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { ...process.env, ...(plan && { FAULT_PLAN: JSON.stringify(plan) }) },
    },
  );
}

async function killed(given: Injection, plan: Plan | undefined, milliseconds?: number): Promise<string | undefined> {
  const child = startProcess(given, plan);
  const timer = milliseconds === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), milliseconds);
  await once(child, 'close');
  clearTimeout(timer);
  return undefined;
}

async function timeOf(given: Injection): Promise<number> {
  const start = performance.now();
  await once(startProcess(given), 'close');
  return performance.now() - start;
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

async function onSmallDisk(given: Injection): Promise<Injected> {
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
async function damage(given: Injection): Promise<Injected> {
  const { kind, one, folder, random, root, server } = given;
  const { workload, changes, result } = one;
  if (random.uniform() < 0.5) {
    rmSync(folder, { recursive: true, force: true });
    cpSync(join(root, `done-${workload.name}`), folder, { recursive: true });
  } else {
    await layOut(workload, folder);
    await ended(given, { folder, at: random.integer(changes), fraction: random.uniform(), kind: 'kill' });
  }
  const files = filesIn(folder).filter((name) => workload.own === undefined || !name.startsWith(workload.own));
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
