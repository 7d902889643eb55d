import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headline } from '../../lib/cli/page/headline';
import type { Results } from '../../lib/runs/results';

type Row = Results['results'][number];
const row = (values: Partial<Row>): Row => ({
  trainingKey: 'a',
  model: 'small ViT',
  weights: 'file',
  protocol: 'frozen',
  arm: 'corrected',
  parameters: 1,
  trainableParameters: 1,
  seconds: 1,
  ...values,
});
const results = (rows: readonly Row[], change: Partial<Results> = {}): Results => ({
  notebook: 'n',
  runId: 'r',
  profile: 'paper',
  parameters: {},
  seed: 1,
  environment: {},
  data: { name: 'cells', sha256: '', splits: { train: 9, val: 9, test: 200 } },
  results: [...rows],
  history: {},
  ...change,
});

test('the validation split decides which classifier is told, and the test split how good it is', () => {
  const told = headline(
    results([
      row({ bestValAccuracy: 0.8, testAccuracy: 0.99 }),
      row({ protocol: 'fine-tuned', bestValAccuracy: 0.9, testAccuracy: 0.905 }),
      row({ protocol: 'scratch', arm: 'as-published', bestValAccuracy: 0.95, testAccuracy: 0.5 }),
    ]),
  );
  // Wilson's interval of 181 of 200, as statsmodels' proportion_confint gives it: 0.8564 to 0.9383.
  assert.equal(
    told?.result,
    'Small ViT, fine-tuned as a whole, gives 90.5\u00a0% of the test images their right class (95\u00a0% interval: 85.6\u00a0% to 93.8\u00a0%); next by the validation images is small ViT, frozen, with a head trained on its features, with 99.0\u00a0%.',
  );
  assert.equal(
    told?.certainty,
    'The interval covers which 200 images were tested, not the chance in training (one seed).',
  );
});

test('what makes a number say less is said', () => {
  const rows = [row({ weights: 'random', bestValAccuracy: 0.5, testAccuracy: 0.5 })];
  const data = { name: 'synthetic-blood', sha256: '', splits: { test: 100 } };
  assert.match(
    headline(results(rows, { profile: 'tour', data }))?.certainty ?? '',
    /drawn by this project and say nothing about a laboratory\. The weights are random instead of pretrained\.$/,
  );
  const scratch = [row({ protocol: 'scratch', weights: 'random', bestValAccuracy: 0.5, testAccuracy: 0.5 })];
  assert.match(
    headline(results(scratch, { profile: 'tour' }))?.certainty ?? '',
    / At tour size, far below the study’s\.$/,
  );
  const unknown = headline(results(rows, { data: { ...data, splits: {} } }));
  assert.match(unknown?.certainty ?? '', /^No interval/);
  assert.doesNotMatch(unknown?.result ?? '', /interval/);
});

test('of segmentation, the fewest images and the spread over their draws are told', () => {
  const score = (trainImages: number, testDice: number, bestValDice: number, more: Partial<Row> = {}): Row =>
    row({ trainImages, testDice, bestValDice, testAccuracy: 0.9, ...more });
  const told = headline(
    results([
      score(100, 0.99, 0.99),
      score(10, 0.8, 0.9, { draw: 0, series: 'F' }),
      score(10, 0.7, 0.8, { draw: 1, series: 'F' }),
      score(10, 0.9, 0.7, { series: 'F without denoising' }),
    ]),
  );
  assert.equal(
    told?.result,
    'From 10 training images, small ViT, frozen, with a head trained on its features (F), reaches a Dice of 0.750 (2 draws of them: 0.700 to 0.800); next by the validation images is small ViT, frozen, with a head trained on its features (F without denoising), with 0.900.',
  );
  assert.equal(
    told?.certainty,
    'Means over 200 test images; the range says how much it matters which images are drawn.',
  );
});

test('of a grid, methods that ran on every dataset are averaged over datasets, with the range over seeds', () => {
  const cell = (initialization: string, dataset: string, seed: number, valAuc: number, testAuc: number): Row =>
    row({
      model: 'Swin-B',
      initialization,
      optimizer: 'adamw',
      dataset,
      seed,
      valAuc,
      testAuc,
      testAccuracy: 0.5,
      bestValAccuracy: 0.5,
    });
  const told = headline(
    results([
      ...[cell('pretrained', 'a', 0, 0.9, 0.8), cell('pretrained', 'b', 0, 0.9, 0.6)],
      ...[cell('pretrained', 'a', 1, 0.9, 0.9), cell('pretrained', 'b', 1, 0.9, 0.7)],
      ...[cell('from scratch', 'a', 0, 0.7, 0.9), cell('from scratch', 'b', 0, 0.7, 0.9)],
      // On one dataset only: perhaps the easy one.
      ...[cell('elsewhere', 'a', 0, 1, 1), cell('pretrained', 'a', 2, 1, 1)],
    ]),
  );
  assert.equal(
    told?.result,
    'Swin-B, pretrained, AdamW, has a mean AUC of 0.750 over the test images of 2 datasets (2 seeds: 0.700 to 0.800); next by the validation images is Swin-B, from scratch, AdamW, with 0.900.',
  );
  assert.match(told?.certainty ?? '', /^The range says how much the seed matters; /);
});

test('no sentence is made of rows that do not belong together, or of none', () => {
  const scores = { bestValAccuracy: 0.5, testAccuracy: 0.5 };
  assert.equal(headline(results([row({ ...scores, dataset: 'a' }), row({ ...scores, dataset: 'b' })])), undefined);
  assert.equal(headline(results([])), undefined);
  assert.equal(headline(results([row({})])), undefined);
});

test('what weights were worth is told beside random ones, used in the same way', () => {
  const frozen = (weights: string, bestValAccuracy: number, testAccuracy: number, more: Partial<Row> = {}): Row =>
    row({ weights, bestValAccuracy, testAccuracy, ...more });
  const told = headline(
    results([
      frozen('embedded', 0.7, 0.6),
      frozen('random', 0.4, 0.5),
      frozen('embedded', 0.8, 0.75, { protocol: 'linear' }),
      frozen('random', 0.6, 0.7, { protocol: 'linear' }),
      frozen('embedded', 0.9, 0.91, { protocol: 'fine-tuned' }), // without its like
    ]),
  );
  assert.match(
    told?.result ?? '',
    /\. Small ViT, frozen, with logistic regression on its features, has 75\.0\u00a0% with weights that this project learned from its own drawings, and 70\.0\u00a0% with random ones\.$/,
  );
  const masks = (weights: string, testDice: number, more: Partial<Row> = {}): Row =>
    row({ weights, testDice, bestValDice: testDice, trainImages: 10, ...more });
  const drawn = headline(
    results([
      masks('hub', 0.8, { series: 'F without denoising', pretraining: 'none here' }),
      masks('hub', 0.7, { series: 'F without denoising', pretraining: 'none here', draw: 1 }),
      masks('hub', 0.9, { series: 'F', pretraining: 'denoising' }),
      masks('random', 0.6, {
        series: 'F from random weights',
        pretraining: 'none here',
        model: 'small ViT, random weights',
      }),
    ]),
  );
  assert.match(drawn?.result ?? '', /, has 0\.750 with published weights, and 0\.600 with random ones\.$/);
});
