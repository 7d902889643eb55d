import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  readParameters,
} from '../../../lib/models/parameters';
import { createScope } from '../../../lib/models/scope';
import { softCrossEntropy } from '../../../lib/tensor/losses';
import { readResult } from '../../../lib/tensor/read';
import { tf, type Scalar, type Tensor, type Tensor2D } from '../../../lib/tf';
import { lossAndGradients } from '../../../lib/training/gradients';
import { cosineBetween } from '../../../lib/training/schedules';
import { patchLoss, spreadLoss, viewLoss } from '../../../lib/training/self-distillation/losses';
import { effectiveRank, entropies, featureSpread } from '../../../lib/training/self-distillation/monitors';
import { headForward, headParameters } from '../../../lib/training/self-distillation/network';
import { centredTargets, movedCentre, sinkhornTargets } from '../../../lib/training/self-distillation/targets';
import { moveTeacher } from '../../../lib/training/self-distillation/teacher';
import { assertClose } from '../../close';
import { noise, transformerWeights } from '../../noise';

/** Matrices row by row. */
interface Golden {
  viewLoss: Record<'student' | 'teacher' | 'centre' | 'targets' | 'gradient' | 'movedCentre', number[]> &
    Record<'outputs' | 'temperature' | 'teacherTemperature' | 'centreMomentum' | 'loss', number>;
  sinkhorn: Record<'scores' | 'targets', number[]> & Record<'outputs' | 'temperature' | 'iterations', number>;
  patches: Record<'inImage' | 'scores' | 'targets' | 'gradient', number[]> &
    Record<'images' | 'outputs' | 'temperature' | 'loss', number>;
  koleo: Record<'features' | 'gradient', number[]> & Record<'width' | 'loss', number>;
  head: Record<'tokens' | 'scores' | 'tokenGradient', number[]> &
    Record<'width' | 'hidden' | 'bottleneck' | 'outputs', number> & {
      names: string[];
      gradients: Record<string, number[]>;
    };
  momentum: Record<'student' | 'teacher' | 'schedule' | 'moved', number[]>;
  decay: number[];
  monitors: Record<'rows' | 'probabilities', number[]> &
    Record<'width' | 'rank' | 'spread' | 'classes' | 'rowEntropy' | 'meanEntropy', number>;
  softCrossEntropy: Record<'shape' | 'logits' | 'targets' | 'weights' | 'loss' | 'gradient', number[]>;
}

const golden: Golden = JSON.parse(readFileSync(join(__dirname, '../../fixtures/self_distillation.json'), 'utf8'));

const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void =>
  assertClose(actual, expected, tolerance, 'golden values');
const matrix = (values: number[], columns: number): Tensor2D => tf.tensor2d(values, [values.length / columns, columns]);

/** Value and gradient of a loss of one matrix. */
function differentiate(
  values: number[],
  columns: number,
  loss: (x: Tensor2D) => Scalar,
): { loss: number; gradient: Float32Array } {
  const result = { loss: NaN, gradient: new Float32Array() };
  tf.tidy(() => {
    const { value, grad } = tf.valueAndGrad((x: Tensor) => loss(x as Tensor2D))(matrix(values, columns));
    result.loss = value.dataSync()[0];
    result.gradient = grad.dataSync<'float32'>();
  });
  return result;
}

