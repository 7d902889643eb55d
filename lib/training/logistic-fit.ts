/** Logistic regression as scikit-learn defines it, by L-BFGS. */
import { UserError } from '../errors';
import { attribute, execute } from '../tensor/native';
import { readResult } from '../tensor/read';
import { tf, type Tensor2D } from '../tf';
import { openRows, type FeatureRows } from './feature-rows';
import type { FeatureSet } from './feature-set';
import { minimize, type Evaluation } from './lbfgs';

/** One fit. `coefficients`: row-major outputs × width, `intercepts`: outputs; two classes have one output, the second class's. */
export interface LogisticFit {
  readonly regularization: number;
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
  /** Mean cross-entropy plus penalty. */
  readonly objective: number;
  readonly iterations: number;
  readonly converged: boolean;
}

export interface FitLogisticOptions {
  /** Inverse strength of the penalty: scikit-learn's C. */
  readonly regularization: number;
  /** Largest component of the gradient of the mean loss; 1e-4 by default, scikit-learn's. */
  readonly tolerance?: number;
  readonly maxIterations?: number;
  /** Begins there; with zeros by default. */
  readonly start?: LogisticFit;
  readonly onIteration?: (iteration: number, objective: number) => void;
}

/**
 * The weights W and intercepts b that make Σ cross-entropy · C + ½‖W‖² smallest, b unpenalised: the objective of scikit-learn's
 * LogisticRegression(C) with the solver lbfgs, divided by C · images; each image counts by its weight, scikit-learn's sample_weight.
 * The products with the features are float32, the rest float64.
 */
export async function fitLogistic(set: FeatureSet, options: FitLogisticOptions): Promise<LogisticFit> {
  const { regularization, start, tolerance, maxIterations, onIteration = () => undefined } = options;
  if (!(regularization > 0 && Number.isFinite(regularization)))
    throw new UserError(`The regularisation C is ${regularization}, but must be a number above 0.`);
  const { width, classes } = set;
  const outputs = classes === 2 ? 1 : classes;
  const weights = width * outputs;
  const initial = new Float64Array(weights + outputs);
  if (start) {
    initial.set(transposed(start.coefficients, width));
    initial.set(start.intercepts, weights);
  }
  const rows = openRows(set);
  try {
    const penalty = 1 / (regularization * set.count);
    const { point, value, iterations, converged } = await minimize(
      (parameters) => objective(rows, set, outputs, penalty, parameters),
      initial,
      {
        tolerance,
        maxIterations,
        valueNoise: 1e-6, // of float32 products
        async onIteration(iteration, loss) {
          onIteration(iteration, loss);
          await new Promise(setImmediate);
        },
      },
    );
    const coefficients = transposed(point.subarray(0, weights), outputs);
    return { regularization, coefficients, intercepts: point.slice(weights), objective: value, iterations, converged };
  } finally {
    rows.dispose();
  }
}

/** Probabilities of a fit: row-major N × classes. */
export function logisticProbabilities(set: FeatureSet, { coefficients, intercepts }: LogisticFit): Float64Array {
  const outputs = intercepts.length;
  const rows = openRows(set);
  const probabilities = new Float64Array(set.count * set.classes);
  const weights = Float32Array.from(transposed(coefficients, set.width));
  try {
    for (const { features, start, count } of rows.chunks(rowsAtOnce)) {
      const logits = multiply(features, weights, [set.width, outputs]);
      features.dispose();
      for (let row = 0; row < count; row++) {
        const target = probabilities.subarray((start + row) * set.classes, (start + row + 1) * set.classes);
        writeProbabilities(logits.subarray(row * outputs, (row + 1) * outputs), intercepts, target);
      }
    }
    return probabilities;
  } finally {
    rows.dispose();
  }
}

/** Value and gradient of the mean cross-entropy plus the penalty, at weights (width × outputs, row-major) and intercepts. */
function objective(
  rows: FeatureRows,
  { labels, weights: counts }: Pick<FeatureSet, 'labels' | 'weights'>,
  outputs: number,
  penalty: number,
  parameters: Float64Array,
): Evaluation {
  const count = rows.width * outputs;
  const weights = Float32Array.from(parameters.subarray(0, count));
  const intercepts = parameters.subarray(count);
  const gradient = new Float64Array(parameters.length);
  const probabilities = new Float64Array(Math.max(2, outputs));
  let loss = 0;
  for (const chunk of rows.chunks(rowsAtOnce)) {
    const logits = multiply(chunk.features, weights, [rows.width, outputs]);
    const residuals = new Float32Array(logits.length);
    for (let row = 0; row < chunk.count; row++) {
      const label = labels[chunk.start + row];
      const start = row * outputs;
      const counted = counts?.[chunk.start + row] ?? 1;
      loss += counted * writeProbabilities(logits.subarray(start, start + outputs), intercepts, probabilities, label);
      for (let output = 0; output < outputs; output++) {
        // Two classes have one output, which is that of class 1.
        const classOf = outputs === 1 ? 1 : output;
        const residual = counted * (probabilities[classOf] - (label === classOf ? 1 : 0));
        residuals[start + output] = residual;
        gradient[count + output] += residual;
      }
    }
    const part = multiply(chunk.features, residuals, [chunk.count, outputs], true);
    chunk.features.dispose();
    for (let index = 0; index < count; index++) gradient[index] += part[index];
  }
  let squares = 0;
  for (let index = 0; index < gradient.length; index++) {
    gradient[index] /= rows.count;
    if (index >= count) continue;
    gradient[index] += penalty * parameters[index];
    squares += parameters[index] ** 2;
  }
  return { value: loss / rows.count + (penalty * squares) / 2, gradient };
}

/** Probabilities of one image's classes into `target`; the cross-entropy of `label` in return. */
function writeProbabilities(logits: Float32Array, intercepts: Float64Array, target: Float64Array, label = 0): number {
  const single = logits.length === 1;
  let largest = single ? 0 : -Infinity;
  for (let index = 0; index < target.length; index++) {
    // With one output, class 0 has the logit 0.
    target[index] = single ? (index === 0 ? 0 : logits[0] + intercepts[0]) : logits[index] + intercepts[index];
    largest = Math.max(largest, target[index]);
  }
  const own = target[label];
  let sum = 0;
  for (let index = 0; index < target.length; index++) {
    target[index] = Math.exp(target[index] - largest);
    sum += target[index];
  }
  for (let index = 0; index < target.length; index++) target[index] /= sum;
  return Math.log(sum) + largest - own;
}

const float32 = attribute.type('T', 'float32');
const rowsAtOnce = 32_768;

/** features · matrix, or featuresᵀ · matrix. */
function multiply(features: Tensor2D, matrix: Float32Array, shape: [number, number], transpose = false): Float32Array {
  const attributes = [float32, attribute.bool('transpose_a', transpose), attribute.bool('transpose_b', false)];
  return readResult(() => execute('MatMul', attributes, [features, tf.tensor2d(matrix, shape)]));
}

/** A row-major matrix with so many columns, column by column. */
function transposed(values: Float64Array, columns: number): Float64Array {
  const rows = values.length / columns;
  return Float64Array.from(values, (_, index) => values[(index % rows) * columns + Math.floor(index / rows)]);
}
