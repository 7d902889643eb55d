import type { Variable } from '../tensor/variable';
import { tf, type Tensor } from '../tf';

/** The values of variables at one moment. Memory is copied only for what changes afterwards. */
export interface Snapshot {
  readonly values: ReadonlyMap<string, Tensor>;
  /** Puts the values back. */
  restore(): void;
  dispose(): void;
}

/** Takes a snapshot; later updates of the variables do not reach it. */
export function takeSnapshot(variables: ReadonlyMap<string, Variable>): Snapshot {
  const values = new Map([...variables].map(([name, variable]) => [name, tf.keep(variable.read())]));
  return {
    values,
    restore() {
      for (const [name, value] of values) variables.get(name)?.assign(value);
    },
    dispose() {
      for (const value of values.values()) value.dispose();
    },
  };
}
