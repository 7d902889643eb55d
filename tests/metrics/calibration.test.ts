import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Task } from '../../lib/data/dataset';
import { brierScore, expectedCalibrationError, reliabilityBins, type Forecast } from '../../lib/metrics/calibration';

interface Golden {
  name: string;
  task: Task;
  float32: boolean;
  classes: number;
  truth: number[];
  probabilities: number[];
  brier: number;
  calibration: { bins: number; error: number }[];
  calibrationFloat32: { bins: number; error: number }[] | null;
}

const goldens: Golden[] = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/classification_metrics.json'), 'utf8'),
).classifications;

function assertClose(actual: number, expected: number, tolerance: number) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected}`);
}

function forecastOf({ task, truth, probabilities, classes }: Golden, type: typeof Float32Array | typeof Float64Array) {
  return { task, truth, probabilities: type.from(probabilities), classes };
}

describe('calibration', () => {
  for (const golden of goldens) {
    it(`agrees with torchmetrics and scikit-learn: ${golden.name}`, () => {
      const forecast = forecastOf(golden, golden.float32 ? Float32Array : Float64Array);
      assertClose(brierScore(forecast), golden.brier, 1e-14);
      // torchmetrics adds float32 probabilities in float32.
      const expected = golden.calibrationFloat32 ?? golden.calibration;
      const tolerance = golden.float32 ? 1e-7 : 1e-12;
      for (const { bins, error } of expected) {
        assertClose(expectedCalibrationError({ ...forecast, bins }), error, tolerance);
      }
      assert.equal(expectedCalibrationError(forecast), expectedCalibrationError({ ...forecast, bins: 15 }));
    });
  }

  it("agrees with MONAI's worked example", () => {
    // Classes one by one: p = .7, .3, .1, .9 with truth 1, 0, 0, 1, in five bins.
    const forecast: Forecast = {
      task: 'multi-label',
      truth: [1, 0, 0, 1],
      probabilities: Float64Array.of(0.7, 0.3, 0.1, 0.9),
      classes: 2,
    };
    assertClose(expectedCalibrationError({ ...forecast, bins: 5 }), 0.2, 1e-15);
    const bins = reliabilityBins({ ...forecast, bins: 5 });
    assert.deepEqual(
      bins.map((bin) => bin.confidence),
      [0.1, 0.3, NaN, 0.7, 0.9],
    );
    assert.deepEqual(
      bins.map((bin) => bin.accuracy),
      [0, 0, NaN, 1, 1],
    );
  });

  it('puts 0 into the first and 1 into the last bin, and an edge into the bin above', () => {
    for (const type of [Float32Array, Float64Array]) {
      for (const bins of [1, 3, 7, 10, 15, 49]) {
        const probabilities = type.from(Array.from({ length: bins + 1 }, (_, index) => index / bins));
        const truth = new Int32Array(bins + 1);
        const counts = reliabilityBins({ task: 'binary-class', truth, probabilities, classes: 2, bins }).map(
          (bin) => bin.count,
        );
        assert.deepEqual(counts, [...new Array<number>(bins - 1).fill(1), 2]);
      }
    }
  });

  it('is 0 for certain right answers and 1 for certain mistakes', () => {
    const certain = { task: 'multi-class', probabilities: Float64Array.of(1, 0, 0, 0, 1, 0), classes: 3 } as const;
    assert.equal(expectedCalibrationError({ ...certain, truth: [0, 1] }), 0);
    assert.equal(brierScore({ ...certain, truth: [0, 1] }), 0);
    assert.equal(expectedCalibrationError({ ...certain, truth: [1, 2] }), 1);
    assert.equal(brierScore({ ...certain, truth: [1, 2] }), 2);
  });

  it('reads the calibration of P(y = 1), not of the top class, in a binary task', () => {
    const truth = [0, 0, 0, 1];
    const one = Float64Array.of(0.25, 0.25, 0.25, 0.25);
    const two = Float64Array.of(0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.75, 0.25);
    for (const probabilities of [one, two]) {
      assert.equal(expectedCalibrationError({ task: 'binary-class', truth, probabilities, classes: 2 }), 0);
      assert.equal(brierScore({ task: 'binary-class', truth, probabilities, classes: 2 }), 0.1875);
    }
  });

  it('does not fail for 1 plus rounding', () => {
    const forecast = {
      task: 'binary-class',
      truth: [1, 0],
      probabilities: Float32Array.of(1.0000001, 0),
      classes: 2,
    } as const;
    assert.equal(reliabilityBins(forecast)[14].count, 1);
  });

  it('says what is wrong', () => {
    const forecast = { task: 'binary-class', truth: [1], probabilities: Float64Array.of(1.5), classes: 2 } as const;
    assert.throws(() => brierScore(forecast), {
      name: 'UserError',
      message: 'Probability 0 is 1.5, outside [0, 1]: apply softmax to logits first.',
    });
    assert.throws(() => reliabilityBins({ ...forecast, bins: 0 }), {
      message: 'The number of bins is 0; it must be 1 or more.',
    });
  });
});
