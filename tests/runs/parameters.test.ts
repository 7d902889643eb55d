import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UserError } from '../../lib/errors';
import {
  choiceParameter,
  common,
  integerParameter,
  numberParameter,
  parameterRows,
  resolveParameters,
  textParameter,
  type ParameterSpecs,
} from '../../lib/runs/parameters';

const specs = {
  dataset: textParameter('The data', { tour: 'synthetic-blood', paper: 'bloodmnist' }, 'a dataset’s name or path'),
  size: choiceParameter('Pixels a side', { tour: 28, paper: 224 }, [28, 64, 128, 224]),
  weights: choiceParameter('Where from', { tour: 'random', paper: 'hub' }, ['random', 'hub']),
  epochs: integerParameter('Passes', { tour: 2, paper: 20 }, 1, 1000),
  dropout: numberParameter('Share', { tour: 0.1, paper: 0.5 }, 0, 1),
};

/** The message of the UserError that these parameters end with; it is one line. */
function refusal(given: Record<string, unknown>, of: ParameterSpecs = specs): string {
  try {
    resolveParameters(of, given);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return assert.fail(`${JSON.stringify(given)} is accepted`);
}

test('what is not given comes from the profile, and the tour is the default', () => {
  const tour = { profile: 'tour', dataset: 'synthetic-blood', size: 28, weights: 'random', epochs: 2, dropout: 0.1 };
  assert.deepEqual(resolveParameters(specs, {}), tour);
  assert.deepEqual(resolveParameters(specs, { profile: 'tour' }), tour);
  assert.deepEqual(resolveParameters(specs, { profile: 'paper', epochs: 5, weights: undefined }), {
    profile: 'paper',
    dataset: 'bloodmnist',
    size: 224,
    weights: 'hub',
    epochs: 5,
    dropout: 0.5,
  });
});

test('the ends of a range belong to it', () => {
  for (const [name, values] of [
    ['epochs', [1, 1000]],
    ['dropout', [0, 1, 0.5]],
    ['size', [28, 224]],
    ['dataset', ['x', './a b.npz']],
  ] as const)
    for (const value of values)
      assert.equal((resolveParameters(specs, { [name]: value }) as Record<string, unknown>)[name], value);
});

test('an unknown name is answered with the nearest one and all others', () => {
  assert.equal(
    refusal({ epoch: 3 }),
    'There is no parameter "epoch", did you mean "epochs"? Known are profile, dataset, size, weights, epochs, dropout.',
  );
  assert.equal(
    refusal({ frobnicate: 3 }),
    'There is no parameter "frobnicate". Known are profile, dataset, size, weights, epochs, dropout.',
  );
  assert.match(refusal({ Epochs: 3 }), /did you mean "epochs"\?/);
  // Names that every JavaScript object has are none of these.
  for (const name of ['constructor', 'toString', '__proto__'])
    assert.match(refusal(Object.fromEntries([[name, 1]])), /There is no parameter/);
});

test('a value that is not allowed is answered with what is', () => {
  const epochs = 'but must be a whole number from 1 to 1000.';
  assert.equal(refusal({ epochs: 0 }), `epochs is 0, ${epochs}`);
  assert.equal(refusal({ epochs: 1001 }), `epochs is 1001, ${epochs}`);
  assert.equal(refusal({ epochs: 1.5 }), `epochs is 1.5, ${epochs}`);
  assert.equal(refusal({ epochs: 'many' }), `epochs is "many", ${epochs}`);
  assert.equal(refusal({ epochs: '5' }), `epochs is "5", ${epochs}`);
  assert.equal(refusal({ epochs: true }), `epochs is true, ${epochs}`);
  assert.equal(refusal({ epochs: NaN }), `epochs is NaN, ${epochs}`);
  assert.equal(refusal({ epochs: Infinity }), `epochs is Infinity, ${epochs}`);
  assert.equal(refusal({ epochs: [3] }), `epochs is [3], ${epochs}`);
  assert.equal(refusal({ epochs: 5n }), `epochs is 5, ${epochs}`);
  assert.equal(refusal({ epochs: () => 5 }), `epochs is the function epochs, ${epochs}`);
  assert.equal(refusal({ dropout: -0.1 }), 'dropout is -0.1, but must be a number from 0 to 1.');
  assert.equal(refusal({ dropout: 1.01 }), 'dropout is 1.01, but must be a number from 0 to 1.');
  assert.equal(refusal({ size: 32 }), 'size is 32, but must be one of 28, 64, 128, 224.');
  assert.equal(refusal({ size: '28' }), 'size is "28", but must be one of 28, 64, 128, 224.');
  assert.equal(refusal({ weights: 'a\nb' }), 'weights is "a\\nb", but must be one of random, hub.');
  assert.equal(refusal({ dataset: '' }), 'dataset is "", but must be a dataset’s name or path.');
  assert.equal(refusal({ dataset: 5 }), 'dataset is 5, but must be a dataset’s name or path.');
  assert.equal(refusal({ profile: 'fast' }), 'profile is "fast", but must be one of tour, paper.');
  assert.equal(refusal({ profile: 3 }), 'profile is 3, but must be one of tour, paper.');
});

test('the shared parameters are the study’s own', () => {
  assert.deepEqual(resolveParameters(common, { profile: 'paper' }), {
    profile: 'paper',
    seed: 42,
    weightDecay: 1e-5,
    learningRate: 1e-3,
    batchSize: 128,
    precision: 'float32',
  });
  assert.equal(
    refusal({ seed: 2 ** 31 }, common),
    'seed is 2147483648, but must be a whole number from 0 to 2147483647.',
  );
  assert.equal(refusal({ learningRate: 0 }, common), 'learningRate is 0, but must be a number from 1e-8 to 10.');
});

test('a table tells where each value comes from', () => {
  const given = { profile: 'paper', epochs: 5, weights: undefined } as const;
  const rows = parameterRows(specs, given, resolveParameters(specs, given));
  assert.deepEqual(
    rows.map(({ parameter, value, from }) => `${parameter} ${value} (${from})`),
    [
      'profile paper (set here)',
      'dataset bloodmnist (paper profile)',
      'size 224 (paper profile)',
      'weights hub (paper profile)',
      'epochs 5 (set here)',
      'dropout 0.5 (paper profile)',
    ],
  );
  assert.equal(rows[4].meaning, 'Passes');
  const fromOf = (given: Readonly<Record<string, unknown>>) =>
    parameterRows(specs, given, resolveParameters(specs, given))[0].from;
  assert.deepEqual(
    [{}, { profile: undefined }, { profile: 'tour' }].map(fromOf),
    ['default', 'default', 'default'],
    'left as it is in the cell',
  );
});
