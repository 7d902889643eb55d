import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { projectRoot } from '../lib/paths';

const folder = mkdtempSync(join(tmpdir(), 'command-end-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs a command whose `main` is this. */
function command(main: string): { status: number | null; stdout: string; stderr: string } {
  const script = join(folder, 'command.ts');
  writeFileSync(
    script,
    `import { runCommand } from ${JSON.stringify(join(projectRoot, 'lib/cli/command'))};
     import { startImageWorkers } from ${JSON.stringify(join(projectRoot, 'lib/data/image-workers'))};
     runCommand(async () => { ${main} });`,
  );
  return spawnSync(process.execPath, ['--import', 'tsx', script], { cwd: projectRoot, encoding: 'utf8' });
}

test('a command that ends before its work is done does not end well', () => {
  const { status, stderr } = command('await new Promise(() => undefined);');
  assert.deepEqual([status, stderr], [1, 'The command has come to its end before its work was done.\n']);
});

test('a command whose threads still have tasks closes them and comes to its own end', () => {
  const { status, stdout, stderr } = command(`
    for (let round = 0; round < 5; round++) {
      const workers = startImageWorkers(2);
      const transform = { height: 8, width: 8 } as never;
      const tasks = Array.from({ length: 8 }, () => workers.run({ path: '/none.png', transform }).catch(() => undefined));
      await tasks[0];
      // What the threads answer meanwhile is heard only after they are told to end.
      for (const end = performance.now() + 100; performance.now() < end; );
      await workers.close();
    }
    console.log('closed');
    return 2;`);
  assert.deepEqual([status, stdout, stderr], [2, 'closed\n', '']);
});
