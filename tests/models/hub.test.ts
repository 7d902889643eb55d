import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it, test, type TestContext } from 'node:test';
import { hubCacheFolder } from '../../lib/models/hub-cache';
import { ensureWeights, type DownloadEvent, type WeightsFile, type WeightsOptions } from '../../lib/models/hub';
import { findPretrained } from '../../lib/models/pretrained';
import {
  content,
  file,
  otherContent,
  startServer,
  status,
  type Answer,
  type FileOptions,
  type TestServer,
} from '../data/download-server';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'hub-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const record = findPretrained('resnet18.tv_in1k');
const commit = '0123456789abcdef0123456789abcdef01234567';
const asked = '/timm/resnet18.tv_in1k/resolve/main/model.safetensors';
const fetched = `/timm/resnet18.tv_in1k/resolve/${commit}/model.safetensors`;
const url = 'https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors';

/** What the hub says of a large file: the hash of its content, its size, and where it lies. */
function head(headers: Record<string, string> = {}): Answer {
  return (_request, response) =>
    response
      .writeHead(302, {
        'x-repo-commit': commit,
        'x-linked-etag': `"${sha256(content)}"`,
        'x-linked-size': String(content.length),
        location: 'https://cdn.invalid/blob',
        etag: '"of the redirect"',
        ...headers,
      })
      .end();
}

/** Asked without the file it gives one answer after the other, asked for the file likewise. */
function hub(heads: Answer[], files: Answer[]): Answer {
  const next = (answers: Answer[]): Answer => (answers.length > 1 ? (answers.shift() as Answer) : answers[0]);
  return (request, response) => next(request.method === 'HEAD' ? heads : files)(request, response);
}

const blob = (options: FileOptions = {}): Answer => file(content, { etag: '"cdn"', ...options });

interface Setting {
  readonly server: TestServer;
  readonly cache: string;
  readonly repository: string;
  readonly byHand: string;
  readonly options: WeightsOptions;
  readonly events: DownloadEvent[];
  run(options?: WeightsOptions): Promise<WeightsFile>;
}

let serial = 0;

/** A server, a cache and a folder of its own for each test. */
async function setUp(t: TestContext, answer: Answer = hub([head()], [blob()])): Promise<Setting> {
  const server = await startServer(answer);
  t.after(() => server.close());
  const root = join(folder, String(serial++));
  const events: DownloadEvent[] = [];
  const options: WeightsOptions = {
    // A slash too many, as people set it.
    environment: { HF_HOME: join(root, 'home'), HF_ENDPOINT: `${new URL(server.url).origin}/` },
    weightsDirectory: join(root, 'weights'),
    retryDelayMilliseconds: 2,
    onProgress: (event) => void events.push(event),
  };
  const cache = join(root, 'home', 'hub');
  return {
    server,
    cache,
    repository: join(cache, 'models--timm--resnet18.tv_in1k'),
    byHand: join(root, 'weights', 'resnet18.tv_in1k.safetensors'),
    options,
    events,
    run: (more = {}) => ensureWeights(record, { ...options, ...more }),
  };
}

const requested = ({ requests }: TestServer): string[] => requests.map(({ method, url: path }) => `${method} ${path}`);

/** The cache as Python's huggingface_hub leaves it. */
function writePythonCache(repository: string, bytes: Buffer, name = sha256(bytes)): string {
  const snapshot = join(repository, 'snapshots', commit);
  for (const path of [join(repository, 'blobs'), join(repository, 'refs'), snapshot])
    mkdirSync(path, { recursive: true });
  writeFileSync(join(repository, 'blobs', name), bytes);
  writeFileSync(join(repository, 'refs', 'main'), commit);
  symlinkSync(`../../blobs/${name}`, join(snapshot, 'model.safetensors'));
  return join(snapshot, 'model.safetensors');
}

