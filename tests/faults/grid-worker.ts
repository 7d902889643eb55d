/** The worker of the grids that processes or a cluster work on. Not a test. */
import { runWorker } from '../../lib/cli/study/worker';
import { work } from './steps';

runWorker<{ readonly seed: number }, { readonly value: number }>(({ configuration: { seed }, directory }) =>
  Promise.resolve({ value: work(seed, directory) }),
);
