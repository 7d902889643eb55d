// `npm run doctor`: one page of facts about this machine and what was set up on it, with what is wrong first.
// Plain JavaScript without dependencies, since it must work where the set-up does not. What only the packages know is asked in a process
// of its own (lib/cli/doctor.ts), which may fail.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { kernelRecord } = require('./addon.cjs');
const machine = require('./machine.cjs');
const needs = require('./needs.cjs');
const { missingSteps, movedFrom, hasRay, python } = require('./setup.cjs');
const { logFile, packageVersion, read, root } = require('./tools.cjs');

/** @typedef {{ problem: string, next: string }} Problem */

const help = `npm run doctor [-- --json]

One page about this machine and what was set up on it, with what is wrong first. Works also where the set-up does not.

Examples
  npm run doctor
  npm run doctor -- --json     for a bug report`;

/** Variables that change what the project does, or what its programs reach. */
const told =
  /^(CXX|PYTHON\w*|VIRTUAL_ENV|CONDA_PREFIX|NODE_(ENV|OPTIONS|EXTRA_CA_CERTS)|NOTEBOOKS_\w+|CHROMIUM_PATH|OUTPUTS_DIRECTORY|HF_\w+|(https?|no)_proxy|REQUESTS_CA_BUNDLE|PIP_\w+|npm_config_registry|TF_(NUM|ENABLE|FORCE|DETERMINISTIC|CPP|XLA)_\w+|OMP_NUM_THREADS|UV_THREADPOOL_SIZE|CUDA_VISIBLE_DEVICES|LD_\w+|TMPDIR)$/i;
const secret = /TOKEN|PASSWORD|SECRET/i;

/** @param {string[]} args @returns {number} the exit code: 0 where nothing is wrong */
function doctor(args) {
  const unknown = args.find((arg) => !['--json', '--help'].includes(arg));
  if (unknown) throw new needs.MissingNeed(`doctor has no option "${unknown}": use --json, or none.`);
  if (args.includes('--help')) {
    console.log(help);
    return 0;
  }
  const report = examine();
  console.log(args.includes('--json') ? JSON.stringify(report, undefined, 1) : page(report));
  return report.problems.length > 0 ? 1 : 0;
}

/** @returns {{ problems: Problem[], facts: Record<string, Record<string, unknown>> }} */
function examine() {
  const packages = missingSteps().length === 0 ? askPackages() : undefined;
  const facts = {
    machine: machineFacts(),
    programs: programFacts(packages?.facts),
    project: projectFacts(),
    libraries: packages?.facts ? libraryFacts(packages.facts) : {},
    caches: cacheFacts(packages?.facts?.hubCache),
    surroundings: surroundings(),
  };
  return { problems: problems(packages), facts };
}

/** @param {{ error?: string } | undefined} packages @returns {Problem[]} */
function problems(packages) {
  const found = [];
  for (const need of [
    () => needs.requireNode(process.versions.node),
    needs.requirePlatform,
    needs.requireProcessor,
    needs.requirePython,
  ]) {
    const message = messageOf(() => need());
    if (message !== undefined) {
      const [problem, ...next] = message.split(': ');
      found.push({ problem, next: next.join(': ') });
    }
  }
  const missing = missingSteps();
  const moved = movedFrom();
  if (missing.length > 0) {
    const where = moved === undefined ? '' : `, since the project was moved here from ${moved}`;
    const log = fs.existsSync(logFile) ? ` (what the last one printed is in ${logFile})` : '';
    found.push({ problem: `Missing or outdated: ${missing.join(', ')}${where}`, next: `run \`npm run setup\`${log}` });
  }
  if (packages?.error)
    found.push({ problem: `TensorFlow cannot be loaded (${packages.error})`, next: 'run `npm run setup -- --force`' });
  const left = kernelRecord()?.operations;
  if (left !== undefined)
    found.push({
      problem: `The project's own operations are left out, so that trainings take up to twice as long (${left})`,
      next: 'install or name another compiler: `CXX=g++ npm run setup`',
    });
  const free = needs.freeDiskBytes(root);
  if (free < 1e9)
    found.push({
      problem: `Only ${gigabytes(free)} of disk are free`,
      next: 'free some space: results and caches need it',
    });
  const memory = machine.memoryBytes();
  if (memory < 3.5e9)
    found.push({
      problem: `Only ${gigabytes(memory)} of memory may be used`,
      next: 'give the container or the virtual machine 4 GB; until then use a small batchSize',
    });
  if (!isWritable(os.homedir()))
    found.push({
      problem: `The home folder ${os.homedir()} cannot be written`,
      next: 'set HF_HOME to a folder for published weights, if you use them',
    });
  return found;
}

