import { hasKernels } from '../lib/tensor/native';

/** Options of a test of what only the project's own operations do: they may be off (NOTEBOOKS_KERNELS), or not be built. */
export const kernelsOnly = { skip: !hasKernels && 'the project’s own operations are off' };
