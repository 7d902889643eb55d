import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  dinoUnetConfig,
  dinoUnetForward,
  dinoUnetParameters,
  type DinoUnetArm,
  type DinoUnetConfig,
} from '../../lib/models/dino-unet';
import { countParameters, createParameters, disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { tf, type Tensor4D } from '../../lib/tf';
import { userError } from '../data/user-error';
import { imageStream } from '../noise';
import { assertSameShapes, checkPass, noiseMap, noiseParameters, type GoldenPass } from './segmentation-golden';

interface Golden {
  /** By the width of the backbone. */
  parameters: Record<string, number>;
  shapes: Record<string, number[]>;
  passes: (GoldenPass & { grid: [number, number]; size: [number, number] })[];
}

const fixture: Record<DinoUnetArm, Golden> = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/dino_unet.json'), 'utf8'),
);
const arms: DinoUnetArm[] = ['as-published', 'corrected'];
/** As in the fixture's script. */
const [batch, classes] = [3, 2];
const small = (arm: DinoUnetArm): DinoUnetConfig => ({
  arm,
  inputs: 12,
  widths: [10, 8, 6, 4],
  contextWidth: 7,
  headWidth: 5,
});

describe('the decoder of Dino U-Net', () => {
  it('has as many trained values as published, and corrected so many more as its resampling takes', () => {
    const count = (inputs: number, arm: DinoUnetArm) =>
      countParameters({ table: dinoUnetParameters(dinoUnetConfig(inputs, arm)) });
    const published = { 384: 4_030_433, 768: 4_214_753, 1024: 4_337_633 };
    const resampling = 64 * 64 * 2 * 2 + 64 + 32 * 32 * 4 * 4 + 32;
    for (const [inputs, values] of Object.entries(published)) {
      assert.equal(count(Number(inputs), 'as-published'), values);
      assert.equal(count(Number(inputs), 'corrected'), values + resampling);
      for (const arm of arms) assert.equal(count(Number(inputs), arm), fixture[arm].parameters[inputs]);
    }
    assert.equal(count(384, 'corrected'), 4_063_297);
    assert.equal(count(768, 'corrected'), 4_247_617);
    assert.equal(count(1024, 'corrected'), 4_370_497);
  });

  for (const arm of arms) {
    it(`has PyTorch’s names and shapes: ${arm}`, () =>
      assertSameShapes(dinoUnetParameters(small(arm), { classes }), fixture[arm].shapes));

    for (const golden of fixture[arm].passes) {
      const { grid, size, training } = golden;
      it(`computes what PyTorch’s does: ${arm}, ${training ? 'training' : 'evaluation'} on ${grid.join('×')}`, () => {
        const parameters = noiseParameters(dinoUnetParameters(small(arm), { classes }));
        const makeMaps = () => [0, 1, 2, 3].map((index) => noiseMap(imageStream + index, [batch, ...grid, 12]));
        checkPass(parameters, golden, makeMaps, (maps, scope) => {
          const output = dinoUnetForward(maps, scope, small(arm), { height: size[0], width: size[1] });
          const { logits, adapted, gates, decoder } = output;
          return {
            logits,
            ...Object.fromEntries(adapted.map((x, level) => [`adapted ${level}`, x])),
            ...Object.fromEntries(gates.map((x, level) => [`gate ${level}`, x])),
            ...Object.fromEntries(decoder.map((x, level) => [`decoder ${level}`, x])),
          };
        });
        disposeParameters(parameters);
      });
    }
  }

  const resolutions = { 'as-published': [16, 16, 16, 16], corrected: [8, 16, 32, 64] };
  for (const arm of arms) {
    it(`decodes a 256×256 image’s 16×16 patches at ${resolutions[arm].join(', ')}: ${arm}`, () => {
      const parameters = createParameters(dinoUnetParameters(small(arm)), 1);
      tf.tidy(() => {
        const maps = [1, 2, 3, 4].map((stream) => noiseMap(stream, [1, 16, 16, 12]));
        const scope = createScope(readParameters(parameters));
        const size = { height: 256, width: 256 };
        const { adapted, decoder, logits, gates } = dinoUnetForward(maps, scope, small(arm), size);
        const sides = (stages: readonly Tensor4D[]) => stages.map(({ shape }) => shape.slice(1, 3));
        const expected = resolutions[arm].map((side) => [side, side]);
        assert.deepEqual(sides(adapted), expected);
        assert.deepEqual(sides(decoder), expected);
        assert.deepEqual(logits.shape, [1, 256, 256, 1]);
        // The published gate cannot close.
        const lowest = Math.min(...gates.map((gate) => gate.min().dataSync()[0]));
        assert.ok(arm === 'as-published' ? lowest >= 0.5 : lowest < 0.5, `lowest gate ${lowest}`);
      });
      disposeParameters(parameters);
    });
  }

  it('says which maps it takes', () => {
    const parameters = createParameters(dinoUnetParameters(small('corrected')), 1);
    const before = tf.memory().numTensors;
    const forward = (...shapes: [number, number, number, number][]) =>
      tf.tidy(() => {
        const maps = shapes.map((shape) => noiseMap(1, shape));
        const scope = createScope(readParameters(parameters));
        return dinoUnetForward(maps, scope, small('corrected'), { height: 32, width: 32 }).logits;
      });
    const right: [number, number, number, number] = [1, 2, 2, 12];
    assert.throws(
      () => forward(right, right, right),
      userError(/^The decoder takes 4 maps of one shape N×h×w×12, but got 1×2×2×12, 1×2×2×12, 1×2×2×12: take the/),
    );
    assert.throws(() => forward(), userError(/but got none: take the tokens of 4 blocks of a backbone of width 12\.$/));
    assert.throws(() => forward(right, right, right, [1, 2, 2, 11]), userError(/1×2×2×11/));
    assert.throws(() => forward(right, right, right, [1, 2, 4, 12]), userError(/1×2×4×12/));
    forward(right, right, right, right).dispose();
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });
});
