import { spawn } from 'node:child_process';
import { notebooksDirectory } from '../studies/notebooks';
import { projectRoot } from '../paths';
import { runCommand } from './command';
import { jupyterEnvironment, pythonPath } from './jupyter';

/**
 * Opens JupyterLab on this machine alone, with its token: no option turns that off. Further arguments go to JupyterLab.
 */
export async function main(args: string[]): Promise<void> {
  const child = spawn(
    pythonPath,
    ['-m', 'jupyterlab', '--ServerApp.ip=127.0.0.1', `--ServerApp.root_dir=${projectRoot}`, ...openAt(args)],
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

/** Starts in the folder of the notebooks; whoever runs as root has to say so to JupyterLab, which we do for containers. */
function openAt(args: string[]): string[] {
  const asRoot = process.getuid?.() === 0 ? ['--allow-root'] : [];
  return [`--ServerApp.preferred_dir=${notebooksDirectory}`, ...asRoot, ...args];
}

if (require.main === module) runCommand(main);
