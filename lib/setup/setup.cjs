// Brings a fresh clone, or a damaged one, to working order: npm packages, Python environment, TensorFlow, addon, kernel.
// Every step has a cheap test of whether it is done, so that a run with nothing to do takes milliseconds and a killed one continues.
// Plain JavaScript without dependencies: it runs before `npm ci`.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { addonDone, buildAddon } = require('./addon.cjs');
const { compiledLibrary } = require('./kernel-library.cjs');
const { clearStale, lock } = require('./lock.cjs');
const needs = require('./needs.cjs');
const { seconds, tell, timed } = require('./progress.cjs');
const { pipCertificates } = require('./surroundings.cjs');
const { root, hashOf, read, run, stampIs, startLog, temporaryFolder } = require('./tools.cjs');

const nodeModules = path.join(root, 'node_modules');
const environment = path.join(root, '.venv');
const python = path.join(environment, 'bin', 'python');
const tensorflowVersion = '2.21.0';
/** Of which there is a wheel: 3.10 to 3.13. */
const newestTensorflowPython = 13;
const tfjsPackage = path.join(nodeModules, '@tensorflow', 'tfjs-node-gpu');

/**
 * Does whatever is missing. Prints a line with the elapsed time for each step that ran. Ray comes where it is asked for, and stays; with
 * `try`, a failure to install it is told and ends nothing.
 * @param {{ gpu?: boolean, ray?: boolean | 'try', force?: boolean, log?: (line: string) => void }} [options]
 * @returns {Promise<boolean>} whether anything was done
 */
async function setUp({ gpu, ray = false, force = false, log = console.log } = {}) {
  needs.requireNode(process.versions.node);
  const variant = tensorflowVariant(gpu);
  const withRay = ray !== false || fs.existsSync(rayStamp);
  const complete = () => isComplete(variant) && (!withRay || rayDone());
  if (!force && complete()) {
    // Of one that was killed after its last step.
    if (clearStale()) fs.rmSync(temporaryFolder, { recursive: true, force: true });
    return false;
  }
  needs.requirePlatform();
  needs.requireProcessor();
  const release = await lock(log);
  try {
    if (force) fs.rmSync(environment, { recursive: true, force: true });
    if (!force && complete()) return false;
    const started = Date.now();
    startLog();
    emptyFolder(temporaryFolder);
    const wanted = wantedBytes({ variant, ray: withRay && (force || !rayDone()), force });
    needs.requireDisk(root, wanted.disk);
    log(
      wanted.download > 0
        ? `Setting up (${megabytes(wanted.download)} to download at most, ${megabytes(wanted.disk)} of disk):`
        : 'Setting up:',
    );
    const step = (title, done, work) => (!force && done() ? undefined : timed(title, work, log));
    const packages = step('npm packages', npmPackagesDone, installNpmPackages);
    const python = (async () => {
      await step('Python environment', environmentDone, createEnvironment);
      await step(
        `TensorFlow ${tensorflowVersion}${variant === 'gpu' ? ' with CUDA' : ''}`,
        () => tensorflowDone(variant),
        () => installTensorflow(variant),
      );
    })();
    // The addon needs both, but not JupyterLab.
    const results = await Promise.allSettled([
      packages,
      python
        .then(() => step('JupyterLab and nbconvert', requirementsDone, installRequirements))
        .then(() =>
          withRay ? step('Ray', rayDone, ray === 'try' ? () => tryInstallRay(log) : installRay) : undefined,
        ),
      Promise.all([packages, python]).then(() =>
        step(
          'TensorFlow.js addon',
          () => addonDone(read(tensorflowStamp)),
          () => buildAddon(read(tensorflowStamp), tensorflowFolder, installCompiler, log),
        ),
      ),
    ]);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    await step('notebook kernel', kernelDone, installKernel);
    log(`Ready after ${seconds(started)}.`);
    return true;
  } finally {
    fs.rmSync(temporaryFolder, { recursive: true, force: true });
    release();
  }
}

/** @param {string} folder */
function emptyFolder(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
}

/** Megabytes of each part, as they were measured on Linux x64: to download, and on the disk. */
const sizes = {
  npm: { download: 130, disk: 600 },
  python: { download: 40, disk: 250 },
  cpu: { download: 270, disk: 1100 },
  gpu: { download: 3500, disk: 8000 },
  ray: { download: 75, disk: 260 },
};

