/** Whether a process of this machine is the one that it is taken for: process ids are used again. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { errorCode } from '../errors';

/** `start`: in the operating system's words, the same for as long as the process lives; undefined where it cannot be found out. */
export type ProcessStatus = { readonly ended: true } | { readonly ended: false; readonly start: string | undefined };

/** Looks a process up by its id. One that was killed and that its parent has not asked after yet (a zombie) has ended. */
export function processStatus(pid: number): ProcessStatus {
  if (!exists(pid)) return { ended: true };
  const found = process.platform === 'linux' ? statusOnLinux(pid) : statusOfPs(pid);
  if (found === undefined) return exists(pid) ? { ended: false, start: undefined } : { ended: true };
  return /^[ZX]/.test(found.state) ? { ended: true } : { ended: false, start: found.start };
}

let own: string | undefined;

/** The start of this process; undefined where it cannot be found out. */
export function ownProcessStart(): string | undefined {
  if (own !== undefined) return own;
  const status = processStatus(process.pid);
  return (own = status.ended ? undefined : status.start);
}

interface Found {
  /** Its first letter is Z or X for a process that has ended. */
  readonly state: string;
  readonly start: string;
}

/** Clock ticks since the machine was started, which is another one after each start. */
function statusOnLinux(pid: number): Found | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, in which anything may stand.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { state: fields[0], start: `${boot} ${fields[19]}` };
  } catch {
    return undefined; // ended just now, or hidden from this user
  }
}

/** Starting a program takes its time, and who waits for a lock asks many times a second. */
const psMilliseconds = 1000;
let last: { readonly pid: number; readonly time: number; readonly found: Found | undefined } | undefined;

function statusOfPs(pid: number): Found | undefined {
  if (last?.pid === pid && performance.now() - last.time < psMilliseconds) return last.found;
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const { status, stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', env });
  const match = status === 0 ? /^\s*(\S+)\s+(\S.*\S)\s*$/.exec(stdout) : null;
  const found = match === null ? undefined : { state: match[1], start: match[2] };
  last = { pid, time: performance.now(), found };
  return found;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM'; // runs, but belongs to somebody else
  }
}