describe('a download', () => {
  it('is filed as Python files it, and told of', async (t) => {
    const { server, repository, events, run } = await setUp(t);
    const path = join(repository, 'snapshots', commit, 'model.safetensors');
    assert.deepEqual(await run(), { path, sha256: sha256(content), downloaded: true });
    assert.ok(readFileSync(path).equals(content));
    assert.ok(lstatSync(path).isSymbolicLink());
    assert.equal(readlinkSync(path), `../../blobs/${sha256(content)}`);
    assert.equal(readFileSync(join(repository, 'refs', 'main'), 'utf8'), commit);
    assert.deepEqual(readdirSync(join(repository, 'blobs')), [sha256(content)]);
    assert.deepEqual(readdirSync(join(repository, 'snapshots', commit)), ['model.safetensors']);
    // The file is fetched of the commit that was asked about.
    assert.deepEqual(requested(server), [`HEAD ${asked}`, `GET ${fetched}`]);
    assert.equal(events[0].kind, 'start');
    assert.deepEqual(
      events.slice(-2).map(({ kind }) => kind),
      ['verify', 'done'],
    );
    const last = events[events.length - 1];
    assert.ok(last.kind === 'done' && last.path === path && last.total === content.length);
  });

  it('is done once', async (t) => {
    const { server, events, run } = await setUp(t);
    const first = await run();
    events.length = 0;
    assert.deepEqual(await run(), { ...first, downloaded: false });
    assert.equal(server.requests.length, 2);
    assert.deepEqual(events, []);
  });

  it('is done once where two ask at the same time', async (t) => {
    const { server, run } = await setUp(t, hub([head()], [blob({ delayMilliseconds: 50 })]));
    const [first, second] = await Promise.all([run(), run()]);
    assert.equal(first.path, second.path);
    assert.equal(requested(server).filter((line) => line.startsWith('GET')).length, 1);
  });

  it('goes on where the connection broke', async (t) => {
    const { server, run } = await setUp(t, hub([head()], [blob({ cutAfter: 100_000 }), blob()]));
    assert.equal((await run()).sha256, sha256(content));
    assert.equal(server.requests[2].headers.range, 'bytes=100000-');
  });

  it('goes on where an earlier run was stopped', async (t) => {
    const { server, repository, run } = await setUp(t, hub([head()], [blob({ stallAfter: 100_000 }), blob()]));
    const controller = new AbortController();
    const stopped = run({
      signal: controller.signal,
      onProgress: ({ received }) => received >= 100_000 && controller.abort(new Error('stopped')),
    });
    await assert.rejects(stopped, /stopped/);
    assert.ok(!existsSync(join(repository, 'snapshots')) && !existsSync(join(repository, 'refs')));
    await run();
    assert.equal(server.requests[3].headers.range, 'bytes=100000-');
    assert.deepEqual(readdirSync(join(repository, 'blobs')), [sha256(content)]);
  });

  it('follows the hub’s redirects, and hands the token to nobody else', async (t) => {
    const cdn = await startServer(blob());
    t.after(() => cdn.close());
    const moved: Answer = (_request, response) => response.writeHead(307, { location: '/new/name' }).end();
    const elsewhere: Answer = (_request, response) => response.writeHead(302, { location: cdn.url }).end();
    const { server, options, run } = await setUp(t, hub([moved, head()], [elsewhere]));
    await run({ environment: { ...options.environment, HF_TOKEN: 'hf_secret\n' } });
    assert.deepEqual(requested(server), [`HEAD ${asked}`, 'HEAD /new/name', `GET ${fetched}`]);
    for (const { headers } of server.requests) assert.equal(headers.authorization, 'Bearer hf_secret');
    assert.equal(cdn.requests.length, 1);
    assert.equal(cdn.requests[0].headers.authorization, undefined);
  });

  it('sends no token that is not set', async (t) => {
    const { server, run } = await setUp(t);
    await run();
    for (const { headers } of server.requests) assert.equal(headers.authorization, undefined);
  });

  it('asks again where the hub is busy', async (t) => {
    const { run } = await setUp(t, hub([status(503), status(429), head()], [blob()]));
    assert.equal((await run()).downloaded, true);
  });

  it('takes what Python has under another commit', async (t) => {
    const { server, repository, run } = await setUp(t);
    mkdirSync(join(repository, 'blobs'), { recursive: true });
    writeFileSync(join(repository, 'blobs', sha256(content)), content);
    await run();
    assert.deepEqual(requested(server), [`HEAD ${asked}`]);
  });

  it('of another content than the hub’s hash says is thrown away', async (t) => {
    const { repository, run } = await setUp(t, hub([head()], [file(otherContent)]));
    await assert.rejects(
      run(),
      userError(
        new RegExp(
          `^model\\.safetensors of timm/resnet18\\.tv_in1k from \\S+ has the wrong SHA-256: expected ${sha256(content)}, found ${sha256(otherContent)}\\.`,
        ),
      ),
    );
    assert.deepEqual(readdirSync(join(repository, 'blobs')), []);
    assert.ok(!existsSync(join(repository, 'snapshots')));
  });

  it('of another hash than the registry’s is not begun', async (t) => {
    const { server, options } = await setUp(t);
    const other = { ...record, sha256: sha256(otherContent) };
    await assert.rejects(
      ensureWeights(other, options),
      userError(
        new RegExp(`: the hub has another file, with SHA-256 ${sha256(content)} instead of ${other.sha256}\\. `),
      ),
    );
    assert.deepEqual(requested(server), [`HEAD ${asked}`]);
  });

  it('of a small file, which the hub names by another hash, is possible', async (t) => {
    const small = head({ 'x-linked-etag': 'W/"0123abc"' });
    const { repository, run } = await setUp(t, hub([small], [blob()]));
    assert.equal((await run()).sha256, sha256(content));
    assert.deepEqual(readdirSync(join(repository, 'blobs')), ['0123abc']);
    assert.equal((await run()).downloaded, false);
  });
});

