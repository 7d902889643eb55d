import type { Task } from '../data/dataset';
import { UserError } from '../errors';

/** Scores or probabilities as they come from a model (float32) or from float64 arithmetic. */
export type FloatArray = Float32Array | Float64Array;

/** What a model said about a split, next to the truth. */
export interface Scored {
  readonly task: Task;
  /** N class indices; for multi-label tasks row-major N × `classes` of 0 and 1. */
  readonly truth: ArrayLike<number>;
  /** Row-major N × `classes`. A binary task has two columns, of which the last one counts, or one: P(y = 1). */
  readonly scores: FloatArray;
  readonly classes: number;
}

/** Rows and columns of the scores. */
export interface ScoreShape {
  readonly count: number;
  readonly columns: number;
}

/**
 * The shape of the scores, once it fits the truth. Throws a UserError for no rows, for sizes that do not fit together, for a label
 * that is none of the classes, and for a score that is not finite: a diverged model has no metric.
 */
export function checkScored({ task, truth, scores, classes }: Scored): ScoreShape {
  const multiLabel = task === 'multi-label';
  const binary = task === 'binary-class';
  if (truth.length === 0) throw new UserError('There are no labels to compare with: the split is empty.');
  const count = multiLabel ? truth.length / classes : truth.length;
  const columns = scores.length / count;
  const fits = binary ? classes === 2 && (columns === 1 || columns === 2) : columns === classes;
  if (!Number.isInteger(count) || !fits) {
    throw new UserError(
      `${scores.length} scores and ${truth.length} labels do not fit a ${task} task of ${classes} classes: it has ` +
        (binary ? '2 classes, one or two scores' : `${classes} scores`) +
        ` and ${multiLabel ? `${classes} labels` : 'one label'} an image.`,
    );
  }
  checkLabels(truth, multiLabel || binary ? 2 : classes);
  checkFinite(scores);
  return { count, columns };
}

/** Throws a UserError for a label that is not a whole number in [0, classes). */
export function checkLabels(labels: ArrayLike<number>, classes: number): void {
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index];
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new UserError(`Label ${index} is ${label}; with ${classes} classes, labels are 0 to ${classes - 1}.`);
    }
  }
}

/** Throws a UserError for NaN and infinite values. */
export function checkFinite(values: ArrayLike<number>, noun = 'Score'): void {
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) throw new UserError(`${noun} ${index} is ${values[index]}, not a number.`);
  }
}

/** Throws a UserError for a value that is outside [0, 1] by more than float32 rounding, such as a logit. */
export function checkProbabilities(values: ArrayLike<number>): void {
  for (let index = 0; index < values.length; index++) {
    if (!(values[index] >= -1e-6 && values[index] <= 1 + 1e-6)) {
      throw new UserError(`Probability ${index} is ${values[index]}, outside [0, 1]: apply softmax to logits first.`);
    }
  }
}

/** One column of a row-major matrix, as a copy. */
export function column(matrix: ArrayLike<number>, columns: number, index: number): Float64Array {
  const values = new Float64Array(matrix.length / columns);
  for (let row = 0; row < values.length; row++) values[row] = matrix[row * columns + index];
  return values;
}

/** The column of the largest score in each row, the first one among equals (as `numpy.argmax`). N × columns → N. */
export function argmaxRows(scores: ArrayLike<number>, columns: number): Int32Array {
  checkWholeRows(scores, columns);
  const best = new Int32Array(scores.length / columns);
  for (let row = 0; row < best.length; row++) {
    const start = row * columns;
    for (let index = 1; index < columns; index++) {
      if (scores[start + index] > scores[start + best[row]]) best[row] = index;
    }
  }
  return best;
}

/** Softmax of each row in float64, however large the logits. N × columns → N × columns. */
export function softmax(logits: ArrayLike<number>, columns: number): Float64Array {
  checkWholeRows(logits, columns);
  const probabilities = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += columns) {
    let largest = -Infinity;
    for (let index = start; index < start + columns; index++) largest = Math.max(largest, logits[index]);
    let sum = 0;
    for (let index = start; index < start + columns; index++) {
      probabilities[index] = Math.exp(logits[index] - largest);
      sum += probabilities[index];
    }
    for (let index = start; index < start + columns; index++) probabilities[index] /= sum;
  }
  return probabilities;
}

/** The logistic function of each logit in float64. */
export function sigmoid(logits: ArrayLike<number>): Float64Array {
  return Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
}

/** What a network's logits say: softmax over classes, or the logistic function of each label of a multi-label task. N × columns. */
export function probabilitiesOf(task: Task, logits: ArrayLike<number>, columns: number): Float64Array {
  return task === 'multi-label' ? sigmoid(logits) : softmax(logits, columns);
}

/**
 * The predicted labels as MedMNIST's evaluator reads scores. Multi-class and ordinal: the largest score's class, N. Binary: last
 * column > 0.5, N. Multi-label: every score > 0.5, N × classes. 0.5 itself is negative.
 */
export function predictedLabels(scored: Scored): Int32Array {
  const { count, columns } = checkScored(scored);
  const { task, scores } = scored;
  if (task === 'multi-label') return Int32Array.from(scores, (score) => (score > 0.5 ? 1 : 0));
  if (task !== 'binary-class') return argmaxRows(scores, columns);
  return Int32Array.from({ length: count }, (_, row) => (scores[row * columns + columns - 1] > 0.5 ? 1 : 0));
}

function checkWholeRows(values: ArrayLike<number>, columns: number): void {
  if (!(columns >= 1 && Number.isInteger(values.length / columns))) {
    throw new UserError(`${values.length} values are not a whole number of rows of ${columns} columns.`);
  }
}
