import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { minimize, type Evaluation, type MinimizeOptions } from '../../lib/training/lbfgs';
import { assertClose } from '../close';

type Objective = (point: Float64Array) => Evaluation;

/** Σ 100 (x₂ᵢ − x₂ᵢ₋₁²)² + (1 − x₂ᵢ₋₁)²: 0 at ones (Moré, Garbow and Hillstrom 1981, 21). */
function rosenbrock(point: Float64Array): Evaluation {
  const gradient = new Float64Array(point.length);
  let value = 0;
  for (let index = 0; index < point.length; index += 2) {
    const [x, y] = [point[index], point[index + 1]];
    value += 100 * (y - x * x) ** 2 + (1 - x) ** 2;
    gradient[index] = -400 * x * (y - x * x) - 2 * (1 - x);
    gradient[index + 1] = 200 * (y - x * x);
  }
  return { value, gradient };
}

/** Powell's singular function, whose Hessian at the minimum is singular: 0 at zeros (13 there). */
function powell([a, b, c, d]: Float64Array): Evaluation {
  const [r, s, t, u] = [a + 10 * b, c - d, b - 2 * c, a - d];
  return {
    value: r ** 2 + 5 * s ** 2 + t ** 4 + 10 * u ** 4,
    gradient: Float64Array.from([2 * r + 40 * u ** 3, 20 * r + 4 * t ** 3, 10 * s - 8 * t ** 3, -10 * s - 40 * u ** 3]),
  };
}

/** Beale's function: 0 at (3, ½) (5 there). */
function beale([x, y]: Float64Array): Evaluation {
  const gradient = new Float64Array(2);
  let value = 0;
  [1.5, 2.25, 2.625].forEach((target, index) => {
    const power = index + 1;
    const error = target - x * (1 - y ** power);
    value += error ** 2;
    gradient[0] -= 2 * error * (1 - y ** power);
    gradient[1] += 2 * error * x * power * y ** (power - 1);
  });
  return { value, gradient };
}

/** ½ Σ scale · (x − index)², with scales from 1 to `condition`. */
function bowl(size: number, condition: number): Objective {
  return (point) => {
    const scales = Array.from(point, (_, index) => condition ** (index / (size - 1)));
    return {
      value: scales.reduce((sum, scale, index) => sum + (scale * (point[index] - index) ** 2) / 2, 0),
      gradient: Float64Array.from(scales, (scale, index) => scale * (point[index] - index)),
    };
  };
}

/** With the iterations of SciPy 1.17's L-BFGS-B with as many curvature pairs and the same tolerance. */
const problems: [
  name: string,
  objective: Objective,
  start: number[],
  minimum: number[],
  precision: number,
  scipy: number,
][] = [
  ['Rosenbrock', rosenbrock, [-1.2, 1], [1, 1], 1e-6, 38],
  [
    'Rosenbrock in 20 dimensions',
    rosenbrock,
    Array.from({ length: 20 }, (_, i) => (i % 2 ? 1 : -1.2 - i / 10)),
    new Array<number>(20).fill(1),
    1e-6,
    245,
  ],
  ['Beale', beale, [1, 1], [3, 0.5], 1e-6, 16],
  ['Powell, singular', powell, [3, -1, 0, 1], [0, 0, 0, 0], 0.02, 54],
  ['a bowl', bowl(30, 1), new Array<number>(30).fill(0), Array.from({ length: 30 }, (_, i) => i), 1e-8, 2],
  [
    'a narrow valley',
    bowl(30, 1e4),
    new Array<number>(30).fill(-5),
    Array.from({ length: 30 }, (_, i) => i),
    1e-6,
    926,
  ],
];

describe('minimize', () => {
  for (const [name, objective, start, minimum, precision, scipy] of problems) {
    it(`finds the minimum of ${name}`, async () => {
      let evaluations = 0;
      const values: number[] = [];
      const found = await minimize(
        (point) => {
          evaluations++;
          return objective(point);
        },
        Float64Array.from(start),
        { tolerance: 1e-8, onIteration: (_, value) => void values.push(value) },
      );
      assert.ok(found.converged, name);
      const largest = Math.max(...found.point.map((value, index) => Math.abs(value - minimum[index])));
      assert.ok(largest <= precision, `${name}: ${largest} away`);
      assert.ok(found.gradient.every((slope) => Math.abs(slope) <= 1e-8));
      assert.deepEqual(objective(found.point), { value: found.value, gradient: found.gradient });
      assert.equal(values.length, found.iterations);
      for (let index = 1; index < values.length; index++) assert.ok(values[index] <= values[index - 1], 'always down');
      const counts = `${found.iterations} iterations, ${evaluations} evaluations`;
      assert.ok(found.iterations <= 5 + 1.2 * scipy && evaluations <= 10 + 1.4 * scipy, counts);
    });
  }

  it('leaves the start as it is, and stays there where it is the minimum', async () => {
    const start = Float64Array.from([-1.2, 1]);
    await minimize(rosenbrock, start);
    assert.deepEqual([...start], [-1.2, 1]);
    const there = await minimize(rosenbrock, Float64Array.from([1, 1]));
    assert.deepEqual([there.iterations, there.converged, there.value, [...there.point]], [0, true, 0, [1, 1]]);
  });

  it('ends after so many iterations, and says that it has not converged', async () => {
    const start = Float64Array.from([-1.2, 1]);
    const seen: number[] = [];
    const options: MinimizeOptions = { maxIterations: 3, onIteration: (iteration) => void seen.push(iteration) };
    const found = await minimize(rosenbrock, start, options);
    assert.deepEqual([found.iterations, found.converged, seen], [3, false, [1, 2, 3]]);
    assert.ok(found.value < rosenbrock(start).value);
    assert.equal((await minimize(rosenbrock, start, { maxIterations: 0 })).iterations, 0);
  });

  it('awaits what is called after an iteration, and ends where that fails', async () => {
    let running = false;
    const onIteration = async (iteration: number): Promise<void> => {
      running = true;
      await new Promise(setImmediate);
      running = false;
      if (iteration === 4) throw new Error('on purpose');
    };
    const objective: Objective = (point) => {
      assert.equal(running, false);
      return rosenbrock(point);
    };
    await assert.rejects(minimize(objective, Float64Array.from([-1.2, 1]), { onIteration }), /on purpose/);
  });

  it('comes as near as rounding errors of the value let it', async () => {
    const rounded: Objective = (point) => {
      const { value, gradient } = rosenbrock(point);
      return { value: Math.fround(value + 1000) - 1000, gradient };
    };
    const found = await minimize(rounded, Float64Array.from([-1.2, 1]), { tolerance: 1e-6, valueNoise: 1e-4 });
    assert.ok(found.converged);
    assertClose(found.point, [1, 1], 1e-5, 'minimum');
  });

  it('gives up on what has no minimum or is not a number', async () => {
    const slope = await minimize(
      (point) => ({ value: point[0], gradient: Float64Array.from([1]) }),
      Float64Array.from([0]),
    );
    assert.equal(slope.converged, false);
    const nothing = await minimize(() => ({ value: NaN, gradient: Float64Array.from([NaN]) }), Float64Array.from([0]));
    assert.deepEqual([nothing.converged, nothing.iterations], [false, 0]);
    // A gradient of the wrong sign: no step leads down.
    const wrong = await minimize(
      (point) => ({ value: point[0] ** 2, gradient: Float64Array.from([-2 * point[0]]) }),
      Float64Array.from([1]),
    );
    assert.deepEqual([wrong.converged, wrong.iterations, [...wrong.point]], [false, 0, [1]]);
  });
});
