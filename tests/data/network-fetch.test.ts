import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { networkFetch } from '../../lib/data/network-fetch';
import { datasetFile, datasetNames, findDataset } from '../../lib/data/registry';
import { imageSizes } from '../../lib/data/registry-types';
import { findPretrained, pretrainedNames } from '../../lib/models/pretrained';
import { projectRoot } from '../../lib/paths';
import { userError } from './user-error';

/**
 * A server that only its proxy knows, `data.example`, with the certificate of a company: what a hospital's network looks like. Each
 * request is made in a process of its own, because Node reads what it trusts when it starts.
 */
const certificates = join(projectRoot, 'tests', 'fixtures', 'certificate');
const authority = join(certificates, 'authority.pem');
let server: ReturnType<typeof createServer>;
let proxy: Server;
const asked: string[] = [];

before(async () => {
  const [key, cert] = ['server.key', 'server.pem'].map((name) => readFileSync(join(certificates, name)));
  server = createServer({ key, cert }, (_, response) => response.end('the data'));
  proxy = createHttpServer();
  proxy.on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    if (request.headers['proxy-authorization'] === undefined) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n');
      return;
    }
    const target = connect(portOf(server), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    for (const side of [socket, target]) side.on('error', () => target.destroy());
  });
  for (const each of [server, proxy]) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
});
after(() => {
  for (const each of [server, proxy]) {
    each.closeAllConnections();
    each.close();
  }
});

function portOf(listening: Server | typeof server): number {
  return (listening.address() as AddressInfo).port;
}

const program = `
const { networkFetch } = require('./lib/data/network-fetch');
const { describeNetworkError } = require('./lib/data/download-errors');
const url = process.argv[1];
networkFetch(url).then((answer) => answer.text()).catch((error) => describeNetworkError(error, url).message)
  .then((text) => process.stdout.write(text));`;

function request(url: string, surroundings: Record<string, string>): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env, ...surroundings };
  for (const name of [
    'HTTPS_PROXY',
    'https_proxy',
    'NO_PROXY',
    'no_proxy',
    'NODE_EXTRA_CA_CERTS',
    'NODE_USE_ENV_PROXY',
  ])
    if (!(name in surroundings)) delete env[name];
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', program, url], { cwd: projectRoot, env });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (text += piece.toString()));
  return new Promise((resolve) => child.on('close', () => resolve(text)));
}

const url = 'https://data.example/file.npz';
const proxyAt = (user = 'me:secret@'): string => `http://${user}127.0.0.1:${portOf(proxy)}`;

test('a file behind a proxy and a company’s certificate is fetched', async () => {
  assert.equal(await request(url, { HTTPS_PROXY: proxyAt(), NODE_EXTRA_CA_CERTS: authority }), 'the data');
  assert.equal(asked.at(-1), 'data.example:443');
  assert.equal(await request(url, { https_proxy: proxyAt(), NODE_EXTRA_CA_CERTS: authority }), 'the data');
});

test('programs of this machine and the hosts of NO_PROXY are asked directly', async () => {
  const before = asked.length;
  const local = `https://localhost:${portOf(server)}/`;
  assert.equal(await request(local, { HTTPS_PROXY: proxyAt(), NODE_EXTRA_CA_CERTS: authority }), 'the data');
  await request(url, { HTTPS_PROXY: proxyAt(), NO_PROXY: '.example', NODE_EXTRA_CA_CERTS: authority });
  assert.equal(asked.length, before);
});

test('what is wrong is told: the certificate, the password, the proxy', async () => {
  assert.match(
    await request(url, { HTTPS_PROXY: proxyAt() }),
    /certificate of data\.example is not trusted.*NODE_EXTRA_CA_CERTS/,
  );
  assert.match(
    await request(url, { HTTPS_PROXY: proxyAt('') }),
    /the proxy of HTTPS_PROXY answered 407 \(it wants a name and a password/,
  );
  assert.match(
    await request(url, { HTTPS_PROXY: 'http://127.0.0.1:9' }),
    /refuses the connection \(ECONNREFUSED\); HTTPS_PROXY names a proxy/,
  );
});

test('nothing is downloaded without TLS, wherever a redirect leads to', async (t) => {
  const plain = /^data\.example was to be asked over http:.*downloads need an https:/;
  await assert.rejects(networkFetch('http://data.example/file.npz'), userError(plain));
  const answer = Object.defineProperty(new Response('the data'), 'url', { value: 'http://data.example/file.npz' });
  t.mock.method(globalThis, 'fetch', () => Promise.resolve(answer));
  await assert.rejects(networkFetch(url), userError(plain));
});

test('what can be downloaded has a registered address with TLS and a checksum', () => {
  for (const name of datasetNames())
    for (const size of imageSizes) {
      const { url: address, md5 } = datasetFile(findDataset(name), size);
      assert.match(address, /^https:\/\/zenodo\.org\/records\//);
      assert.match(md5, /^[0-9a-f]{32}$/);
    }
  // The hub tells the SHA-256 with each answer; PyTorch's files have the beginning of theirs in their name.
  for (const name of pretrainedNames())
    assert.match(
      findPretrained(name).url,
      /^https:\/\/(huggingface\.co\/timm\/|download\.pytorch\.org\/models\/\w+-[0-9a-f]{8}\.pth$)/,
    );
});
