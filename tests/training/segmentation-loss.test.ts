import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tf } from '../../lib/tf';
import { valueAndGradients } from '../../lib/training/backward';
import { binaryCrossEntropy, dice as diceOf, lossFunction } from '../../lib/training/losses';
import { maskDice, softDiceLoss } from '../../lib/training/segmentation-loss';
import { assertClose } from '../close';

interface Case {
  name: string;
  shape: [number, number, number, number];
  logits: number[];
  masks: number[];
  diceWeight: number;
  diceLoss: number;
  loss: number;
  gradient: number[];
  dice: number[];
}

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/segmentation_loss.json'), 'utf8'),
);

describe('segmentation loss', () => {
  for (const { name, shape, logits, masks, diceWeight, diceLoss, loss, gradient, dice } of cases) {
    it(`agrees with torch: ${name}`, () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const [x, truth] = [logits, masks].map((values) => tf.tensor4d(values, shape));
        const total = lossFunction(
          diceWeight === 0 ? binaryCrossEntropy() : [binaryCrossEntropy(), diceOf({ weight: diceWeight })],
        );
        const { value, gradients } = valueAndGradients(() => total(x, { masks: truth, count: shape[0] }), [x]);
        assertClose(value.dataSync(), [loss], 1e-6, 'loss');
        assertClose(gradients[0].dataSync(), gradient, 1e-5, 'gradient');
        assertClose(softDiceLoss(x, truth).dataSync(), [diceLoss], 1e-6, 'Dice loss');
        assertClose(maskDice(x, truth).dataSync(), dice, 1e-6, 'Dice of each mask');
      });
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('counts a probability of exactly ½ as outside', () => {
    const [logits, masks] = [0, 1].map((value) => tf.tensor4d([value, value, value, value], [1, 2, 2, 1]));
    assert.deepEqual([...maskDice(logits, masks).dataSync()], [0]);
    tf.dispose([logits, masks]);
  });
});
