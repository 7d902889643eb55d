/** What every browser test begins with: the Chromium of this machine, or the reason why the test is skipped. */
import type { Browser } from 'playwright-core';
import { chromiumMissing, findChromium, launchChromium } from '../../lib/cli/chromium';

export { findChromium } from '../../lib/cli/chromium';

/** For a test's `skip`: false where there is a Chromium, else why there is nothing to run it in. */
export const skipWithoutChromium: string | false = findChromium() === undefined ? chromiumMissing : false;

/** Starts the Chromium that was found. Whoever starts it closes it. */
export async function launch(args: readonly string[] = []): Promise<Browser> {
  const path = findChromium();
  if (path === undefined) throw new Error(chromiumMissing);
  return launchChromium(path, args);
}
