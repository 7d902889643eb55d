import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Two files of the same size for servers to answer with. */
export const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) >> 5));
export const otherContent = Buffer.from(content).reverse();
export const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServer {
  readonly url: string;
  /** Every request so far. */
  readonly requests: IncomingMessage[];
  close(): void;
}

/** A server on 127.0.0.1 that gives one answer after the other, and the last one for good. */
export async function startServer(...answers: readonly Answer[]): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answers[Math.min(requests.length, answers.length) - 1](request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.npz`,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export interface FileOptions {
  readonly etag?: string;
  /** Ranges are answered with the whole file. */
  readonly ignoreRange?: boolean;
  /** A range is answered whatever If-Range says. */
  readonly ignoreIfRange?: boolean;
  /** The connection is cut after this many bytes of the body … */
  readonly cutAfter?: number;
  /** … or stays open and silent. */
  readonly stallAfter?: number;
  readonly delayMilliseconds?: number;
}

/** Answers with a file, or the rest of it, as a web server does. */
export function file(content: Buffer, options: FileOptions = {}): Answer {
  return (request, response) => {
    const { etag } = options;
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const same = options.ignoreIfRange === true || (request.headers['if-range'] ?? etag) === etag;
    const start = asked === null || options.ignoreRange === true || !same ? undefined : Number(asked[1]);
    if (start !== undefined && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(start ?? 0);
    response.writeHead(start === undefined ? 200 : 206, {
      'content-length': body.length,
      ...(etag === undefined ? {} : { etag }),
      ...(start === undefined ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    const part = body.subarray(0, options.cutAfter ?? options.stallAfter);
    const send = (): void => {
      // A cut that comes with the bytes would make fetch throw them away.
      if (options.cutAfter !== undefined) response.write(part, () => setTimeout(() => response.destroy(), 250));
      else if (options.stallAfter !== undefined) response.write(part);
      else response.end(part);
    };
    if (options.delayMilliseconds === undefined) send();
    else setTimeout(send, options.delayMilliseconds);
  };
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_request, response) => response.writeHead(code, headers).end('no');
}
