import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClassificationRow, Results } from '../../../lib/runs/results';
import { claimRows, resolutionRows, trainingsOf } from '../../../lib/studies/blood-cells/claims';
import { modelRows } from '../../../lib/studies/blood-cells/five-models';

type Row = Partial<ClassificationRow> & Pick<ClassificationRow, 'protocol' | 'testAccuracy'>;

/** What a notebook has kept: a row a training. */
function results(notebook: string, rows: readonly (Row & { readonly seed: number })[]): Results {
  return {
    ...{ notebook, runId: '1', profile: 'tour', parameters: {}, seed: 1, environment: {}, history: {} },
    data: { name: 'bloodmnist', sha256: '5', splits: {} },
    results: rows.map(({ seed, ...row }) => ({
      ...{
        trainingKey: `${notebook} ${row.protocol} ${seed}`,
        model: notebook,
        weights: 'hub',
        arm: 'corrected' as const,
      },
      ...{ parameters: 1, trainableParameters: 1, seconds: 40, epoch: 1, bestValAccuracy: 0.86, testMacroF1: 0.9 },
      settings: { epochs: 10, seed },
      ...row,
    })),
  };
}

const [resnet, vit, dino] = ['01_resnet_from_scratch', '02_vit_frozen_and_finetuned', '03_dino_frozen'];

/** Three seeds around an accuracy. */
const seeds = (protocol: Row['protocol'], accuracy: number, more: Partial<Row> = {}) =>
  [0, 1, 2].map((seed) => ({ seed, protocol, testAccuracy: accuracy + 0.001 * (seed - 1), ...more }));

const splits = { train: { count: 11_959 }, val: { count: 1712 }, test: { count: 3421 } };
const data = { name: 'bloodmnist', height: 28, splits } as unknown as Parameters<typeof trainingsOf>[1];

const all = [
  results(resnet, seeds('scratch', 0.95)),
  results(vit, [...seeds('frozen', 0.88), ...seeds('fine-tuned', 0.98)]),
  results(dino, [...seeds('frozen', 0.92, { headSeconds: 10, passSeconds: 1 }), ...seeds('fine-tuned', 0.93)]),
];

const rowsOf = (given: readonly Results[], of = data) =>
  new Map(claimRows(trainingsOf(given, of)).map((row) => [row.claim, row]));

const [order, resnetFirst, number] = [
  'The fine-tuned ViT is ahead of the ResNet',
  'The ResNet is ahead of frozen DINO',
  'The frozen ViT reaches 86 %',
];

describe('the claims of the blood-cell study', () => {
  it('are measured on the seeds that both models have, with the study’s numbers beside', () => {
    const rows = rowsOf(all);
    assert.deepEqual([rows.get(order)?.published, rows.get(order)?.ours], ['+0.0099', '+0.030']);
    assert.equal(rows.get(order)?.verdict, 'confirmed; of another size');
    assert.equal(rows.get(resnetFirst)?.verdict, 'confirmed; its size fits too');
    assert.equal(rows.get(number)?.verdict, 'confirmed');
    assert.equal(rows.get('Fine-tuning DINO is 3 to 5 times slower')?.ours, '2.0×'); // 4 s an epoch, of 2 s
  });

  it('cannot be told from one seed, nor where the images are too few', () => {
    const one = all.map((of) => ({
      ...of,
      results: of.results.filter(({ trainingKey }) => trainingKey.endsWith('0')),
    }));
    assert.equal(rowsOf(one).get(order)?.why, 'one seed: another may turn it round');
    assert.match(String(rowsOf(one).get(order)?.interval), / \(images only\)$/);
    const few = { ...data, splits: { ...splits, test: { count: 40 } } } as unknown as typeof data;
    assert.equal(rowsOf(all, few).get(order)?.why, '0 is within the interval');
  });

  it('take learned weights where random ones stand beside them', () => {
    const both = [...seeds('fine-tuned', 0.98), ...seeds('fine-tuned', 0.5, { weights: 'random' })];
    const { vitTuned } = trainingsOf([all[0], results(vit, both)], data).of;
    assert.deepEqual(
      [...vitTuned.values()].map(({ weights }) => weights),
      ['hub', 'hub', 'hub'],
    );
  });

  it('are not tested without the models, nor of weights that are random', () => {
    const rows = rowsOf(all.slice(0, 2));
    assert.equal(rows.get(resnetFirst)?.why, 'not trained on these data: DINO, frozen (notebook 03)');
    const random = rowsOf([all[0], results(vit, seeds('fine-tuned', 0.98, { weights: 'random' }))]);
    assert.equal(random.get(order)?.why, 'the weights are random: nothing was transferred');
  });

  it('speak of other data where the data or the weights are others, and mix no settings', () => {
    const other = rowsOf(all, { ...data, name: 'synthetic-blood' });
    assert.equal(other.get(order)?.verdict, 'holds here');
    assert.match(String(other.get(number)?.why), /a number of BloodMNIST/);
    const longer = results(resnet, seeds('scratch', 0.5, { settings: { epochs: 20, seed: 0 } }).slice(0, 1));
    assert.equal(rowsOf([longer, ...all]).get(order)?.ours, '+0.030');
  });

  it('have the workflow as a rule: what validates best after fine-tuning against the best without it, dataset by dataset', () => {
    const workflow = 'Start frozen, then fine-tune';
    assert.equal(rowsOf(all).get(workflow)?.why, 'takes notebooks 01 and 02 on the same data');
    const on = (tuned: number) => [
      results(resnet, seeds('scratch', 0.9, { bestValAccuracy: 0.88 })),
      results(vit, [...seeds('frozen', 0.85), ...seeds('fine-tuned', tuned, { bestValAccuracy: 0.9 })]),
    ];
    const named = (name: string, tuned: number) => ({ name, ...trainingsOf(on(tuned), data) });
    const everywhere = [named('a', 0.94), named('b', 0.95), named('c', 0.96)];
    const [row] = claimRows({ ...everywhere[0], everywhere }).filter(({ claim }) => claim === workflow);
    assert.deepEqual([row.ours, row.verdict], ['+0.050', 'confirmed']); // against the ResNet, which validates better than frozen
    // The same images at two sizes are no second dataset.
    const one = claimRows({ ...everywhere[0], everywhere: [everywhere[0], named('a', 0.99)] });
    const told = one.find(({ claim }) => claim === workflow);
    assert.match(String(told?.why), /^one dataset/);
    assert.deepEqual([told?.ours, told?.interval], ['+0.065', '']);
    // Fine-tuned, it validates worse than frozen: the frozen one is kept, and the ResNet is not ahead of it.
    const kept = [
      results(resnet, seeds('scratch', 0.7, { bestValAccuracy: 0.7 })),
      results(vit, [...seeds('frozen', 0.85), ...seeds('fine-tuned', 0.8, { bestValAccuracy: 0.8 })]),
    ];
    const most = claimRows({
      ...everywhere[0],
      everywhere: [...everywhere, { name: 'd', ...trainingsOf(kept, data) }],
    }).find(({ claim }) => claim === workflow);
    assert.match(
      String(most?.why),
      /as a rule over 4 datasets, on 1 of which it changes nothing, interval over these$/,
    );
  });
});

