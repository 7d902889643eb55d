/** Notebook 01 with its cells changed as a reader changes them, in the kernel: one cell each. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { executeNotebook, jupyterEnvironment, pythonPath } from '../../lib/cli/jupyter';
import { cellSource, readNotebook, type Notebook } from '../../lib/cli/notebook-file';
import { projectRoot } from '../../lib/paths';
import { readResults } from '../../lib/runs/results';

const scratch = mkdtempSync(join(tmpdir(), 'own-cells-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** What a reader may change, each in the one cell that trains. */
const changes: Readonly<Record<string, string>> = {
  augmentation: `augment: [nb.flip('horizontal'), nb.rotate({ degrees: 10 })]`,
  'own augmentation': `augment: [function darker(image: nb.Pixels) { image.data.forEach((value, at) => (image.data[at] = value / 2)); }]`,
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

/** Notebook 01 up to its first scores, on few images, with cells after it. */
function changedNotebook(name: string, cells: readonly string[]): string {
  const notebook = readNotebook(join(projectRoot, 'notebooks', '01_resnet_from_scratch.ipynb'));
  const last = notebook.cells.findIndex((cell) => cellSource(cell).includes('nb.evaluate('));
  const parameters = notebook.cells.findIndex((cell) => cellSource(cell).startsWith('let profile'));
  const code = (source: string, index: number): Notebook['cells'][number] => ({
    ...notebook.cells[last],
    id: `own-${index}`,
    source,
  });
  const given = code(`syntheticImages = 100; batchSize = 32; epochs = 2;`, 99);
  const kept = notebook.cells.slice(0, last + 1);
  kept.splice(parameters + 1, 0, given);
  const path = join(scratch, `${name}.ipynb`);
  writeFileSync(path, JSON.stringify({ ...notebook, cells: [...kept, ...cells.map(code)] }));
  return path;
}

const whole = join(scratch, 'changes');

test('each change is made in one cell, runs, and adds its row', async () => {
  const cells = [...Object.values(changes).map(training), ownNetwork, ownChart, 'nb.show(nb.comparison(data));'];
  const executed = join(scratch, 'changed.ipynb');
  await executeNotebook(changedNotebook('changes', cells), executed, {
    environment: { NOTEBOOK_RUN_DIRECTORY: whole },
  });
  const { results = [] } = readResults(whole) ?? {};
  assert.equal(results.length, 2 + Object.keys(changes).length + 1, 'two arms, and a row for each change');
  assert.equal(new Set(results.map(({ trainingKey }) => trainingKey)).size, results.length - 1);
  const settings = results.map((row) => row.settings as Record<string, string | number>);
  const told = ['augment', 'optimizer', 'schedule', 'loss'].flatMap((name) => settings.map((row) => row[name]));
  for (const expected of ['flip (horizontal, 0.5), rotate (10)', 'darker', 'sgd', 'multi-step', 'halving', 'squared'])
    assert.ok(told.includes(expected), `${expected} in ${told.join('; ')}`);
  const outputs = JSON.stringify(readNotebook(executed).cells.map(({ outputs: of }) => of));
  for (const text of ['one convolution', 'A chart of my own', 'augment darker', 'optimizer sgd'])
    assert.ok(outputs.includes(text), `${text} is shown`);
});

test('a changed training that is killed is continued by the same cell, to the same end', async () => {
  const source = changedNotebook('killed', [training(changes['own augmentation'])]);
  const killed = join(scratch, 'killed');
  const environment = { NOTEBOOK_RUN_DIRECTORY: killed };
  const child = spawn(
    pythonPath,
    [join(projectRoot, 'lib', 'cli', 'execute.py'), source, join(scratch, 'never.ipynb')],
    { cwd: projectRoot, env: jupyterEnvironment(environment), stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.on('close', resolve));
  const begun = (): boolean =>
    existsSync(join(killed, 'trainings')) &&
    readdirSync(join(killed, 'trainings'), { recursive: true, encoding: 'utf8' }).some((name) =>
      name.endsWith('claim'),
    );
  while (!begun() && child.exitCode === null) await sleep(50);
  child.kill('SIGKILL');
  await ended;
  await executeNotebook(source, join(scratch, 'out.ipynb'), { environment });
  const rowsOf = (directory: string) => readResults(directory)?.results.map((row) => ({ ...row, seconds: 0 })) ?? [];
  const continued = rowsOf(killed);
  assert.equal(continued.length, 3);
  const keys = new Set(continued.map(({ trainingKey }) => trainingKey));
  assert.deepEqual(
    continued,
    rowsOf(whole).filter(({ trainingKey }) => keys.has(trainingKey)),
  );
});
