import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { notebooksDirectory } from '../runs/notebook-files';
import { projectRoot } from '../paths';
import { runCommand } from './command';
import { jupyterEnvironment, pythonPath } from './jupyter';

const help = `npm run lab [-- OPTION …]

Opens JupyterLab in the folder of the notebooks, for this machine alone and with its token. Ctrl+C ends it.

Options are JupyterLab's own, among them
  --no-browser            only prints the address
  --ServerApp.port=PORT   8888 by default, or the next that is free
  --help-all              shows all

Examples
  npm run lab
  npm run lab -- --no-browser --ServerApp.port=9000`;

/**
 * Opens JupyterLab with its token, on this machine alone unless an option names another address. Further arguments go to JupyterLab.
 */
export async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(help);
    return;
  }
  compileLibrary();
  const child = spawn(
    pythonPath,
    ['-m', 'jupyterlab', ...address(args), `--ServerApp.root_dir=${projectRoot}`, ...openAt(args)],
    {
      env: jupyterEnvironment(),
      stdio: 'inherit',
    },
  );
  process.removeAllListeners('SIGINT'); // JupyterLab asks before it ends; it is the one to hear Ctrl+C
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

/** Now, and not when the first notebook waits for its kernel. A kernel does it itself where this fails. */
function compileLibrary(): void {
  const { status, stderr } = spawnSync(process.execPath, [join(projectRoot, 'lib/setup/compile-library.cjs')], {
    encoding: 'utf8',
  });
  if (status !== 0) console.error(stderr);
}

/** Only this machine is listened to unless somebody asks for more, as a container has to. */
function address(args: string[]): string[] {
  return args.some((arg) => /^--(ServerApp\.)?ip\b/.test(arg)) ? [] : ['--ServerApp.ip=127.0.0.1'];
}

/** Starts in the folder of the notebooks; whoever runs as root has to say so to JupyterLab, which we do for containers. */
function openAt(args: string[]): string[] {
  const asRoot = process.getuid?.() === 0 ? ['--allow-root'] : [];
  return [`--ServerApp.preferred_dir=${notebooksDirectory}`, ...asRoot, ...args];
}

if (require.main === module) runCommand(main);
