/**
 * Reverse-mode differentiation over tfjs's tape, with the memory of a step in mind. tfjs keeps every gradient and everything saved for one
 * until the whole pass is over; here each is freed as soon as the operation that needs it is done, so that the activations of a network
 * shrink while its gradients grow.
 */
import { precisionOf, toPrecision } from '../tensor/precision';
import { tf, type Scalar, type Tensor } from '../tf';

/** An operation that was run while the tape was. */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly Tensor[];
  /** Gradients of the inputs from those of the outputs, undefined for outputs that the loss does not depend on. */
  readonly gradient?: (outputGradients: (Tensor | undefined)[]) => Record<string, () => Tensor>;
  readonly saved?: readonly Tensor[];
}

/** What this file uses of tfjs's engine beyond its types. */
interface TapeEngine {
  startTape(): void;
  endTape(): void;
  readonly state: { activeTape: TapeNode[] | null; readonly gradientDepth: number };
}

/**
 * The value of a scalar function and its gradients with respect to `inputs`, in their order; they belong to the caller's `tf.tidy`.
 * @throws Error where the value depends on none of them, or an operation has no gradient
 */
export function valueAndGradients(
  compute: () => Scalar,
  inputs: readonly Tensor[],
): { readonly value: Scalar; readonly gradients: Tensor[] } {
  const engine = tf.engine() as unknown as TapeEngine;
  if (engine.state.gradientDepth > 0) throw new Error('Gradients of gradients are not computed here.');
  try {
    engine.startTape();
    let value: Scalar;
    try {
      value = tf.tidy(compute);
    } finally {
      engine.endTape();
    }
    const tape = engine.state.activeTape ?? [];
    return { value, gradients: tf.tidy(() => backpropagate(value, inputs, connected(tape, inputs, value))) };
  } finally {
    for (const { saved } of engine.state.activeTape ?? []) tf.dispose([...(saved ?? [])]);
    engine.state.activeTape = null;
  }
}

interface ConnectedNode extends TapeNode {
  /** Inputs that a gradient is needed of. */
  readonly wanted: readonly string[];
}

/** The operations on the way from the inputs to the value, in the order in which they ran. */
function connected(tape: readonly TapeNode[], inputs: readonly Tensor[], value: Tensor): ConnectedNode[] {
  const fromInputs = new Set(inputs.map(({ id }) => id));
  const wanted = tape.map((node) => {
    const names = Object.keys(node.inputs).filter((name) => fromInputs.has(node.inputs[name].id));
    if (names.length > 0) for (const { id } of node.outputs) fromInputs.add(id);
    return names;
  });
  const toValue = new Set([value.id]);
  const nodes: ConnectedNode[] = [];
  for (let index = tape.length - 1; index >= 0; index--) {
    const node = tape[index];
    if (!node.outputs.some(({ id }) => toValue.has(id))) continue;
    for (const { id } of Object.values(node.inputs)) toValue.add(id);
    if (wanted[index].length > 0) nodes.unshift({ ...node, wanted: wanted[index] });
  }
  if (nodes.length === 0)
    throw new Error('The loss depends on none of the parameters that it is to be differentiated by.');
  return nodes;
}

function backpropagate(value: Scalar, inputs: readonly Tensor[], nodes: readonly ConnectedNode[]): Tensor[] {
  const gradients = new Map<number, Tensor>([[value.id, tf.onesLike(value)]]);
  for (const node of [...nodes].reverse()) {
    const outputGradients = node.outputs.map((output) => ofPrecision(output, gradients.get(output.id)));
    const found = tf.tidy(() => inputGradients(node, outputGradients));
    // An operation's outputs come from nowhere else: their gradients, and what was saved for them, are done with.
    for (const { id } of node.outputs) gradients.delete(id);
    tf.dispose([...outputGradients.filter((gradient) => gradient !== undefined), ...(node.saved ?? [])]);
    node.wanted.forEach((name, index) => {
      const { id } = node.inputs[name];
      const before = gradients.get(id);
      gradients.set(id, before === undefined ? found[index] : before.add(found[index]));
      if (before !== undefined) tf.dispose([before, found[index]]);
    });
  }
  return inputs.map((input) => ofPrecision(input, gradients.get(input.id) ?? tf.zeros(input.shape)));
}

/** A tensor's gradient has its precision, whatever the operations that it was added up from have given. The other one is gone. */
function ofPrecision<T extends Tensor | undefined>(tensor: Tensor, gradient: T): T {
  if (gradient === undefined || precisionOf(gradient) === precisionOf(tensor)) return gradient;
  const converted = toPrecision(gradient, precisionOf(tensor));
  gradient.dispose();
  return converted;
}

/** The gradients of a node's wanted inputs, as tensors that nobody else has. */
function inputGradients(node: ConnectedNode, outputGradients: (Tensor | undefined)[]): Tensor[] {
  const { kernelName, gradient, inputs, wanted, saved } = node;
  if (gradient === undefined) throw new Error(`${kernelName} has no gradient.`);
  const functions = gradient(outputGradients);
  const taken = new Set<Tensor | undefined>([...outputGradients, ...(saved ?? []), ...Object.values(inputs)]);
  return wanted.map((name) => {
    if (!(name in functions)) throw new Error(`${kernelName} has no gradient of its input "${name}".`);
    const result = functions[name]();
    tf.util.assertShapesMatch(result.shape, inputs[name].shape, `The gradient of "${name}" of ${kernelName}: `);
    const own = taken.has(result) ? result.clone() : result;
    taken.add(own);
    return own;
  });
}
