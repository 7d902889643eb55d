import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../lib/paths';
import { createRandom } from '../../lib/random';
import { compilerScript, layOutProject, layOutTools, npmScript, standInPython, writeTool } from './stand-ins';

/** The whole set-up in a copy of the project, with stand-ins (`stand-ins.ts`). */
let base: string;
let project: string;
let tools: string;

before(() => {
  base = mkdtempSync(join(tmpdir(), 'set-up-'));
});
after(() => rmSync(base, { recursive: true, force: true }));

beforeEach(() => {
  project = mkdtempSync(join(base, 'project-'));
  tools = mkdtempSync(join(base, 'tools-'));
  layOutProject(project);
  layOutTools(tools, base);
});

function tool(name: string, script: string): void {
  writeTool(tools, name, script);
}

function setUp(args: string[] = [], env: Record<string, string> = {}, folder = project) {
  const { status, stdout, stderr } = spawnSync(join(tools, 'node'), ['lib/setup/run.cjs', 'setup', ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: tools, HOME: base, ...env },
  });
  return { status, stdout, stderr };
}

function startSetUp() {
  const env = { PATH: tools, HOME: base };
  const child = spawn(join(tools, 'node'), ['lib/setup/run.cjs', 'setup'], { cwd: project, env });
  let stdout = '';
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
  const ended = new Promise<{ stdout: string }>((resolve) => child.on('close', () => resolve({ stdout })));
  return { child, ended };
}

/** A missing need ends the set-up with one line on standard error. */
function assertOneLine({ status, stderr }: { status: number | null; stderr: string }, ...patterns: RegExp[]): void {
  assert.equal(status, 1);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  for (const pattern of patterns) assert.match(stderr, pattern);
}

test('a fresh copy is set up step by step, and then there is nothing to do', () => {
  const first = setUp();
  assert.equal(first.status, 0, first.stderr);
  for (const step of ['npm packages', 'Python environment', 'TensorFlow', 'JupyterLab', 'addon', 'kernel']) {
    assert.match(first.stdout, new RegExp(`${step}.* \\d+\\.\\d s`));
  }
  const started = performance.now();
  const second = setUp();
  assert.match(second.stdout, /^Nothing to do[^\n]*\n$/);
  assert.ok(performance.now() - started < 2000);
});

test('the kernel of the project is what Jupyter is told', () => {
  setUp();
  const spec = JSON.parse(readFileSync(join(project, '.venv/share/jupyter/kernels/tslab/kernel.json'), 'utf8')) as {
    argv: string[];
  };
  const [, script, ...rest] = spec.argv;
  // What Jupyter puts in is the folder of kernel.json.
  const folder = join(project, '.venv/share/jupyter/kernels/tslab');
  assert.equal(join(script.replace('{resource_dir}', folder)), join(project, 'lib/setup/kernel.cjs'));
  assert.deepEqual(rest, ['--config-path', '{connection_file}']);
});

test('an addon that npm has deleted is linked again without being built', () => {
  setUp();
  rmSync(join(project, 'node_modules/@tensorflow/tfjs-node-gpu/lib'), { recursive: true });
  tool('c++', 'exit 1');
  const repaired = setUp();
  assert.equal(repaired.status, 0, repaired.stderr);
  assert.match(repaired.stdout, /addon/);
  assert.doesNotMatch(repaired.stdout, /npm packages|TensorFlow 2/);
  const link = join(project, 'node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node');
  assert.equal(readlinkSync(link), join(project, '.venv/tfjs/tfjs_binding.node'));
});

test('operations of the project that have changed are compiled again', () => {
  assert.equal(setUp().status, 0);
  writeFileSync(join(project, 'lib', 'tensor', 'kernels', 'kernels.cc'), '// changed\n');
  const again = setUp();
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /addon/);
  assert.match(setUp().stdout, /nothing to do/i);
});

