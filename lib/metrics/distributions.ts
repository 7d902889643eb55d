import { UserError } from '../errors';

/** Distribution functions that the significance tests need, in float64 and accurate also far out in the tails. */

/**
 * Two-sided p-value of Student's t: P(|T| ≥ |t|) for T with `degreesOfFreedom`, the regularised incomplete beta function
 * I_x(ν/2, 1/2) at x = ν / (ν + t²). Relative error 2e-13 to some thousand degrees of freedom, 2e-12 at 100 000.
 */
export function studentTwoSided(t: number, degreesOfFreedom: number): number {
  if (Number.isNaN(t)) return NaN;
  const square = t * t;
  if (square === Infinity) return 0;
  const sum = degreesOfFreedom + square;
  return regularizedIncompleteBeta(degreesOfFreedom / sum, square / sum, degreesOfFreedom / 2, 0.5);
}

/**
 * Two-sided p-value of a standard normal: P(|Z| ≥ |z|). A series without cancellation in the middle, where 1 minus it keeps its
 * digits; a continued fraction in the tails (Abramowitz and Stegun 1964, 26.2.11 and 26.2.14).
 */
export function normalTwoSided(z: number): number {
  const size = Math.abs(z);
  const doubledDensity = Math.sqrt(2 / Math.PI) * Math.exp((-size * size) / 2);
  if (size < 1.5) {
    let term = size;
    let sum = term;
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= (size * size) / (2 * n + 1);
      sum += term;
    }
    return 1 - doubledDensity * sum;
  }
  // z + 1 / (z + 2 / (z + 3 / …)), from the far end
  let fraction = size;
  for (let n = 300; n >= 1; n--) fraction = size + n / fraction;
  return doubledDensity / fraction;
}

/** The z with P(|Z| ≤ z) = `confidence` for a standard normal Z, such as 1.96 for 0.95. */
export function normalCritical(confidence: number): number {
  checkConfidence(confidence);
  const target = 1 - confidence;
  // Newton's method on the logarithm of the tail, which is concave: it converges from 0 without a good first guess.
  let z = 0;
  for (let step = 0; step < 100; step++) {
    const tail = normalTwoSided(z);
    const density = Math.sqrt(2 / Math.PI) * Math.exp((-z * z) / 2);
    const change = (Math.log(tail / target) * tail) / density;
    z += change;
    if (Math.abs(change) <= 1e-15 * z) break;
  }
  return z;
}

/** The t with P(|T| ≤ t) = `confidence` for Student's T with `degreesOfFreedom`, such as 2.776 for 0.95 and 4; by bisection. */
export function studentCritical(confidence: number, degreesOfFreedom: number): number {
  checkConfidence(confidence);
  let [low, high] = [0, 1];
  while (studentTwoSided(high, degreesOfFreedom) > 1 - confidence) high *= 2;
  for (let step = 0; step < 200 && high - low > 1e-15 * high; step++) {
    const middle = (low + high) / 2;
    if (studentTwoSided(middle, degreesOfFreedom) > 1 - confidence) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * P(X ≥ x) for an F distribution with the two degrees of freedom: I_y(ν₂/2, ν₁/2) at y = ν₂ / (ν₂ + ν₁x).
 */
export function fTail(x: number, numerator: number, denominator: number): number {
  if (x === Infinity) return 0;
  const scaled = numerator * x;
  const sum = denominator + scaled;
  return regularizedIncompleteBeta(denominator / sum, scaled / sum, denominator / 2, numerator / 2);
}

/** Throws a UserError for a confidence level that is not strictly between 0 and 1. */
export function checkConfidence(confidence: number): void {
  if (!(confidence > 0 && confidence < 1)) {
    throw new UserError(`The confidence level is ${confidence}; it must be between 0 and 1, such as 0.95.`);
  }
}

/**
 * I_x(a, b) for a, b > 0 and x in [0, 1], by its continued fraction (Press et al. 2007, § 6.4). `complement` is 1 − x, passed in
 * because computing it from an x near 1 would lose digits.
 */
export function regularizedIncompleteBeta(x: number, complement: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (complement <= 0) return 1;
  // The fraction converges fast below the mean; above it, the mirrored one does.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedIncompleteBeta(complement, x, b, a);
  const front = Math.exp(a * logOf(x, complement) + b * logOf(complement, x) - logBeta(a, b)) / a;
  return front * betaFraction(x, a, b);
}

/** ln x; from 1 − x where that has more digits. */
function logOf(x: number, complement: number): number {
  return x > 0.5 ? Math.log1p(-complement) : Math.log(x);
}

/** Lentz's method (Thompson and Barnett 1986). */
function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return fraction;
}

/**
 * ln B(a, b). Stirling's series for both arguments at 10 or more, so that no large logarithms of gamma functions cancel; smaller
 * arguments are raised by B(a, b) = B(a + 1, b) (a + b) / a.
 */
export function logBeta(a: number, b: number): number {
  let factor = 1;
  for (; a < 10; a++) factor *= (a + b) / a;
  for (; b < 10; b++) factor *= (a + b) / b;
  return (
    Math.log(factor) +
    0.5 * Math.log((2 * Math.PI) / (a + b)) -
    (a - 0.5) * Math.log1p(b / a) -
    (b - 0.5) * Math.log1p(a / b) +
    stirlingCorrection(a) +
    stirlingCorrection(b) -
    stirlingCorrection(a + b)
  );
}

/** ln Γ(x) − [(x − ½) ln x − x + ½ ln 2π] for x ≥ 10, to 1e-16. */
function stirlingCorrection(x: number): number {
  const inverse = 1 / x;
  const square = inverse * inverse;
  const series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400];
  return inverse * series.reduceRight((sum, coefficient) => sum * square + coefficient, 0);
}
