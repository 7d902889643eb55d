/** Pages in the Firefox of this machine, by WebDriver BiDi: Playwright drives a Firefox of its own only, which is never downloaded. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'undici';
import type { EvaluatedPage } from './page-check';

function find(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => ['firefox', 'firefox-esr'].map((name) => join(folder, name))).find(existsSync);
}

/** For a test's `skip`: false where there is a Firefox, else why there is nothing to run it in. */
export const skipWithoutFirefox: string | false =
  find() === undefined ? 'no Firefox was found: install one (Debian: `apt-get install firefox-esr`)' : false;

export interface FirefoxPage extends EvaluatedPage {
  /** What it complained about since it was opened. */
  readonly complaints: readonly string[];
  open(address: string): Promise<void>;
  setWidth(width: number): Promise<void>;
  press(key: string): Promise<void>;
}

/** A page in a Firefox without a window and with a profile of its own, both gone in the end. */
export async function withFirefox(use: (page: FirefoxPage) => Promise<void>): Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'firefox-'));
  const child = spawn(find() ?? '', ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0']);
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let printed = '';
      child.stderr.on('data', (piece: Buffer) => {
        const [, found] = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec((printed += piece.toString())) ?? [];
        if (found !== undefined) resolve(found);
      });
      child.on('error', reject);
      child.on('close', () => reject(new Error(`Firefox ended before it could be used: ${printed}`)));
    });
    await use(await connect(`${address}/session`));
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

interface Message {
  readonly id?: number;
  readonly type: 'success' | 'error' | 'event';
  readonly result?: object;
  readonly message?: string;
  readonly method?: string;
  readonly params?: { readonly level?: string; readonly text?: string };
}

async function connect(address: string): Promise<FirefoxPage> {
  const socket = new WebSocket(address);
  const waiting = new Map<number, (message: Message) => void>();
  const complaints: string[] = [];
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else if (message.params?.level === 'error') complaints.push(message.params.text ?? '');
  });
  const closed = new Promise<never>((_, reject) =>
    socket.addEventListener('close', () => reject(new Error('Firefox has hung up.'))),
  );
  closed.catch(() => {}); // whoever waits for an answer is told
  let sent = 0;
  async function send<T>(method: string, params: object): Promise<T> {
    const id = ++sent;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const { type, result, message } = await Promise.race([answer, closed]);
    if (type === 'error') throw new Error(`${method}: ${message}`);
    return result as T;
  }
  await Promise.race([new Promise((resolve) => socket.addEventListener('open', resolve)), closed]);
  await send('session.new', { capabilities: {} });
  await send('session.subscribe', { events: ['log.entryAdded'] });
  const { context } = await send<{ context: string }>('browsingContext.create', { type: 'tab' });
  return {
    complaints,
    async open(url) {
      complaints.length = 0;
      await send('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async setWidth(width) {
      await send('browsingContext.setViewport', { context, viewport: { width, height: 900 } });
    },
    async press(key) {
      const actions = [
        { type: 'keyDown', value: key },
        { type: 'keyUp', value: key },
      ];
      await send('input.performActions', { context, actions: [{ type: 'key', id: 'keys', actions }] });
    },
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await send<{ result: Value; exceptionDetails?: { text: string } }>(
        'script.evaluate',
        { expression, target: { context }, awaitPromise: true },
      );
      if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
      return plain(result) as T;
    },
    waitForTimeout: (milliseconds) => wait(milliseconds),
  };
}

interface Value {
  readonly type: string;
  readonly value?: unknown;
}

/** A value as it was before it was sent. */
function plain({ type, value }: Value): unknown {
  if (type === 'array') return (value as Value[]).map(plain);
  if (type !== 'object') return value;
  return Object.fromEntries((value as [string, Value][]).map(([name, each]) => [name, plain(each)]));
}
