/** Runs programs whose output is only of interest where they fail. */
import { spawn } from 'node:child_process';
import { UserError } from '../errors';
import { projectRoot } from '../paths';

export interface ToolResult {
  readonly status: number | null;
  /** Of both streams, as it came. */
  readonly output: string;
}

/** Runs a program in the project's folder. @throws UserError where it cannot be started */
export function runTool(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', ({ message }) => reject(new UserError(`${command} cannot be started (${message}).`)));
    child.on('close', (status) => resolve({ status, output }));
  });
}
