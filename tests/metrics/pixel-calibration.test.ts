import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Mask } from '../../lib/data/mask';
import { calibrationErrorOfBins } from '../../lib/metrics/calibration';
import { borderBand, pixelReliabilityBins } from '../../lib/metrics/pixel-calibration';
import { fitTemperature, scaleLogits, temperatureBounds } from '../../lib/metrics/temperature';
import { userError } from '../data/user-error';
import { readFixture } from './masks';

interface Fixture {
  images: {
    height: number;
    width: number;
    truth: number[];
    probabilities: number[];
    errors: { bins: number; error: number }[];
    bands: { width: number; pixels: number[] | null; error: number | null }[];
  }[];
  temperatures: {
    name: string;
    classes: number;
    logits: number[];
    truth: number[];
    temperature: number;
    before: number;
    after: number;
  }[];
}

const fixture = readFixture<Fixture>('pixel_calibration.json');
const images = fixture.images.map(({ height, width, truth, probabilities }) => ({
  // 255 as well as 1 is foreground
  truth: { pixels: Uint8Array.from(truth, (value) => value * 255), height, width },
  probabilities: Float64Array.from(probabilities),
}));

function assertClose(actual: number, expected: number, tolerance: number, what = 'value'): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} is ${actual}, expected ${expected}`);
}

const errorOf = (...of: Parameters<typeof pixelReliabilityBins>): number =>
  calibrationErrorOfBins(pixelReliabilityBins(...of) ?? []);

describe('calibration of pixels', () => {
  it('is that of an independent program, over all pixels and in bands around the border', () => {
    fixture.images.forEach(({ errors, bands }, index) => {
      for (const { bins, error } of errors)
        assertClose(errorOf(images[index], { bins }), error, 1e-14, `image ${index}, ${bins} bins`);
      for (const { width, pixels, error } of bands) {
        const within = borderBand(images[index].truth, width);
        assert.deepEqual(within && [...within], pixels ?? undefined);
        if (within) assertClose(errorOf(images[index], { within }), error ?? NaN, 1e-14, 'band');
      }
    });
  });

  it('takes a few pixels on either side for the band', () => {
    const truth: Mask = { pixels: Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1), height: 1, width: 8 };
    assert.deepEqual([...(borderBand(truth, 1) ?? [])], [0, 0, 0, 1, 1, 0, 0, 0]);
    assert.deepEqual([...(borderBand(truth, 2.9) ?? [])], [0, 0, 1, 1, 1, 1, 0, 0]);
  });

  it('has 0 in the first and 1 in the last bin', () => {
    const truth: Mask = { pixels: Uint8Array.of(0, 1, 0, 1), height: 2, width: 2 };
    for (const type of [Float32Array, Float64Array]) {
      assert.equal(errorOf({ truth, probabilities: type.of(0, 1, 0, 1) }), 0);
      assert.equal(errorOf({ truth, probabilities: type.of(1, 0, 1, 0) }), 1);
    }
  });

  it('says what is wrong', () => {
    const truth: Mask = { pixels: Uint8Array.of(0, 1), height: 1, width: 2 };
    assert.throws(
      () => errorOf({ truth, probabilities: Float64Array.of(1) }),
      userError(/1 probabilities, but 2 pixels/),
    );
    assert.throws(() => errorOf({ truth, probabilities: Float64Array.of(1, 3) }), userError(/Probability 1 is 3/));
    assert.throws(() => borderBand(truth, 0), userError(/width is 0/));
    const within = new Uint8Array(2);
    assert.equal(pixelReliabilityBins({ truth, probabilities: Float64Array.of(1, 0) }, { within }), undefined);
  });
});

describe('temperature', () => {
  for (const { name, classes, logits, truth, temperature, before, after } of fixture.temperatures) {
    it(`is where scipy finds the least loss: ${name}`, () => {
      const data = { logits: Float64Array.from(logits), truth, classes };
      const fit = fitTemperature(data);
      assertClose(fit.temperature / temperature, 1, 1e-10, 'temperature');
      assertClose(fit.before / before, 1, 1e-12, 'before');
      assertClose(fit.after / after, 1, 1e-12, 'after');
      assert.equal(fit.atBound, false);
      const again = fitTemperature({ ...data, logits: scaleLogits(data.logits, fit.temperature) });
      assertClose(again.temperature, 1, 1e-10, 'second temperature');
    });
  }

  it('is the same for a logit and for two that differ by it', () => {
    const { logits, truth } = fixture.temperatures[0];
    const two = Float64Array.from({ length: 2 * logits.length }, (_, index) => (index % 2) * logits[index >> 1] + 5);
    const one = fitTemperature({ logits: Float64Array.from(logits), truth, classes: 1 });
    const other = fitTemperature({ logits: two, truth, classes: 2 });
    assertClose(other.temperature / one.temperature, 1, 1e-10);
    assertClose(other.after / one.after, 1, 1e-12);
  });

  it('ends at its bounds where there is no best one', () => {
    const separated = fitTemperature({ logits: Float32Array.of(-2, 3), truth: [0, 1], classes: 1 });
    assert.deepEqual([separated.temperature, separated.atBound], [temperatureBounds.lowest, true]);
    const reversed = fitTemperature({ logits: Float32Array.of(-2, 3), truth: [1, 0], classes: 1 });
    assert.deepEqual([reversed.temperature, reversed.atBound], [temperatureBounds.highest, true]);
    assert.ok(Number.isFinite(reversed.before) && reversed.after < reversed.before);
    const flat = fitTemperature({ logits: new Float32Array(2), truth: [1, 0], classes: 1 });
    assert.deepEqual([flat.temperature, flat.atBound], [1, false]);
  });

  it('says what is wrong', () => {
    const fit = (logits: number[], truth: number[], classes: number) => () =>
      fitTemperature({ logits: Float64Array.from(logits), truth, classes });
    assert.throws(fit([1, 2, 3], [0, 1], 1), userError(/^3 logits and 2 labels do not fit 1 logit/));
    assert.throws(fit([], [], 1), userError(/^0 logits and 0 labels/));
    assert.throws(fit([NaN], [1], 1), userError(/Logit 0 is NaN/));
    assert.throws(fit([1], [2], 1), userError(/Label 0 is 2/));
    assert.throws(() => scaleLogits(Float32Array.of(1), 0), userError(/temperature is 0/));
  });
});
