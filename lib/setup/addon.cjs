// The addon: tfjs-node's own sources and the project's operations, compiled against the library in the TensorFlow wheel.
// Plain JavaScript without dependencies, like the rest of the set-up.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const needs = require('./needs.cjs');
const { root, hashOf, linkTarget, packageVersion, run, stampIs } = require('./tools.cjs');

const nodeModules = path.join(root, 'node_modules');
const environment = path.join(root, '.venv');
const tfjsPackage = path.join(nodeModules, '@tensorflow', 'tfjs-node-gpu');
const addonLink = path.join(tfjsPackage, 'lib', 'napi-v8', 'tfjs_binding.node');
const addon = path.join(environment, 'tfjs', 'tfjs_binding.node');
const addonStamp = path.join(environment, 'tfjs', '.set-up-addon');
const kernelsFolder = path.join(root, 'lib', 'tensor', 'kernels');
const backendFlags = ['-O2', '-include', path.join(kernelsFolder, 'blocked-signals.h')];
/**
 * The project's own operations are compiled for the very processor, so that another one needs another build.
 * @param {string | undefined} tensorflowName
 */
const addonKey = (tensorflowName) =>
  [
    packageVersion(tfjsPackage),
    process.arch,
    os.cpus()[0]?.model ?? 'unknown processor',
    ...backendFlags,
    hashOf(...fs.readdirSync(kernelsFolder).sort().map((name) => path.join(kernelsFolder, name))), // prettier-ignore
    tensorflowName,
    environment,
  ].join(' ');

/** @param {string | undefined} tensorflowName variant and version of the installed wheel */
function addonDone(tensorflowName) {
  return stampIs(addonStamp, addonKey(tensorflowName)) && fs.existsSync(addon) && linkTarget(addonLink) === addon;
}

/**
 * Compiles tfjs-node's own sources and the project's operations against the library in the TensorFlow wheel. The result is kept outside
 * node_modules and linked into it, because a later `npm install` may unpack the package anew.
 * @param {string | undefined} tensorflowName @param {string} tensorflow the folder of the installed wheel
 */
async function buildAddon(tensorflowName, tensorflow) {
  if (!stampIs(addonStamp, addonKey(tensorflowName)) || !fs.existsSync(addon)) {
    const key = addonKey(tensorflowName);
    const compiler = needs.requireCompiler();
    const binding = path.join(tfjsPackage, 'binding');
    const forThisProcessor = process.arch === 'x64' ? '-march=native' : '-mcpu=native';
    const sources = [
      { file: path.join(binding, 'tfjs_backend.cc'), flags: backendFlags },
      { file: path.join(binding, 'tfjs_binding.cc'), flags: ['-O2'] },
      { file: path.join(kernelsFolder, 'kernels.cc'), flags: ['-O3', forThisProcessor] },
    ];
    const includes = [path.join(nodeModules, 'node-api-headers', 'include'), path.join(tensorflow, 'include')];
    const folder = path.dirname(addon);
    fs.mkdirSync(folder, { recursive: true });
    const objects = sources.map(({ file }) => path.join(folder, `${path.basename(file, '.cc')}.o`));
    await Promise.all(
      sources.map(({ file, flags }, index) =>
        run(compiler, [
          ...['-std=c++17', '-fPIC', '-w', '-DNAPI_VERSION=8', '-DBUILDING_NODE_EXTENSION', ...flags],
          ...includes.map((include) => `-I${include}`),
          ...['-c', file, '-o', objects[index]],
        ]),
      ),
    );
    const rpath = path.relative(folder, tensorflow);
    const linking =
      process.platform === 'darwin'
        ? ['-undefined', 'dynamic_lookup', `-Wl,-rpath,@loader_path/${rpath}`].concat(
            ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'].map((name) => path.join(tensorflow, name)),
          )
        : [
            '-L' + tensorflow,
            '-l:libtensorflow_cc.so.2',
            '-l:libtensorflow_framework.so.2',
            `-Wl,-rpath,$ORIGIN/${rpath}`,
          ];
    const unfinished = `${addon}.unfinished`;
    await run(compiler, ['-shared', ...objects, '-o', unfinished, ...linking]);
    fs.renameSync(unfinished, addon);
    for (const object of objects) fs.rmSync(object, { force: true });
    fs.writeFileSync(addonStamp, key);
  }
  fs.mkdirSync(path.dirname(addonLink), { recursive: true });
  fs.rmSync(addonLink, { force: true });
  fs.symlinkSync(addon, addonLink);
}

module.exports = { addonDone, buildAddon };
