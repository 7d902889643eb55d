/** Asks the hub which version of a file it has, without the file itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeNetworkError, TransferError } from '../data/download-errors';
import { networkFetch } from '../data/network-fetch';

export interface HubAnswer {
  /** Of the main branch, 40 hexadecimal digits. */
  readonly commit: string;
  /** Name of the content: its SHA-256 for large files. */
  readonly etag: string;
  readonly bytes: number | undefined;
}

export interface HubRequestOptions {
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** Longest wait for an answer; 10 s by default, as in Python. */
  readonly timeoutMilliseconds?: number;
  /** Attempts after the first one where the hub is busy; 2 by default. */
  readonly retries?: number;
  /** Pause before the second attempt, doubled each time; 500 ms by default. */
  readonly retryDelayMilliseconds?: number;
  readonly fetch?: typeof globalThis.fetch;
}

const mostRedirects = 5;

/**
 * What the hub says of `…/resolve/main/FILE`.
 * @throws TransferError whose message is a clause, or the signal's reason
 */
export async function askHub(url: string, options: HubRequestOptions): Promise<HubAnswer> {
  const { retries = 2, retryDelayMilliseconds = 500, signal } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await askOnce(url, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransferError) || error.retry !== 'many' || attempt >= retries) throw error;
      await sleep(retryDelayMilliseconds * 2 ** attempt, undefined, { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}

async function askOnce(url: string, options: HubRequestOptions): Promise<HubAnswer> {
  const { token, timeoutMilliseconds = 10_000, signal, fetch = networkFetch } = options;
  // Without "identity" the server may tell the size of a compressed answer.
  const headers = { 'accept-encoding': 'identity', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const timeout = AbortSignal.timeout(timeoutMilliseconds);
  const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  let target = url;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    let response: Response;
    try {
      response = await fetch(target, { method: 'HEAD', redirect: 'manual', headers, signal: either });
    } catch (error) {
      if (timeout.aborted) {
        const seconds = Math.round(timeoutMilliseconds / 100) / 10;
        throw new TransferError(`${new URL(target).host} did not answer for ${seconds} s`, 'few');
      }
      throw describeNetworkError(error, target);
    }
    await response.body?.cancel();
    const location = response.headers.get('location');
    // A relative address is the repository's new name; an absolute one is where the content lies, and not asked.
    if (location === null || !isRedirect(response) || URL.canParse(location)) return readAnswer(response, target);
    target = new URL(location, target).href;
  }
  throw new TransferError(`${new URL(url).host} sends from one address to the next`, 'never');
}

function isRedirect({ status }: Response): boolean {
  return status >= 300 && status < 400;
}

function readAnswer(response: Response, url: string): HubAnswer {
  const { headers, status } = response;
  const { host } = new URL(url);
  if (status >= 400) throw refusal(response, host);
  const commit = headers.get('x-repo-commit') ?? '';
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replace(/^"|"$/g, '');
  if (!/^[0-9a-f]{40}$/.test(commit) || !/^[\w-]+$/.test(etag)) {
    throw new TransferError(`${host} answers, but not as the hub does (is HF_ENDPOINT right?)`, 'never');
  }
  // The length of a redirect is its own.
  const size = headers.get('x-linked-size') ?? (status === 200 ? headers.get('content-length') : null);
  return { commit, etag, bytes: size !== null && /^\d+$/.test(size) ? Number(size) : undefined };
}

function refusal({ status, statusText, headers }: Response, host: string): TransferError {
  const reason = headers.get('x-error-code') ?? statusText;
  const answered = `${host} answered ${`${status} ${reason}`.trim()}`;
  if (status === 401 || status === 403) {
    return new TransferError(
      `${answered}: accept the conditions on the model’s page there and set HF_TOKEN to a token that may read it`,
      'never',
    );
  }
  return new TransferError(answered, status >= 500 || status === 429 || status === 408 ? 'many' : 'never');
}
