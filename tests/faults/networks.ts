/** The workloads with networks, apart: TensorFlow takes a second to load, and most processes do without. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main as predict } from '../../lib/cli/predict';
import { halfNormalization } from '../../lib/data/normalization';
import { UserError } from '../../lib/errors';
import { network } from '../../lib/models/network';
import { libraryNetwork } from '../../lib/models/networks';
import { createParameters, disposeParameters, exportParameters } from '../../lib/models/parameters';
import { evaluateClassifier } from '../../lib/runs/evaluate';
import { loadModel, writeModel, type NewModel } from '../../lib/runs/saved-model';
import { trainOnce } from '../../lib/runs/train';
import { adamW } from '../../lib/training/create-optimizer';
import { constant } from '../../lib/training/schedules';
import { metricsOf, toyDataset, toyForward, toyTable } from '../training/toy';
import { bits, digest, drawnImage } from './digest';

export async function train(folder: string): Promise<string> {
  const toy = network({
    name: 'toy',
    table: toyTable,
    forward: toyForward,
    trainable: (name) => !name.startsWith('conv1'),
  });
  const recipe = { epochs: 3, batchSize: 25, seed: 3, optimizer: adamW(), schedule: constant({ learningRate: 0.02 }) };
  const data = toyDataset();
  const { history, best } = await trainOnce(toy, data, recipe, { folder, saveEverySeconds: 0 });
  if (best === undefined) throw new Error('The training was stopped.');
  const { accuracy, probabilities } = await evaluateClassifier(best, data);
  return digest([metricsOf(history), bits(best.read()), accuracy, [...probabilities]]);
}

const small = libraryNetwork(
  { family: 'resnet', architecture: 'small', classes: 2, depths: [1, 1, 1, 1], block: 'basic', width: 2 },
  { name: 'Small', normalization: halfNormalization },
);

export async function keepModel(folder: string, seed: number): Promise<void> {
  const parameters = createParameters(small.table, seed);
  const values = exportParameters(parameters);
  disposeParameters(parameters);
  const model: NewModel = {
    name: 'Small',
    task: 'binary-class',
    classNames: ['no', 'yes'],
    network: small.config as NewModel['network'],
    input: { height: 16, width: 16, fit: 'cover', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    flips: [],
    precision: 'float32',
    recipe: { seed },
    training: { id: 'x', epoch: 1, which: 'best', seconds: 1 },
    data: { name: 'drawn', sha256: '0', splits: {}, synthetic: true, license: 'CC0-1.0' },
    weights: { origin: { source: 'random' } },
    versions: {},
  };
  await writeModel(folder, model, values);
}

export async function openAndReplace(folder: string): Promise<string> {
  const target = join(folder, 'model');
  // As after a kill: what is there is opened first, and is the earlier model or the new one, whole.
  const { seed } = loadModel(target).description.recipe;
  if (seed !== 2) await keepModel(target, 2);
  const { description, read } = loadModel(target);
  return digest([description, bits(read())]);
}

export async function layOutPhotographs(folder: string): Promise<void> {
  await keepModel(join(folder, 'model'), 1);
  mkdirSync(join(folder, 'photographs'));
  for (let image = 0; image < 3; image++) {
    writeFileSync(join(folder, 'photographs', `${image}.png`), await drawnImage('photograph', image));
  }
}

export async function predictAll(folder: string): Promise<string> {
  let told = '';
  const [input, output] = [join(folder, 'photographs'), join(folder, 'predictions.csv')];
  const silent = { output: { write: (text: string) => (told += text) }, progress: { write: () => true } };
  const code = await predict(['--model', join(folder, 'model'), '--input', input, '--output', output], silent);
  if (code !== 0) throw new UserError(told.replaceAll('\n', ' '));
  return digest(readFileSync(output, 'utf8'));
}