/** What is still to come, in bytes. @param {{ variant: string, ray: boolean, force: boolean }} wanted */
function wantedBytes({ variant, ray, force }) {
  const parts = [];
  if (force || !npmPackagesDone()) parts.push(sizes.npm);
  if (force || !requirementsDone()) parts.push(sizes.python);
  if (force || !tensorflowDone(variant)) parts.push(sizes[variant]);
  if (ray) parts.push(sizes.ray);
  const sum = (kind) => parts.reduce((total, part) => total + part[kind] * 1e6, 0);
  return { download: sum('download'), disk: sum('disk') };
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** @param {string} variant */
function isComplete(variant) {
  return missingSteps(variant).length === 0 && kernelDone();
}

/** What a running kernel needs and does not find as the set-up leaves it. */
function missingSteps(variant = tensorflowVariant(undefined)) {
  const steps = [
    ['npm packages', npmPackagesDone],
    ['Python environment', environmentDone],
    ['TensorFlow', () => tensorflowDone(variant)],
    ['JupyterLab and nbconvert', requirementsDone],
    ['TensorFlow.js addon', () => addonDone(read(tensorflowStamp))],
  ];
  return steps.filter(([, done]) => !done()).map(([name]) => name);
}

/** The folder that the project was in when it was set up, where it has been moved or copied since. */
function movedFrom() {
  const made = read(environmentStamp);
  return made === undefined || made === environment ? undefined : path.dirname(made);
}

// --- npm packages ------------------------------------------------------------------------------------------------------------

/** The packages of a lock file by their folder; none where there is no such file. @param {string} file */
function lockedPackages(file) {
  try {
    const { packages = {} } = JSON.parse(read(file) ?? '{}');
    delete packages['']; // the project itself
    return packages;
  } catch {
    return {}; // damaged
  }
}

/**
 * Whether npm has left behind what the lock file asks for. Packages that a user has installed for their own cells are in both. What is
 * optional is for another kind of machine.
 */
function npmPackagesDone() {
  const installed = lockedPackages(path.join(nodeModules, '.package-lock.json'));
  const wanted = Object.entries(lockedPackages(path.join(root, 'package-lock.json')));
  const fits = ([folder, { version, optional }]) =>
    folder in installed ? installed[folder].version === version : optional === true;
  return wanted.length > 0 && wanted.every(fits) && fs.existsSync(path.join(tfjsPackage, 'package.json'));
}

const npmRegistry = { name: 'The npm registry', mirror: 'name a mirror with `npm config set registry URL`' };

async function installNpmPackages() {
  const total = Object.keys(lockedPackages(path.join(root, 'package-lock.json'))).length;
  let fetched = 0;
  // What the user's settings say of production, global installs and a cache that cannot be written is for other projects.
  await run(
    'npm',
    ['ci', '--include=dev', '--no-global', '--no-audit', '--no-fund', '--loglevel=http', ...npmCache(), ...patience],
    {
      source: npmRegistry,
      onLine: (line) =>
        /^npm http fetch GET 200 .*\.tgz/.test(line) ? `${Math.min(++fetched, total)} of ${total}` : undefined,
    },
  );
}

const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];

/** npm cannot do without its cache, which is in the home folder, where a container may not let it write. */
function npmCache() {
  const cache = process.env.npm_config_cache ?? path.join(os.homedir(), '.npm');
  return isWritable(cache) ? [] : [`--cache=${path.join(temporaryFolder, 'npm')}`];
}

