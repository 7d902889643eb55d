/** `npm run study -- medmnist2d` with a worker that trains nothing. Not a test. */
import { runCommand } from '../../../lib/cli/command';
import { main } from '../../../lib/cli/study/medmnist2d';

if (require.main === module) {
  runCommand((args) => main(args, { worker: 'tests/cli/study/worker.ts', pollMilliseconds: 100 }));
}
