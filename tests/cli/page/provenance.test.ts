import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provenance, repeatCommand } from '../../../lib/cli/page/provenance';
import { results } from './example';

test('the command sets what differs from the profile, and tells no path', () => {
  assert.equal(
    repeatCommand(results),
    'npm run notebook -- 01 --set dataset=path/to/cells.npz --set epochs=9 --set batchSize=128',
  );
  assert.equal(
    repeatCommand({ ...results, profile: 'paper', parameters: { dataset: "o'hara", epochs: 20 } }),
    `npm run notebook -- 01 --profile paper --set 'dataset=o'\\''hara'`,
  );
  assert.equal(repeatCommand({ ...results, notebook: 'somebody_elses' }), undefined);
  // As results are written: files and folders without where they were.
  const data = (name: string) => ({ ...results.data, name });
  const told = (notebook: string, name: string, parameters: Readonly<Record<string, unknown>>) =>
    repeatCommand({ ...results, notebook, data: data(name), parameters });
  assert.equal(
    told('06', 'lesions', { dataset: 'lesions', weights: 'vit.safetensors' }),
    'npm run notebook -- 06 --set dataset=path/to/lesions --set weights=path/to/vit.safetensors',
  );
  assert.equal(told('01', 'bloodmnist', { dataset: 'bloodmnist' }), 'npm run notebook -- 01 --set dataset=bloodmnist');
  assert.equal(
    told('05', 'a', { datasets: 'breastmnist,a.npz', store: 'runs' }),
    'npm run notebook -- 05 --set datasets=breastmnist,path/to/a.npz --set store=path/to/runs',
  );
});

test('parameters, seed, data, versions and hardware are told, in groups', () => {
  const told = provenance(results, 75);
  assert.deepEqual(
    told?.groups.map(({ title }) => title),
    ['Run', 'Data', 'Parameters', 'Software', 'Hardware'],
  );
  const rows = Object.fromEntries(told?.groups.flatMap((group) => group.rows) ?? []);
  assert.deepEqual(rows, {
    Run: 'abcdef0123',
    Profile: 'tour',
    Seed: '42',
    'Run time': '1\u00a0min 15\u00a0s',
    Dataset: 'cells',
    'SHA-256': 'f00d',
    Images: '12,000 train, 20 val, 200 test',
    epochs: '9',
    batchSize: '128',
    Project: '0.1.0',
    TensorFlow: '2.21.0',
    'Node.js': '20.20.2',
    Device: 'CPU',
    Cores: '2',
  });
  assert.ok(!JSON.stringify(told).includes('/home/'));
  assert.deepEqual(provenance(undefined, 3), { groups: [{ title: 'Run', rows: [['Run time', '3.0\u00a0s']] }] });
  assert.equal(provenance(undefined, undefined), undefined);
});
