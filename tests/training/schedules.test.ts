import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cosineSchedule } from '../../lib/training/schedules';

interface Cosine {
  learningRate: number;
  epochs: number;
  /** Of epochs 0 … epochs, the last of which is not trained any more. */
  rates: number[];
}

const { cosine }: { cosine: Cosine[] } = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/schedules.json'), 'utf8'),
);

describe('the cosine schedule', () => {
  for (const { learningRate, epochs, rates } of cosine) {
    it(`is torch's CosineAnnealingLR: ${learningRate} over ${epochs} epochs`, () => {
      const schedule = cosineSchedule(learningRate, epochs);
      assert.equal(rates.length, epochs + 1);
      rates.forEach((rate, epoch) => {
        const error = Math.abs(schedule(epoch) - rate);
        assert.ok(error <= 1e-13 * learningRate, `epoch ${epoch}: ${schedule(epoch)}, expected ${rate}`);
      });
      assert.equal(schedule(0), learningRate);
    });
  }
});
