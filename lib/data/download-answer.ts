import { z } from 'zod';

import { TransferError } from './download-errors';

/** What is known of the file whose beginning is in the `.part` file. */
export const partSchema = z.object({
  url: z.string(),
  /** A strong ETag or a Last-Modified date, to be sent as If-Range. */
  validator: z.string().optional(),
  total: z.number().int().nonnegative().optional(),
});
export type PartState = z.infer<typeof partSchema>;

/** What to ask for so that the answer continues a part file of `offset` bytes. */
export function requestHeaders(offset: number, state: PartState | undefined): Record<string, string> {
  // Without "identity" the server may compress, and then byte positions and sizes mean something else.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (offset === 0) return headers;
  headers.range = `bytes=${offset}-`;
  if (state?.validator !== undefined) headers['if-range'] = state.validator;
  return headers;
}

/**
 * From which byte the answer's body starts, or `over` where the part file cannot be continued. Throws a TransferError for any answer
 * without the file.
 */
export async function checkAnswer(
  response: Response,
  offset: number,
  state: PartState | undefined,
): Promise<number | 'over'> {
  if (response.status === 200) return 0; // the whole file: no ranges here, or another version than the part file's
  const continues = response.status === 206 && offset > 0 && continuesPart(response, offset, state);
  if (continues) return offset;
  await response.body?.cancel();
  if (offset > 0 && (response.status === 206 || response.status === 416)) return 'over';
  const answer = `the server answered ${`${response.status} ${response.statusText}`.trim()}`;
  const passing = response.status >= 500 || response.status === 429 || response.status === 408;
  throw new TransferError(answer, passing ? 'many' : 'never', retryAfter(response));
}

/** Some servers ignore If-Range, so the answer is checked as well. */
function continuesPart(response: Response, offset: number, state: PartState | undefined): boolean {
  const range = contentRange(response);
  const validator = validatorOf(response);
  const sameVersion = state?.validator === undefined || validator === undefined || validator === state.validator;
  const sameTotal = state?.total === undefined || range?.total === undefined || range.total === state.total;
  return range?.start === offset && sameVersion && sameTotal;
}

function contentRange(response: Response): { start: number; total?: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  return match[2] === '*' ? { start: Number(match[1]) } : { start: Number(match[1]), total: Number(match[2]) };
}

/** A weak ETag (`W/`) promises nothing about bytes and may not be sent as If-Range (RFC 9110, 13.1.5). */
export function validatorOf(response: Response): string | undefined {
  const etag = response.headers.get('etag');
  if (etag !== null && !etag.startsWith('W/')) return etag;
  return response.headers.get('last-modified') ?? undefined;
}

/** Size of the whole file, where the answer tells. */
export function totalBytes(response: Response, start: number): number | undefined {
  if (isEncoded(response)) return undefined;
  if (response.status === 206 && contentRange(response)?.total !== undefined) return contentRange(response)?.total;
  const length = response.headers.get('content-length');
  return length === null ? undefined : start + Number(length);
}

/** Compressed in spite of the request: positions in the file are then not those that the server counts, and it cannot be continued. */
export function isEncoded(response: Response): boolean {
  return (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
}

/** The seconds or the date of a Retry-After header, in milliseconds from now. */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
