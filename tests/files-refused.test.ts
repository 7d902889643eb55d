import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileProblem } from '../lib/errors';
import { checkWritable, writeFileAtomic } from '../lib/files';
import { projectRoot } from '../lib/paths';

const folder = mkdtempSync(join(tmpdir(), 'refused-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes 3 MB to a file, as a command does and as a cell does, within a command of the shell; what each of the two tells. */
function writing(path: string, within = (command: string): string => command): { command: string; cell: string } {
  const script = join(folder, 'write.ts');
  writeFileSync(
    script,
    `import { runCommand } from ${JSON.stringify(join(projectRoot, 'lib/cli/command'))};
     import { writeFileAtomic } from ${JSON.stringify(join(projectRoot, 'lib/files'))};
     const { errorText } = require(${JSON.stringify(join(projectRoot, 'lib/setup/kernel-errors.cjs'))});
     process.on('SIGXFSZ', () => undefined);
     const write = async () => writeFileAtomic(process.argv[2], new Uint8Array(3e6));
     write().catch((error) => console.log(errorText(error))).then(() => runCommand(write));`,
  );
  const command = `exec ${process.execPath} --import tsx ${script} ${path}`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', within(command)], {
    cwd: projectRoot,
    encoding: 'utf8',
    // SIGKILL: a call of the system that never comes back hears nothing else.
    timeout: 300_000,
    killSignal: 'SIGKILL',
  });
  assert.equal(status, 1, stderr);
  return { command: stderr, cell: stdout };
}

function assertTold(told: { command: string; cell: string }, expected: RegExp): void {
  assert.match(told.command, expected);
  assert.equal(told.cell, told.command);
}

test(
  'a file that is larger than allowed is told in one line, and the old one stays',
  { skip: process.platform === 'win32' },
  () => {
    const path = join(folder, 'kept.bin');
    writeFileSync(path, 'old');
    // In blocks of 512 or of 1024 bytes.
    assertTold(
      writing(path, (command) => `ulimit -f 2000; ${command}`),
      /^\S+kept\.bin cannot be written \(EFBIG\): .*`ulimit -f`.*goes on from what is kept\.\n$/,
    );
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
  },
);

test('a path through a file is told in one line', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  assertTold(
    writing(join(file, 'below', 'new.bin')),
    /^\S+ cannot be written \(ENOTDIR\): a part of this path is a file .*\.\n$/,
  );
});

// Others than root have no right there.
const noFolder = !existsSync('/proc/self') || process.getuid?.() !== 0;
test('a folder that takes no files is told in one line', { skip: noFolder }, () => {
  assertTold(
    writing('/proc/below/new.bin'),
    /^\/proc\/below cannot be written \(ENOENT\): the folder takes no new files: choose another folder\.\n$/,
  );
  assert.match(told('/proc/new.bin'), /^\/proc\/new\.bin cannot be written \(ENOENT\): the folder takes no new files/);
});

test('what cannot be written is found before it is computed, and looking leaves nothing behind', () => {
  const before = readdirSync(folder);
  checkWritable(join(folder, 'new', 'nested', 'file.bin'));
  assert.throws(() => checkWritable(join(__filename, 'below', 'x.bin')), /ENOTDIR/);
  if (existsSync('/proc/self')) assert.throws(() => checkWritable('/proc/below/x.bin'), /ENOENT/);
  assert.deepEqual(readdirSync(folder), before);
});

test('a name that is too long, or that of a folder, is told in one line', () => {
  assert.match(
    told(join(folder, 'a'.repeat(300))),
    /\/a{300} cannot be written \(ENAMETOOLONG\): the name is too long/,
  );
  mkdirSync(join(folder, 'taken', 'below'), { recursive: true });
  assert.match(told(join(folder, 'taken')), /\/taken cannot be written \(E[A-Z]+\): there is a folder of that name/);
});

/** In this process: a command takes seconds to start. */
function told(path: string): string {
  try {
    writeFileAtomic(path, 'new');
  } catch (error) {
    return fileProblem(error) ?? String(error);
  }
  return 'nothing';
}

/** The shell's commands that mount a small file system of its own for this process, where the system lets us. */
const mounted = (options: string): string =>
  `mkdir -p ${folder}/disk && mount -t tmpfs -o ${options} tmpfs ${folder}/disk`;
const mounts = spawnSync('unshare', ['-rm', 'sh', '-c', mounted('size=1m')]).status === 0;
const skip = mounts ? false : 'no file system can be mounted here';

/** As `writing`, to a file system that is mounted for this process alone. */
const writingTo = (options: string): { command: string; cell: string } =>
  writing(
    `${folder}/disk/new/file.bin`,
    (command) => `exec unshare -rm sh -c '${mounted(options)}; cd ${projectRoot}; ${command}'`,
  );

test('a disk that is full is told in one line, with what is free', { skip }, () => {
  assertTold(
    writingTo('size=1m'),
    /^\S+file\.bin cannot be written \(ENOSPC, [\d.]+ MB are free\): the disk is full: make room, .*\.\n$/,
  );
});

test('a file system that can only be read is told as such', { skip }, () => {
  assertTold(
    writingTo('size=1m,ro'),
    /^\S+ cannot be written \(EROFS\): the file system can only be read: choose another folder\.\n$/,
  );
  assert.ok(!existsSync(join(folder, 'disk', 'new')));
});
