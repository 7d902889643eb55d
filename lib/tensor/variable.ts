import { tf, type Tensor } from '../tf';
import { attribute, execute, executeMany, hasKernels } from './native';
import { precisions, type Precision } from '../precisions';
import { precisionOf, toPrecision } from './precision';

/**
 * A value, float32 or bfloat16, that lives in TensorFlow and is updated in place, which tfjs's own variables cannot do. `read` gives a
 * tensor that shares the memory until the next update, which then works on a copy: what was read never changes.
 */
export interface Variable {
  readonly shape: readonly number[];
  readonly precision: Precision;
  /** The resource that TensorFlow's ResourceApply… operations take. */
  readonly handle: Tensor;
  /** The value rounded to bfloat16, to be computed with: what updates the variable updates it as well. Absent where it is not kept. */
  readonly rounded?: Variable;
  read(): Tensor;
  assign(value: Tensor): void;
  dispose(): void;
}

/** The shared name under which TensorFlow makes a resource that lives as long as its handle (resource_handle.h, ANONYMOUS_NAME). */
const anonymous = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/** Makes a variable with the value of a tensor, which stays the caller's. */
export function createVariable(initial: Tensor): Variable {
  const { shape } = initial;
  const precision = precisionOf(initial);
  const type = [attribute.type('dtype', precision)];
  const handle = tf.keep(
    execute(
      'VarHandleOp',
      [
        attribute.string('container', ''),
        attribute.string('shared_name', anonymous),
        ...type,
        attribute.shape('shape', shape),
      ],
      [],
    ),
  );
  const variable: Variable = {
    shape,
    precision,
    handle,
    read: () => execute('ReadVariableOp', type, [handle]),
    assign(value) {
      tf.util.assertShapesMatch(value.shape, [...shape], 'A variable keeps its shape: ');
      executeMany('AssignVariableOp', type, [handle, value], 0);
    },
    dispose: () => handle.dispose(),
  };
  variable.assign(initial);
  return variable;
}

/** The variable with its value rounded to bfloat16 beside it. */
export function withRounded(variable: Variable): Variable {
  const roundedValue = (value: Tensor): Tensor => toPrecision(value, 'bfloat16');
  const initial = tf.tidy(() => roundedValue(variable.read()));
  const rounded = createVariable(initial);
  initial.dispose();
  return {
    ...variable,
    rounded,
    assign(value) {
      variable.assign(value);
      tf.tidy(() => rounded.assign(roundedValue(value)));
    },
    dispose() {
      variable.dispose();
      rounded.dispose();
    },
  };
}

/** `read` of many: one operation for all of a precision, in the variables' order. */
export function readVariables(variables: readonly Variable[]): Tensor[] {
  if (!hasKernels) return variables.map((variable) => variable.read());
  const values = new Map<Variable, Tensor>();
  for (const precision of precisions) {
    const own = variables.filter((variable) => variable.precision === precision);
    if (own.length === 0) continue;
    const attributes = [attribute.int('N', own.length), attribute.type('T', precision)];
    const handles = own.map(({ handle }) => handle);
    const read = executeMany('NotebookReadVariables', attributes, handles, own.length);
    own.forEach((variable, index) => values.set(variable, read[index]));
  }
  return variables.map((variable) => values.get(variable) as Tensor);
}
