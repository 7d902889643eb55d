import { sizeOf, type ParameterTable } from '../../lib/models/parameters';
import { createRandom } from '../../lib/random';
import { tf, type Tensor } from '../../lib/tf';

/** Numbers in [−1, 1) for each name of a table, as `draw` of the fixtures' scripts makes them. */
export function drawn(table: ParameterTable, seed: number, what: string, step?: number): Map<string, Float32Array> {
  return new Map(
    Object.entries(table).map(([name, { shape }]) => {
      const random = createRandom(seed, what, name, ...(step === undefined ? [] : [step]));
      return [name, Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1)];
    }),
  );
}

export function drawnTensors(table: ParameterTable, seed: number, what: string, step: number): Map<string, Tensor> {
  const values = drawn(table, seed, what, step);
  return new Map([...values].map(([name, value]) => [name, tf.tensor(value, [...table[name].shape])]));
}
