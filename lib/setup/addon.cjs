// The addon: tfjs-node's own sources and the project's operations, compiled against the library in the TensorFlow wheel. It is built for
// no processor in particular: the operations are in it once for each level, and choose when they are loaded.
// Plain JavaScript without dependencies, like the rest of the set-up.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { compileChoice, compileLevel, kernelsFolder, levels, notHere, testLevel } = require('./levels.cjs');
const needs = require('./needs.cjs');
const { root, hashOf, linkTarget, packageVersion, read, run, seconds, stampIs } = require('./tools.cjs');

const nodeModules = path.join(root, 'node_modules');
const environment = path.join(root, '.venv');
const tfjsPackage = path.join(nodeModules, '@tensorflow', 'tfjs-node-gpu');
const addonLink = path.join(tfjsPackage, 'lib', 'napi-v8', 'tfjs_binding.node');
const addonFolder = path.join(environment, 'tfjs');
const addon = path.join(addonFolder, 'tfjs_binding.node');
const addonStamp = path.join(addonFolder, '.set-up-addon');
const untested = 'not tested, because this processor does not have it.';
const recordFile = path.join(addonFolder, 'kernels.json');

/**
 * What was built. `operations` says why the project's own operations are not in the addon, and is absent where they are; of each level,
 * `problem` says why it is not among them, or that it could not be tested.
 * @typedef {{ works: boolean, seconds: number, problem?: string }} LevelRecord
 * @typedef {{ compiler: string, asked?: string, operations?: string, levels: Record<string, LevelRecord> }} KernelRecord
 */

/** @param {string | undefined} tensorflowName */
const addonKey = (tensorflowName) =>
  [
    packageVersion(tfjsPackage),
    process.arch,
    hashOf(...filesIn(kernelsFolder), path.join(__dirname, 'addon.cjs'), path.join(__dirname, 'levels.cjs')),
    tensorflowName,
    environment,
  ].join(' ');

/** @param {string} folder @returns {string[]} */
const filesIn = (folder) =>
  fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();

/**
 * Another compiler than the one that it was built with is tried where CXX names one.
 * @param {string | undefined} tensorflowName variant and version of the installed wheel
 */
function addonBuilt(tensorflowName) {
  if (!fs.existsSync(addon) || !stampIs(addonStamp, stampOf(tensorflowName))) return false;
  return !process.env.CXX || process.env.CXX === kernelRecord()?.asked;
}

/** With the hash of what was built: a damaged addon would end every process that loads it. @param {string | undefined} tensorflowName */
const stampOf = (tensorflowName) => `${addonKey(tensorflowName)} ${hashOf(addon)}`;

/** @param {string | undefined} tensorflowName */
function addonDone(tensorflowName) {
  return addonBuilt(tensorflowName) && linkTarget(addonLink) === addon;
}

/** @returns {KernelRecord | undefined} undefined before the addon has been built, and where the record is damaged */
function kernelRecord() {
  try {
    return JSON.parse(read(recordFile) ?? '');
  } catch {
    return undefined;
  }
}

/**
 * The result is kept outside node_modules and linked into it, because a later `npm install` may unpack the package anew.
 * @param {string | undefined} tensorflowName @param {string} tensorflow the folder of the installed wheel
 * @param {() => Promise<import('./levels.cjs').Compiler>} installCompiler for where none that is here serves
 * @param {(line: string) => void} log
 */
async function buildAddon(tensorflowName, tensorflow, installCompiler, log) {
  if (!addonBuilt(tensorflowName)) {
    fs.mkdirSync(addonFolder, { recursive: true });
    fs.rmSync(addonStamp, { force: true });
    const { file, record } = await compileAddonAnyhow(tensorflow, installCompiler);
    fs.renameSync(file, addon);
    fs.writeFileSync(recordFile, JSON.stringify({ ...record, asked: process.env.CXX }, undefined, 1));
    fs.writeFileSync(addonStamp, stampOf(tensorflowName));
    for (const line of complaints(record)) log(`  ${line}`);
    if (process.env.CXX && needs.splitWords(process.env.CXX).join(' ') !== record.compiler)
      log(
        `  CXX is "${process.env.CXX}", which builds less or cannot be started: the addon is built with ${record.compiler}.`,
      );
  }
  fs.mkdirSync(path.dirname(addonLink), { recursive: true });
  fs.rmSync(addonLink, { force: true });
  fs.symlinkSync(addon, addonLink);
}