describe('where there is no way to the file, the message says what to do', () => {
  const cases: [what: string, answer: Answer, reason: RegExp][] = [
    [
      'the hub does not have it',
      status(404, { 'x-error-code': 'EntryNotFound' }),
      /127\.0\.0\.1:\d+ answered 404 EntryNotFound/,
    ],
    [
      'it is gated',
      status(401, { 'x-error-code': 'GatedRepo' }),
      /answered 401 GatedRepo: accept the conditions on the model’s page there and set HF_TOKEN to a token that may read it/,
    ],
    ['the token is refused', status(403), /answered 403 Forbidden: accept the conditions/],
    ['the hub is down', status(500), /answered 500 Internal Server Error/],
    ['it is not the hub', status(200), /answers, but not as the hub does \(is HF_ENDPOINT right\?\)/],
    ['names lead out of the cache', head({ 'x-linked-etag': '"../../x"' }), /answers, but not as the hub does/],
    [
      'it turns in circles',
      (_request, response) => response.writeHead(307, { location: '/x' }).end(),
      /sends from one address to the next/,
    ],
  ];
  for (const [what, answer, reason] of cases) {
    it(what, async (t) => {
      const { byHand, cache, run } = await setUp(t, answer);
      await assert.rejects(run(), (error: Error) => {
        userError(/^model\.safetensors of timm\/resnet18\.tv_in1k is not on this machine and cannot be downloaded: /)(
          error,
        );
        assert.match(error.message, reason);
        assert.ok(
          error.message.endsWith(
            `. Get it from ${url} and save it as ${byHand}, or give its path with --weights FILE.`,
          ),
        );
        return true;
      });
      assert.ok(!existsSync(cache));
    });
  }

  it('this machine is offline', async (t) => {
    const { server, run } = await setUp(t);
    server.close();
    await assert.rejects(
      run(),
      userError(
        /cannot be downloaded: 127\.0\.0\.1:\d+ refuses the connection \(ECONNREFUSED\)\S*\. Get it from https/,
      ),
    );
  });

  it('the hub is silent', async (t) => {
    const { run } = await setUp(t, () => undefined);
    await assert.rejects(
      run({ timeoutMilliseconds: 100 }),
      userError(/: 127\.0\.0\.1:\d+ did not answer for 0\.1 s\. Get/),
    );
  });

  it('HF_HUB_OFFLINE is set: nothing is asked', async (t) => {
    const { server, options, run } = await setUp(t);
    for (const value of ['1', 'true', 'ON'])
      await assert.rejects(
        run({ environment: { ...options.environment, HF_HUB_OFFLINE: value } }),
        userError(/cannot be downloaded: HF_HUB_OFFLINE is set\. Get it from/),
      );
    assert.equal(server.requests.length, 0);
    await run({ environment: { ...options.environment, HF_HUB_OFFLINE: '0' } });
  });

  it('the weights are not on the hub', async (t) => {
    const { server, options } = await setUp(t, blob());
    const torchvision = findPretrained('vit_b_16.IMAGENET1K_V1');
    const path = resolve(options.weightsDirectory ?? '', 'vit_b_16.IMAGENET1K_V1.safetensors');
    const offline = { ...options, environment: { ...options.environment, HF_HUB_OFFLINE: '1' } };
    await assert.rejects(
      ensureWeights(torchvision, offline),
      userError(
        /HF_HUB_OFFLINE is set: get https:\/\/download\.pytorch\.org\/models\/vit_b_16-c867db91\.pth and save it as/,
      ),
    );
    // From where its authors keep it; the name has the beginning of its hash.
    const name = `net-${sha256(content).slice(0, 8)}.pth`;
    const own = { ...torchvision, url: new URL(name, server.url).href };
    const taken = resolve(options.weightsDirectory ?? '', name);
    assert.deepEqual(await ensureWeights(own, options), { path: taken, sha256: sha256(content), downloaded: true });
    assert.deepEqual(await ensureWeights(own, offline), { path: taken, sha256: sha256(content), downloaded: false });
    writeFileSync(taken, 'another');
    await assert.rejects(ensureWeights(own, options), userError(/is damaged or another file: .* should begin with/));
    server.requests.length = 0;
    mkdirSync(options.weightsDirectory ?? '', { recursive: true });
    writeFileSync(path, content);
    assert.deepEqual(await ensureWeights(torchvision, options), { path, sha256: sha256(content), downloaded: false });
    assert.equal(server.requests.length, 0);
  });
});

