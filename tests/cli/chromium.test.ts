import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { findChromium } from '../../lib/cli/chromium';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'chromium-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function program(path: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  chmodSync(file, 0o755);
  return file;
}

test(
  'the named one is taken, else one on the PATH, else the newest of Playwright’s',
  { skip: process.platform !== 'linux' },
  () => {
    const none = { PATH: '', HOME: join(folder, 'home') };
    assert.equal(findChromium(none), undefined);
    program('home/.cache/ms-playwright/chromium-999/chrome-linux/chrome');
    const newest = program('home/.cache/ms-playwright/chromium-1100/chrome-linux/chrome');
    program('home/.cache/ms-playwright/chromium_headless_shell-2000/chrome-linux/chrome');
    assert.equal(findChromium(none), newest);
    assert.equal(findChromium({ ...none, PLAYWRIGHT_BROWSERS_PATH: join(folder, 'elsewhere') }), undefined);
    writeFileSync(join(folder, 'chromium'), 'not a program');
    assert.equal(findChromium({ ...none, PATH: folder }), newest);
    const onPath = program('bin/google-chrome');
    assert.equal(findChromium({ ...none, PATH: `${folder}:${join(folder, 'bin')}` }), onPath);
    const named = program('my-own');
    assert.equal(findChromium({ ...none, PATH: join(folder, 'bin'), CHROMIUM_PATH: named }), named);
    assert.throws(
      () => findChromium({ ...none, CHROMIUM_PATH: join(folder, 'gone') }),
      userError(/^CHROMIUM_PATH is .*gone, but there is no program/),
    );
  },
);