describe('the formulas of self-distillation are the published ones in PyTorch', () => {
  it('DINO’s loss over pairs of views, its targets and its centre', () => {
    const { outputs, temperature, teacherTemperature, centreMomentum, student, teacher, centre, ...expected } =
      golden.viewLoss;
    const targets = readResult(() =>
      centredTargets(matrix(teacher, outputs), matrix(centre, outputs), teacherTemperature),
    );
    close(targets, expected.targets, 1e-6);
    const moved = readResult(() => movedCentre(matrix(centre, outputs), matrix(teacher, outputs), centreMomentum));
    close(moved, expected.movedCentre, 1e-6);
    const found = differentiate(student, outputs, (x) => viewLoss(x, matrix(expected.targets, outputs), temperature));
    close([found.loss], [expected.loss], 1e-5);
    close(found.gradient, expected.gradient, 1e-5);
  });

  it('Sinkhorn and Knopp’s algorithm, also for scores that are far from 0', () => {
    const { outputs, temperature, iterations, scores, targets } = golden.sinkhorn;
    for (const offset of [0, -300]) {
      const moved = scores.map((score) => score + offset);
      const found = readResult(() => sinkhornTargets(matrix(moved, outputs), temperature, iterations));
      close(found, targets, offset === 0 ? 1e-6 : 1e-3);
    }
  });

  it('the patch loss, each image by its mean', () => {
    const { images, outputs, temperature, inImage, scores, targets, loss, gradient } = golden.patches;
    const weights = inImage.flatMap((count) => Array<number>(count).fill(1 / count));
    const found = differentiate(scores, outputs, (x) =>
      patchLoss(x, matrix(targets, outputs), tf.tensor1d(weights), { temperature, images }),
    );
    close([found.loss], [loss], 1e-5);
    close(found.gradient, gradient, 1e-5);
  });

  it('KoLeo', () => {
    const { width, features, loss, gradient } = golden.koleo;
    const found = differentiate(features, width, spreadLoss);
    close([found.loss], [loss], 1e-5);
    close(found.gradient, gradient, 1e-5);
  });

  it('the projection head with prototypes of length 1', () => {
    const { width, hidden, bottleneck, outputs, names, tokens, scores, gradients, tokenGradient } = golden.head;
    const table = headParameters(width, { hidden, bottleneck, outputs });
    assert.deepEqual(Object.keys(table), names);
    const parameters = createParameters(table, 0);
    try {
      const values = names.map((name, index) => [name, transformerWeights(name, table[name].shape, index)] as const);
      importParameters(parameters, new Map(values), 'noise');
      const given = readResult(() => headForward(matrix(tokens, width), createScope(readParameters(parameters))));
      close(given, scores, 1e-5);
      const wanted = Float32Array.from(noise(9, given.length));
      const weighted = (output: Tensor): Scalar => output.mul(tf.tensor(wanted, output.shape)).sum<Scalar>();
      tf.tidy(() => {
        const found = lossAndGradients(parameters, names, (scope) => ({
          loss: weighted(headForward(matrix(tokens, width), scope)),
        }));
        for (const name of names) {
          const gradient = found.gradients.get(name) as Tensor;
          const published = table[name].kind === 'linear' ? gradient.transpose() : gradient;
          close(published.dataSync(), gradients[name], 1e-5);
        }
      });
      const ofTokens = differentiate(tokens, width, (x) =>
        weighted(headForward(x, createScope(readParameters(parameters)))),
      );
      close(ofTokens.gradient, tokenGradient, 1e-5);
    } finally {
      disposeParameters(parameters);
    }
  });

  it('the teacher’s momentum and the cosine schedules', () => {
    const { student, teacher, schedule, moved } = golden.momentum;
    const momentum = cosineBetween([0.9, 1], 3);
    close([0, 1, 2].map(momentum), schedule, 1e-12);
    const decay = cosineBetween([0.04, 0.4], 5);
    close([0, 1, 2, 3, 4].map(decay), golden.decay, 1e-12);
    assert.equal(decay(9), 0.4);
    const table = { value: { shape: [4], kind: 'vector', initial: 0 } } as const;
    const [from, to] = [student, teacher].map((values) => {
      const parameters = createParameters(table, 0);
      importParameters(parameters, new Map([['value', Float32Array.from(values)]]), 'golden values');
      return parameters;
    });
    try {
      for (let step = 0; step < 3; step++) moveTeacher(to, from, momentum(step));
      close(exportParameters(to).get('value') ?? [], moved, 1e-6);
      close(exportParameters(from).get('value') ?? [], student, 1e-7);
    } finally {
      for (const parameters of [from, to]) disposeParameters(parameters);
    }
  });

  it('rank, spread and entropies', () => {
    const { width, rows, rank, spread, probabilities, classes, rowEntropy, meanEntropy } = golden.monitors;
    close([effectiveRank(Float32Array.from(rows), width)], [rank], 1e-3);
    close([featureSpread(Float32Array.from(rows), width)], [spread], 1e-5);
    const found = tf.tidy(() => ({ ...entropies(matrix(probabilities, classes)) }));
    close([found.row, found.mean], [rowEntropy, meanEntropy], 1e-5);
    const same = Float32Array.from({ length: 40 }, (_, index) => index % width);
    assert.ok(featureSpread(same, width) < 1e-3);
  });

  it('cross-entropy with probabilities as targets', () => {
    const { shape, logits, targets, weights, loss, gradient } = golden.softCrossEntropy;
    const losses = readResult(() => softCrossEntropy(matrix(logits, shape[1]), matrix(targets, shape[1])));
    close(losses, loss, 1e-5);
    const found = differentiate(logits, shape[1], (x) =>
      softCrossEntropy(x, matrix(targets, shape[1])).mul(tf.tensor1d(weights)).sum<Scalar>(),
    );
    close(found.gradient, gradient, 1e-5);
  });
});
