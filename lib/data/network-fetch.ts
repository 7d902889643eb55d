/** Requests as this machine's surroundings want them: through the proxy that it names. Node's own fetch knows of none before Node 24. */
import type * as Undici from 'undici';
import { UserError } from '../errors';

/** Programs on this machine are asked directly. */
const direct = 'localhost,127.0.0.1,::1';

/** The variable that names the proxy of an address; undefined where it is asked directly. */
export function proxyVariable(url: string): string | undefined {
  const kind = new URL(url).protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  return [kind, kind.toLowerCase()].find((name) => process.env[name]);
}

let proxied: typeof globalThis.fetch | undefined;

/**
 * As `fetch`; through the proxy of `HTTPS_PROXY`, except for the hosts of `NO_PROXY`. Certificates are those of
 * `NODE_EXTRA_CA_CERTS` too.
 * @throws UserError for an address without TLS, be it where a redirect leads to, unless a program on this machine is asked
 */
export const networkFetch: typeof globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  assertEncrypted(url);
  const response = await throughProxy(input, init);
  try {
    assertEncrypted(response.url || url);
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
  return response;
};

const throughProxy: typeof globalThis.fetch = (input, init) => {
  if (!['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].some((name) => process.env[name])) {
    return globalThis.fetch(input, init);
  }
  proxied ??= createProxiedFetch();
  return proxied(input, init);
};

function assertEncrypted(url: string): void {
  const { protocol, hostname, host } = new URL(url);
  if (protocol === 'https:' || direct.split(',').includes(hostname.replace(/^\[|\]$/g, ''))) return;
  throw new UserError(
    `${host} was to be asked over ${protocol}// by ${url}, where anybody on the way could change the answer: downloads need an https:// address.`,
  );
}

function createProxiedFetch(): typeof globalThis.fetch {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a tenth of a second that few need
  const undici = require('undici') as typeof Undici;
  const noProxy = [process.env.NO_PROXY ?? process.env.no_proxy, direct].filter(Boolean).join(',');
  const dispatcher = new undici.EnvHttpProxyAgent({ noProxy });
  // Node's own types of the same functions are those of another version.
  const fetch = undici.fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  return (input, init) => fetch(input, { ...init, dispatcher });
}