describe('what is on this machine', () => {
  it('in a cache that Python wrote is used without a request', async (t) => {
    const { server, repository, options, run } = await setUp(t);
    const path = writePythonCache(repository, content);
    assert.deepEqual(await run(), { path, sha256: sha256(content), downloaded: false });
    await run({ environment: { ...options.environment, HF_HUB_OFFLINE: '1' } });
    assert.equal(server.requests.length, 0);
  });

  it('in a folder that several caches share, under another hash, is used too', async (t) => {
    const { repository, run } = await setUp(t);
    const path = writePythonCache(repository, content);
    const shared = join(repository, 'blobs', 'f'.repeat(64));
    renameSync(join(repository, 'blobs', sha256(content)), shared);
    symlinkSync(shared, join(repository, 'blobs', sha256(content)));
    assert.deepEqual(await run(), { path, sha256: sha256(content), downloaded: false });
  });

  it('in a cache without links is used too', async (t) => {
    const { repository, run } = await setUp(t);
    const path = join(repository, 'snapshots', commit, 'model.safetensors');
    mkdirSync(join(repository, 'snapshots', commit), { recursive: true });
    mkdirSync(join(repository, 'refs'), { recursive: true });
    writeFileSync(path, content);
    writeFileSync(join(repository, 'refs', 'main'), commit);
    assert.deepEqual(await run(), { path, sha256: sha256(content), downloaded: false });
  });

  it('and is damaged is named, and not used', async (t) => {
    const { server, repository, run } = await setUp(t);
    const path = writePythonCache(repository, otherContent, sha256(content));
    await assert.rejects(run(), (error: Error) => {
      userError(/is damaged or another file: its SHA-256 is/)(error);
      assert.ok(error.message.startsWith(path));
      assert.ok(
        error.message.endsWith(`Delete ${join(repository, 'blobs', sha256(content))} and run the same command again.`),
      );
      return true;
    });
    assert.equal(server.requests.length, 0);
    // What the message advises helps.
    rmSync(join(repository, 'blobs', sha256(content)));
    assert.equal((await run()).downloaded, true);
  });

  it('and is not what the registry has is not used', async (t) => {
    const { repository, options } = await setUp(t);
    writePythonCache(repository, content);
    await assert.rejects(
      ensureWeights({ ...record, sha256: sha256(otherContent) }, options),
      userError(new RegExp(`expected is ${sha256(otherContent)}\\.`)),
    );
  });

  it('because it was put there by hand is used', async (t) => {
    const { server, byHand, run } = await setUp(t);
    mkdirSync(resolve(byHand, '..'), { recursive: true });
    writeFileSync(byHand, content);
    assert.deepEqual(await run(), { path: byHand, sha256: sha256(content), downloaded: false });
    assert.equal(server.requests.length, 0);
  });
});

test('an aborted signal ends it before anything is asked', async (t) => {
  const { server, run } = await setUp(t);
  await assert.rejects(run({ signal: AbortSignal.abort(new Error('stopped')) }), /stopped/);
  assert.equal(server.requests.length, 0);
});

test('the cache is where Python has it', () => {
  const standard = join(homedir(), '.cache', 'huggingface', 'hub');
  assert.equal(hubCacheFolder({}), standard);
  assert.equal(hubCacheFolder({ XDG_CACHE_HOME: '/x' }), '/x/huggingface/hub');
  assert.equal(hubCacheFolder({ XDG_CACHE_HOME: '/x', HF_HOME: '/h' }), '/h/hub');
  assert.equal(hubCacheFolder({ HF_HOME: '~/h' }), join(homedir(), 'h', 'hub'));
  assert.equal(hubCacheFolder({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' }), '/old');
  assert.equal(hubCacheFolder({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/c' }), '/c');
});
