/** Whole programs, each from its start: the notebook kernel, and `npm start`. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors';
import { projectRoot } from '../../paths';
import { executeNotebook } from '../jupyter';
import { readNotebook } from '../notebook-file';
import { temporaryFolder } from './folder';
import type { BenchCase, BenchWork } from './measure';

const noImages = { images: 0, pixels: 0 };

export const programCases: readonly BenchCase[] = [
  {
    name: 'kernel-first-result',
    description: "from the start of the notebook kernel to the first cell's result, which imports the library",
    size: noImages,
    repeats: 3,
    warmUp: 0,
    prepare: kernelFirstResult,
  },
  {
    name: 'start',
    description: 'all of `npm start` on a machine that is set up; writes to outputs/; only where it is named',
    size: noImages,
    repeats: 1,
    warmUp: 0,
    onlyByName: true,
    prepare: () => ({ run: runStart, dispose: () => undefined }),
  },
];

/** Uses what it imports, or the import would be dropped; and tells when its process began. */
const cell = `import * as library from './lib/notebook';
console.log(JSON.stringify({ names: Object.keys(library).length, began: performance.timeOrigin }));`;

/** What the kernel's cell leaves behind: its line, and when Jupyter was told that it had ended. */
const executedCell = z.object({
  metadata: z.object({ execution: z.object({ 'iopub.status.idle': z.iso.datetime() }) }),
  outputs: z.tuple([z.object({ text: z.union([z.string(), z.array(z.string())]) })]),
});
const cellLine = z.object({ names: z.int().positive(), began: z.number() });

function kernelFirstResult(): BenchWork {
  const folder = temporaryFolder();
  const [source, target] = ['cell.ipynb', 'executed.ipynb'].map((name) => join(folder.path, name));
  const kernelspec = { name: 'tslab', display_name: 'TypeScript', language: 'typescript' };
  const cells = [{ cell_type: 'code', id: 'only', metadata: {}, source: cell, outputs: [], execution_count: null }];
  writeFileSync(source, JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }));
  return {
    async run() {
      await executeNotebook(source, target);
      const { metadata, outputs } = executedCell.parse(readNotebook(target).cells[0]);
      const { began } = cellLine.parse(JSON.parse([outputs[0].text].flat().join('')));
      return Date.parse(metadata.execution['iopub.status.idle']) - began;
    },
    dispose: () => folder.remove(),
  };
}

async function runStart(): Promise<void> {
  const child = spawn(process.execPath, [join(projectRoot, 'lib', 'setup', 'run.cjs'), 'start'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
  const stop = (): void => void child.kill('SIGTERM');
  process.once('exit', stop);
  try {
    const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0)
      throw new UserError(`npm start failed: ${errors.trim().split('\n').pop() || `exit code ${String(code)}`}`);
  } finally {
    process.removeListener('exit', stop);
  }
}
