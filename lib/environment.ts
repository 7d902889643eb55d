/**
 * What must be in place before TensorFlow's binding is loaded. Imported first by `tf.ts`, so that it holds for every process, whoever
 * started it.
 */
import util from 'node:util';
import { cores, cpuQuota, threadVariables } from './machine';

process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
// Otherwise TensorFlow takes all memory of a GPU at once, and a second notebook finds none.
process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
// The same seed gives the same result, bit for bit: kernels whose order of summation depends on threads are not chosen.
process.env.TF_DETERMINISTIC_OPS ??= '1';

// TensorFlow counts the machine's cores and knows nothing of a container's share, beyond which its threads only wait.
if (cpuQuota() !== undefined) Object.assign(process.env, { ...threadVariables(cores()), ...process.env });

/** tfjs-node 4.22 calls two functions that Node 22 warns about and Node 23 removed. */
const removed = util as unknown as Record<string, unknown>;
removed.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
removed.isArray = Array.isArray;
