/** How much of this machine may be used: a container may have less of it than there is. */
interface Machine {
  /** How many threads may compute at once. */
  cores(): number;
  /** The container's share of processor time in cores; undefined where there is no limit. */
  cpuQuota(): number | undefined;
  memoryBytes(): number;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, which the set-up needs before TypeScript is there
export const { cores, cpuQuota, memoryBytes } = require('./setup/machine.cjs') as Machine;

/** Variables that keep a process to a share of the processor. The number of threads is part of what makes a result the same bit for bit. */
export function threadVariables(threads: number): Record<string, string> {
  const count = String(threads);
  return {
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: count,
    UV_THREADPOOL_SIZE: String(Math.max(2, threads)),
  };
}
