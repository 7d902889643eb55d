import { studentCritical } from './distributions';
import type { Estimate } from './interval-over-draws';
import { mean, sampleDeviation } from './intervals';

export interface TrendPoint {
  readonly x: number;
  readonly y: number;
  /** Points of one group, such as parts of one dataset, differ in x alone. */
  readonly group: string;
}

/**
 * The slope of y over x with its 95 % interval; `draws` are what it is known from. Where groups have several points,
 * the mean of their own slopes, by Student's t over groups: what sets groups apart is no trend then. Else least squares
 * over all points, with n − 2 degrees of freedom. Undefined for fewer than two slopes or three points, and where x does
 * not vary.
 */
export function slopeEstimate(points: readonly TrendPoint[]): Estimate | undefined {
  const groups = [...new Set(points.map(({ group }) => group))].map((name) =>
    points.filter(({ group }) => group === name),
  );
  const slopes = groups.filter((own) => new Set(own.map(({ x }) => x)).size > 1).map(slopeOf);
  if (slopes.length > 1)
    return around(mean(slopes), sampleDeviation(slopes) / Math.sqrt(slopes.length), slopes.length - 1);
  if (slopes.length > 0 || points.length < 3) return undefined;
  const spread = spreadOf(points);
  if (spread === 0) return undefined;
  const slope = slopeOf(points);
  const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))];
  const rest = points.reduce((sum, point) => sum + (point.y - y - slope * (point.x - x)) ** 2, 0);
  return around(slope, Math.sqrt(rest / (points.length - 2) / spread), points.length - 2);
}

/** Of x around its mean. */
function spreadOf(points: readonly TrendPoint[]): number {
  const center = mean(points.map(({ x }) => x));
  return points.reduce((sum, { x }) => sum + (x - center) ** 2, 0);
}

function slopeOf(points: readonly TrendPoint[]): number {
  const center = mean(points.map(({ x }) => x));
  return points.reduce((sum, { x, y }) => sum + (x - center) * y, 0) / spreadOf(points);
}

function around(slope: number, error: number, freedom: number): Estimate {
  const margin = error === 0 ? 0 : studentCritical(0.95, freedom) * error;
  return { mean: slope, low: slope - margin, high: slope + margin, draws: freedom + 1 };
}
