// What has to be on the machine before anything can be installed. Each missing need is one line: the need, and the
// command that supplies it. Plain JavaScript without dependencies: it runs before `npm ci`.
'use strict';
const { spawnSync } = require('node:child_process');
const { existsSync, statfsSync } = require('node:fs');
const { hasMusl, processor, processorFlags } = require('./machine.cjs');

/** A need that is missing; its message is the one line to print. */
class MissingNeed extends Error {}

/** The oldest that serves; the newest that the pinned packages were tried with. */
const pythonVersions = { from: 10, tried: 14 };
const oldestNode = '20.19';

/** @param {string} version such as `20.19.1` */
function requireNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new MissingNeed(
    `Node ${version} is in use, but Node ${oldestNode} or newer is needed: install Node 24, for example with \`nvm install 24\`, and run the same command again.`,
  );
}

/** What there is instead, where TensorFlow cannot be had. */
const container = 'or a container (`docker build -t notebooks .`, see the README)';

/** @param {string} platform @param {string} architecture @param {boolean} musl */
function requirePlatform(platform = process.platform, architecture = process.arch, musl = hasMusl()) {
  const wanted = 'use Linux x64 or arm64, macOS arm64,';
  if (platform === 'win32') {
    throw new MissingNeed(
      `Windows by itself is not supported: TensorFlow's library for it lacks the C++ interface. Use WSL 2 (\`wsl --install\` in PowerShell, then the same command in Ubuntu), ${container}.`,
    );
  }
  if (platform === 'darwin' && architecture === 'x64') {
    throw new MissingNeed(
      `Macs with an Intel processor are not supported: TensorFlow has had no library for them since version 2.17. Use ${container.slice(3)}, a Mac with an Apple processor or Linux.`,
    );
  }
  if (!['linux x64', 'linux arm64', 'darwin arm64'].includes(`${platform} ${architecture}`)) {
    throw new MissingNeed(
      `${platform} ${architecture} is not supported, because TensorFlow has no library for it: ${wanted} ${container}.`,
    );
  }
  if (musl) {
    throw new MissingNeed(
      `This Linux has the C library musl (as Alpine has), for which TensorFlow has no library: use a Linux with glibc, such as Debian or Ubuntu (in a container, \`node:24-trixie-slim\` instead of \`node:24-alpine\`).`,
    );
  }
}

/** TensorFlow's library dies without AVX: told before anything is downloaded. @param {string[]} flags empty where they are not known */
function requireProcessor(flags = processorFlags(), architecture = process.arch, name = processor()) {
  if (architecture !== 'x64' || flags.length === 0 || flags.includes('avx')) return;
  throw new MissingNeed(
    `This processor (${name}) has no AVX, without which TensorFlow cannot run: use one that has (nearly all since 2011; not Celeron or Pentium before 2020). A virtual machine may only hide it: give it the host's processor (\`-cpu host\` in QEMU and Proxmox).`,
  );
}

/** @param {string} folder where the packages will go @param {number} needed bytes */
function requireDisk(folder, needed, freeBytes = freeDiskBytes(folder)) {
  if (freeBytes >= needed) return;
  throw new MissingNeed(
    `Only ${(freeBytes / 1e9).toFixed(1)} GB are free in ${folder}, but set-up needs ${(needed / 1e9).toFixed(1)} GB: free some space (\`du -sh ~/.cache\` often finds it) and run the same command again.`,
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
  const candidates = named ? [named] : ['python3', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)];
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
    `Python 3.10 or newer is needed (${seen.length ? seen.join(', ') : 'none was found'}): install it with \`${installCommand('python3 python3-venv', 'python@3.13')}\`, or name one in the variable PYTHON, and run the same command again.`,
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
  return major === 3 && minor >= pythonVersions.from;
}

/** Whether the pinned packages were tried with it. @param {string} version */
function isTriedPython(version) {
  return isSupportedPython(version) && Number(version.split('.')[1]) <= pythonVersions.tried;
}

/** The C++ compilers that are here: the one that CXX names, such as `ccache g++`, then c++, g++ and clang++. */
function compilers() {
  const named = process.env.CXX ? [splitWords(process.env.CXX)] : [];
  return compilersAmong([...named, ['c++'], ['g++'], ['clang++']]);
}

/**
 * Those that can be started; a name that stands for an earlier one is left out.
 * @param {string[][]} commands each with its first arguments
 * @returns {(import('./levels.cjs').Compiler & { version: string })[]}
 */
function compilersAmong(commands) {
  const found = new Map();
  for (const [command, ...args] of commands) {
    const { status, stdout } = run(command, [...args, '--version']);
    // Its first line begins with the name by which it was called.
    const version = String(stdout).replace(/^\S+/, '');
    if (status === 0 && !found.has(version)) found.set(version, { command, args, version });
  }
  return [...found.values()];
}

/** As a shell does: at blanks, but not within quotes; the path of a program that exists may have blanks too. @param {string} text */
function splitWords(text) {
  if (existsSync(text)) return [text];
  const words = text.match(/(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? [];
  return words.map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'|\\(.)/g, (_, ...parts) => parts[0] ?? parts[1] ?? parts[2]),
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
  requireProcessor,
  requireDisk,
  freeDiskBytes,
  requirePython,
  compilers,
  compilersAmong,
  splitWords,
  installCommand,
  pythonVersion,
  isSupportedPython,
  isTriedPython,
  hasNvidiaDriver,
};
