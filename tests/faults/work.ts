/** A workload as a process of its own, to be killed: `work.ts NAME FOLDER SERVER`. */
import { workloads } from './workloads';

async function main([name, folder, server]: string[]): Promise<void> {
  const workload = workloads.find((one) => one.name === name);
  await workload?.load?.();
  process.stdout.write('It begins.\n');
  await workload?.run(folder, server);
  process.exit(0);
}

void main(process.argv.slice(2));
