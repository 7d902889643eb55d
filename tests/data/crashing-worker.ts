/** A process that ends with a fault of its native code, where it is told to. Not a test. */
import { serveTasks } from '../../lib/data/thread-tasks';

serveTasks<string, string>(
  (task) => {
    if (task === 'crash') process.kill(process.pid, 'SIGSEGV');
    return task === 'crash' ? new Promise<string>(() => undefined) : `${task} is done`;
  },
  () => [],
);