/** Whether files can be made in a folder, which may not be there yet. @param {string} folder @returns {boolean} */
function isWritable(folder) {
  if (!fs.existsSync(folder)) return folder !== path.dirname(folder) && isWritable(path.dirname(folder));
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return fs.statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

// --- Python environment ------------------------------------------------------------------------------------------------------

const environmentStamp = path.join(environment, '.set-up-environment');

/** The environment is whole if the Python that it was made with is still where it was, and the folder too. */
function environmentDone() {
  if (!stampIs(environmentStamp, environment) || !fs.existsSync(python)) return false;
  const home = /^home\s*=\s*(.+)$/m.exec(read(path.join(environment, 'pyvenv.cfg')) ?? '');
  return home !== null && fs.existsSync(home[1].trim()) && needs.isSupportedPython(environmentVersion());
}

/** Such as `3.11.7`; empty without an environment. */
function environmentVersion() {
  return /^version(?:_info)?\s*=\s*([\d.]+)/m.exec(read(path.join(environment, 'pyvenv.cfg')) ?? '')?.[1] ?? '';
}

async function createEnvironment() {
  const command = needs.requirePython();
  fs.rmSync(environment, { recursive: true, force: true });
  await run(command, ['-m', 'venv', environment]);
  fs.writeFileSync(environmentStamp, environment);
}

const packageIndex = { name: 'The Python package index', mirror: 'name a mirror in the variable PIP_INDEX_URL' };

/** @param {string[]} args */
async function pip(args) {
  const quiet = ['--disable-pip-version-check', '--no-input', '--retries', '2', '--timeout', '60'];
  let file = '';
  let size = '';
  // pip tells its progress to a terminal alone, so that what has arrived of a large file is looked up.
  const watch = setInterval(() => size && tell(`${file}, ${megabytes(pipDownloadBytes())} of ${size}`), 500);
  const onLine = (line) => {
    const found = /^\s*(?:Downloading|Using cached|Processing) (?:\S*\/)?([\w.]+)-\S+(?: \((\d{2,}[\d.]* MB)\))?/.exec(
      line,
    );
    if (found !== null) [, file, size = ''] = found;
    else if (line.startsWith('Installing collected packages')) [file, size] = ['unpacking', ''];
    else return undefined;
    return file;
  };
  try {
    const certificates = pipCertificates(temporaryFolder);
    const cert = certificates === undefined ? [] : ['--cert', certificates];
    await run(python, ['-m', 'pip', 'install', ...quiet, ...cert, '--prefer-binary', ...args], {
      source: packageIndex,
      onLine,
    });
  } finally {
    clearInterval(watch);
  }
}

/** Of the file that pip is fetching. */
function pipDownloadBytes() {
  const folders = namesIn(temporaryFolder).filter((name) => name.includes('pip-unpack-'));
  const files = folders.flatMap(namesIn).map((name) => fs.statSync(name, { throwIfNoEntry: false }));
  const newest = files.sort((a, b) => (b?.mtimeMs ?? 0) - (a?.mtimeMs ?? 0))[0];
  return newest?.size ?? 0;
}

/** @param {string} folder */
function namesIn(folder) {
  try {
    return fs.readdirSync(folder).map((name) => path.join(folder, name));
  } catch {
    return []; // gone meanwhile
  }
}

const requirementsFile = path.join(__dirname, 'requirements.txt');
const requirementsStamp = path.join(environment, '.set-up-requirements');

function requirementsDone() {
  return stampIs(requirementsStamp, hashOf(requirementsFile));
}

/** What one that was broken off has left may be half there. */
const unfinished = 'unfinished';

async function installRequirements() {
  const again = read(requirementsStamp) === unfinished ? ['--ignore-installed'] : [];
  fs.writeFileSync(requirementsStamp, unfinished);
  if (needs.isTriedPython(environmentVersion())) await pip(['--no-deps', ...again, '-r', requirementsFile]);
  else await pip([...again, 'jupyterlab', 'nbconvert', 'nbclient']);
  fs.writeFileSync(requirementsStamp, hashOf(requirementsFile));
}

const rayRequirementsFile = path.join(__dirname, 'requirements-ray.txt');
const rayStamp = path.join(environment, '.set-up-ray');

function rayDone() {
  return stampIs(rayStamp, hashOf(rayRequirementsFile));
}

async function installRay() {
  await pip(['--no-deps', '-r', rayRequirementsFile]);
  fs.writeFileSync(rayStamp, hashOf(rayRequirementsFile));
}

/** @param {(line: string) => void} log */
async function tryInstallRay(log) {
  try {
    await installRay();
  } catch (error) {
    log(
      `  Ray cannot be installed, so that nothing of it is tested: ${error instanceof Error ? error.message : error}`,
    );
  }
}

// --- TensorFlow --------------------------------------------------------------------------------------------------------------

const tensorflowStamp = path.join(environment, '.set-up-tensorflow');

/** @param {boolean | undefined} gpu asked for; else what is installed stays, else what the machine has decides */
function tensorflowVariant(gpu) {
  if (gpu) return 'gpu';
  const installed = read(tensorflowStamp)?.split(' ')[0];
  if (installed === 'gpu' || installed === 'cpu') return installed;
  return needs.hasNvidiaDriver() ? 'gpu' : 'cpu';
}

/** @param {string} variant */
function tensorflowDone(variant) {
  return stampIs(tensorflowStamp, `${variant} ${tensorflowVersion}`) && fs.existsSync(tensorflowFolder);
}

/** Apart from the environment's own packages: nothing of its Python is used. */
const tensorflowTarget = path.join(environment, 'tensorflow');

/** The folder of the installed wheel. */
const tensorflowFolder = path.join(tensorflowTarget, 'tensorflow');

/**
 * Only the native library of the wheel is used, so that the wheel of any Python serves: the environment's own where there is one, else
 * the newest. Of the CUDA wheel the libraries of CUDA are needed too, which are packages of their own.
 * @param {string} variant
 */
async function installTensorflow(variant) {
  const cpuPackage = process.platform === 'linux' && process.arch === 'x64' ? 'tensorflow-cpu' : 'tensorflow';
  const wanted = variant === 'gpu' ? ['tensorflow[and-cuda]'] : ['--no-deps', cpuPackage];
  const minor = Math.min(Number(environmentVersion().split('.')[1]), newestTensorflowPython);
  fs.rmSync(tensorflowStamp, { force: true });
  fs.rmSync(tensorflowTarget, { recursive: true, force: true });
  await pip([
    ...['--target', tensorflowTarget, '--only-binary=:all:', '--no-compile'],
    ...['--implementation', 'cp', '--python-version', `3.${minor}`, '--abi', `cp3${minor}`],
    ...wanted.slice(0, -1),
    `${wanted.at(-1)}==${tensorflowVersion}`,
  ]);
  fs.writeFileSync(tensorflowStamp, `${variant} ${tensorflowVersion}`);
}

// --- compiler ----------------------------------------------------------------------------------------------------------------

/**
 * Zig's, which brings all that it needs: for TensorFlow.js where no other one serves. It compiles for no processor in particular, and
 * with a C++ library of its own (libc++), which is enough for TensorFlow's C interface.
 */
async function installCompiler() {
  await pip(['--no-deps', '-r', path.join(__dirname, 'requirements-compiler.txt')]);
  process.env.ZIG_GLOBAL_CACHE_DIR ??= path.join(temporaryFolder, 'zig');
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[/** @type {'x64'} */ (process.arch)];
  const target = `${machine}-${process.platform === 'darwin' ? 'macos' : 'linux-gnu'}`;
  return { command: python, args: ['-m', 'ziglang', 'c++', '-target', target] };
}

// --- kernel ------------------------------------------------------------------------------------------------------------------

const kernelFile = path.join(environment, 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');

/**
 * What Jupyter is told: the name `tslab` makes every notebook that was written for tslab open with this kernel. The path is relative to
 * this file, so that a moved or copied project starts its own kernel, which then says what to do.
 */
const kernelSpec = () =>
  JSON.stringify(
    {
      argv: [
        process.execPath,
        '{resource_dir}/../../../../../lib/setup/kernel.cjs',
        '--config-path',
        '{connection_file}',
      ],
      display_name: 'TypeScript (medical-transfer-notebooks)',
      language: 'typescript',
      interrupt_mode: 'signal',
    },
    undefined,
    1,
  );

/** JupyterLab asks at its first start whether it may fetch news, and looks for updates: a local tool does neither. */
const labSettingsFile = path.join(environment, 'share', 'jupyter', 'lab', 'settings', 'overrides.json');
const labSettings = JSON.stringify({
  '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
});

function kernelDone() {
  return read(kernelFile) === kernelSpec() && read(labSettingsFile) === labSettings;
}

async function installKernel() {
  for (const [file, content] of [
    [kernelFile, kernelSpec()],
    [labSettingsFile, labSettings],
  ]) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
  compiledLibrary(); // now, so that the first notebook need not wait for it
}

module.exports = { setUp, hasRay: rayDone, missingSteps, movedFrom, root, python, environment, tensorflowFolder };
