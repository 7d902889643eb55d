import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { keepBeside } from '../../lib/cli/keep-beside';
import { describeModels } from '../../lib/cli/notebook';
import { writeResults } from '../../lib/runs/results';

const folder = mkdtempSync(join(tmpdir(), 'keep-beside-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function finish(directory: string, runId: string, notebook = '01_resnet_from_scratch', sha256 = 'aa'): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'index.html'), runId);
  const data = { name: 'cells', sha256, splits: {} };
  const common = { profile: 'tour', parameters: {}, seed: 1, environment: {}, results: [], history: {} };
  writeResults(directory, { notebook, runId, data, ...common });
}

test('the result of a run with other parameters is kept beside the new one, whatever it is of', () => {
  const [directory, unfinished] = [join(folder, 'out'), join(folder, 'out', '.unfinished')];
  finish(unfinished, 'second');
  assert.equal(keepBeside(directory, unfinished), undefined, 'there is nothing yet');
  finish(directory, 'second');
  assert.equal(keepBeside(directory, unfinished), undefined, 'the same run is done anew');
  assert.equal(readFileSync(join(directory, 'index.html'), 'utf8'), 'second');

  finish(directory, 'first');
  assert.match(describeModels(directory), /no model was kept: the page says why/);
  mkdirSync(join(directory, 'models', 'a'), { recursive: true });
  assert.equal(describeModels(directory), `model: ${join(directory, 'models', 'a')}`);
  writeFileSync(join(directory, 'preview.png'), '');
  assert.equal(keepBeside(directory, unfinished), join(directory, 'first'));
  assert.deepEqual(readdirSync(join(directory, 'first')).sort(), [
    'index.html',
    'models',
    'preview.png',
    'results.json',
  ]);
  assert.equal(readFileSync(join(directory, 'first', 'index.html'), 'utf8'), 'first');
  assert.deepEqual(readdirSync(directory).sort(), ['.unfinished', 'first']);

  finish(directory, 'second', '02_vit_frozen_and_finetuned');
  assert.equal(keepBeside(directory, unfinished), join(directory, 'second'));

  finish(directory, 'second', '01_resnet_from_scratch', 'bbbbbbbbbbbb');
  assert.equal(keepBeside(directory, unfinished), join(directory, 'second-bbbbbbbb'));

  writeFileSync(join(directory, 'results.json'), '{');
  assert.equal(keepBeside(directory, unfinished), undefined, 'a damaged file tells of no run');
  assert.ok(existsSync(join(directory, 'first', 'results.json')));
});
