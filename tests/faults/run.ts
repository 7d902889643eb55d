/** The fault harness as a program: `run.ts COUNT SEED [KIND [WORKLOAD [FIRST]]]`, for `npm run test:faults`. */
import { faults, injectFaults, type Counts, type Fault } from './harness';

async function main([count, seed, kind, only, first]: string[]): Promise<void> {
  const total: Counts & { injected: number } = { injected: 0, survived: 0, refused: 0, lost: 0, silent: 0 };
  console.log(`${'fault'.padEnd(26)}injected  survived  refused  lost  silent`);
  const line = (name: string, { injected, survived, refused, lost, silent }: typeof total): string =>
    `${name.padEnd(26)}${[injected, survived, refused, lost, silent].map((value, at) => String(value).padStart([8, 10, 9, 6, 8][at])).join('')}`;
  const kinds = kind ? (Object.keys(faults) as Fault[]).filter((name) => name === kind) : undefined;
  await injectFaults({
    count: Number(count),
    seed: Number(seed),
    kinds,
    only: only || undefined,
    first: Number(first ?? 0),
    onReport(fault, { injected, counts, bad, skipped }) {
      console.log(line(fault, { injected, ...counts }) + (skipped === undefined ? '' : `  (${skipped})`));
      for (const one of bad) console.log(`  ${one}`);
      total.injected += injected;
      for (const [outcome, number] of Object.entries(counts)) total[outcome as keyof Counts] += number;
    },
  });
  console.log(line('all', total));
  if (total.lost + total.silent > 0) process.exitCode = 1;
}

void main(process.argv.slice(2));
