// What has to be on the machine before anything can be installed. Each missing need is one line: the need, and the command that supplies it.
// Plain JavaScript without dependencies: it runs before `npm ci`.
'use strict';
const { spawnSync } = require('node:child_process');
const { existsSync, statfsSync } = require('node:fs');

/** A need that is missing; its message is the one line to print. */
class MissingNeed extends Error {}

const pythonVersions = { from: [3, 11], to: [3, 13] };
const requiredDiskBytes = 4e9;

/** @param {string} version such as `20.19.1` */
function requireNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major >= 23 || major < 20 || (major === 20 && minor < 19)) {
    throw new MissingNeed(
      `Node ${version} is in use, but Node >=20.19 <23 is needed: install Node 22, for example with \`nvm install 22\`, and run the same command again.`,
    );
  }
}

/** @param {string} platform @param {string} architecture */
function requirePlatform(platform, architecture) {
  const supported = ['linux x64', 'linux arm64', 'darwin arm64'];
  if (supported.includes(`${platform} ${architecture}`)) return;
  const windows = platform === 'win32' ? ' On Windows, use WSL 2 (`wsl --install`).' : '';
  throw new MissingNeed(
    `${platform} ${architecture} is not supported, because TensorFlow has no wheel with the C++ library for it; use Linux x64, Linux arm64 or macOS arm64.${windows}`,
  );
}

/** @param {string} folder where the packages will go */
function requireDisk(folder, freeBytes = freeDiskBytes(folder)) {
  if (freeBytes >= requiredDiskBytes) return;
  throw new MissingNeed(
    `Only ${(freeBytes / 1e9).toFixed(1)} GB are free in ${folder}, but set-up needs ${requiredDiskBytes / 1e9} GB: free some space (\`du -sh ~/.cache\` often finds it) and run the same command again.`,
  );
}

/** @param {string} folder */
function freeDiskBytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The command of a Python that can make a virtual environment. The variable PYTHON overrules the search. */
function requirePython() {
  const named = process.env.PYTHON;
  const candidates = named ? [named] : ['python3', 'python3.13', 'python3.12', 'python3.11'];
  const seen = [];
  let withoutVenv;
  for (const command of candidates) {
    const version = pythonVersion(command);
    if (version === undefined) continue;
    seen.push(`${command} is ${version}`);
    if (!isSupportedPython(version)) continue;
    if (run(command, ['-c', 'import venv, ensurepip']).status === 0) return command;
    withoutVenv ??= { command, version };
  }
  if (withoutVenv) {
    const minor = withoutVenv.version.split('.').slice(0, 2).join('.');
    throw new MissingNeed(
      `${withoutVenv.command} (Python ${withoutVenv.version}) has no venv module: install it with \`sudo apt-get install python${minor}-venv\` (Debian, Ubuntu), and run the same command again.`,
    );
  }
  throw new MissingNeed(
    `Python 3.11, 3.12 or 3.13 is needed (${seen.length ? seen.join(', ') : 'none was found'}): install it with \`${installCommand('python3 python3-venv', 'python@3.13')}\`, or name one in the variable PYTHON, and run the same command again.`,
  );
}

/** @param {string} command @returns {string | undefined} such as `3.11.7` */
function pythonVersion(command) {
  const { status, stdout } = run(command, ['-c', 'import platform; print(platform.python_version())']);
  return status === 0 ? stdout.trim() : undefined;
}

/** @param {string} version */
function isSupportedPython(version) {
  const [major, minor] = version.split('.').map(Number);
  return major === 3 && minor >= pythonVersions.from[1] && minor <= pythonVersions.to[1];
}

/** The C++ compiler's command: the variable CXX, else c++, g++ or clang++. */
function requireCompiler() {
  for (const command of process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']) {
    if (run(command, ['--version']).status === 0) return command;
  }
  throw new MissingNeed(
    `A C++ compiler is needed to build the TensorFlow.js addon: install one with \`${installCommand('g++', '')}\`, and run the same command again.`,
  );
}

/** @param {string} debian @param {string} brew package names; without one for Homebrew, Apple's command line tools */
function installCommand(debian, brew) {
  if (process.platform === 'darwin') return brew ? `brew install ${brew}` : 'xcode-select --install';
  return `sudo apt-get install ${debian}`;
}

/** Whether this machine has an NVIDIA driver. */
function hasNvidiaDriver() {
  return process.platform === 'linux' && existsSync('/proc/driver/nvidia/version');
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  return spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
}

module.exports = {
  MissingNeed,
  requireNode,
  requirePlatform,
  requireDisk,
  requirePython,
  requireCompiler,
  installCommand,
  pythonVersion,
  isSupportedPython,
  hasNvidiaDriver,
};
