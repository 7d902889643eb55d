import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../lib/paths';

const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
/** `test:browser` is a part of `test`. */
const commands = Object.keys(scripts).filter((name) => !name.includes(':'));
const run = promisify(execFile);

async function helpOf(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(projectRoot, 'lib/setup/run.cjs'), ...args, '--help']);
  return stdout;
}

test('every command has --help with examples', async () => {
  const studies = [...(await helpOf('study')).matchAll(/^ {2}(\w\S+) {2,}/gm)].map(([, name]) => ['study', name]);
  assert.ok(studies.length >= 2, 'the studies are listed');
  for (const args of [...commands.map((name) => [name]), ...studies]) {
    const help = await helpOf(...args);
    const command = args.join(' ');
    const usage = ['start', 'test'].includes(command) ? `npm ${command}` : `npm run ${command.replace(' ', ' -- ')}`;
    assert.ok(help.startsWith(usage), `${command}: ${help.slice(0, 200)}`);
    const examples = help.split('\n').filter((line) => /^ {2}npm (run|start|test)\b/.test(line));
    assert.ok(examples.length >= 2, `${command} has ${examples.length} examples`);
  }
});
