// What this machine lets the project use: cores and memory as far as a container may have them, and what its processor knows.
// Plain JavaScript without dependencies: the set-up and the doctor ask before anything is installed.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** @param {string} file @returns {string | undefined} */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * How many threads may compute at once: the cores that this process may run on, or the container's share of processor time where that
 * is less (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`). At least 1.
 */
function cores(available = os.availableParallelism(), quota = cpuQuota()) {
  return Math.max(1, Math.min(available, Math.ceil(quota ?? Infinity)));
}

/**
 * The container's share of processor time in cores; undefined where there is no limit. A limit of any group above counts as well.
 * @param {string} root of the file system, which tests replace
 * @returns {number | undefined}
 */
function cpuQuota(root = '/') {
  const shares = groupFolders(root).flatMap((folder) => {
    const both = read(path.join(folder, 'cpu.max'))?.trim().split(' ');
    const [quota, period] =
      both ?? ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((name) => read(path.join(folder, name)));
    const share = Number(quota) / Number(period);
    return share > 0 ? [share] : [];
  });
  return shares.length > 0 ? Math.min(...shares) : undefined;
}

/** The folders of this process's groups, and of those above them. In a container, the root of what it sees is its own group. @param {string} root */
function groupFolders(root) {
  const folders = new Set();
  for (const line of (read(path.join(root, 'proc/self/cgroup')) ?? '').split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (group === undefined || (controllers !== '' && !controllers.split(',').includes('cpu'))) continue;
    for (const mount of controllers === '' ? [''] : [controllers, 'cpu']) {
      for (let at = group; ; at = path.posix.dirname(at)) {
        folders.add(path.join(root, 'sys/fs/cgroup', mount, at));
        if (at === path.posix.dirname(at)) break;
      }
    }
  }
  return [...folders];
}

/** Bytes of memory that this process may use: the machine's, or the container's where that is less. */
function memoryBytes(total = os.totalmem(), limit = process.constrainedMemory?.() ?? 0) {
  return limit > 0 && limit < total ? limit : total;
}

/** The processor's name. */
function processor() {
  return os.cpus()[0]?.model.trim() || 'unknown';
}

/** What the processor knows, by Linux's names; empty where the operating system does not say. @returns {string[]} */
function processorFlags(cpuinfo = read('/proc/cpuinfo')) {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo ?? '');
  return line === null ? [] : line[1].trim().split(/\s+/);
}

/** Whether the C library is musl (Alpine), for which there is no TensorFlow. */
function hasMusl() {
  if (process.platform !== 'linux') return false;
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

module.exports = { cores, cpuQuota, hasMusl, memoryBytes, processor, processorFlags };
