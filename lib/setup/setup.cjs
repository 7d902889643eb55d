// Brings a fresh clone, or a damaged one, to working order: npm packages, Python environment, TensorFlow, addon, kernel.
// Every step has a cheap test of whether it is done, so that a run with nothing to do takes milliseconds and a killed one continues.
// Plain JavaScript without dependencies: it runs before `npm ci`.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { addonDone, buildAddon } = require('./addon.cjs');
const { compiledLibrary } = require('./kernel-library.cjs');
const needs = require('./needs.cjs');
const { root, hashOf, lock, read, run, seconds, stampIs, startLog, timed } = require('./tools.cjs');

const nodeModules = path.join(root, 'node_modules');
const environment = path.join(root, '.venv');
const python = path.join(environment, 'bin', 'python');
const tensorflowVersion = '2.21.0';
const tfjsPackage = path.join(nodeModules, '@tensorflow', 'tfjs-node-gpu');

/**
 * Does whatever is missing. Prints a line with the elapsed time for each step that ran. Ray comes where it is asked for, and stays; with
 * `try`, a failure to install it is told and ends nothing.
 * @param {{ gpu?: boolean, ray?: boolean | 'try', force?: boolean, log?: (line: string) => void }} [options]
 * @returns {Promise<boolean>} whether anything was done
 */
async function setUp({ gpu, ray = false, force = false, log = console.log } = {}) {
  needs.requireNode(process.versions.node);
  needs.requirePlatform(process.platform, process.arch);
  const variant = tensorflowVariant(gpu);
  const withRay = ray !== false || fs.existsSync(rayStamp);
  const complete = () => isComplete(variant) && (!withRay || rayDone());
  if (!force && complete()) return false;
  const release = await lock(log);
  try {
    if (force) fs.rmSync(environment, { recursive: true, force: true });
    if (!force && complete()) return false;
    const started = Date.now();
    startLog();
    log('Setting up:');
    if (!npmPackagesDone() || !tensorflowDone(variant)) needs.requireDisk(root);
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
          () => buildAddon(read(tensorflowStamp), tensorflowFolder()),
        ),
      ),
    ]);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    await step('notebook kernel', kernelDone, installKernel);
    log(`Ready after ${seconds(started)}.`);
    return true;
  } finally {
    release();
  }
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
  const { packages = {} } = JSON.parse(read(file) ?? '{}');
  delete packages['']; // the project itself
  return packages;
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

async function installNpmPackages() {
  const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', ...patience], {
    unreachable:
      'The npm registry cannot be reached: check the connection (`npm ping`) or name a mirror with `npm config set registry URL`, and run the same command again.',
  });
}

// --- Python environment ------------------------------------------------------------------------------------------------------

const environmentStamp = path.join(environment, '.set-up-environment');

/** The environment is whole if the Python that it was made with is still where it was, and the folder too. */
function environmentDone() {
  if (!stampIs(environmentStamp, environment) || !fs.existsSync(python)) return false;
  const home = /^home\s*=\s*(.+)$/m.exec(read(path.join(environment, 'pyvenv.cfg')) ?? '');
  const version = /^version(?:_info)?\s*=\s*([\d.]+)/m.exec(read(path.join(environment, 'pyvenv.cfg')) ?? '');
  return home !== null && fs.existsSync(home[1].trim()) && version !== null && needs.isSupportedPython(version[1]);
}

async function createEnvironment() {
  const command = needs.requirePython();
  needs.requireCompiler(); // asked for now, before minutes are spent on downloads
  fs.rmSync(environment, { recursive: true, force: true });
  await run(command, ['-m', 'venv', environment]);
  fs.writeFileSync(environmentStamp, environment);
}

const indexUnreachable =
  'The Python package index cannot be reached: check the connection or name a mirror in the variable PIP_INDEX_URL, and run the same command again.';

/** @param {string[]} args */
function pip(args) {
  const quiet = ['--disable-pip-version-check', '--no-input', '--retries', '2', '--timeout', '60'];
  return run(python, ['-m', 'pip', 'install', ...quiet, ...args], { unreachable: indexUnreachable });
}

const requirementsFile = path.join(__dirname, 'requirements.txt');
const requirementsStamp = path.join(environment, '.set-up-requirements');

function requirementsDone() {
  return stampIs(requirementsStamp, hashOf(requirementsFile));
}

async function installRequirements() {
  await pip(['--no-deps', '--prefer-binary', '-r', requirementsFile]);
  fs.writeFileSync(requirementsStamp, hashOf(requirementsFile));
}

const rayRequirementsFile = path.join(__dirname, 'requirements-ray.txt');
const rayStamp = path.join(environment, '.set-up-ray');

function rayDone() {
  return stampIs(rayStamp, hashOf(rayRequirementsFile));
}

async function installRay() {
  await pip(['--no-deps', '--prefer-binary', '-r', rayRequirementsFile]);
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
  return stampIs(tensorflowStamp, `${variant} ${tensorflowVersion}`);
}

/**
 * Of the CPU wheel only the native library is used, so nothing that its Python part needs is installed; of the CUDA wheel the
 * libraries of CUDA are needed too, which are packages of their own.
 * @param {string} variant
 */
async function installTensorflow(variant) {
  const cpuPackage = process.platform === 'linux' && process.arch === 'x64' ? 'tensorflow-cpu' : 'tensorflow';
  if (variant === 'gpu') await pip([`tensorflow[and-cuda]==${tensorflowVersion}`]);
  else await pip(['--no-deps', `${cpuPackage}==${tensorflowVersion}`]);
  fs.writeFileSync(tensorflowStamp, `${variant} ${tensorflowVersion}`);
}

/** The folder of the installed wheel. */
function tensorflowFolder() {
  const lib = path.join(environment, 'lib');
  const version = fs.readdirSync(lib).find((name) => name.startsWith('python3'));
  return path.join(lib, version ?? 'python3', 'site-packages', 'tensorflow');
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

module.exports = { setUp, missingSteps, movedFrom, root, python, environment };
