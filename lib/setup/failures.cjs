// Why a program of the set-up failed, in one line: the true reason and the next step, read from what it printed.
'use strict';
const path = require('node:path');

/**
 * Of the machine's own.
 * @type {readonly [RegExp, (match: RegExpExecArray, place: string) => string][]}
 */
const reasons = [
  [
    /ENOSPC|No space left on device/,
    (_, place) => `The disk is full (${place}, or the folder for temporary files): free some space`,
  ],
  [/EDQUOT|Disk quota exceeded/, (_, place) => `The disk quota is used up (${place}): free some space`],
  [
    /EROFS|Read-only file system|EACCES.*|\[Errno 13\].*|Permission denied.*/,
    ([what], place) =>
      `Something cannot be written (${what.trim().slice(0, 160)}): make the folder ${place} and what is in it your own`,
  ],
  [
    /fatal error: Killed|signal terminated program|out of memory|Cannot allocate memory|\bMemoryError\b|ENOMEM/,
    () => 'The memory ran out: end other programs, or give the container at least 4 GB',
  ],
];

/** What ends a request, where a package index or a registry is asked. @type {readonly [RegExp, string][]} */
const networkReasons = [
  [
    /\b407 Proxy|E407|Proxy Authentication Required/,
    'the proxy wants a name and a password, HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT',
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_\w*(CERT|SIGNATURE)|self.signed certificate|unable to get (local )?issuer certificate|CERT_HAS_EXPIRED/,
    'its certificate is not trusted: name the file with your company’s certificates, NODE_EXTRA_CA_CERTS=/path/to/ca.pem',
  ],
  [
    /\bE40[13]\b|\b40[13] Client Error/,
    'it refuses the request (401 or 403): a mirror may want a name and a password in its address',
  ],
  [
    /EINTEGRITY|DO NOT MATCH THE HASHES/,
    'a file arrived damaged, or is another than it should be: empty the cache (`npm cache clean --force`, `pip cache purge`)',
  ],
];

const offline =
  /ProxyError|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|NewConnectionError|ConnectTimeoutError|NameResolutionError|Connection (refused|error|broken)|connection broken|name resolution|ReadTimeoutError/;
const notFound = /No matching distribution found for ([^\s;]+)|(?:notarget|ETARGET|E404)[^]*?([@\w][\w./-]*@[\w.^~-]+)/;

/**
 * @typedef {{ name: string, mirror: string }} Source where packages come from, and how a mirror is named
 * @param {{ command: string, args: string[], output: string, signal: string | null, source: Source | undefined }} ended how a program ended
 * @param {string} place the project's folder
 * @param {string} logFile where all of its output is
 */
function explain({ command, args, output, signal, source }, place, logFile) {
  const again = 'and run the same command again';
  const proxy = process.env.HTTPS_PROXY ? ` through the proxy of HTTPS_PROXY (${hostOf(process.env.HTTPS_PROXY)})` : '';
  const more = `; all of the output is in ${logFile}`;
  if (signal === 'SIGKILL')
    return `\`${path.basename(command)}\` was killed, as the system does where the memory runs out: end other programs ${again}${more}.`;
  for (const [pattern, reason] of reasons) {
    const match = pattern.exec(output);
    if (match) return `${reason(match, place)}, ${again}${more}.`;
  }
  if (source !== undefined) {
    const network = networkReasons.find(([pattern]) => pattern.test(output));
    if (network) return `${source.name} cannot be used: ${network[1]}, ${again}${more}.`;
    if (offline.test(output))
      return `${source.name} cannot be reached${proxy}: check the connection, or ${source.mirror}, ${again}${more}.`;
    // Without a network there is no version of anything either, so that this comes last.
    const missing = notFound.exec(output);
    if (missing)
      return `${source.name} has no ${missing[1] ?? missing[2]} for ${process.platform} ${process.arch}: a mirror may lack it (${source.mirror})${more}.`;
  }
  return `\`${path.basename(command)} ${args.slice(0, 3).join(' ')} …\` failed (${telling(output)})${more}.`;
}

/** A proxy's address without the password in it. @param {string} address */
function hostOf(address) {
  return URL.canParse(address) ? new URL(address).host : 'no address';
}

/** The last line that speaks of an error, else the last. @param {string} output */
function telling(output) {
  const lines = output.trim().split('\n');
  return (lines.filter((line) => /error/i.test(line)).pop() ?? lines.pop() ?? '').trim().slice(0, 300);
}

module.exports = { explain };
