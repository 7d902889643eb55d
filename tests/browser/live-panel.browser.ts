/** A page in which a model answers to images: in a browser as `npm run predict` does. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { panelLimit } from '../../lib/cli/page/live-panel';
import { finishedRuns } from '../../lib/cli/page/finished-runs';
import { writePage } from '../../lib/cli/page/page';
import { resnet18, vit } from '../../lib/models/networks';
import { classifier, openBackbone } from '../../lib/models/open-backbone';
import { outputsDirectory, projectRoot } from '../../lib/paths';
import { createRandom } from '../../lib/random';
import { findImages, predictClasses, type Predictions } from '../../lib/runs/predict';
import { saveModel } from '../../lib/runs/save-model';
import { trainOnce } from '../../lib/runs/train';
import { adamW } from '../../lib/training/create-optimizer';
import { input } from '../../lib/training/input-transforms';
import { cosine } from '../../lib/training/schedules';
import { patience } from '../patience';
import { cells } from '../studies/cells';
import { launch, skipWithoutChromium as skip } from './chromium';
import { assertFits, axeFindings, becomesTrue, openPage, views } from './page-check';

const folder = mkdtempSync(join(tmpdir(), 'live-panel-'));
const images = join(folder, 'images');
const timeout = patience;
let browser: Browser;
const networks = {
  resnet: resnet18({ classes: 3, width: 8 }),
  vit: vit({ classes: 3, size: 28, patchSize: 7, width: 48, depth: 3 }),
};
/** The project's own network, which is too large for a page as it is: its weights are rounded there. */
const ownName = 'vit_mini_patch4';
const names = [...Object.keys(networks), ownName];
const expected = new Map<string, Predictions>();

/** Notebook 00 with its outputs where it has been run, else as it is committed. */
function workbench(): string {
  const name = '00_workbench';
  const run = finishedRuns(outputsDirectory).find((one) => one.name.startsWith(name));
  return run ? join(run.directory, 'notebook.ipynb') : join(projectRoot, 'notebooks', `${name}.ipynb`);
}

/** Smooth colours, so that resizing matters, in one of several sizes. */
async function photograph(name: string, height: number, width: number, base: number): Promise<void> {
  const random = createRandom(9, name);
  const colour = [0, 1, 2].map(() => base + random.integer(40));
  const pixels = Buffer.from(
    Array.from(
      { length: height * width * 3 },
      (_, at) => (colour[at % 3] + Math.round(40 * Math.sin(at / 50)) + random.integer(9)) % 256,
    ),
  );
  await sharp(pixels, { raw: { height, width, channels: 3 } })
    .png()
    .toFile(join(images, name));
}

before(async () => {
  if (skip !== false) return;
  mkdirSync(images);
  const sizes = [
    [28, 28, 50],
    [28, 28, 110],
    [61, 40, 160],
    [90, 133, 80],
    [12, 12, 130],
  ] as const;
  for (const [at, [height, width, base]] of sizes.entries()) await photograph(`${at}.png`, height, width, base);
  const data = cells(28);
  const recipe = {
    epochs: 2,
    batchSize: 16,
    seed: 1,
    optimizer: adamW({ weightDecay: 0.01 }),
    schedule: cosine({ learningRate: 1e-3 }),
  };
  const source = workbench();
  await writePage(source, join(folder, 'plain.html'));
  const backbone = await openBackbone({ model: ownName, weights: 'embedded', size: 28 });
  const own = classifier(backbone, { classes: 3, input: input({ backbone }) });
  for (const [name, network] of Object.entries({ ...networks, [ownName]: own })) {
    const run = await trainOnce(network, data, recipe, { folder: join(folder, 'runs') });
    const model = await saveModel(run, data, join(folder, name));
    expected.set(name, await predictClasses(model, await findImages(images)));
    await writePage(source, join(folder, `${name}.html`), { live: join(folder, name) });
  }
  browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function answers(page: Page): Promise<Map<string, number>> {
  await page.waitForSelector('#try-it tr[data-class]', { timeout });
  const rows = await page.evaluate<[string, string][]>(
    `[...document.querySelectorAll('#try-it tr[data-class]')].map(({ dataset }) => [dataset.class, dataset.probability])`,
  );
  return new Map(rows.map(([name, probability]) => [name, Number(probability)]));
}

for (const name of names) {
  test(`dropped and chosen images get the classes and probabilities of predict: ${name}`, { skip }, async () => {
    const { page, complaints, close } = await openPage(browser, join(folder, `${name}.html`), views[0]);
    const predicted = expected.get(name);
    assert.ok(predicted);
    for (const [at, { file, class: chosen, probabilities }] of predicted.rows.entries()) {
      const content = readFileSync(join(images, file)).toString('base64');
      await page.evaluate(`document.querySelector('#try-it output').replaceChildren()`);
      if (at % 2 === 0) await page.locator('#try-it input').setInputFiles(join(images, file));
      else {
        await page.evaluate(`{
        const bytes = Uint8Array.from(atob(${JSON.stringify(content)}), (one) => one.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], ${JSON.stringify(file)}, { type: 'image/png' }));
        document.querySelector('#try-it .drop').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      }`);
      }
      const found = await answers(page);
      assert.equal([...found.keys()][0], chosen, 'the first is the most probable');
      predicted.classNames.forEach((className, index) => {
        const [here, there] = [found.get(className) ?? NaN, probabilities[index]];
        assert.ok(
          Math.abs(here - there) < (name === ownName ? 0.05 : 1e-3),
          `${file}, ${className}: ${here} in the page, ${there} by predict`,
        );
      });
    }
    writeFileSync(join(folder, 'text.png'), 'no image');
    await page.locator('#try-it input').setInputFiles(join(folder, 'text.png'));
    await becomesTrue(
      page,
      `/text.png cannot be read as an image/.test(document.querySelector('#try-it output').textContent)`,
    );
    assert.deepEqual(await axeFindings(page), []);
    await assertFits(page);
    assert.deepEqual(complaints, []);
    await close();
  });
}

test('the panel is in the page only where it was asked for, and loads nothing', { skip }, () => {
  const [plain, ...pages] = ['plain', ...names].map((name) => readFileSync(join(folder, `${name}.html`), 'utf8'));
  assert.doesNotMatch(plain, /id="try-it/);
  for (const live of pages) {
    assert.ok(live.length - plain.length < panelLimit);
    assert.doesNotMatch(live, /<script[^>]* src=/);
  }
});
