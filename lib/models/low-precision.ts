/** Networks in bfloat16: their matrices are, and what is computed with them follows. */
import type { PrecisionSetting } from '../precisions';
import { choosePrecision } from '../tensor/chosen-precision';
import type { Precision } from '../precisions';
import { precisionOf, toPrecision } from '../tensor/precision';
import { createVariable, withRounded } from '../tensor/variable';
import { tf } from '../tf';
import type { Parameters } from './parameters';

/** Of a vision transformer's parameters, by name. */
export function isVitMatrix(parameter: string): boolean {
  return /^blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc\d)\.weight$/.test(parameter);
}

/**
 * Parameters whose matrices are rounded to bfloat16: these variables replace the given ones, which are disposed; all others are the
 * same. They are for evaluation only.
 * @param isMatrix by name, as a backbone's `lowPrecision` tells
 */
export function roundMatrices({ table, variables }: Parameters, isMatrix: (name: string) => boolean): Parameters {
  const rounded = [...variables].map(([name, variable]) => {
    if (!isMatrix(name)) return [name, variable] as const;
    const value = tf.tidy(() => toPrecision(variable.read(), 'bfloat16'));
    const low = createVariable(value);
    value.dispose();
    variable.dispose();
    return [name, low] as const;
  });
  return { table, variables: new Map(rounded) };
}

/**
 * Parameters to be trained: in mixed precision where bfloat16 is chosen. Then all matrices and filters are computed with in bfloat16, and
 * kept and updated in float32. The variables are those of the given parameters, which are not to be used any more.
 */
export function inPrecision({ table, variables }: Parameters, setting: PrecisionSetting | undefined): Parameters {
  if (choosePrecision(setting) === 'float32') return { table, variables };
  const isVector = (name: string): boolean => table[name].kind === 'vector' || table[name].kind === 'statistic';
  const mixed = [...variables].map(([name, one]) => [name, isVector(name) ? one : withRounded(one)] as const);
  return { table, variables: new Map(mixed) };
}

/** What a network computes in: 'bfloat16' where any of its matrices is. */
export function precisionOfParameters({ variables }: Pick<Parameters, 'variables'>): Precision {
  return tf.tidy(() =>
    [...variables.values()].some((variable) => precisionOf(variable.read()) === 'bfloat16') ? 'bfloat16' : 'float32',
  );
}
