import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  formatDecimal,
  formatDuration,
  formatInteger,
  formatInterval,
  formatNumber,
  formatPercent,
  heading,
} from '../../lib/display/format';

test('numbers are rounded for the eye, and small ones are not rounded away', () => {
  assert.equal(formatDecimal(0.93123), '0.931');
  assert.equal(formatDecimal(12, 1), '12.0');
  assert.equal(formatDecimal(0.0005), '0.0005');
  assert.equal(formatDecimal(0.0000312), '3.1e-5');
  assert.equal(formatDecimal(-0.25, 2), '−0.25');
  assert.equal(formatDecimal(NaN), '–');
  assert.equal(formatDecimal(Infinity), '∞');
});

test('whole numbers are grouped from five digits on', () => {
  assert.equal(formatInteger(11181642), '11,181,642');
  assert.equal(formatInteger(2025), '2025');
  assert.equal(formatInteger(9408, true), '9,408');
  assert.equal(formatNumber(20), '20');
});

test('percentages and durations', () => {
  assert.equal(formatPercent(0.9312), '93.1\u00a0%');
  assert.equal(formatPercent(NaN), '–');
  const durations = [4.25, 42.3, 95, 3599.6, 7300].map((seconds) => formatDuration(seconds).replace(/\u00a0/g, ' '));
  assert.deepEqual(durations, ['4.3 s', '42 s', '1 min 35 s', '1 h 0 min', '2 h 1 min']);
  assert.equal(formatDuration(NaN), '–');
  assert.deepEqual([0.049, 0.05, 0].map(formatDuration), ['under 0.1\u00a0s', '0.1\u00a0s', '0.0\u00a0s']);
});

test('column names become headings', () => {
  assert.equal(heading('testMacroF1'), 'Test macro-F1');
  assert.equal(heading('testAuc'), 'Test AUC');
  assert.equal(heading('testHd95'), 'Test HD95');
  assert.equal(heading('learningRate'), 'Learning rate');
  assert.equal(heading('True class'), 'True class');
  const environment = ['tensorflow', 'tfjs', 'node', 'cpu', 'memoryGigabytes', 'cores'].map(heading);
  assert.deepEqual(environment, ['TensorFlow', 'TensorFlow.js', 'Node.js', 'CPU', 'Memory (GB)', 'Cores']);
});

test('the ends of an interval have the same number of decimals and a minus', () => {
  assert.equal(formatInterval({ low: -0.01, high: 0.2 }), '−0.010 – 0.200');
  assert.equal(formatInterval({ low: 0.81249, high: 0.9 }, 2), '0.81 – 0.90');
  assert.equal(formatInterval({ low: -0.0004, high: -0.0006 }), '0.000 – −0.001', 'there is no minus zero');
});
