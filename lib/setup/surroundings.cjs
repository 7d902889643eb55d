// What the user's surroundings mean for the programs that the project starts: cleared of what is for other projects, and with the proxy
// and the certificates that one of them is told of known to all.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const tls = require('node:tls');

/** They would lead Python, pip or Node to other folders than the project's own. */
const misleading = [
  ...['PYTHONHOME', 'PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONUSERBASE', 'PYTHONPLATLIBDIR', '__PYVENV_LAUNCHER__'],
  ...['PIP_PREFIX', 'PIP_ROOT', 'PIP_TARGET', 'PIP_REQUIRE_HASHES', 'PIP_NO_BINARY', 'PIP_PYTHON'],
  ...['NODE_PATH', 'NODE_ENV', 'VIRTUAL_ENV', 'CONDA_PREFIX', 'CONDA_DEFAULT_ENV'],
];
const bundleNames = ['REQUESTS_CA_BUNDLE', 'PIP_CERT', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'npm_config_cafile'];
const systemBundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/**
 * Sets the variables of this process, which its children inherit.
 * @param {NodeJS.ProcessEnv} env
 */
function clearSurroundings(env = process.env) {
  for (const name of misleading) delete env[name];
  env.PIP_USER = '0'; // also over pip's own settings
  env.PYTHONNOUSERSITE = '1';
  for (const kind of ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']) {
    const lower = kind.toLowerCase();
    const value =
      env[kind] || env[lower] || env[`npm_config_${lower}`] || (kind === 'NO_PROXY' && env.npm_config_noproxy);
    if (value) env[kind] = env[lower] = value;
  }
  const bundle = bundleNames.map((name) => env[name]).find((file) => file && fs.existsSync(file));
  if (bundle !== undefined) env.NODE_EXTRA_CA_CERTS ??= bundle;
}

/**
 * The certificates that pip is to trust, where only Node was told of the company's: pip takes one file for all of them.
 * @param {string} folder where the file is made @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} undefined where pip needs none
 */
function pipCertificates(folder, env = process.env) {
  const extra = env.NODE_EXTRA_CA_CERTS;
  if (!extra || !fs.existsSync(extra) || env.PIP_CERT || env.REQUESTS_CA_BUNDLE) return undefined;
  const system = systemBundles.find((file) => fs.existsSync(file));
  const parts = [
    ...tls.rootCertificates,
    ...[extra, ...(system ? [system] : [])].map((file) => fs.readFileSync(file, 'utf8')),
  ];
  const file = path.join(folder, 'certificates.pem');
  fs.writeFileSync(file, `${parts.join('\n')}\n`);
  return file;
}

module.exports = { clearSurroundings, pipCertificates };
