/** JupyterLab as `npm run lab` opens it, in a browser: what its tests do with it, by the same clicks and keys as a reader. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { cellSource, readNotebook, savedForm, type Notebook } from '../../lib/cli/notebook-file';
import { projectRoot } from '../../lib/paths';
import { patience } from '../patience';

/** Milliseconds: a machine that computes something else at the same time may be many times slower. */

export interface Lab {
  /** Its address, without the token. */
  readonly origin: string;
  /** Where its kernels write their runs. */
  readonly outputs: string;
  open(browser: Browser, notebook: Notebook): Promise<OpenNotebook>;
  close(): Promise<void>;
}

export interface OpenNotebook {
  readonly page: Page;
  /** Its file. */
  readonly path: string;
  /** What the page complained about since it was opened. */
  readonly complaints: readonly string[];
  /** A code cell by a piece of its source. */
  cell(piece: string): CellHandle;
  /** The notebook as it is saved now, and its bytes. */
  save(): Promise<{ readonly notebook: Notebook; readonly bytes: number }>;
  /** Comes back at once. */
  runAll(): Promise<void>;
  restartAndRunAll(): Promise<void>;
  stop(): Promise<void>;
  setTheme(name: 'JupyterLab Light' | 'JupyterLab Dark'): Promise<void>;
}

export interface CellHandle {
  readonly element: Locator;
  /** Selects the cell and runs it; comes back when it has ended. */
  run(): Promise<void>;
  /** Selects the cell and runs it; comes back at once. */
  start(): Promise<void>;
  ended(): Promise<void>;
  replace(text: string, by: string): Promise<void>;
}

/** Starts JupyterLab with settings, workspaces and outputs of its own, which are gone in the end. */
export async function startLab(): Promise<Lab> {
  mkdirSync(join(projectRoot, 'outputs'), { recursive: true });
  const folder = mkdtempSync(join(projectRoot, 'outputs', 'browser-test-'));
  const own = (name: string): string => join(folder, name);
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'lib/setup/run.cjs'), 'lab', '--no-browser', `--ServerApp.port=${await freePort()}`],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own, which ends as a whole
      env: {
        ...process.env,
        OUTPUTS_DIRECTORY: own('runs'),
        JUPYTER_CONFIG_DIR: own('config'),
        JUPYTER_RUNTIME_DIR: own('runtime'),
        JUPYTERLAB_SETTINGS_DIR: own('settings'),
        JUPYTERLAB_WORKSPACES_DIR: own('workspaces'),
      },
    },
  );
  const close = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    const { origin, token } = await address(child);
    return {
      origin,
      outputs: own('runs'),
      open: (browser, notebook) => openNotebook(browser, notebook, { origin, token, folder }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Where the server says that it listens. */
function address(child: ChildProcess): Promise<{ origin: string; token: string }> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const read = (piece: Buffer): void => {
      printed += piece.toString();
      const found = /(http:\/\/127\.0\.0\.1:\d+)\/lab\S*\?token=(\w+)/.exec(printed);
      if (found) resolve({ origin: found[1], token: found[2] });
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.on('error', reject);
    child.on('close', () => reject(new Error(`JupyterLab ended before it could be opened: ${printed}`)));
  });
}

/** Jupyter ends its kernels when it is asked to end, and asks nothing back at the second time. */
async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  if (child.exitCode === null && child.pid !== undefined) {
    process.kill(-child.pid, 'SIGTERM');
    const killing = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), 30_000);
    await ended;
    clearTimeout(killing);
  }
}

async function openNotebook(
  browser: Browser,
  notebook: Notebook,
  { origin, token, folder }: { readonly origin: string; readonly token: string; readonly folder: string },
): Promise<OpenNotebook> {
  const path = join(folder, 'notebook.ipynb');
  writeFileSync(path, savedForm(notebook));
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(patience);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`);
  });
  await page.goto(`${origin}/lab/tree/${relative(projectRoot, path)}?token=${token}&reset`, { timeout: patience });
  const panel = page.locator('.jp-NotebookPanel');
  await panel
    .locator(`.jp-Cell[data-windowed-list-index="${notebook.cells.length - 1}"]`)
    .waitFor({ state: 'attached' });
  const ready = panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]');
  await ready.waitFor({ state: 'attached' });

  const cell = (piece: string): CellHandle => {
    const index = notebook.cells.findIndex((each) => each.cell_type === 'code' && cellSource(each).includes(piece));
    assert.ok(index >= 0, `There is no cell with ${piece}.`);
    const element = panel.locator(`.jp-Cell[data-windowed-list-index="${index}"]`);
    const prompt = element.locator('.jp-InputPrompt').first();
    const editor = element.locator('.cm-content').first();
    const handle: CellHandle = {
      element,
      async start() {
        await element.scrollIntoViewIfNeeded();
        const before = await prompt.textContent();
        await prompt.click();
        await page.keyboard.press('Control+Enter');
        await until(async () => (await prompt.textContent()) !== before);
      },
      async ended() {
        await until(async () => /\[\d+\]/.test((await prompt.textContent()) ?? ''));
        await ready.waitFor({ state: 'attached' });
      },
      async run() {
        await handle.start();
        await handle.ended();
      },
      async replace(text, by) {
        const source = (await editor.locator('.cm-line').allTextContents()).join('\n');
        assert.ok(source.includes(text), `The cell has no ${text}: ${source}`);
        await editor.click();
        await page.keyboard.press('Control+A');
        await page.keyboard.insertText(source.replace(text, by));
      },
    };
    return handle;
  };
  const menu = async (name: string, ...items: (string | RegExp)[]): Promise<void> => {
    await page.locator('.lm-MenuBar-item', { hasText: name }).click();
    for (const [at, item] of items.entries()) {
      const entry = page.locator('.lm-Menu-item', { hasText: item }).first();
      await (at < items.length - 1 ? entry.hover() : entry.click());
    }
  };
  const toolbar = (item: string): Locator => panel.locator(`[data-jp-item-name="${item}"]`);
  return {
    page,
    path,
    complaints,
    cell,
    runAll: () => menu('Run', 'Run All Cells'),
    async save() {
      const before = readFileSync(path, 'utf8');
      await page.keyboard.press('Control+S');
      // All of it: JupyterLab writes into the file as it stands there.
      const isWhole = (text: string): boolean => text !== before && text.trimEnd().endsWith('}');
      await until(() => Promise.resolve(isWhole(readFileSync(path, 'utf8'))));
      return { notebook: readNotebook(path), bytes: readFileSync(path).length };
    },
    async restartAndRunAll() {
      const last = notebook.cells.filter((each) => each.cell_type === 'code').at(-1);
      assert.ok(last);
      const { element, ended } = cell(cellSource(last));
      const prompt = element.locator('.jp-InputPrompt').first();
      const before = await prompt.textContent();
      await toolbar('restart-and-run').click();
      await page.locator('.jp-Dialog .jp-mod-accept').click();
      await until(async () => (await prompt.textContent()) !== before);
      await ended();
    },
    stop: () => toolbar('interrupt').click(),
    async setTheme(name) {
      await menu('Settings', /^Theme/, new RegExp(`^${name}$`));
      await page.locator(`body[data-jp-theme-name="${name}"]`).waitFor({ state: 'attached' });
    },
  };
}

/** Waits for a condition, however long that takes within reason. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('What was waited for has not come.');
    await wait(100);
  }
}