/** What was built, and what the set-up said of it in lines that are no step. */
function built(env: Record<string, string> = {}) {
  const { status, stdout, stderr } = setUp([], env);
  assert.equal(status, 0, stderr);
  const record = JSON.parse(readFileSync(join(project, '.venv/tfjs/kernels.json'), 'utf8')) as {
    compiler: string;
    operations?: string;
    levels: Record<string, { works: boolean; problem?: string }>;
  };
  const said = stdout.split('\n').filter((line) => /left out/.test(line));
  return { ...record, said, working: Object.keys(record.levels).filter((name) => record.levels[name].works) };
}

test('a level that the compiler does not know, or that fails its test, is left out; one of another processor stays', () => {
  const names = built().working;
  const [highest, lower] = [names[names.length - 1], names[names.length - 2]];
  const anew = (env: Record<string, string>) => {
    rmSync(join(project, '.venv/tfjs'), { recursive: true });
    return built(env);
  };
  const unknown = anew({ CANNOT: `-DNOTEBOOKS_LEVEL=${highest.replace('-', '_')}` });
  assert.deepEqual(unknown.working, names.slice(0, -1));
  assert.match(unknown.levels[highest].problem ?? '', /error: unknown/);
  const failing = anew({ FAILS: highest });
  assert.deepEqual(failing.working, names.slice(0, -1));
  assert.match(
    failing.said.join('\n'),
    new RegExp(`^  The kernels at level ${highest} are left out: .*SIGILL.*CXX[^\n]*$`),
  );
  const lacking = anew({ LACKS: highest, FAILS: lower });
  assert.deepEqual(
    lacking.working,
    names.filter((name) => name !== lower),
  );
  assert.match(lacking.levels[highest].problem ?? '', /not tested/);
  assert.equal(lacking.said.length, 1);
});

test('without one level that works, and where the operations do not compile, TensorFlow’s own are used, which is said', () => {
  const names = built().working;
  const environments: Record<string, string>[] = [{ FAILS: names.join(' ') }, { CANNOT: 'kernels.cc' }];
  for (const env of environments) {
    rmSync(join(project, '.venv/tfjs'), { recursive: true });
    const { operations, said } = built(env);
    assert.match(operations ?? '', /SIGILL|error: unknown/);
    assert.match(
      said.join('\n'),
      /^ {2}The project's own operations are left out, and TensorFlow's are used[^\n]*CXX[^\n]*$/,
    );
    assert.match(setUp().stdout, /Nothing to do/);
  }
  rmSync(join(project, '.venv/tfjs'), { recursive: true });
  assertOneLine(setUp([], { FAILS: `${names.join(' ')} off` }), /TensorFlow cannot be used here: .*SIGILL/);
});

test('the compiler is what CXX says, word by word, and where it builds nothing, the next one that there is', () => {
  tool('ccache', `echo ccache >> ${join(base, 'ccache.log')}; exec "$@"`);
  tool('my compiler', compilerScript);
  assert.equal(built({ CXX: 'ccache c++' }).compiler, 'ccache c++');
  assert.match(readFileSync(join(base, 'ccache.log'), 'utf8'), /ccache/);
  assert.match(setUp([], { CXX: 'ccache c++' }).stdout, /Nothing to do/);
  assert.match(setUp().stdout, /Nothing to do/);
  assert.equal(built({ CXX: `'${join(tools, 'my compiler')}' -O1` }).compiler, `${join(tools, 'my compiler')} -O1`);
  assert.equal(built({ CXX: join(tools, 'my compiler') }).compiler, join(tools, 'my compiler'));
  tool('broken', 'if [ "$1" = --version ]; then echo broken; else exit 1; fi');
  assert.equal(built({ CXX: 'broken' }).compiler, 'c++');
  assert.match(setUp([], { CXX: 'broken' }).stdout, /Nothing to do/);
  assert.match(setUp([], { CXX: 'nowhere/g++' }).stdout, /^ {2}CXX is "nowhere\/g\+\+", [^\n]* built with c\+\+\.$/m);
});

