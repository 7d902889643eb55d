import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  augment,
  augmentedSize,
  checkAugmentation,
  drawAugmentation,
  type Augmentation,
  type AugmentationOptions,
} from '../../lib/data/joint-augmentation';
import cases from '../fixtures/joint_augmentation.json';
import { userError } from './user-error';

test('pixels go where NumPy puts them', () => {
  for (const { from, to, augmentation, expected } of cases) {
    const [height, width, channels] = from;
    const source = Uint8Array.from({ length: height * width * channels }, (_, index) => index % 251);
    const target = new Uint8Array(to[0] * to[1] * channels);
    augment(source, target, { height, width, channels }, { height: to[0], width: to[1] }, augmentation);
    assert.deepEqual(target, new Uint8Array(Buffer.from(expected, 'base64')), JSON.stringify({ from, augmentation }));
  }
});

const size = { height: 16, width: 16 };
const draws = (options: AugmentationOptions, epochs = 400): Augmentation[] =>
  Array.from({ length: epochs }, (_, epoch) => drawAugmentation(options, size, { seed: 1, epoch, id: 'a' }));
const share = (all: Augmentation[], is: (one: Augmentation) => boolean): number => all.filter(is).length / all.length;

test('draws are as frequent as asked for', () => {
  const all = draws({ horizontalFlip: 0.5, verticalFlip: 0.25, quarterTurns: true, crop: { size: 14, padding: 2 } });
  const near = (measured: number, expected: number): void =>
    assert.ok(Math.abs(measured - expected) < 0.07, `${measured}`);
  near(
    share(all, ({ horizontalFlip }) => horizontalFlip),
    0.5,
  );
  near(
    share(all, ({ verticalFlip }) => verticalFlip),
    0.25,
  );
  near(
    share(all, (one) => one.horizontalFlip && one.verticalFlip),
    0.125,
  );
  for (const turns of [0, 1, 2, 3])
    near(
      share(all, (one) => one.turns === turns),
      0.25,
    );
  // The crop begins at −2 … 4: 16 + 2 · 2 − 14 + 1 places.
  for (const side of ['top', 'left'] as const) {
    assert.deepEqual(
      [...new Set(all.map((one) => one[side]))].sort((a, b) => a - b),
      [-2, -1, 0, 1, 2, 3, 4],
    );
  }
  const nothing = { horizontalFlip: false, verticalFlip: false, turns: 0, top: 0, left: 0 };
  for (const one of draws({}, 50)) assert.deepEqual(one, nothing);
  assert.equal(
    share(draws({ horizontalFlip: 1 }, 50), ({ horizontalFlip }) => horizontalFlip),
    1,
  );
});

test('one option does not change what another draws; seed, epoch and id do', () => {
  const flips = draws({ horizontalFlip: 0.5 }).map(({ horizontalFlip }) => horizontalFlip);
  const all = draws({ horizontalFlip: 0.5, verticalFlip: 0.5, quarterTurns: true, crop: { size: 8 } });
  assert.deepEqual(
    all.map(({ horizontalFlip }) => horizontalFlip),
    flips,
  );
  const options = { horizontalFlip: 0.5, quarterTurns: true, crop: { size: 4 } };
  const place = { seed: 1, epoch: 2, id: 'a' };
  const text = (change: object): string => JSON.stringify(drawAugmentation(options, size, { ...place, ...change }));
  assert.equal(text({}), text({}));
  for (const change of [{ seed: 2 }, { epoch: 3 }, { id: 'b' }]) assert.notEqual(text(change), text({}));
});

test('what an image’s size does not allow is refused', () => {
  const refuse = (options: AugmentationOptions, pattern: RegExp, plane = size): void =>
    assert.throws(() => checkAugmentation(options, plane), userError(pattern));
  refuse({ horizontalFlip: 1.5 }, /^horizontalFlip is 1\.5, but a probability/);
  refuse({ verticalFlip: NaN }, /^verticalFlip is NaN/);
  refuse({ quarterTurns: true }, /^quarterTurns is for square images, but these are 16×8/, { height: 16, width: 8 });
  refuse(
    { crop: { size: 17 } },
    /^crop\.size is 17; allowed for 16×16 with a padding of 0 are whole numbers from 1 to 16/,
  );
  refuse({ crop: { size: 8, padding: 16 } }, /^crop\.padding is 16; .* from 0 to 15/);
  checkAugmentation({ crop: { size: 24, padding: 4 }, quarterTurns: true }, size);
  assert.deepEqual(augmentedSize({ crop: { size: 12 } }, size), { height: 12, width: 12 });
  assert.deepEqual(augmentedSize({ quarterTurns: true }, size), size);
});
