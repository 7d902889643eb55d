/** A workload as a process of its own, to be killed: `work.ts NAME FOLDER SERVER`. */
import { workloads } from './workloads';

const [name, folder, server] = process.argv.slice(2);
void workloads.find((workload) => workload.name === name)?.run(folder, server);
