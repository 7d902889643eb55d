/** The process that does one run of the second study's grid. */
import { trainGridRun } from '../../studies/medmnist2d/run';
import { runWorker } from './worker';

if (require.main === module) runWorker(trainGridRun);
