/** What optimizers share: parameters by learning rate and decay, and the variables in which they accumulate. */
import { variableOf, type Parameters } from '../models/parameters';
import { createVariable, type Variable } from '../tensor/variable';
import { tf, type Tensor } from '../tf';

/** What one parameter has of its own. */
export interface ParameterSettings {
  /** Factor on the learning rate; 1 by default. */
  readonly learningRateScale?: number;
  /** In place of the optimizer's. */
  readonly weightDecay?: number;
}

export interface GroupOptions {
  /** Settings by parameter name; nothing of its own by default. */
  readonly settingsOf?: (name: string) => ParameterSettings;
}

export interface Group {
  readonly scale: number;
  readonly weightDecay: number;
  readonly names: string[];
}

/** Names that share learning rate and decay, and whether there are rounded values, so that one operation updates them. */
export function groupNames(
  parameters: Parameters,
  names: readonly string[],
  weightDecay: number,
  settingsOf: GroupOptions['settingsOf'] = () => ({}),
): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const name of names) {
    const { learningRateScale: scale = 1, weightDecay: own = weightDecay } = settingsOf(name);
    const key = `${scale} ${own} ${variableOf(parameters, name).rounded !== undefined}`;
    const group = groups.get(key) ?? { scale, weightDecay: own, names: [] };
    group.names.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

export function createSlots(
  parameters: Parameters,
  names: readonly string[],
  kinds: readonly string[],
): ReadonlyMap<string, Variable> {
  const slots = new Map<string, Variable>();
  for (const name of names) {
    for (const kind of kinds) {
      const zeros = tf.zeros([...variableOf(parameters, name).shape]);
      slots.set(`${kind}/${name}`, createVariable(zeros));
      zeros.dispose();
    }
  }
  return slots;
}

/** What an update changes: the handles of weights, of what has been accumulated for each, kind by kind, and of their rounded values. */
export interface State {
  readonly weights: readonly Tensor[];
  readonly slots: readonly (readonly Tensor[])[];
  /** Of all weights, or of none. */
  readonly rounded?: readonly Tensor[];
}

/** A group with its state, which is the same in every step. */
export function withState(
  group: Group,
  parameters: Parameters,
  slots: ReadonlyMap<string, Variable>,
  kinds: readonly string[],
): Group & { readonly state: State } {
  const { names } = group;
  const state = {
    weights: names.map((name) => variableOf(parameters, name).handle),
    slots: kinds.map((kind) => names.map((name) => (slots.get(`${kind}/${name}`) as Variable).handle)),
    rounded: names.flatMap((name) => variableOf(parameters, name).rounded?.handle ?? []),
  };
  return { ...group, state };
}

export function disposeSlots(slots: ReadonlyMap<string, Variable>): void {
  for (const variable of slots.values()) variable.dispose();
}

export function gradientsOf(gradients: ReadonlyMap<string, Tensor>, names: readonly string[]): Tensor[] {
  return names.map((name) => {
    const gradient = gradients.get(name);
    if (gradient === undefined) throw new Error(`There is no gradient for "${name}".`);
    return gradient;
  });
}
