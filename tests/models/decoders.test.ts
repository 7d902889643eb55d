import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withBatchStatistics } from '../../lib/models/blocks';
import {
  decoderConfigs,
  reconstructionDecoderForward,
  reconstructionDecoderParameters,
  segmentationDecoderForward,
  segmentationDecoderParameters,
} from '../../lib/models/decoders';
import {
  countParameters,
  createParameters,
  disposeParameters,
  exportParameters,
  readParameters,
} from '../../lib/models/parameters';
import { createScope, type Scope } from '../../lib/models/scope';
import { tf, type Tensor, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';
import { assertFingerprint, imageStream } from '../noise';
import { assertSameShapes, checkPass, noiseMap, noiseParameters, type GoldenPass } from './segmentation-golden';

interface Golden {
  parameters: number;
  shapes: Record<string, number[]>;
  passes: GoldenPass[];
}

const fixture: Record<'reconstruction' | 'segmentation', Golden> = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/decoders.json'), 'utf8'),
);
/** As in the fixture's script. */
const small = { inputs: 10, widths: [8, 6, 5, 4] };
const mapShape: [number, number, number, number] = [2, 3, 4, small.inputs];

const decoders = {
  reconstruction: {
    parameters: reconstructionDecoderParameters,
    count: 5_089_923,
    run: (map: Tensor4D, scope: Scope) => {
      const { image, stages } = reconstructionDecoderForward(map, scope, small);
      return named(image, stages);
    },
  },
  segmentation: {
    parameters: segmentationDecoderParameters,
    count: 2_158_017,
    run: (map: Tensor4D, scope: Scope) => {
      const { logits, stages } = segmentationDecoderForward(map, scope, small);
      return named(logits, stages);
    },
  },
};

function named(result: Tensor4D, stages: readonly Tensor4D[]): Record<string, Tensor> {
  return { result, ...Object.fromEntries(stages.map((stage, index) => [`stage ${index}`, stage])) };
}

for (const name of ['reconstruction', 'segmentation'] as const) {
  const { parameters: table, count, run } = decoders[name];
  const golden = fixture[name];

  describe(`the ${name} decoder`, () => {
    it('has as many trained values as published, and PyTorch’s names and shapes', () => {
      assert.equal(countParameters({ table: table(decoderConfigs[name]) }), count);
      assert.equal(golden.parameters, count);
      assertSameShapes(table(small), golden.shapes);
    });

    for (const pass of golden.passes) {
      it(`computes what PyTorch’s does, ${pass.training ? 'training' : 'evaluation'}`, () => {
        const parameters = noiseParameters(table(small));
        const maps = () => [noiseMap(imageStream, mapShape)];
        checkPass(parameters, pass, maps, ([map], scope) => run(map, scope));
        disposeParameters(parameters);
      });
    }

    it('brings a 14×14 map to 224×224, a doubling a stage', () => {
      const parameters = createParameters(table(small), 1);
      tf.tidy(() => {
        const map = noiseMap(imageStream, [1, 14, 14, small.inputs]);
        const { result, ...stages } = run(map, createScope(readParameters(parameters)));
        const sides = Object.values(stages).map(({ shape }) => shape.slice(1, 3));
        assert.deepEqual(
          sides,
          [28, 56, 112, 224].map((side) => [side, side]),
        );
        assert.deepEqual(result.shape, [1, 224, 224, name === 'segmentation' ? 1 : 3]);
      });
      disposeParameters(parameters);
    });
  });
}

describe('the segmentation decoder with the statistics of the batch', () => {
  const [evaluation, training] = fixture.segmentation.passes;

  it('computes in evaluation what training does, and leaves the running ones as they are', () => {
    const parameters = noiseParameters(segmentationDecoderParameters(small));
    const values = exportParameters(parameters);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const map = noiseMap(imageStream, mapShape);
      const scope = createScope(readParameters(parameters));
      const logitsOf = (x: Tensor4D, batchStatistics: boolean) =>
        segmentationDecoderForward(x, batchStatistics ? withBatchStatistics(scope) : scope, small).logits;
      const logits = logitsOf(map, true);
      assertFingerprint(logits.dataSync(), training.outputs.result.fingerprint, 2e-5, 'with batch statistics');
      assertFingerprint(
        logitsOf(map, false).dataSync(),
        evaluation.outputs.result.fingerprint,
        2e-5,
        'with running ones',
      );
      assert.equal(scope.pass.updates.size, 0);
      // A mask then depends on the other images of its batch; with running statistics it does not.
      const alone = map.slice([0, 0, 0, 0], [1, 3, 4, small.inputs]);
      const firstOf = (batch: Tensor4D) => batch.slice([0, 0, 0, 0], [1, 48, 64, 1]).dataSync();
      assertClose(firstOf(logitsOf(map, false)), logitsOf(alone, false).dataSync(), 1e-5, 'alone');
      assert.throws(() => assertClose(firstOf(logits), logitsOf(alone, true).dataSync(), 0.1, 'alone'));
    });
    assert.deepEqual(exportParameters(parameters), values);
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });
});
