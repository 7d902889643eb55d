/** `npm run test:faults`: pieces of every kind of work are disturbed, one fault at a time, and nothing may be lost or silently wrong. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { UserError } from '../errors';
import { projectRoot } from '../paths';
import { parseCommandLine, runCommand } from './command';

const help = `npm run test:faults [-- --short] [-- --count N] [-- --seed N]

Kills, full disks, damaged files and more: each is injected into trainings, feature extraction, downloads, prepared images, models, predictions,
grids, exports and the set-up; then the same command has to give the result of an undisturbed run, or say in one line what is wrong.

  npm run test:faults                               1,000 faults of each kind, some hours
  npm run test:faults -- --short                    30 of each kind, some minutes; npm test has a few of each
  npm run test:faults -- --report faults.jsonl      a line for each; the same command goes on after those that are in it
  npm run test:faults -- --workload "grid on Ray"   on a cluster that it starts (npm run setup -- --ray)
  npm run test:faults -- --kind "flipped bit" --workload features --first 17 --count 1      one of them again`;

export async function main(args: string[]): Promise<void> {
  const number = { type: 'string' } as const;
  const { values } = parseCommandLine(args, {
    count: number,
    seed: number,
    first: number,
    kind: number,
    workload: number,
    report: number,
    short: { type: 'boolean' },
    help: { type: 'boolean' },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const {
    short,
    count = short ? '30' : '1000',
    seed = '1',
    first = '0',
    kind = '',
    workload = '',
    report = '',
  } = values;
  const wrong = [count, seed, first].find((text) => !/^\d{1,9}$/.test(text));
  if (wrong !== undefined) throw new UserError(`"${wrong}" is no whole number: --count, --seed and --first are.`);
  const program = ['--import', 'tsx', join(projectRoot, 'tests/faults/run.ts')];
  const wanted = [count, seed, kind, workload, first, report && resolve(report)];
  const child = spawn(process.execPath, [...program, ...wanted], { cwd: projectRoot, stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 2)
    process.exitCode = 1; // which said what it cannot do
  else if (code !== 0) throw new UserError('Something was lost, or silently wrong: the lines above say what.');
}

if (require.main === module) runCommand(main);
