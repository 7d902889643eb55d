import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { ensureDataset, ensureFile } from '../../lib/data/download';
import { locateDataset } from '../../lib/data/locate';
import { candidatePaths, locateFile } from '../../lib/data/locate';
import { datasetFile, findDataset } from '../../lib/data/registry';
import { projectRoot } from '../../lib/paths';
import { content, file, md5, otherContent, startServer } from './download-server';
import { userError } from './user-error';

const folder = mkdtempSync(join(tmpdir(), 'locate-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const blood = findDataset('bloodmnist');

test('a file of the Python package is used if its MD5 is right', async () => {
  const [cacheDirectory, medmnistRoot] = [join(folder, 'cache-a'), join(folder, 'medmnist-a')];
  const wanted = { ...datasetFile(blood, 64), md5: md5(content) };
  const options = { cacheDirectory, medmnistRoot };
  assert.deepEqual(await locateFile(wanted, options), { path: undefined, warnings: [] });

  const path = join(medmnistRoot, 'bloodmnist_64.npz');
  mkdirSync(medmnistRoot);
  writeFileSync(path, content);
  assert.deepEqual(await locateFile(wanted, options), { path, warnings: [] });
  assert.deepEqual(readdirSync(medmnistRoot), ['bloodmnist_64.npz'], 'nothing of ours is put there');

  // The project's own copy comes first.
  const own = join(cacheDirectory, 'medmnist', 'bloodmnist_64.npz');
  writeFileSync(own, content);
  assert.deepEqual(await locateFile(wanted, options), { path: own, warnings: [] });
  assert.deepEqual(await ensureFile(wanted, 'blood', options), { path: own, downloaded: false, warnings: [] });
});

test('the folders are the cache of the project and .medmnist at home unless others are given', (t) => {
  const home = process.env.HOME;
  t.after(() => {
    if (home === undefined) delete process.env.HOME;
    else process.env.HOME = home;
  });
  process.env.HOME = '/home/somebody';
  assert.deepEqual(candidatePaths('bloodmnist.npz'), [
    join(projectRoot, 'data', 'cache', 'medmnist', 'bloodmnist.npz'),
    '/home/somebody/.medmnist/bloodmnist.npz',
  ]);
});

test('a file of the Python package with the wrong MD5 is passed over and named', async () => {
  const [cacheDirectory, medmnistRoot] = [join(folder, 'cache-b'), join(folder, 'medmnist-b')];
  mkdirSync(medmnistRoot);
  writeFileSync(join(medmnistRoot, 'bloodmnist.npz'), content);
  const { path, warnings } = await locateDataset('bloodmnist', 28, { cacheDirectory, medmnistRoot });
  assert.equal(path, undefined);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0],
    new RegExp(`medmnist-b/bloodmnist\\.npz is passed over: its MD5 is ${md5(content)}, expected is 7053d0`),
  );
});

test('a checksum is remembered for as long as size and time stay the same', async () => {
  const [cacheDirectory, medmnistRoot] = [join(folder, 'cache-c'), join(folder, 'medmnist-c')];
  const path = join(cacheDirectory, 'medmnist', 'bloodmnist.npz');
  mkdirSync(dirname(path), { recursive: true });
  const time = new Date(1_700_000_000_000);
  const write = (bytes: Buffer): void => {
    writeFileSync(path, bytes);
    utimesSync(path, time, time);
  };
  const wanted = { ...datasetFile(blood, 28), md5: md5(content) };
  write(content);
  assert.equal((await locateFile(wanted, { cacheDirectory, medmnistRoot })).path, path);
  write(otherContent); // same size and time: not read again
  assert.equal((await locateFile(wanted, { cacheDirectory, medmnistRoot })).path, path);
  utimesSync(path, new Date(), new Date());
  assert.equal((await locateFile(wanted, { cacheDirectory, medmnistRoot })).path, undefined);
  writeFileSync(`${path}.verified.json`, 'damaged');
  assert.equal((await locateFile(wanted, { cacheDirectory, medmnistRoot })).path, undefined);
});

test('a missing dataset is downloaded once, in place of a wrong one', async (t) => {
  const server = await startServer(file(content));
  t.after(() => server.close());
  const [cacheDirectory, medmnistRoot] = [join(folder, 'cache-d'), join(folder, 'medmnist-d')];
  const path = join(cacheDirectory, 'medmnist', 'bloodmnist.npz');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'a page that says: log in first');
  const wanted = { ...datasetFile(blood, 28), url: server.url, md5: md5(content) };
  const first = await ensureFile(wanted, 'BloodMNIST 28×28', { cacheDirectory, medmnistRoot });
  assert.ok(first.path === path && first.downloaded && first.warnings.length === 1);
  const again = await ensureFile(wanted, 'BloodMNIST 28×28', { cacheDirectory, medmnistRoot });
  assert.deepEqual(again, { path, downloaded: false, warnings: [] });
  assert.equal(server.requests.length, 1);
});

test('ensureDataset asks for the published address and compares the published MD5', async (t) => {
  const server = await startServer(file(content));
  t.after(() => server.close());
  const asked: string[] = [];
  const redirect: typeof fetch = (url, options) => {
    assert.ok(typeof url === 'string');
    asked.push(url);
    return fetch(server.url, options);
  };
  const options = {
    cacheDirectory: join(folder, 'cache-e'),
    medmnistRoot: join(folder, 'medmnist-e'),
    fetch: redirect,
  };
  await assert.rejects(
    ensureDataset('bloodmnist', 224, options),
    userError(/^BloodMNIST 224×224 from .* wrong MD5: expected b718ff6835fcbdb22ba9eacccd7b2601/),
  );
  assert.deepEqual(asked, ['https://zenodo.org/records/10519652/files/bloodmnist_224.npz?download=1']);
  await assert.rejects(ensureDataset('bloodmist', 28, options), userError(/did you mean "bloodmnist"/));
  await assert.rejects(locateDataset('bloodmnist', 56, options), userError(/28, 64, 128, 224/));
});
