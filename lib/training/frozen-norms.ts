import type { Pass, Scope } from '../models/scope';

/**
 * A scope in which batch norms whose scale is frozen work as in evaluation, whatever the pass: they normalise with the running
 * statistics and leave them as they are. Otherwise a frozen network changes in every step, since training moves its statistics.
 * @param isFrozen by full parameter name
 */
export function withFrozenNorms(scope: Scope, isFrozen: (name: string) => boolean): Scope {
  const evaluation: Pass = { training: false, updates: new Map() };
  const wrap = (inner: Scope): Scope => {
    const isBatchNorm = inner.optional('running_mean') !== undefined;
    return {
      ...inner,
      pass: isBatchNorm && isFrozen(inner.fullName('weight')) ? evaluation : inner.pass,
      at: (name) => wrap(inner.at(name)),
    };
  };
  return wrap(scope);
}
