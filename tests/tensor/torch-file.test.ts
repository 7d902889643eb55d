import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';

import { projectRoot } from '../../lib/paths';
import { openSafetensors, readSafetensors } from '../../lib/tensor/safetensors';
import { readTorchTensor } from '../../lib/tensor/torch-file';
import { userError } from '../data/user-error';

const fixture = (name: string): string => join(projectRoot, 'tests', 'fixtures', 'torch_files', `${name}.pth`);
const scratch = mkdtempSync(join(tmpdir(), 'torch-file-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

it('reads what torch.save writes: strides, parts of a storage, half precision, parameters', () => {
  for (const name of ['state', 'checkpoint']) {
    const file = openSafetensors(fixture(name));
    const of = (tensor: string) => file.tensors.get(tensor);
    const values = (tensor: string): number[] => [...(of(tensor)?.read() ?? [])];
    assert.deepEqual(
      [of('plain')?.shape, values('plain')],
      [
        [2, 3],
        [0, 1, 2, 3, 4, 5],
      ],
    );
    assert.deepEqual(
      [of('turned')?.shape, values('turned')],
      [
        [3, 2],
        [0, 3, 1, 4, 2, 5],
      ],
    );
    assert.deepEqual(
      [of('part')?.shape, values('part')],
      [
        [1, 2],
        [4, 5],
      ],
    );
    assert.deepEqual(values('half'), [1.5, -2, 65504]);
    assert.deepEqual(values('brain').slice(0, 2), [1.5, -2]);
    assert.ok(Math.abs(values('brain')[2] / 3e38 - 1) < 2 ** -8);
    assert.deepEqual([of('empty')?.shape, values('empty'), values('learned')], [[0, 4], [], [0.25]]);
    assert.deepEqual([of('counted')?.type, of('counted')?.shape], ['I64', []]);
    assert.throws(() => of('counted')?.read(), userError(/"counted" in .* is of type I64/));
    file.close();
  }
});

it('runs nothing: a pickle that would call anything else is refused', () => {
  assert.throws(
    () => openSafetensors(fixture('program')),
    userError(/its pickle calls posix system, and pickles can run/),
  );
  assert.ok(!existsSync('/tmp/a-pickle-was-run'));
  assert.throws(() => openSafetensors(fixture('module')), userError(/is not read: its pickle /));
  assert.throws(() => openSafetensors(fixture('other')), userError(/holds no data\.pkl/));
});

it('refuses a few bytes that stand for gigabytes', () => {
  const bomb = { type: 'F32', shape: [1 << 30], strides: [0], offset: 0, storage: { at: 0, bytes: 4 } } as const;
  assert.throws(() => readTorchTensor(-1, bomb, 4), userError(/repeats the 4 bytes of its storage/));
});

it('refuses what is cut off or changed, in one line', () => {
  const bytes = readFileSync(fixture('state'));
  const path = join(scratch, 'changed.pth');
  const refused = (content: Uint8Array): void => {
    writeFileSync(path, content);
    assert.throws(() => readSafetensors(path), userError(/./));
  };
  for (const length of [4, 100, bytes.length - 30]) refused(bytes.subarray(0, length));
  // Whatever single byte is changed, what comes is a file or one line; never another error, and never without end.
  for (let at = 4; at < bytes.length; at += 3) {
    const changed = Uint8Array.from(bytes);
    changed[at] ^= 0xff;
    writeFileSync(path, changed);
    try {
      const file = openSafetensors(path);
      file.tensors.forEach(({ type, read }) => type !== 'I64' && read());
      file.close();
    } catch (error) {
      assert.ok(userError(/./)(error), `byte ${at}: ${String(error)}`);
    }
  }
});
