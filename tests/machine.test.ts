import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { threadVariables } from '../lib/machine';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, with the arguments that only tests give
const machine = require('../lib/setup/machine.cjs') as {
  cores(available: number, quota: number | undefined): number;
  cpuQuota(root: string): number | undefined;
  memoryBytes(total: number, limit: number): number;
  processorFlags(cpuinfo: string): string[];
};

const base = mkdtempSync(join(tmpdir(), 'machine-'));
after(() => rmSync(base, { recursive: true, force: true }));

/** A file system as a container sees it. */
function system(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(base, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  return root;
}

test('a container’s share of processor time is read from cgroup v2, its own or of a group above', () => {
  assert.equal(machine.cpuQuota(system('none', {})), undefined);
  const own = system('v2', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '150000 100000\n' });
  assert.equal(machine.cpuQuota(own), 1.5);
  const unlimited = system('v2-max', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' });
  assert.equal(machine.cpuQuota(unlimited), undefined);
  const above = system('v2-above', {
    'proc/self/cgroup': '0::/user.slice/job.scope\n',
    'sys/fs/cgroup/user.slice/job.scope/cpu.max': 'max 100000\n',
    'sys/fs/cgroup/user.slice/cpu.max': '200000 100000\n',
  });
  assert.equal(machine.cpuQuota(above), 2);
});

test('… and from cgroup v1, where what is mounted is the container’s own group', () => {
  const files = (quota: string) => ({
    'proc/self/cgroup': '4:cpu,cpuacct:/docker/0123\n3:memory:/docker/0123\n',
    'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': `${quota}\n`,
    'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
  });
  assert.equal(machine.cpuQuota(system('v1', files('50000'))), 0.5);
  assert.equal(machine.cpuQuota(system('v1-none', files('-1'))), undefined);
});

test('threads follow the share, at least one and never more than there are cores', () => {
  assert.equal(machine.cores(8, undefined), 8);
  assert.equal(machine.cores(8, 1.5), 2);
  assert.equal(machine.cores(8, 0.1), 1);
  assert.equal(machine.cores(2, 16), 2);
  assert.equal(threadVariables(3).TF_NUM_INTRAOP_THREADS, '3');
});

test('memory is the container’s where that is less', () => {
  assert.equal(machine.memoryBytes(8e9, 0), 8e9);
  assert.equal(machine.memoryBytes(8e9, 2e9), 2e9);
  assert.equal(machine.memoryBytes(8e9, 1.8e19), 8e9);
});

test('what a processor knows is read under the names of both architectures', () => {
  assert.deepEqual(machine.processorFlags('model name\t: x\nflags\t\t: fpu avx avx2\n'), ['fpu', 'avx', 'avx2']);
  assert.deepEqual(machine.processorFlags('Features\t: fp asimd bf16\n'), ['fp', 'asimd', 'bf16']);
  assert.deepEqual(machine.processorFlags(''), []);
});
