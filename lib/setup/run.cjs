// The entry of every npm script: `node lib/setup/run.cjs COMMAND [ARG …]`. Sets up what is missing, then runs lib/cli/COMMAND.ts.
'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { requireLevel } = require('./addon.cjs');
const { checkCompilers } = require('./check-compilers.cjs');
const { doctor } = require('./doctor.cjs');
const { fileProblem } = require('./file-problems.cjs');
const { memoryBytes } = require('./machine.cjs');
const { MissingNeed } = require('./needs.cjs');
const { clearSurroundings } = require('./surroundings.cjs');
const { setUp, root, tensorflowFolder } = require('./setup.cjs');

const setUpHelp = `npm run setup [-- --gpu] [-- --ray] [-- --force] [-- --check-compilers]

Does whatever is missing of the set-up; every other command does so too.

  --gpu              TensorFlow with CUDA (otherwise where there is an NVIDIA driver)
  --ray              Ray, for studies on a cluster
  --force            from the beginning
  --check-compilers  builds the TensorFlow.js addon with each C++ compiler that is here and tests it (half a minute for each)

Examples
  npm run setup
  npm run setup -- --gpu`;

/** @param {string} command @param {string[]} args */
async function main(command, args) {
  if (command === 'doctor') return doctor(args); // which tells of the surroundings as they are
  clearSurroundings();
  if (command === 'setup') {
    const unknown = args.find((arg) => !['--gpu', '--ray', '--force', '--check-compilers', '--help'].includes(arg));
    if (unknown)
      throw new MissingNeed(`setup has no option "${unknown}": use --gpu, --ray, --force, --check-compilers, or none.`);
    if (args.includes('--help')) {
      console.log(setUpHelp);
      return 0;
    }
    const [gpu, ray, force] = ['--gpu', '--ray', '--force'].map((option) => args.includes(option));
    const done = await setUp({ gpu: gpu || undefined, ray, force });
    if (args.includes('--check-compilers')) await checkCompilers(tensorflowFolder, console.log);
    else if (!done) console.log('Nothing to do: everything is set up.');
    return 0;
  }
  await setUp({ ray: command === 'test' && 'try', log: console.error });
  await requireLevel();
  return await start(command, args);
}

/** Runs the command in a process of its own and returns its exit code. @param {string} command @param {string[]} args */
function start(command, args) {
  // By its path: the child looks for packages where the user is, which may be anywhere.
  const tsx = pathToFileURL(require.resolve('tsx')).href;
  const child = spawn(process.execPath, ['--import', tsx, path.join(root, 'lib', 'cli', `${command}.ts`), ...args], {
    stdio: 'inherit',
    env: { ...process.env, NODE_PATH: undefined, TSX_TSCONFIG_PATH: path.join(root, 'tsconfig.json') },
    // `npm run` starts scripts in the project's folder, so paths that the user gives would be relative to it and not to where they are.
    cwd: process.env.INIT_CWD ?? process.cwd(),
  });
  // Ctrl+C reaches the child by itself; this process only waits for how it ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) =>
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') console.error(killed(command));
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    }),
  );
}

/** The system kills without a word. @param {string} command */
function killed(command) {
  const gigabytes = (memoryBytes() / 2 ** 30).toFixed(1);
  return `\`npm run ${command}\` was killed, as the system does where the memory runs out (${gigabytes} GB for all programs here): a smaller batchSize or fewer workers need less. The same command goes on from what was reached.`;
}

main(process.argv[2], process.argv.slice(3)).then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(error instanceof MissingNeed ? error.message : (fileProblem(error) ?? error));
    process.exitCode = 1;
  },
);