/** @param {() => void} check */
function messageOf(check) {
  try {
    check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function machineFacts() {
  const flags = machine.processorFlags();
  const interesting = ['avx', 'avx2', 'avx512f', 'avx512_bf16', 'avx512_fp16', 'amx_bf16', 'asimd', 'bf16', 'sve'];
  const quota = machine.cpuQuota();
  const memory = machine.memoryBytes();
  const { release, name } = operatingSystem();
  return {
    processor: machine.processor(),
    instructions: interesting.filter((flag) => flags.includes(flag)).join(' ') || 'not told by the system',
    cores: `${machine.cores()} of ${os.cpus().length}${quota === undefined ? '' : `, a container's share of ${quota}`}`,
    memory: `${gigabytes(memory)}${memory < os.totalmem() ? `, a limit on a machine of ${gigabytes(os.totalmem())}` : ''}, ${gigabytes(process.availableMemory?.() ?? os.freemem())} free`,
    disk: `${gigabytes(needs.freeDiskBytes(root))} free in ${root}`,
    temporary: `${gigabytes(needs.freeDiskBytes(os.tmpdir()))} free in ${os.tmpdir()}`,
    gpu: gpu(),
    system: `${name}, ${os.type()} ${release} ${process.arch}, ${libc()}`,
    user: process.getuid?.() === 0 ? 'root' : 'an ordinary user',
  };
}

function operatingSystem() {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(read('/etc/os-release') ?? '')?.[1] ?? os.platform();
  const inContainer = fs.existsSync('/.dockerenv') || fs.existsSync('/run/.containerenv');
  return {
    release: os.release(),
    name: `${name}${inContainer ? ' in a container' : ''}${/microsoft/i.test(os.release()) ? ' in WSL' : ''}`,
  };
}

function libc() {
  if (process.platform !== 'linux') return 'system library';
  if (machine.hasMusl()) return 'musl';
  return `glibc ${process.report.getReport().header.glibcVersionRuntime}`;
}

function gpu() {
  if (!needs.hasNvidiaDriver()) return 'none with an NVIDIA driver';
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'];
  return firstLine('nvidia-smi', query) ?? 'an NVIDIA driver, but no nvidia-smi';
}

/** @param {{ chromium?: string } | undefined} packages */
function programFacts(packages) {
  return {
    node: `${process.versions.node} (${process.execPath})`,
    npm: firstLine('npm', ['--version']) ?? 'none',
    python:
      firstLine(python, ['--version']) ??
      `none in .venv; python3 is ${firstLine('python3', ['--version']) ?? 'missing'}`,
    compiler: compiler(),
    git: firstLine('git', ['--version']) ?? 'none: results do not name the commit',
    chromium: packages?.chromium ?? 'none found: pages without pictures of their figures',
  };
}

function compiler() {
  const built = kernelRecord()?.compiler;
  const found = needs.compilers();
  const versions = found.map(({ command, args }) => firstLine(command, [...args, '--version']));
  return `${versions.join(', ') || 'none'}${built === undefined ? '' : `; the addon was built with ${built}`}`;
}

function projectFacts() {
  const missing = missingSteps();
  return {
    version: packageVersion(root),
    commit: firstLine('git', ['-C', root, 'describe', '--always', '--dirty']) ?? 'unknown',
    'set-up': missing.length === 0 ? 'complete' : `without ${missing.join(', ')}`,
    ray: hasRay() ? 'installed' : 'not installed, as only studies on a cluster need it (`npm run setup -- --ray`)',
  };
}

/** Asks in a process of its own, which TensorFlow may take down with it. */
function askPackages() {
  const tsx = attempt(() => pathToFileURL(require.resolve('tsx')).href);
  if (tsx === undefined) return { error: 'npm packages are missing' };
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    ['--import', tsx, path.join(root, 'lib', 'cli', 'doctor.ts')],
    { cwd: root, encoding: 'utf8', timeout: 120_000, env: { ...process.env, ONEDNN_VERBOSE: '1' } },
  );
  const line = stdout?.split('\n').find((text) => text.startsWith('facts: '));
  if (line === undefined) return { error: signal ?? lastLine(stderr) ?? `exit code ${status}` };
  const oneDnn = /oneDNN (v[\d.]+)/.exec(stdout)?.[1];
  const instructions = /info,cpu,isa:([^\n]*)/.exec(stdout)?.[1];
  return { facts: { ...JSON.parse(line.slice('facts: '.length)), oneDnn, instructions } };
}

/** @template T @param {() => T} work @returns {T | undefined} */
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** @param {Record<string, string | undefined>} packages */
function libraryFacts({ tensorflow, tfjs, device, kernelLevel, oneDnn, instructions }) {
  return {
    tensorflow: `${tensorflow}, computes on the ${device}`,
    tfjs,
    oneDNN: oneDnn === undefined ? 'not used' : `${oneDnn}, ${instructions}`,
    'own operations': kernels(kernelLevel),
  };
}

/** @param {string | undefined} inUse */
function kernels(inUse) {
  const { operations, levels = {} } = kernelRecord() ?? {};
  if (operations !== undefined) return `off (${operations})`;
  const built = Object.entries(levels).map(([name, { works, problem }]) =>
    works && problem === undefined ? name : `${name} (${problem})`,
  );
  return `${inUse}; built: ${built.join(', ')}`;
}

/** @param {string | undefined} hubCache */
function cacheFacts(hubCache) {
  const folders = {
    packages: 'node_modules',
    python: '.venv',
    data: 'data/cache',
    weights: 'data/weights',
    outputs: 'outputs',
  };
  const sizes = Object.entries(folders).map(([name, folder]) => [name, folderSize(path.join(root, folder))]);
  return {
    ...Object.fromEntries(sizes),
    hub: hubCache === undefined ? 'unknown' : `${folderSize(hubCache)} in ${hubCache}`,
  };
}

/** @param {string} folder */
function folderSize(folder) {
  if (!fs.existsSync(folder)) return 'nothing yet';
  const kilobytes = Number(firstLine('du', ['-sk', folder])?.split(/\s/)[0]);
  return Number.isFinite(kilobytes) ? gigabytes(kilobytes * 1024) : 'unknown';
}

function surroundings() {
  const names = Object.keys(process.env)
    .filter((name) => told.test(name))
    .sort();
  return Object.fromEntries(
    names.map((name) => [name, secret.test(name) ? 'set' : withoutPassword(process.env[name] ?? '')]),
  );
}

/** @param {string} value */
function withoutPassword(value) {
  return value.replace(/(\w+:\/\/)[^@/\s]*@/g, '$1***@');
}

/** @param {string} folder */
function isWritable(folder) {
  return messageOf(() => fs.accessSync(folder, fs.constants.W_OK)) === undefined;
}

/** @param {string} command @param {string[]} args @returns {string | undefined} */
function firstLine(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
  return status === 0 ? (stdout || stderr).trim().split('\n')[0] : undefined;
}

/** @param {string} text @returns {string | undefined} */
function lastLine(text) {
  return (
    text
      ?.trim()
      .split('\n')
      .filter((line) => /error/i.test(line))
      .pop() ?? undefined
  );
}

/** @param {number} bytes */
function gigabytes(bytes) {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** @param {ReturnType<typeof examine>} report */
function page({ problems: found, facts }) {
  const wrong =
    found.length === 0
      ? ['Nothing is wrong.']
      : found.flatMap(({ problem, next }, k) => [`${k + 1}. ${problem}.`, `   ${next}`]);
  const groups = Object.entries(facts)
    .filter(([, group]) => Object.keys(group).length > 0)
    .flatMap(([title, group]) => [
      '',
      title,
      ...Object.entries(group).map(([name, value]) => `  ${name.padEnd(22)} ${value}`),
    ]);
  return [...wrong, ...groups].join('\n');
}

module.exports = { doctor };
