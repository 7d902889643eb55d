import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { downloadFile } from '../../lib/data/download-file';
import { describeFileError, describeNetworkError, formatBytes, TransferError } from '../../lib/data/download-errors';
import { startServer } from './download-server';
import { userError } from './user-error';

const folder = mkdtempSync(join(tmpdir(), 'download-errors-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a disk that is too small is said in words', async (t) => {
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-length': 10 ** 17 }).write('the beginning');
  });
  t.after(() => server.close());
  const destination = join(folder, 'small', 'file.npz');
  await assert.rejects(
    downloadFile({ url: server.url, destination }),
    userError(/^The disk is full: file\.npz goes to .*file\.npz, 100000 TB more are needed and .* are free\./),
  );
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  const wanted = { title: 'BloodMNIST', url: server.url, destination };
  assert.ok(
    userError(/^The disk is full: BloodMNIST goes to .* are free\. Make room/)(await describeFileError(full, wanted)),
  );
});

test('a folder that cannot be written is said in words', async () => {
  const occupied = join(folder, 'occupied');
  writeFileSync(occupied, 'a file where a folder should be');
  await assert.rejects(
    downloadFile({ url: 'http://127.0.0.1:9/file.npz', destination: join(occupied, 'file.npz') }),
    userError(/^Could not write file\.npz to .*occupied \((ENOTDIR|EEXIST)\)/),
  );
});

test('network errors are told apart by whether another attempt may help', () => {
  const fetchError = (code: string): TypeError =>
    Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(), { code }) });
  const describe = (error: unknown): string => {
    const described = describeNetworkError(error, 'https://zenodo.org/records/1');
    assert.ok(described instanceof TransferError);
    return `${described.retry}: ${described.message.split(';')[0]}`;
  };
  assert.equal(
    describe(fetchError('EAI_AGAIN')),
    'few: zenodo.org cannot be found, this machine may be offline (EAI_AGAIN)',
  );
  assert.equal(
    describe(fetchError('UND_ERR_CONNECT_TIMEOUT')),
    'many: zenodo.org does not answer (UND_ERR_CONNECT_TIMEOUT)',
  );
  assert.equal(describe(fetchError('ECONNRESET')), 'many: zenodo.org closed the connection (ECONNRESET)');
  assert.equal(describe(new TypeError('terminated')), 'many: zenodo.org closed the connection (terminated)');
  assert.equal(
    describe(fetchError('SELF_SIGNED_CERT_IN_CHAIN')),
    'never: the certificate of zenodo.org is not trusted (SELF_SIGNED_CERT_IN_CHAIN)',
  );
  const defect = new TypeError('x is not a function');
  assert.equal(describeNetworkError(defect, 'https://zenodo.org/'), defect);
});

test('sizes are printed with three digits', () => {
  assert.deepEqual([0, 999, 1000, 35_461_855, 99_960_000, 999_600, 12.6e9].map(formatBytes), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '35.5 MB',
    '100 MB',
    '1.0 MB',
    '12.6 GB',
  ]);
});
