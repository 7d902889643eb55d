/** A view of what was trained that gives nothing where the training was stopped: `nb.show` then says so. */
export function whenTrained<T, A extends readonly unknown[], R>(
  view: (trained: T, ...rest: A) => R,
): (trained: T | undefined, ...rest: A) => R | undefined {
  return (trained, ...rest) => (trained === undefined ? undefined : view(trained, ...rest));
}
