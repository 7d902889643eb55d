/** A Chromium that is on this machine: still pictures are drawn with it, and pages are tested in it. None is ever downloaded. */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { UserError } from '../errors';

/** Names under which distributions and vendors install it. */
const programs = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'];
const applications = ['Chromium', 'Google Chrome', 'Microsoft Edge'];

/** What to say where there is none. */
export const chromiumMissing =
  'no Chromium was found: install one (Debian: `apt-get install chromium`) or name it in CHROMIUM_PATH';

/**
 * The path of a Chromium: what the variable CHROMIUM_PATH names, else one on the PATH, among a Mac's applications or in Playwright's
 * cache; undefined where there is none.
 * @throws UserError where CHROMIUM_PATH names no program
 */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = environment.CHROMIUM_PATH;
  if (given) {
    if (isProgram(given)) return given;
    throw new UserError(`CHROMIUM_PATH is ${given}, but there is no program: name Chromium's own, or unset it.`);
  }
  const onPath = (environment.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => programs.map((program) => join(folder, program)));
  return [...onPath, ...macApplications(), ...playwrightCache(environment)].find(isProgram);
}

function macApplications(): string[] {
  if (process.platform !== 'darwin') return [];
  return applications.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
}

/** Where `npx playwright install chromium` puts it, newest first. */
function playwrightCache(environment: NodeJS.ProcessEnv): string[] {
  const home = environment.HOME ?? homedir();
  const usual =
    process.platform === 'darwin' ? join(home, 'Library/Caches/ms-playwright') : join(home, '.cache/ms-playwright');
  const cache = environment.PLAYWRIGHT_BROWSERS_PATH || usual;
  if (!existsSync(cache)) return [];
  const folders = readdirSync(cache).filter((name) => /^chromium-\d+$/.test(name));
  const newestFirst = folders.sort((a, b) => Number(b.slice('chromium-'.length)) - Number(a.slice('chromium-'.length)));
  const inside = [
    'chrome-linux/chrome',
    'chrome-linux64/chrome',
    'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
    'chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
  ];
  return newestFirst.flatMap((name) => inside.map((path) => join(cache, name, path)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts it without a window. Its own sandbox is off, as it cannot run as root or in most containers: show it own pages only. */
export async function launchChromium(path: string, args: readonly string[] = []): Promise<Browser> {
  const { chromium } = await import('playwright-core'); // large, and most commands never need it
  return chromium.launch({ executablePath: path, args: ['--disable-gpu', '--disable-background-networking', ...args] });
}
