/** Nothing grows while a training goes on; and the same measurement finds a batch's memory that is lost in every step. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../lib/paths';
import type { EpochMemory } from './memory-run';

const scratch = mkdtempSync(join(tmpdir(), 'memory-'));
after(() => rmSync(scratch, { recursive: true }));

async function run(leak: string, ...args: string[]): Promise<EpochMemory[]> {
  const script = join(__dirname, 'memory-run.ts');
  const options = ['--expose-gc', '--import', 'tsx', script, leak, '50', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, options, { cwd: projectRoot });
  return JSON.parse(stdout) as EpochMemory[];
}

/** Bytes by which the last 12 of 50 epochs hold more than epochs 13 to 24, as medians. */
function growth(epochs: readonly EpochMemory[]): number {
  const median = (part: readonly EpochMemory[]): number =>
    part.map(({ resident }) => resident).sort((a, b) => a - b)[6];
  assert.equal(epochs.length, 50);
  return median(epochs.slice(38)) - median(epochs.slice(12, 24));
}

/** A batch of bytes lost in each of the 4 steps of the 26 epochs between the medians would be 20 MB. */
const limit = 8e6;

function different(epochs: readonly EpochMemory[], what: 'tensors' | 'native'): number {
  return new Set(epochs.map((epoch) => epoch[what])).size;
}

describe('over 50 epochs', () => {
  it('a training with checkpoints holds as many tensors and as much memory as at its beginning', async () => {
    const epochs = await run('none', join(scratch, 'checkpoints'));
    assert.equal(different(epochs, 'tensors'), 1, 'tensors');
    assert.equal(different(epochs, 'native'), 1, 'tensors of the binding');
    assert.ok(growth(epochs) < limit, `${growth(epochs)} bytes more`);
  });

  it('memory of TensorFlow that is lost in every step is found, although tfjs does not know of it', async () => {
    const epochs = await run('native');
    assert.deepEqual([different(epochs, 'tensors'), different(epochs, 'native')], [1, 50]);
    assert.ok(growth(epochs) > limit, `${growth(epochs)} bytes more`);
  });

  it('an array that is lost in every step is found', async () => {
    const epochs = await run('javascript');
    assert.deepEqual([different(epochs, 'tensors'), different(epochs, 'native')], [1, 1]);
    assert.ok(growth(epochs) > limit, `${growth(epochs)} bytes more`);
  });
});
