import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../lib/paths';

const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
/** `test:browser` is a part of `test`. */
const commands = Object.keys(scripts).filter((name) => !name.includes(':'));
const run = promisify(execFile);

/** In this process where the command is a module: a process for each takes a second. */
async function helpOf(command: string, ...args: string[]): Promise<string> {
  const file = join(projectRoot, 'lib', 'cli', `${command}.ts`);
  if (command === 'doctor' || !existsSync(file)) {
    const entry = join(projectRoot, 'lib', 'setup', 'run.cjs');
    return (await run(process.execPath, [entry, command, ...args, '--help'])).stdout;
  }
  const { main } = (await import(file)) as { main(args: readonly string[], context: object): Promise<unknown> };
  let text = '';
  const output = { write: (piece: string) => (text += piece) };
  const log = mock.method(console, 'log', (line: string) => (text += `${line}\n`));
  try {
    await main([...args, '--help'], { output, progress: output });
  } finally {
    log.mock.restore();
  }
  return text;
}

test('every command has --help with examples', async () => {
  const studies = [...(await helpOf('study')).matchAll(/^ {2}(\w\S+) {2,}/gm)].map(([, name]) => ['study', name]);
  assert.ok(studies.length >= 2, 'the studies are listed');
  for (const args of [...commands.map((name) => [name]), ...studies]) {
    const [first, ...rest] = args;
    const help = await helpOf(first, ...rest);
    const command = args.join(' ');
    const usage = ['start', 'test'].includes(command) ? `npm ${command}` : `npm run ${command.replace(' ', ' -- ')}`;
    assert.ok(help.startsWith(usage), `${command}: ${help.slice(0, 200)}`);
    const examples = help.split('\n').filter((line) => /^ {2}npm (run|start|test)\b/.test(line));
    assert.ok(examples.length >= 2, `${command} has ${examples.length} examples`);
  }
});