test('without a compiler that works, one is fetched, which builds all but the operations, as is said', () => {
  assert.equal(built().compiler, 'c++');
  const anew = (script: string | undefined, CXX: string) => {
    if (script === undefined) rmSync(join(tools, 'c++'));
    else tool('c++', script);
    rmSync(join(project, '.venv/tfjs'), { recursive: true });
    return { CXX };
  };
  for (const [script, CXX, why] of [
    ['if [ "$1" != --version ]; then echo "error: broken" >&2; exit 1; fi', '', /error: broken/],
    ['exit 1', 'c++', /none is installed/],
    [undefined, 'nowhere/g++', /none is installed/],
  ] as const) {
    const { compiler, operations, said, working } = built(anew(script, CXX));
    assert.match(compiler, /\.venv\/bin\/python -m ziglang c\+\+ -target \w+-(linux-gnu|macos)$/);
    assert.match(operations ?? '', why);
    assert.deepEqual(working, []);
    assert.match(
      said.join('\n'),
      /^ {2}The project's own operations are left out[^\n]*(apt-get install g\+\+|xcode-select)[^\n]*$/,
    );
    assert.match(setUp([], { CXX }).stdout, /Nothing to do/);
  }
  assert.match(readFileSync(join(base, 'pip.log'), 'utf8'), /-r \S+requirements-compiler\.txt/);
  const offline = setUp([], { ...anew('exit 1', ''), PIP_FAILS: 'NewConnectionError: Connection refused' });
  assertOneLine(offline, /^No C\+\+ compiler.*package index cannot be reached.*(apt-get install g\+\+|xcode-select)/);
});

test('a package of one’s own does not install everything again; another version of the project’s does', () => {
  assert.equal(setUp().status, 0);
  const files = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) => join(project, name));
  const change = (file: string, packages: object): void => {
    const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: object };
    writeFileSync(file, JSON.stringify({ ...lock, packages: { ...lock.packages, ...packages } }));
  };
  for (const file of files) change(file, { 'node_modules/left-pad': { version: '1.3.0' } });
  assert.match(setUp().stdout, /nothing to do/i);
  change(files[0], { 'node_modules/zod': { version: '0.0.1' } });
  assert.match(setUp().stdout, /npm packages/);
  assert.match(setUp().stdout, /nothing to do/i);
});

test('a set-up that was broken off continues with what is missing', () => {
  assert.equal(setUp([], { PIP_FAILS: 'Killed' }).status, 1);
  const second = setUp();
  assert.equal(second.status, 0, second.stderr);
  assert.doesNotMatch(second.stdout, /npm packages|Python environment/);
  assert.match(second.stdout, /TensorFlow/);
  assert.ok(existsSync(join(project, '.venv/tfjs/tfjs_binding.node')));
});

test('an environment whose Python is gone is made anew', () => {
  setUp();
  writeFileSync(join(project, '.venv/pyvenv.cfg'), 'home = /nowhere\nversion = 3.11.7\n');
  assert.match(setUp().stdout, /Python environment/);
});

test('an environment of an unsupported Python is made anew', () => {
  setUp();
  writeFileSync(join(project, '.venv/pyvenv.cfg'), `home = ${tools}\nversion = 3.9.2\n`);
  assert.match(setUp().stdout, /Python environment/);
});

test('a folder that was moved is set up for its new place', () => {
  setUp();
  const moved = `${project}-moved`;
  renameSync(project, moved);
  const repaired = setUp([], {}, moved);
  assert.equal(repaired.status, 0, repaired.stderr);
  assert.equal(readFileSync(join(moved, '.venv/.set-up-environment'), 'utf8'), join(moved, '.venv'));
  assert.equal(kernelProblem(moved), '');
});

