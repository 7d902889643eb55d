import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  type Parameters,
  type ParameterTable,
} from './parameters';
import type { InitialValues } from './network';

const head = /^(head|fc|classifier|decoder|decode)\./;

/**
 * New parameters, which the caller disposes. Random values depend on the seed and their name only, whatever else is random. Given values
 * may lack the head (`head`, `fc` or `classifier`) or the decoder (`decoder` or `decode`), which is drawn at random then.
 * @throws UserError for anything else that is missing, extra or misshapen
 */
export function initialParameters(table: ParameterTable, seed: number, initial?: InitialValues): Parameters {
  if (initial === undefined) return createParameters(table, seed);
  if (typeof initial === 'function') return initial(table, seed);
  const isRandom = (name: string): boolean => head.test(name) && !initial.has(name);
  // What is replaced anyway is not drawn: for a large network that takes longer than all the rest.
  const drawn = Object.entries(table).map(([name, spec]) => [name, isRandom(name) ? spec : { ...spec, initial: 0 }]);
  const { variables } = createParameters(Object.fromEntries(drawn) as ParameterTable, seed);
  const parameters = { table, variables };
  try {
    const randomNames = Object.keys(table).filter(isRandom);
    const random = exportParameters({
      table: Object.fromEntries(randomNames.map((name) => [name, table[name]])),
      variables,
    });
    importParameters(parameters, new Map([...initial, ...random]), 'The initial values');
    return parameters;
  } catch (error) {
    disposeParameters(parameters);
    throw error;
  }
}
