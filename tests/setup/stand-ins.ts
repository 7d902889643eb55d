/**
 * A copy of the project that can be set up, and stand-ins for npm, Python and the compiler that leave behind what the real ones would: the
 * set-up's logic runs in milliseconds and without a network. Not a test.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../lib/paths';

export const npmScript =
  'mkdir -p node_modules/@tensorflow/tfjs-node-gpu; echo "{\\"version\\": \\"4.22.0\\"}" > node_modules/@tensorflow/tfjs-node-gpu/package.json; cp package-lock.json node_modules/.package-lock.json';

export const compilerScript =
  'if [ "$1" = --version ]; then echo "$0 1.0"; fi; echo "$*" >> compiled.log; case "$*" in *"$CANNOT"*) if [ -n "$CANNOT" ]; then echo "error: unknown" >&2; exit 1; fi;; esac; while [ "$1" != "" ]; do if [ "$1" = -o ]; then echo addon > "$2"; fi; shift; done';

/** Answers what the set-up asks, makes an environment whose Python is itself, and logs in a folder what pip is asked for. */
export function standInPython(
  { tools, logs }: { readonly tools: string; readonly logs: string },
  { version = '3.11.7', venv = true } = {},
): string {
  return `case "$*" in
    *python_version*) echo ${version} ;;
    *ensurepip*) exit ${venv ? 0 : 1} ;;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "home = ${tools}
version = ${version}" > "$3/pyvenv.cfg" ;;
    "-m ziglang c++ "*) shift 3; ${compilerScript} ;;
    "-m pip install"*) echo "user=$PIP_USER target=$PIP_TARGET path=$PYTHONPATH home=$PYTHONHOME node=$NODE_ENV proxy=$https_proxy extra=$NODE_EXTRA_CA_CERTS" >> ${join(logs, 'env.log')}; echo "$*" >> ${join(logs, 'pip.log')}; for a in "$@"; do if [ "$last" = --target ]; then mkdir -p "$a/tensorflow"; fi; last=$a; done; if [ -n "$PIP_FAILS" ]; then echo "$PIP_FAILS" >&2; exit 1; fi ;;
  esac`;
}

function which(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
}

export function layOutProject(project: string): void {
  for (const name of ['package.json', 'package-lock.json', '.npmrc'])
    cpSync(join(projectRoot, name), join(project, name));
  for (const folder of ['lib/setup', 'lib/tensor/kernels'])
    cpSync(join(projectRoot, folder), join(project, folder), { recursive: true });
  // The addon of the stand-in cannot be loaded: what FAILS has in it are the levels that fail.
  writeFileSync(
    join(project, 'lib', 'setup', 'self-test', 'run.cjs'),
    `const level = process.env.NOTEBOOKS_KERNELS;
     if ((process.env.FAILS ?? '').split(' ').includes(level)) process.kill(process.pid, 'SIGILL');
     if (level === process.env.LACKS) { console.error('NOTEBOOKS_KERNELS is ..., which this processor does not have: ...'); process.exit(1); }`,
  );
}

/** Programs that are all that a PATH of this folder has. */
export function layOutTools(tools: string, logs: string): void {
  mkdirSync(tools, { recursive: true });
  symlinkSync(process.execPath, join(tools, 'node'));
  for (const name of ['sh', 'mkdir', 'cp', 'echo', 'touch', 'dirname', 'sleep'])
    symlinkSync(which(name), join(tools, name));
  writeTool(tools, 'npm', npmScript);
  writeTool(tools, 'python3', standInPython({ tools, logs }));
  writeTool(tools, 'c++', compilerScript);
}

export function writeTool(tools: string, name: string, script: string): void {
  const path = join(tools, name);
  rmSync(path, { force: true });
  writeFileSync(path, `#!${join(tools, 'sh')}\n${script}\n`);
  chmodSync(path, 0o755);
}