describe('the study’s guess on resolution', () => {
  const at = (protocol: Row['protocol'], sourceSize: number, accuracy: number, inputMode: string, model: string) =>
    [0, 1, 2].map((seed) => ({
      seed,
      ...{ protocol, model, testAccuracy: accuracy + 0.001 * (seed - 1) },
      settings: { seed, sourceSize, inputMode, inputSize: 224 },
    }));
  const rows = results('04_resolution_study', [
    ...at('scratch', 28, 0.95, 'native', 'ResNet-18'),
    ...at('scratch', 224, 0.97, 'native', 'ResNet-18'),
    ...at('scratch', 28, 0.5, 'resized', 'ResNet-18'),
    ...at('frozen', 28, 0.85, 'resized', 'DINOv2-S'),
    ...at('frozen', 224, 0.96, 'resized', 'DINOv2-S'),
    ...at('frozen', 28, 0.5, 'zero-padded', 'DINOv2-S'),
    ...at('frozen', 28, 0.5, 'resized', 'ViT-Tiny'),
  ]).results as ClassificationRow[];

  it('is how far the gap closes from the smallest source to the largest, on the learned network', () => {
    const [found] = resolutionRows({ rows, images: 3421 }, 'DINOv2-S', { comparable: true });
    assert.deepEqual([found.ours, found.verdict], ['+0.090', 'confirmed']);
    assert.match(found.why, /lead is \+0\.100 at 28 px and \+0\.010 at 224 px/);
    const [few] = resolutionRows({ rows, images: 100 }, 'DINOv2-S', { comparable: true });
    assert.equal(few.verdict, 'cannot be told here');
    const [one] = resolutionRows(
      { rows: rows.filter(({ settings }) => settings.sourceSize === 28), images: 100 },
      'DINOv2-S',
      {
        comparable: true,
      },
    );
    assert.equal(one.verdict, 'not tested');
  });
});

describe('the five models', () => {
  it('stand beside what the study and others published, with the seeds that there are', () => {
    const rows = modelRows(trainingsOf(all.slice(0, 2), data));
    const [ours, study, v2] = rows;
    assert.deepEqual([ours.model, ours.source, ours.seeds], ['ResNet-18', 'here, hub weights', 3]);
    assert.ok(Math.abs(ours.accuracy - 0.95) < 1e-12);
    assert.deepEqual([study.source, study.accuracy, study.macroF1], ['the study', 0.9512, 0.946]);
    assert.deepEqual([v2.source, v2.accuracy], ['MedMNIST v2', 0.958]);
    assert.equal(rows.filter(({ source }) => source === 'MedMNIST+').length, 5);
    assert.equal(rows.filter(({ source }) => source === 'not trained on these data').length, 2);
  });
});
