/** Another program with the same cases, run in turn with this one: `tests/peers/pytorch_bench.py`, or any that takes its options. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { UserError } from '../../errors';
import { parseLine, type OtherResult } from './compare';

interface Started {
  /** The next line of its output. @throws UserError where it ends without one */
  line(): Promise<string>;
  /** Lets it go on. */
  proceed(): void;
  /** Waits for its end, which `stop` brings about. */
  ended(): Promise<void>;
  stop(): void;
}

function start(command: string, options: readonly string[]): Started {
  // `exec`, so that what is stopped is the program and not the shell.
  const child = spawn('sh', ['-c', `exec ${command} "$@"`, 'sh', ...options], { stdio: 'pipe' });
  const closed = once(child, 'close');
  let errors = '';
  child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
  child.stdin.on('error', () => undefined); // it has ended, as the next line says
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const stop = (): void => void child.kill();
  process.once('exit', stop);
  return {
    async line() {
      const next = await lines.next();
      if (next.done !== true) return next.value;
      const last = errors.trim().split('\n').pop() || 'it said nothing';
      throw new UserError(`${command} ${options.join(' ')} ended without a result: ${last}`);
    },
    proceed: () => void child.stdin.write('\n'),
    async ended() {
      await closed;
      process.removeListener('exit', stop);
    },
    stop,
  };
}

/** Names of its cases. @throws UserError where it does not tell them */
export async function casesOfProgram(command: string): Promise<string[]> {
  const program = start(command, ['--list']);
  const names = (await program.line()).split(' ');
  await program.ended();
  return names;
}

/**
 * Measures a case in rounds of the other program's and this one's, never at once: the other one stays, and waits for its turn, so that what
 * it has compiled is compiled once.
 */
export async function inTurn(
  command: string,
  name: string,
  { rounds, onTheirs, ours }: { rounds: number; onTheirs: (result: OtherResult) => void; ours: () => Promise<void> },
): Promise<void> {
  const program = start(command, [name, '--rounds', String(rounds), '--wait']);
  try {
    for (let round = 1; round <= rounds; round++) {
      program.proceed();
      const line = await program.line();
      const result = parseLine(line);
      if (result?.case !== name) throw new UserError(`${command} printed no result of ${name}, but ${line}`);
      onTheirs(result);
      if (round === rounds) await program.ended();
      await ours();
    }
  } finally {
    program.stop();
    await program.ended();
  }
}
