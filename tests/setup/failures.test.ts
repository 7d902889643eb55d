import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript that runs before anything is installed
const { explain } = require('../../lib/setup/failures.cjs') as {
  explain(ended: object, place: string, logFile: string): string;
};

const registry = { name: 'The npm registry', mirror: 'name a mirror with `npm config set registry URL`' };
const proxy = process.env.HTTPS_PROXY;
afterEach(() => {
  if (proxy === undefined) delete process.env.HTTPS_PROXY;
  else process.env.HTTPS_PROXY = proxy;
});

function reason(output: string, { source = registry, signal = null as string | null } = {}): string {
  const ended = { command: '/usr/bin/npm', args: ['ci', '--include=dev'], output, signal, source };
  const text = explain(ended, '/project', '/project/set-up.log');
  assert.doesNotMatch(text, /\n/);
  assert.match(text, /\/project\/set-up\.log\.$/);
  return text;
}

/** As npm 11 and pip 23 print them. */
test('what a package manager printed is told as the reason that it was', () => {
  delete process.env.HTTPS_PROXY;
  assert.match(
    reason('npm error code EAI_AGAIN\nnpm error syscall getaddrinfo'),
    /registry cannot be reached: check the connection/,
  );
  assert.match(
    reason(
      "WARNING: Retrying (Retry(total=1, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection>: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/six/\nERROR: No matching distribution found for six==1.17.0",
    ),
    /cannot be reached/,
  );
  assert.match(
    reason(
      "WARNING: Retrying (Retry(total=1)) after connection broken by 'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))'",
    ),
    /proxy wants a name and a password/,
  );
  assert.match(
    reason('npm error code E407\nnpm error 407 Proxy Authentication Required - GET https://a/b'),
    /proxy wants a name/,
  );
  assert.match(
    reason(
      "(Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1006)'))) - skipping",
    ),
    /certificate is not trusted.*NODE_EXTRA_CA_CERTS/,
  );
  assert.match(reason('npm error code SELF_SIGNED_CERT_IN_CHAIN'), /certificate is not trusted/);
  assert.match(reason('npm error code E403\nnpm error 403 403 Forbidden'), /refuses the request/);
  assert.match(reason('npm error code EINTEGRITY'), /damaged.*cache clean/);
});

test('a package that a mirror lacks is no connection that fails', () => {
  const pip = reason(
    'ERROR: Could not find a version that satisfies the requirement six==1.17.0 (from versions: none)\nERROR: No matching distribution found for six==1.17.0',
  );
  assert.match(pip, /has no six==1\.17\.0 for \w+ \w+: a mirror may lack it/);
  const npm = reason(
    "npm error code E404\nnpm error 404 Not Found - GET http://a/isarray\nnpm error 404\nnpm error 404  The requested resource 'isarray@2.0.5' could not be found",
  );
  assert.match(npm, /has no isarray@2\.0\.5/);
  assert.doesNotMatch(pip + npm, /reached/);
});

test('a proxy that does not answer is named, without its password', () => {
  process.env.HTTPS_PROXY = 'http://me:secret@proxy.example:3128';
  const text = reason("npm error code: 'ECONNREFUSED'");
  assert.match(text, /cannot be reached through the proxy of HTTPS_PROXY \(proxy\.example:3128\)/);
  assert.doesNotMatch(text, /secret/);
});

test('what this machine lacks is told before anything else', () => {
  assert.match(reason('OSError: [Errno 28] No space left on device'), /disk is full \(\/project/);
  assert.match(reason('npm error code EACCES\nnpm error syscall open'), /cannot be written \(EACCES/);
  assert.match(reason("mkdir: cannot create directory 'x': Read-only file system"), /cannot be written/);
  assert.match(
    reason('c++: fatal error: Killed signal terminated program cc1plus', { source: undefined }),
    /memory ran out/,
  );
  assert.match(reason('', { signal: 'SIGKILL' }), /was killed.*memory runs out/);
  assert.match(
    reason('first\nerror: no such flag\nlast', { source: undefined }),
    /^`npm ci --include=dev …` failed \(error: no such flag\)/,
  );
});