/**
 * With the first compiler that builds all of it, else with the first that builds what TensorFlow itself needs, else with one that is
 * installed for it.
 * @param {string} tensorflow @param {() => Promise<import('./levels.cjs').Compiler>} installCompiler
 */
async function compileAddonAnyhow(tensorflow, installCompiler) {
  let best;
  let failure;
  for (const compiler of needs.compilers()) {
    try {
      const built = await compileAddon(compiler, tensorflow, addonFolder);
      best ??= built;
      if (built.record.operations === undefined) return built;
    } catch (error) {
      failure ??= error;
    }
  }
  if (best !== undefined) return best;
  const why = failure === undefined ? 'none is installed' : failure.message;
  const spare = await installCompiler().catch((error) => {
    throw new needs.MissingNeed(
      `No C++ compiler here builds the TensorFlow.js addon (${why}), and another one cannot be had (${error.message}): install one with \`${needs.installCommand('g++', '')}\`, and run the same command again.`,
    );
  });
  const lacks = `no C++ compiler here works (${why}), and the one that was fetched for TensorFlow.js has a C++ library of its own, which cannot be mixed with TensorFlow's.`;
  return compileAddon({ ...spare, lacks }, tensorflow, addonFolder);
}

/** Says in one line, before anything is computed, where NOTEBOOKS_KERNELS names a level that there is not. */
async function requireLevel() {
  const level = process.env.NOTEBOOKS_KERNELS;
  if (!level || level === 'off') return;
  const operations = kernelRecord()?.operations;
  const problem =
    operations === undefined
      ? await testLevel(addon, level)
      : `NOTEBOOKS_KERNELS is "${level}", but the project's own operations were not built: ${operations}`;
  if (problem !== undefined) throw new needs.MissingNeed(problem);
}

/** What a user should know of what was built. @param {KernelRecord} record @returns {string[]} */
function complaints({ operations, levels }) {
  const remedy = `Another compiler (\`${needs.installCommand('g++', '')}\`) may be named in the variable CXX (\`CXX=g++ npm run setup\`).`;
  if (operations !== undefined) {
    return [
      `The project's own operations are left out, and TensorFlow's are used in their place: a training step takes up to twice as long and more memory, and numbers differ in their last digits. Why: ${operations} ${remedy}`,
    ];
  }
  return Object.entries(levels)
    .filter(([, { problem }]) => problem !== undefined && problem !== untested)
    .map(([name, { problem }]) => `The kernels at level ${name} are left out: ${problem} ${remedy}`);
}

/** As `tf.sysconfig.get_compile_flags()` of TensorFlow 2.21 states them: that function needs all of TensorFlow's Python. */
const tensorflowFlags = ['-std=c++17', '-D_GLIBCXX_USE_CXX11_ABI=1', '-DEIGEN_MAX_ALIGN_BYTES=64'];

/**
 * Compiles and tests whatever this compiler can: of the project's operations a level that does not compile or fails is left out, and all of
 * them where none is left. Throws only where TensorFlow itself cannot be used.
 * @param {import('./levels.cjs').Compiler & { lacks?: string }} compiler `lacks`: why it cannot build the operations
 * @param {string} tensorflow @param {string} folder
 * @returns {Promise<{ file: string, record: KernelRecord }>}
 */
