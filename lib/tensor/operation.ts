import { tf, type Tensor } from '../tf';

/** A new differentiable operation of tfjs, made of native ones. */
export interface Operation<Inputs extends string, Attributes extends object> {
  /** A name that tfjs does not use. */
  readonly name: string;
  /** Which inputs and outputs the gradient needs; they are kept until it has run. */
  readonly saveInputs?: readonly Inputs[];
  readonly saveOutputs?: readonly number[];
  /** Inputs that no gradient passes through, whatever they were made from. */
  readonly constants?: readonly Inputs[];
  forward(inputs: Record<Inputs, Tensor>, attributes: Attributes): Tensor | Tensor[];
  /**
   * The gradient of each input as a function, called only for inputs that a gradient is asked of: a frozen weight costs nothing.
   * `saved` holds the saved inputs, then the saved outputs. Absent where the operation has no gradient.
   */
  gradient?(outputGradients: Tensor[], saved: Tensor[], attributes: Attributes): Partial<Record<Inputs, () => Tensor>>;
}

/**
 * Registers an operation with tfjs, so that its autograd knows it, and returns the function that runs it. Evaluated again (a notebook
 * reloads an edited file), it replaces the earlier one.
 */
export function defineOperation<Inputs extends string, Attributes extends object>(
  operation: Operation<Inputs, Attributes>,
): (inputs: Record<Inputs, Tensor>, attributes: Attributes) => Tensor[] {
  const { name, saveInputs = [], saveOutputs = [], constants = [], gradient } = operation;
  const backendName = 'tensorflow';
  if (tf.getKernel(name, backendName) !== undefined) {
    tf.unregisterKernel(name, backendName);
    tf.unregisterGradient(name);
  }
  tf.registerKernel({
    kernelName: name,
    backendName,
    // tfjs frees what a kernel leaves behind only with the caller's tidy, which in training is the whole step.
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => operation.forward(inputs as Record<Inputs, Tensor>, attrs as unknown as Attributes)),
  });
  tf.registerGradient({
    kernelName: name,
    inputsToSave: [...saveInputs],
    outputsToSave: Array.from({ length: Math.max(-1, ...saveOutputs) + 1 }, (_, index) => saveOutputs.includes(index)),
    gradFunc: (outputGradients, saved, attrs) => {
      if (gradient === undefined) throw new Error(`${name} has no gradient: it is for evaluation only.`);
      const gradients = Array.isArray(outputGradients) ? outputGradients : [outputGradients];
      return gradient(gradients, saved, attrs as unknown as Attributes) as Record<string, () => Tensor>;
    },
  });
  return (inputs, attributes) => {
    const detached = constants.map((input) => [input, withoutHistory(inputs[input])] as const);
    try {
      const outputs = tf
        .engine()
        .runKernel(
          name,
          { ...inputs, ...Object.fromEntries(detached) },
          attributes as Parameters<ReturnType<typeof tf.engine>['runKernel']>[2],
        );
      return Array.isArray(outputs) ? outputs : [outputs];
    } finally {
      tf.dispose(detached.map(([, tensor]) => tensor));
    }
  };
}

/** The same memory as a tensor of its own, which tfjs does not know to depend on anything. */
function withoutHistory({ dataId, shape, dtype }: Tensor): Tensor {
  tf.backend().incRef(dataId);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype });
}
