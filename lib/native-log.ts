import { closeSync, openSync } from 'node:fs';

/**
 * Runs `load` with the process's standard error closed to native code: TensorFlow's library prints two lines about oneDNN while it is
 * loaded, before it reads any variable that would silence it. Where standard error is a socket and cannot be reopened, nothing is done.
 */
export function withoutNativeLog<T>(load: () => T): T {
  const restore = silenceStandardError();
  try {
    return load();
  } finally {
    restore();
  }
}

function silenceStandardError(): () => void {
  let saved: number;
  try {
    saved = openSync('/dev/fd/2', 'a');
  } catch {
    return () => undefined;
  }
  closeSync(2);
  openSync('/dev/null', 'a'); // takes the lowest free number, which is 2
  return () => {
    closeSync(2);
    openSync(`/dev/fd/${saved}`, 'a');
    closeSync(saved);
  };
}
