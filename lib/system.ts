import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { cores, memoryBytes } from './machine';
import { projectRoot } from './paths';
import { kernelLevel, usesGpu } from './tensor/native';
import { tf } from './tf';

/** What a result depends on beside its parameters; part of every results.json and shown in every notebook. */
export interface Environment {
  readonly project: string;
  /** The commit that is checked out, with `+` where files differ from it; undefined outside a git checkout. */
  readonly commit: string | undefined;
  readonly node: string;
  readonly tensorflow: string;
  readonly tfjs: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly device: 'CPU' | 'GPU';
  /** What the project's own operations are computed with (`kernelLevel` of tensor/native.ts). */
  readonly kernels: string;
}

export function environment(): Environment {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  return {
    project: version,
    commit: gitCommit(),
    node: process.versions.node,
    tensorflow: (tf.backend() as unknown as { binding: { TF_Version: string } }).binding.TF_Version,
    tfjs: tf.version['tfjs-core'],
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cores(),
    memoryGigabytes: Math.round(memoryBytes() / 2 ** 30),
    device: usesGpu() ? 'GPU' : 'CPU',
    kernels: kernelLevel,
  };
}

let commit: { readonly value: string | undefined } | undefined;

/** As it was when it was first asked for, which is what has been loaded; asking takes as long as a small training. */
function gitCommit(): string | undefined {
  commit ??= { value: readCommit() };
  return commit.value;
}

function readCommit(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return (
      git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
    );
  } catch {
    return undefined;
  }
}