/** Why the kernel of the project cannot run a notebook of a folder; empty where it can. */
function kernelProblem(folder = project, notebookFolder = folder): string {
  const code = `process.stdout.write(require('./lib/setup/kernel-problems.cjs').kernelProblem(${JSON.stringify(notebookFolder)}) ?? '')`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('the kernel says which step of the set-up is missing, and what to do', () => {
  assert.match(kernelProblem(), /not set up \(missing or outdated: npm packages, .*\): run `npm run setup` in \//);
  setUp();
  assert.equal(kernelProblem(), '');
  assert.equal(kernelProblem(project, tmpdir()), '', 'a notebook outside the project');
  writeFileSync(join(project, 'package-lock.json'), '{}');
  assert.match(kernelProblem(), /\(missing or outdated: npm packages\)/);
});

test('the kernel says that the project has been moved, and refuses the notebooks of a copy', () => {
  setUp();
  const moved = `${project}-moved`;
  cpSync(project, moved, { recursive: true });
  assert.equal(
    kernelProblem(project, join(moved, 'lib')).split(':')[0],
    `This notebook is in ${moved}, but its kernel belongs to ${project}`,
  );
  rmSync(project, { recursive: true });
  assert.match(
    kernelProblem(moved),
    /^This project was set up in .* and has been moved to .*-moved since: run `npm run setup` in /,
  );
});

test('the lock of a set-up that is gone is taken over, also where its number is another process now', () => {
  const lock = join(project, '.set-up.lock');
  const holder = { pid: process.pid, host: hostname(), start: 'an earlier process', since: new Date().toISOString() };
  for (const content of [JSON.stringify({ ...holder, pid: 999_999_999 }), JSON.stringify(holder)]) {
    writeFileSync(lock, content);
    const { status, stdout } = setUp();
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /Waiting/);
    assert.equal(existsSync(lock), false);
    rmSync(join(project, '.venv'), { recursive: true });
  }
  // No set-up of this project wrote it, or one of another machine that has been silent since.
  const long = new Date(Date.now() - 600_000);
  for (const content of ['1', JSON.stringify({ ...holder, host: 'elsewhere' })]) {
    writeFileSync(lock, content);
    utimesSync(lock, long, long);
    assert.equal(setUp().status, 0);
    rmSync(join(project, '.venv'), { recursive: true });
  }
});

test('a second set-up waits for the first, says for whom, and then has nothing to do', async () => {
  tool('npm', `sleep 3; ${npmScript}`);
  const { ended: first } = startSetUp();
  while (!existsSync(join(project, '.set-up.lock'))) await sleep(10);
  const second = await startSetUp().ended;
  assert.match(
    second.stdout,
    new RegExp(
      `^Waiting for another set-up in this folder \\(process \\d+ on ${hostname()}, for \\d+ s\\)\\.\nNothing to do`,
    ),
  );
  assert.match((await first).stdout, /Ready after/);
});

test('--gpu asks for the wheel with CUDA, and it stays', () => {
  assert.match(setUp(['--gpu']).stdout, /with CUDA/);
  assert.match(readFileSync(join(base, 'pip.log'), 'utf8'), /tensorflow\[and-cuda\]/);
  assert.match(setUp().stdout, /Nothing to do/);
});

test('--ray adds Ray, which stays and is kept up to date; nothing else asks for it', () => {
  assert.doesNotMatch(setUp().stdout, /Ray/);
  assert.match(setUp(['--ray']).stdout, /^Setting up[^\n]*:\n {2}Ray .* s\nReady[^\n]*\n$/);
  assert.match(setUp().stdout, /Nothing to do/);
  assert.match(setUp(['--force']).stdout, /Ray /);
  writeFileSync(join(project, 'lib', 'setup', 'requirements-ray.txt'), 'ray==0\n');
  assert.match(setUp().stdout, /Ray /);
});

test('npm test goes on where Ray cannot be installed', () => {
  setUp();
  const code = `require('./lib/setup/setup.cjs').setUp({ ray: 'try' })`;
  const env = { PATH: tools, HOME: base, PIP_FAILS: 'error: no wheel of ray' };
  const { status, stdout } = spawnSync(join(tools, 'node'), ['-e', code], { cwd: project, encoding: 'utf8', env });
  assert.equal(status, 0);
  assert.match(stdout, /Ray cannot be installed, so that nothing of it is tested: .*no wheel of ray/);
  assertOneLine(setUp(['--ray'], { PIP_FAILS: 'error: no wheel of ray' }), /no wheel of ray/);
});

test('what the surroundings set for other projects does not reach pip and npm', () => {
  tool('npm', `echo "$*" > ${join(base, 'npm.log')}; ${npmScript}`);
  const foreign = {
    PIP_USER: '1',
    PIP_TARGET: '/elsewhere',
    PYTHONPATH: '/bad',
    PYTHONHOME: '/bad',
    NODE_ENV: 'production',
    npm_config_omit: 'dev',
  };
  assert.equal(setUp([], { ...foreign, HOME: '/dev/null' }).status, 0);
  const lines = readFileSync(join(base, 'env.log'), 'utf8').trim().split('\n');
  assert.match(lines.at(-1) ?? '', /^user=0 target= path= home= node= /);
  const npm = readFileSync(join(base, 'npm.log'), 'utf8');
  assert.match(npm, /--include=dev/);
  // A home folder that cannot be written has no room for npm's cache.
  assert.match(npm, /--cache=\S+\.set-up\.tmp/);
});

test('one word about the proxy and the certificates is enough for pip and npm', () => {
  const authority = join(projectRoot, 'tests/fixtures/certificate/authority.pem');
  tool('npm', `echo "$HTTPS_PROXY $NODE_EXTRA_CA_CERTS" > ${join(base, 'npm.log')}; ${npmScript}`);
  assert.equal(setUp([], { https_proxy: 'http://proxy.example:3128', REQUESTS_CA_BUNDLE: authority }).status, 0);
  assert.equal(readFileSync(join(base, 'npm.log'), 'utf8').trim(), `http://proxy.example:3128 ${authority}`);
  // pip takes one file for all: the company's certificates and those that everybody trusts.
  assert.equal(setUp(['--force'], { NODE_EXTRA_CA_CERTS: authority }).status, 0);
  const asked = readFileSync(join(base, 'pip.log'), 'utf8').trim().split('\n');
  assert.match(asked.at(-1) ?? '', /--cert \S+\.set-up\.tmp\/certificates\.pem/);
});

test('a set-up that is killed at any moment continues with the same command', async () => {
  tool('npm', `sleep 0.2; ${npmScript}`);
  for (let milliseconds = 100; milliseconds <= 1000; milliseconds += 100) {
    const { child, ended } = startSetUp();
    setTimeout(() => child.kill('SIGKILL'), milliseconds);
    await ended;
  }
  assert.equal(setUp().status, 0);
  assert.match(setUp().stdout, /Nothing to do/);
  assert.equal(kernelProblem(), '');
  for (const left of ['.set-up.lock', '.set-up.tmp']) assert.equal(existsSync(join(project, left)), false, left);
});

test('a set-up that is ended, or that the disk refuses, within any change continues with the same command', () => {
  const disturbed = (kind: string, at: number, fraction: number) =>
    setUp(['--force'], {
      NODE_OPTIONS: `--require ${JSON.stringify(join(projectRoot, 'tests', 'faults', 'disk.cjs'))}`,
      FAULT_PLAN: JSON.stringify({ folder: project, at, fraction, kind }),
    });
  const seed = Number(process.env.FAULT_SEED ?? 1);
  for (let number = 0; number < Number(process.env.FAULT_COUNT ?? 1); number++) {
    const random = createRandom(seed, 'set-up', number);
    const [at, fraction] = [random.integer(40), random.uniform()];
    for (const kind of ['SIGKILL', 'ENOSPC', 'EROFS']) {
      const { status, stderr } = disturbed(kind, at, fraction);
      const about = `${kind} at change ${at}: ${stderr}`;
      if (kind === 'SIGKILL') assert.ok(status === null || status === 0, about);
      else assert.ok(status === 0 || stderr.trimEnd().split('\n').length === 1, about);
      const again = setUp();
      assert.equal(again.status, 0, `${about}\n${again.stderr}`);
      assert.match(setUp().stdout, /Nothing to do/, about);
      assert.equal(kernelProblem(), '', about);
      for (const left of ['.set-up.lock', '.set-up.tmp']) assert.ok(!existsSync(join(project, left)), about + left);
    }
  }
});

test('a folder that is reached by a link is the same folder', () => {
  assert.equal(setUp().status, 0);
  const link = `${project} über einen Link`;
  symlinkSync(project, link);
  assert.match(setUp([], {}, link).stdout, /Nothing to do/);
});

test('an interpreter that TensorFlow has no wheel for gets the newest wheel, and JupyterLab as it fits', () => {
  tool('python3', standInPython({ tools, logs: base }, { version: '3.15.0' }));
  assert.equal(setUp().status, 0);
  const asked = readFileSync(join(base, 'pip.log'), 'utf8').trim().split('\n').slice(-2);
  assert.ok(
    asked.some((line) => /--python-version 3\.13 --abi cp313 .*tensorflow/.test(line)),
    asked[0],
  );
  assert.ok(
    asked.some((line) => /jupyterlab nbconvert nbclient$/.test(line)),
    asked[1],
  );
});

test('--force starts from the beginning', () => {
  setUp();
  assert.match(setUp(['--force']).stdout, /npm packages(.|\n)*TensorFlow(.|\n)*kernel/);
});

test('each missing need is one line with the command that supplies it', async (t) => {
  await t.test('an unknown option', () => assertOneLine(setUp(['--fast']), /--fast/, /--gpu/));
  await t.test('no Python', () => {
    rmSync(join(tools, 'python3'));
    assertOneLine(setUp(), /Python 3\.10 or newer/, /apt-get install|brew install/);
  });
  await t.test('an old Python', () => {
    tool('python3', standInPython({ tools, logs: base }, { version: '3.8.1' }));
    assertOneLine(setUp(), /python3 is 3\.8\.1/);
  });
  await t.test('no venv module', () => {
    tool('python3', standInPython({ tools, logs: base }, { venv: false }));
    assertOneLine(setUp(), /no venv module/, /apt-get install python3\.11-venv/);
  });
  await t.test('no package index', () => {
    tool('python3', standInPython({ tools, logs: base }));
    assertOneLine(
      setUp([], { PIP_FAILS: 'NewConnectionError: Connection refused' }),
      /package index cannot be reached/,
      /PIP_INDEX_URL/,
    );
  });
  await t.test('no npm registry', () => {
    rmSync(join(project, 'node_modules'), { recursive: true, force: true });
    tool('npm', 'echo "npm error code ECONNREFUSED" >&2; exit 1');
    assertOneLine(setUp(), /npm registry cannot be reached/, /npm config set registry/);
  });
  await t.test('a full disk', () => {
    tool('npm', 'echo "npm error code ENOSPC" >&2; exit 1');
    assertOneLine(setUp(), /disk is full/);
  });
});

test('needs that cannot be taken away here are checked by their functions', () => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript that runs before anything is installed
  const needs = require('../../lib/setup/needs.cjs') as {
    requireNode(version: string): void;
    requirePlatform(platform: string, architecture: string, musl?: boolean): void;
    requireProcessor(flags: string[], architecture: string, name: string): void;
    requireDisk(folder: string, needed: number, freeBytes: number): void;
  };
  for (const version of ['18.20.0', '20.18.3']) assert.throws(() => needs.requireNode(version), /nvm install 24/);
  for (const version of ['20.19.0', '22.0.0', '23.1.0', '24.0.0', '26.10.0']) needs.requireNode(version);
  for (const [platform, architecture] of [
    ['linux', 'x64'],
    ['linux', 'arm64'],
    ['darwin', 'arm64'],
  ])
    needs.requirePlatform(platform, architecture, false);
  assert.throws(() => needs.requirePlatform('win32', 'x64'), /WSL 2.*container/);
  assert.throws(() => needs.requirePlatform('darwin', 'x64'), /Intel.*container/);
  assert.throws(() => needs.requirePlatform('linux', 'x64', true), /musl.*Debian/);
  needs.requireProcessor(['sse4_2', 'avx'], 'x64', 'some processor');
  assert.throws(
    () => needs.requireProcessor(['sse4_2'], 'x64', 'Common KVM processor'),
    /Common KVM processor.*no AVX.*-cpu host/,
  );
  needs.requireProcessor(['asimd'], 'arm64', 'some processor');
  assert.throws(() => needs.requireDisk('/', 4e9, 1e9), /Only 1\.0 GB/);
});
