/** `npm run test:node -- 24`: the unit tests on the Node of that version, which the npm registry has as a package. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { UserError } from '../errors';
import { cacheDirectory, projectRoot } from '../paths';
import { parseCommandLine, runCommand } from './command';
import { runTool } from './run-tool';
import { runTests, testFiles } from './unit-tests';
import { cores } from '../machine';
import { makeFolder } from '../files';

const help = `npm run test:node -- VERSION [FILE …]

The unit tests, or those of some files, on another Node, which is fetched into data/cache/node.

  npm run test:node -- 24
  npm run test:node -- 20.19.0 tests/setup/setup.test.ts`;

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, { help: { type: 'boolean' } });
  if (values.help) {
    console.log(help);
    return;
  }
  const [version, ...files] = positionals;
  if (version === undefined || !/^\d+(\.\d+){0,2}$/.test(version)) {
    throw new UserError(`Which Node? ${version ?? 'None'} was given: say 20.19.0, 22, 24 or 26.`);
  }
  const node = fetchNode(version);
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  console.log(`Node ${stdout.trim()}`);
  // First on the path, so that the programs which the tests start are of that version, too.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const chosen = files.length > 0 ? files : testFiles();
  const lanes = Math.min(4, cores(), chosen.length);
  const parts = Array.from({ length: lanes }, (_, lane) => chosen.filter((_, at) => at % lanes === lane));
  // The notebook kernel belongs to one Node: of this version for as long as it is tested.
  const setUp = async (program: string): Promise<void> => {
    const { status, output } = await runTool(program, [join(projectRoot, 'lib', 'setup', 'run.cjs'), 'setup'], env);
    if (status !== 0) throw new UserError(`${output}\nThe set-up by ${program} failed.`);
  };
  await setUp(node);
  try {
    console.log((await Promise.all(parts.map((part) => runTests({ node, env, files: part })))).join('\n'));
  } finally {
    await setUp(process.execPath);
  }
}

/** The program of the newest Node of a version. The package of this kind of machine holds it; the package `node` would run a script. */
function fetchNode(version: string): string {
  const { platform, arch } = process;
  const name = `${platform === 'darwin' ? 'node-bin' : 'node'}-${platform}-${arch}`;
  const folder = join(cacheDirectory, 'node', version);
  const node = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  makeFolder(folder);
  const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`];
  const { status, stderr } = spawnSync('npm', install, { cwd: projectRoot, encoding: 'utf8' });
  if (status !== 0 || !existsSync(node))
    throw new UserError(
      `Node ${version} cannot be fetched (npm install ${name}@${version}): ${stderr.trim().split('\n')[0]}`,
    );
  return node;
}

if (require.main === module) runCommand(main);
