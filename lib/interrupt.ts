/**
 * Jupyter's stop button ends `task` softly: its signal is aborted, and the cell returns what the task returns. A second stop ends the
 * cell hard.
 *
 * The kernel itself answers a stop by failing the cell while the work goes on in the background and the cell's variables are lost.
 */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  // During the synchronous part of a cell the signal belongs to V8's breakOnSigint; changing listeners then kills the kernel.
  await new Promise(setImmediate);
  const controller = new AbortController();
  // As they were added: a listener for one signal comes wrapped, and stays one.
  const kernelListeners = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
  let rejectHard: (error: Error) => void = () => undefined;
  const hardStop = new Promise<never>((_resolve, reject) => (rejectHard = reject));
  const stop = (): void => {
    if (controller.signal.aborted) rejectHard(new Error('Stopped.'));
    controller.abort();
  };
  process.on('SIGINT', stop); // before the others go: without any listener the signal would end the process
  for (const listener of kernelListeners) process.removeListener('SIGINT', listener);
  try {
    return await Promise.race([task(controller.signal), hardStop]);
  } finally {
    for (const listener of kernelListeners) process.on('SIGINT', listener);
    process.removeListener('SIGINT', stop);
  }
}
