/** Limited-memory BFGS (Liu and Nocedal 1989) with a line search for the strong Wolfe conditions (Nocedal and Wright 2006, ch. 3 and 7). */

export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface MinimizeOptions {
  /** Ends where no component of the gradient is larger; 1e-4 by default, scikit-learn's. */
  readonly tolerance?: number;
  readonly maxIterations?: number;
  /** Steps that the curvature is estimated from; 10 by default. */
  readonly memory?: number;
  /** Size of the rounding errors in the function's value: smaller differences count as none; 0 by default. */
  readonly valueNoise?: number;
  /** Called after each iteration; a promise is awaited. */
  readonly onIteration?: (iteration: number, value: number) => Promise<void> | void;
}

export interface Minimum extends Evaluation {
  readonly point: Float64Array;
  readonly iterations: number;
  /** False where iterations ran out, or rounding errors let no step lead further down. */
  readonly converged: boolean;
}

type Objective = (point: Float64Array) => Evaluation;

export async function minimize(
  objective: Objective,
  start: Float64Array,
  options: MinimizeOptions = {},
): Promise<Minimum> {
  const {
    tolerance = 1e-4,
    maxIterations = 1000,
    memory = 10,
    valueNoise = 0,
    onIteration = () => undefined,
  } = options;
  let point = start;
  let { value, gradient } = objective(point);
  const pairs: CurvaturePair[] = [];
  let iterations = 0;
  let failed = false;
  while (largestSize(gradient) > tolerance && iterations < maxIterations) {
    const direction = descentDirection(gradient, pairs);
    const first = pairs.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(dot(gradient, gradient)));
    const next = searchLine(objective, { point, value, gradient }, direction, first, valueNoise);
    if (next === undefined) {
      if (failed || pairs.length === 0) break;
      pairs.length = 0; // once more, straight down
      failed = true;
      continue;
    }
    failed = false;
    const step = next.point.map((coordinate, index) => coordinate - point[index]);
    const change = next.gradient.map((slope, index) => slope - gradient[index]);
    const curvature = dot(step, change);
    if (curvature > 1e-12 * dot(change, change)) pairs.push({ step, change, curvature });
    if (pairs.length > memory) pairs.shift();
    ({ point, value, gradient } = next);
    iterations++;
    await onIteration(iterations, value);
  }
  return { point, value, gradient, iterations, converged: largestSize(gradient) <= tolerance };
}

interface CurvaturePair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

/** Minus the inverse Hessian's estimate times the gradient (algorithm 7.4). */
function descentDirection(gradient: Float64Array, pairs: readonly CurvaturePair[]): Float64Array {
  const direction = gradient.map((slope) => -slope);
  const alphas = new Float64Array(pairs.length);
  for (let index = pairs.length - 1; index >= 0; index--) {
    const { step, change, curvature } = pairs[index];
    alphas[index] = dot(step, direction) / curvature;
    addScaled(direction, change, -alphas[index]);
  }
  const last = pairs[pairs.length - 1];
  if (last !== undefined) {
    const scale = last.curvature / dot(last.change, last.change);
    for (let index = 0; index < direction.length; index++) direction[index] *= scale;
  }
  pairs.forEach(({ step, change, curvature }, index) => {
    addScaled(direction, step, alphas[index] - dot(change, direction) / curvature);
  });
  return direction;
}

type Located = Evaluation & { readonly point: Float64Array };
interface Trial extends Located {
  readonly length: number;
  /** Derivative along the line. */
  readonly slope: number;
}

const sufficientDecrease = 1e-4;
const curvatureShare = 0.9;
const mostTrials = 40;

/** A point along the direction that is low and flat enough (algorithms 3.5 and 3.6); undefined where none is found. */
function searchLine(
  objective: Objective,
  from: Located,
  direction: Float64Array,
  firstLength: number,
  noise: number,
): Trial | undefined {
  const slope0 = dot(from.gradient, direction);
  if (!(slope0 < 0)) return undefined;
  let trials = 0;
  const tryAt = (length: number): Trial => {
    trials++;
    const point = from.point.map((coordinate, index) => coordinate + length * direction[index]);
    const { value, gradient } = objective(point);
    return { point, value, gradient, length, slope: dot(gradient, direction) };
  };
  const isHigh = ({ value, length }: Trial): boolean =>
    !(value <= from.value + sufficientDecrease * length * slope0 + noise);
  const isFlat = ({ slope }: Trial): boolean => Math.abs(slope) <= -curvatureShare * slope0;

  /** Between a low point and a bound, towards which the function falls at first. */
  const zoom = (low: Trial, high: Trial): Trial | undefined => {
    while (trials < mostTrials) {
      const trial = tryAt(between(low, high));
      if (isHigh(trial) || trial.value > low.value + noise) high = trial;
      else {
        if (isFlat(trial)) return trial;
        if (trial.slope * (high.length - low.length) >= 0) high = low;
        low = trial;
      }
      if (Math.abs(high.length - low.length) <= 1e-12 * Math.max(1, low.length)) break;
    }
    // Lower, if not as flat as it should be: better than nothing.
    return low.length > 0 && low.value < from.value ? low : undefined;
  };

  let previous: Trial = { ...from, length: 0, slope: slope0 };
  for (let length = firstLength; trials < mostTrials; length *= 2) {
    const trial = tryAt(length);
    if (isHigh(trial) || (previous.length > 0 && trial.value > previous.value + noise)) return zoom(previous, trial);
    if (isFlat(trial)) return trial;
    if (trial.slope >= 0) return zoom(trial, previous);
    previous = trial;
  }
  return undefined;
}

/** The minimum of the cubic through two values and slopes, if it lies well between the points, else the middle (eq. 3.59). */
function between(a: Trial, b: Trial): number {
  const width = b.length - a.length;
  const d1 = a.slope + b.slope - (3 * (b.value - a.value)) / width;
  const d2 = Math.sign(width) * Math.sqrt(d1 * d1 - a.slope * b.slope);
  const length = b.length - (width * (b.slope + d2 - d1)) / (b.slope - a.slope + 2 * d2);
  const [low, high] = [Math.min(a.length, b.length), Math.max(a.length, b.length)];
  const margin = 0.1 * (high - low);
  return length > low + margin && length < high - margin ? length : (low + high) / 2;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index] * b[index];
  return sum;
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let index = 0; index < target.length; index++) target[index] += factor * values[index];
}

function largestSize(values: Float64Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}
