/** Notebook 01 with its cells changed as a reader changes them, in the kernel: one cell each. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { executeNotebook } from '../../lib/cli/jupyter';
import { cellSource, readNotebook, type Notebook } from '../../lib/cli/notebook-file';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { projectRoot } from '../../lib/paths';
import { readResults } from '../../lib/runs/results';

const scratch = mkdtempSync(join(tmpdir(), 'own-cells-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Changes images, and, where the environment says so, ends the kernel in the third epoch of the 100 images. */
const darker = `function darker(image: nb.Pixels) {
    image.data.forEach((value, at) => (image.data[at] = value / 2));
    if (++darkened === 250 && process.env.KILL_IN_TRAINING) process.kill(process.pid, 'SIGKILL');
  }`;
/** What a reader may change, each in the one cell that trains. */
const changes: Readonly<Record<string, string>> = {
  'own augmentation': `augment: [${darker}]`,
  augmentation: `augment: [nb.flip('horizontal'), nb.rotate({ degrees: 10 })]`,
  optimizer: `optimizer: nb.sgd({ momentum: 0.9 })`,
  schedule: `schedule: nb.multiStep({ learningRate: 0.01, milestones: [1] })`,
  'own schedule': `schedule: function halving(epoch: number) { return 0.01 / 2 ** epoch; }`,
  loss: `loss: nb.crossEntropy({ labelSmoothing: 0.1 })`,
  'own loss': `loss: function squared(output: nb.Tensor, { labels }: nb.Targets) {
    return nb.tf.oneHot(labels!, 8).sub(nb.tf.softmax(output)).square().mean<nb.Scalar>();
  }`,
};
const training = (change: string): string => `{
  const changed = await nb.train(network, data, { ...recipe, ${change} }, { progress: 'changed' });
  await nb.evaluate(changed.best, data);
}`;
const ownNetwork = `const { convolution, linear } = nb.layers;
const small = nb.network({
  name: 'one convolution',
  table: { ...nb.layers.convolutionParameters('conv', 3, 8, 3), ...nb.layers.linearParameters('fc', 8, data.classNames.length) },
  forward: (images, p) =>
    linear(convolution(images, p.at('conv'), { stride: 2, padding: 1 }).relu().mean<nb.Tensor2D>([1, 2]), p.at('fc')),
});
nb.show(nb.networkTable(small, data));
const ofSmall = await nb.train(small, data, recipe);
await nb.evaluate(ofSmall.best, data);`;
const ownChart = `nb.show(nb.figure({
  data: [{ type: 'scatter', mode: 'lines', x: run.history.map(({ epoch }) => epoch), y: run.history.map(({ valLoss }) => valLoss) }],
  layout: { title: { text: 'A chart of my own' } },
  label: 'The validation loss of each epoch',
}));`;

/** The training that was killed, and the same in one go. */
const continued = `{
  const own = { ...recipe, ${changes['own augmentation']} };
  const told: string[] = [];
  for (const again of [false, true]) {
    const { history, best } = await nb.train(network, data, own, { again });
    const test = await nb.evaluate(best, data);
    told.push(JSON.stringify([history.map((row) => ({ ...row, seconds: 0 })), test && Array.from(test.probabilities)]));
  }
  console.log(told[0] === told[1] ? 'the same history and probabilities' : 'another history');
}`;

/** A file whose images are others the second time, in one session. */
const replaced = `import { copyFileSync } from 'node:fs';
for (const version of ['first', 'second']) {
  copyFileSync(process.env.CELLS + '/' + version + '.npz', process.env.CELLS + '/cells.npz');
  const cells = await nb.openDataset(process.env.CELLS + '/cells.npz');
  const own = await nb.train(nb.linear({ classes: cells.classNames, size: 28 }), cells, { ...recipe, epochs: 1 });
  await nb.evaluate(own.best, cells);
  console.log('the ' + version + ' file: ' + nb.resultRows(cells).length + ' row');
}`;

