/**
 * Every chart as it is drawn now, from little data: what changes in one is seen in `figures.golden`, a line for each trace and each part
 * of the layout. Written again with WRITE_GOLDEN=1, after a look at the charts.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { classBalance } from '../../lib/display/balance-chart';
import { barComparison } from '../../lib/display/bar-chart';
import { reliabilityDiagram } from '../../lib/display/calibration-chart';
import { confusionMatrix } from '../../lib/display/confusion-chart';
import { trainingHistories, trainingHistory } from '../../lib/display/history-chart';
import { lineComparison } from '../../lib/display/line-chart';
import { lossCurves } from '../../lib/display/loss-chart';
import { rankChart } from '../../lib/display/rank-chart';
import { reliabilityCurves } from '../../lib/display/reliability-curves';
import { scorePanels } from '../../lib/display/score-panels';
import { differenceChart } from '../../lib/display/difference-chart';
import type { FigureDisplay } from '../../lib/display/figure';
import { settingDots } from '../../lib/display/setting-dots';
import { trainingCurves } from '../../lib/display/training-curves';
import { projectRoot } from '../../lib/paths';

const label = 'What it shows';
const options = { label };
const history = [1, 2, 3].map((epoch) => ({
  ...{
    epoch,
    trainLoss: 1 / epoch,
    valLoss: 1.2 / epoch,
    trainAccuracy: 1 - 0.5 / epoch,
    valAccuracy: 0.9 - 0.4 / epoch,
  },
  ...{ learningRate: 0.1, seconds: 1 },
}));
const run = { model: 'ViT', history, bestEpoch: 2, test: { accuracy: 0.8, macroF1: 0.75 } };
const bins = [
  { lower: 0, upper: 0.5, count: 4, confidence: 0.25, accuracy: 0.5 },
  { lower: 0.5, upper: 1, count: 0, confidence: NaN, accuracy: NaN },
];
const classNames = ['nevus', 'melanoma (all of them)'];

const figures: Readonly<Record<string, FigureDisplay | undefined>> = {
  classBalance: classBalance({ classNames, counts: { train: [7, 70], val: [1, 10], test: [2, 20] } }, options),
  barComparison: barComparison(
    {
      ...{ groups: ['a', 'b'], series: [{ name: 'one', values: [0.5, null], errors: [0.1, null] }] },
      ...{ valueTitle: 'Dice', errorTitle: 'of two', reference: { name: 'published', values: [0.4, 0.6] } },
    },
    options,
  ),
  reliabilityDiagram: reliabilityDiagram({ bins, expectedCalibrationError: 0.05 }, options),
  confusionMatrix: confusionMatrix({ classNames, matrix: [[9, 1], [0, 0]] }, options), // prettier-ignore
  lossCurves: lossCurves(
    { title: 'Losses', lossTitle: 'Loss', panels: [{ title: '<10>', curves: [{ name: 'E', history, bestEpoch: 3 }] }] },
    options,
  ),
  trainingHistory: trainingHistory(run, options),
  trainingHistories: trainingHistories({ 'as published': run, corrected: { ...run, bestEpoch: 3 } }, options),
  trainingCurves: trainingCurves(
    { title: 'Curves', yTitle: 'Loss', curves: [{ name: 'a', points: [{ epoch: 1, value: 2 }] }] },
    options,
  ),
  lineComparison: lineComparison(
    {
      ...{ xTitle: 'Images', yTitle: 'Dice', intervalTitle: '95 %' },
      series: [
        { name: 'F', points: [{ x: 10, y: 0.5, interval: [0.4, 0.6] }, { x: 40, y: 0.7, interval: [0.6, 0.8] }] }, // prettier-ignore
        { name: 'published', points: [{ x: 10, y: 0.6 }], reference: true },
      ],
    },
    options,
  ),
  reliabilityCurves: reliabilityCurves(
    {
      ...{ title: 'Reliability', confidenceTitle: 'P', accuracyTitle: 'Share' },
      panels: ['U-Net', 'DINO'].map((title) => ({ title, curves: [{ name: 'all', bins }] })),
    },
    options,
  ),
  rankChart: rankChart(
    {
      ...{ title: 'Ranks', datasets: 4, criticalDifference: 1.3, pValue: 0.01 },
      methods: ['a', 'b', 'c'].map((name, at) => ({ name, meanRank: 1.2 + 0.8 * at })),
    },
    options,
  ),
  scorePanels: scorePanels(
    {
      ...{ title: 'Scores', groups: ['AdamW'], valueTitle: 'AUC', unit: 'seed' },
      panels: [{ title: 'blood', reference: 0.9, series: [{ name: 'ResNet', scores: [[0.8, 0.9, 0.85]] }] }],
    },
    options,
  ),
  differenceChart: differenceChart(
    {
      ...{ title: 'Differences', rows: ['blood', 'derma'], xTitle: 'Difference', sides: ['worse', 'better'] },
      series: [{ name: 'AdamW', differences: [{ value: 0.02, interval: [0.01, 0.05] }, { value: 0.03 }] }],
      ...{ published: [0.1, null], verdicts: [['holds here', 'cannot be told here']] },
    },
    options,
  ),
  settingDots: settingDots(
    {
      ...{ title: 'Settings', names: ['first', 'second'], best: 1, bestTitle: 'Highest' },
      settings: [
        { title: 'Rate', values: [1e-3, 1e-1] },
        { title: 'Weights', values: ['hub', 'random'] },
      ],
      scores: [{ title: 'Validation', values: [0.6, 0.7] }],
    },
    options,
  ),
};

const path = join(__dirname, 'figures.golden');
const display = join(projectRoot, 'lib', 'display');

/** A line for each trace and each part of the layouts. */
function linesOf({ figure: { data, layout, narrowLayout = {}, caption, width } }: FigureDisplay): string[] {
  const parts = (name: string, values: object): string[] =>
    Object.entries(values).map(([key, value]) => `${name}.${key} ${JSON.stringify(value)}`);
  return [
    ...parts('data', data),
    ...parts('layout', layout),
    ...parts('narrow', narrowLayout),
    `width ${JSON.stringify(width)}`,
    `caption ${JSON.stringify(caption)}`,
  ];
}

test('every chart is drawn as before', () => {
  const now = Object.entries(figures).flatMap(([name, figure]) => [
    `# ${name}`,
    ...(figure === undefined ? [] : linesOf(figure)),
  ]);
  if (process.env.WRITE_GOLDEN === '1') writeFileSync(path, `${now.join('\n')}\n`);
  assert.deepEqual(now, readFileSync(path, 'utf8').trimEnd().split('\n'));
  const files = readdirSync(display).filter((name) => /-(chart|curves|dots|panels)\.ts$/.test(name));
  const charts = files.flatMap((name) => {
    const functions = readFileSync(join(display, name), 'utf8')
      .split(/^export function /m)
      .slice(1);
    return functions.flatMap((text) => /^(\w+)\([^]*?\): FigureDisplay/.exec(text)?.[1] ?? []);
  });
  assert.deepEqual(
    charts.filter((name) => !(name in figures)),
    [],
    'a chart without an example',
  );
});
