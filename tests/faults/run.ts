/** The fault harness as a program: `run.ts COUNT SEED [KIND [WORKLOAD [FIRST [REPORT]]]]`, for `npm run test:faults`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { UserError } from '../../lib/errors';
import { projectRoot } from '../../lib/paths';
import { faults, injectFaults, type Counts, type Fault, type Injected } from './harness';
import { rayVariable, workloads } from './workloads';

const columns = { injected: 10, survived: 10, refused: 9, lost: 6, silent: 8 };

function line(name: string, counts: Counts): string {
  const injected = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const cells = Object.entries(columns).map(([column, width]) =>
    String({ ...counts, injected }[column as Outcomes]).padStart(width),
  );
  return name.padEnd(26) + cells.join('');
}
type Outcomes = keyof typeof columns;

const countsOf = (injected: readonly Injected[]): Counts => {
  const counts: Counts = { survived: 0, refused: 0, lost: 0, silent: 0 };
  for (const { outcome } of injected) counts[outcome]++;
  return counts;
};

/** What an earlier call has done, a line of JSON each. */
const readReport = (path: string): Injected[] =>
  path === '' || !existsSync(path)
    ? []
    : readFileSync(path, 'utf8')
        .split('\n')
        .filter((text) => text.endsWith('}'))
        .map((text) => JSON.parse(text) as Injected);

async function main([count, seed, kind, only, first, report = '']: string[]): Promise<void> {
  const names = Object.keys(faults) as Fault[];
  const kinds = kind ? names.filter((name) => name === kind) : names;
  if (kinds.length === 0) throw new UserError(`There is no kind "${kind}": there are ${names.join(', ')}.`);
  const works = workloads.map(({ name }) => name);
  if (only && !works.includes(only))
    throw new UserError(`There is no workload "${only}": there are ${works.join(', ')}.`);
  const all = readReport(report);
  const done = new Set(all.map(({ fault, number }) => `${fault} ${number}`));
  const { skipped } = await injectFaults({
    count: Number(count),
    seed: Number(seed),
    kinds,
    only: only || undefined,
    first: Number(first ?? 0),
    isDone: (fault, number) => done.has(`${fault} ${number}`),
    onInjected(injected) {
      all.push(injected);
      if (report !== '') appendFileSync(report, `${JSON.stringify(injected)}\n`);
    },
  });
  const heading = Object.entries(columns).map(([column, width]) => column.padStart(width));
  console.log('fault'.padEnd(26) + heading.join(''));
  for (const fault of kinds) {
    const ofKind = all.filter((injected) => injected.fault === fault);
    console.log(line(fault, countsOf(ofKind)) + (skipped[fault] === undefined ? '' : `  (${skipped[fault]})`));
  }
  console.log(line('all', countsOf(all)));
  for (const workload of new Set(all.map((injected) => injected.workload)))
    console.log(line(`  ${workload}`, countsOf(all.filter((injected) => injected.workload === workload))));
  const bad = all.filter(({ outcome }) => outcome === 'lost' || outcome === 'silent');
  for (const { fault, number, workload, outcome, told } of bad)
    console.log(`${fault}, number ${number}, ${workload}: ${outcome}: ${told}`);
  if (bad.length > 0) process.exitCode = 1;
}

/** A cluster of one node on this machine, while it is needed. */
async function withCluster(act: () => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ray-'));
  const python = join(projectRoot, '.venv', 'bin', 'python');
  const child = spawn(python, [join(projectRoot, 'tests/cli/study/ray_cluster.py'), folder, '1'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder },
  });
  const closed = once(child, 'close');
  try {
    const [text] = (await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      closed.then(() => Promise.reject(new UserError('Ray does not start: npm run setup -- --ray'))),
    ])) as [string];
    process.env[rayVariable] = (JSON.parse(text) as { readonly address: string }).address;
    await act();
  } finally {
    child.stdin.end();
    await closed;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

const args = process.argv.slice(2);
(args[3] === 'grid on Ray' ? withCluster(() => main(args)) : main(args)).catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
});