async function compileAddon(compiler, tensorflow, folder) {
  const includes = [path.join(nodeModules, 'node-api-headers', 'include'), path.join(tensorflow, 'include')];
  const object = (/** @type {string} */ name) => path.join(folder, `${name}.o`);
  const compile = (/** @type {string} */ source, /** @type {string[]} */ flags) =>
    run(compiler.command, [
      ...[...compiler.args, ...tensorflowFlags, '-fPIC', '-w', '-O2', ...flags],
      ...includes.map((include) => `-I${include}`),
      ...['-c', source, '-o', object(path.basename(source, '.cc'))],
    ]);
  const binding = path.join(tfjsPackage, 'binding');
  const forNode = ['-DNAPI_VERSION=8', '-DBUILDING_NODE_EXTENSION'];
  /** @type {KernelRecord} */
  const record = { compiler: [compiler.command, ...compiler.args].join(' '), levels: {} };
  const wanted = compiler.lacks === undefined ? levels() : [];
  const whole = wanted.map(async ([name, flags]) => {
    const started = Date.now();
    const problem = await problemOf(compileLevel(compiler, name, flags, object(name)));
    record.levels[name] = { works: problem === undefined, seconds: (Date.now() - started) / 1000, problem };
  });
  const [operations] = await Promise.all([
    compiler.lacks ?? problemOf(compile(path.join(kernelsFolder, 'kernels.cc'), [])),
    compile(path.join(binding, 'tfjs_backend.cc'), [
      ...forNode,
      '-include',
      path.join(kernelsFolder, 'blocked-signals.h'),
    ]),
    compile(path.join(binding, 'tfjs_binding.cc'), forNode),
    ...whole,
  ]);
  record.levels = Object.fromEntries(wanted.map(([name]) => [name, record.levels[name]]));
  record.operations = operations;

  const file = path.join(folder, 'tfjs_binding.unfinished.node');
  const parts = ['tfjs_backend', 'tfjs_binding'].map(object);
  const working = () => Object.keys(record.levels).filter((name) => record.levels[name].works);
  while (record.operations === undefined && working().length > 0) {
    const names = working();
    record.operations = await problemOf(
      compileChoice(compiler, names, object('levels')).then(() =>
        link(compiler, tensorflow, [...parts, ...[...names, 'levels', 'kernels'].map(object)], file),
      ),
    );
    if (record.operations === undefined && (await testLevels(file, names, record.levels))) break;
  }
  if (record.operations !== undefined || working().length === 0) {
    record.operations ??= `no level works (${Object.values(record.levels).at(-1)?.problem})`;
    await link(compiler, tensorflow, parts, file);
    const problem = await testLevel(file, 'off');
    if (problem !== undefined) throw new needs.MissingNeed(`TensorFlow cannot be used here: ${problem}`);
  }
  for (const name of [...Object.keys(record.levels), 'levels', 'kernels', 'tfjs_backend', 'tfjs_binding'])
    fs.rmSync(object(name), { force: true });
  return { file, record };
}

/** Whether all of them work; what fails is noted. @param {string} file @param {string[]} names @param {Record<string, LevelRecord>} found */
async function testLevels(file, names, found) {
  await Promise.all(
    names.map(async (name) => {
      const problem = await testLevel(file, name);
      const isHere = !problem?.includes(notHere);
      const works = problem === undefined || !isHere;
      found[name] = {
        ...found[name],
        works,
        problem: works ? (isHere ? undefined : untested) : `it fails its test (${problem}).`,
      };
    }),
  );
  return names.every((name) => found[name].works);
}

/** @param {Promise<unknown>} work @returns {Promise<string | undefined>} the message of its error */
async function problemOf(work) {
  try {
    await work;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @param {import('./levels.cjs').Compiler} compiler @param {string} tensorflow @param {string[]} objects @param {string} file */
async function link({ command, args }, tensorflow, objects, file) {
  const rpath = path.relative(path.dirname(file), tensorflow);
  const [linking, ending] =
    process.platform === 'darwin'
      ? [['-undefined', 'dynamic_lookup', `-Wl,-rpath,@loader_path/${rpath}`], '2.dylib']
      : [[`-Wl,-rpath,$ORIGIN/${rpath}`], 'so.2'];
  const libraries = ['cc', 'framework'].map((name) => path.join(tensorflow, `libtensorflow_${name}.${ending}`));
  await run(command, [...args, '-shared', ...objects, '-o', file, ...libraries, ...linking]);
}

module.exports = { addonDone, buildAddon, compileAddon, kernelRecord, requireLevel };