/** Images of two classes as MedMNIST's files have them; the second class is `lightness` lighter. */
function writeCells(path: string, lightness: number): void {
  const arrays: Record<string, NpzArray> = {};
  for (const name of ['train', 'val', 'test']) {
    const bytes = new Uint8Array(4 * 28 * 28 * 3).map((_, at) => (at < 2 * 28 * 28 * 3 ? 0 : lightness));
    arrays[`${name}_images`] = { type: '|u1', shape: [4, 28, 28, 3], bytes };
    arrays[`${name}_labels`] = { type: '|u1', shape: [4], bytes: Uint8Array.of(0, 0, 1, 1) };
  }
  writeNpz(path, arrays);
}

/** The cells of notebook 01 that train and score, with a narrow network on few images, and cells after them. */
function changedNotebook(cells: readonly string[]): Notebook {
  const notebook = readNotebook(join(projectRoot, 'notebooks', '01_resnet_from_scratch.ipynb'));
  const code = (source: string, index: number) => ({ ...notebook.cells[last], id: `own-${index}`, source });
  const sources = notebook.cells.map(cellSource);
  const last = sources.findIndex((source) => source.includes('nb.evaluate('));
  const starts = [
    'import',
    'let profile',
    'const settings',
    'const data',
    'const network',
    'const recipe',
    'const run',
  ];
  const kept = starts.map((start) => sources.find((source) => source.startsWith(start)) ?? '');
  kept.splice(2, 0, 'syntheticImages = 100; batchSize = 32; epochs = 3; let darkened = 0;');
  const narrow = kept.map((source) =>
    source.replace('{ classes: data.classNames }', '{ classes: data.classNames, width: 8 }'),
  );
  return { ...notebook, cells: [...narrow, sources[last], ...cells].map(code) };
}

test('each change is made in one cell, runs, adds its row, and comes to the same end where the kernel was killed', async () => {
  const source = join(scratch, 'changes.ipynb');
  writeCells(join(scratch, 'first.npz'), 100);
  writeCells(join(scratch, 'second.npz'), 200);
  const cells = [...Object.values(changes).map(training), continued, ownNetwork, ownChart, replaced];
  writeFileSync(source, JSON.stringify(changedNotebook([...cells, 'nb.show(nb.comparison(data));'])));
  const executed = join(scratch, 'executed.ipynb');
  const environment = { NOTEBOOK_RUN_DIRECTORY: join(scratch, 'run'), CELLS: scratch };
  await assert.rejects(
    executeNotebook(source, executed, { environment: { ...environment, KILL_IN_TRAINING: '1' } }),
    /kernel was killed/,
  );
  assert.equal(readResults(environment.NOTEBOOK_RUN_DIRECTORY)?.results.length, 2, 'both arms of the first training');
  await executeNotebook(source, executed, { environment });
  const { results = [] } = readResults(environment.NOTEBOOK_RUN_DIRECTORY) ?? {};
  const [first, second] = results.splice(-2);
  assert.notEqual(first.trainingKey, second.trainingKey, 'other data are another training');
  assert.equal(new Set([first, second, results[0]].map((row) => row.dataSha256)).size, 3, 'each row names its data');
  assert.equal(results.length, 2 + Object.keys(changes).length + 1, 'two arms, and a row for each change');
  assert.equal(new Set(results.map(({ trainingKey }) => trainingKey)).size, results.length - 1);
  const settings = results.map((row) => row.settings as Record<string, string | number>);
  const told = ['augment', 'optimizer', 'schedule', 'loss'].flatMap((name) => settings.map((row) => row[name]));
  for (const expected of ['flip (horizontal, 0.5), rotate (10)', 'darker', 'sgd', 'multi-step', 'halving', 'squared'])
    assert.ok(told.includes(expected), `${expected} in ${told.join('; ')}`);
  const outputs = JSON.stringify(readNotebook(executed).cells.map(({ outputs: of }) => of));
  for (const text of [
    'the same history and probabilities',
    'one convolution',
    'A chart of my own',
    'augment darker',
    'optimizer sgd',
    'the first file: 1 row',
    'the second file: 1 row',
  ])
    assert.ok(outputs.includes(text), `${text} is shown`);
});
