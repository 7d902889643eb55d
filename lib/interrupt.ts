import { notebookKernel } from './notebook-kernel';

/**
 * The stop button of JupyterLab, or Ctrl+C in a command, ends `task` softly: its signal is aborted, and what it returns comes back. A
 * second stop rejects at once.
 *
 * A cell that was stopped goes on to its end, with every further task stopped from its beginning, and counts as failed: of Run All, the
 * cells below are not run. Run again, it continues whatever continues.
 */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let rejectHard: (error: Error) => void = () => undefined;
  const hardStop = new Promise<never>((_resolve, reject) => (rejectHard = reject));
  const stop = (): boolean => {
    if (controller.signal.aborted) {
      rejectHard(new Error('Stopped.'));
      return false;
    }
    controller.abort();
    return true;
  };
  const ended = (notebookKernel()?.onStop ?? onSignal)(stop);
  try {
    // A stop in the synchronous part of a cell ends it hard.
    await new Promise(setImmediate);
    return await Promise.race([task(controller.signal), hardStop]);
  } finally {
    ended();
  }
}

/** Takes the signal from whoever else listens to it, until the returned function is called. */
function onSignal(stop: () => void): () => void {
  // As they were added: a listener for one signal comes wrapped, and stays one.
  const others = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
  process.on('SIGINT', stop); // before the others go: without any listener the signal would end the process
  for (const listener of others) process.removeListener('SIGINT', listener);
  return () => {
    for (const listener of others) process.on('SIGINT', listener);
    process.removeListener('SIGINT', stop);
  };
}
