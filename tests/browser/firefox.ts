/** What is tested in Firefox as well: the one of this machine, driven by the standard that both browsers know (WebDriver BiDi). */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Browser } from 'playwright-core';

function find(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => ['firefox', 'firefox-esr'].map((name) => join(folder, name))).find(existsSync);
}

/** For a test's `skip`: false where there is a Firefox, else why there is nothing to run it in. */
export const skipWithoutFirefox: string | false =
  find() === undefined ? 'no Firefox was found: install one (Debian: `apt-get install firefox-esr`)' : false;

/** Starts it without a window. Whoever starts it closes it. */
export async function launchFirefox(): Promise<Browser> {
  const { firefox } = await import('playwright-core');
  return firefox.launch({ channel: 'moz-firefox', executablePath: find() });
}
