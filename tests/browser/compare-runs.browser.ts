/** The comparison of runs on the index: opened from disk, sorted by the keyboard. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, test } from 'node:test';
import { indexPage } from '../../lib/cli/index-page';
import { runsSections } from '../../lib/cli/runs-section';
import { bundleFile } from '../../lib/display/plotly-bundles';
import { recordRuns } from '../studies/recorded-runs';
import { launch, skipWithoutChromium as skip } from './chromium';
import { assertFits, axeFindings, figuresDrawn, keepContactSheet, openPage, views } from './page-check';

const folder = mkdtempSync(join(tmpdir(), 'compare-browser-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('runs are compared on the index, and its table is sorted by the keyboard', { skip }, async () => {
  const accuracies = [0.81, 0.9, 0.7, 0.62];
  recordRuns(
    folder,
    '01_resnet_from_scratch',
    accuracies.map((bestValAccuracy, index) => ({
      ...{
        learningRate: 10 ** -(index + 2),
        epochs: 3 + (index % 2),
        bestValAccuracy,
        testAccuracy: bestValAccuracy - 0.02,
      },
    })),
  );
  const path = join(folder, 'index.html');
  writeFileSync(path, await indexPage({ runs: [], folder, sections: runsSections(folder) }));
  const browser = await launch();
  try {
    const pictures: Buffer[] = [];
    for (const view of views) {
      const { page, complaints, close } = await openPage(browser, path, view);
      const summary = page.locator('.run-comparison > summary');
      await summary.focus();
      await page.keyboard.press('Enter');
      assert.equal(await figuresDrawn(page), 2);
      await assertFits(page);
      assert.deepEqual(await axeFindings(page), [], `${view.theme}, ${view.width}`);

      const table = page.getByRole('table', { name: /^4 trainings on cells/ });
      const heading = table.locator('thead th', { hasText: 'Best val accuracy' });
      const button = heading.locator('button');
      const column = await heading.evaluate((cell: { readonly cellIndex: number }) => cell.cellIndex);
      const shown = (): Promise<number[]> =>
        table
          .locator(`tbody tr > :nth-child(${column + 1})`)
          .evaluateAll((cells: { readonly dataset: { readonly value: string } }[]) =>
            cells.map(({ dataset }) => Number(dataset.value)),
          );
      const ascending = [0.62, 0.7, 0.81, 0.9].flatMap((value) => [value, value]);
      await button.focus();
      await page.keyboard.press('Enter');
      assert.deepEqual(await shown(), [...ascending].reverse());
      assert.equal(await heading.getAttribute('aria-sort'), 'descending');
      await page.keyboard.press('Space');
      assert.deepEqual(await shown(), ascending);
      assert.equal(await heading.getAttribute('aria-sort'), 'ascending');
      const downloading = page.waitForEvent('download');
      await page.getByRole('button', { name: /^Download as CSV: 4 trainings on cells/ }).click();
      const csv = readFileSync(await (await downloading).path(), 'utf8')
        .trimEnd()
        .split('\r\n');
      assert.match(csv[0], /(^|,)Best val accuracy(,|$)/);
      const values = csv.slice(1).map((line) => Number(line.split(',')[column]));
      assert.deepEqual(values, ascending, 'plain numbers, in the order that is shown');
      assert.deepEqual(
        complaints,
        [pathToFileURL(join(folder, bundleFile('basic'))).href],
        'nothing but Plotly is loaded',
      );
      pictures.push(await page.screenshot({ fullPage: true }));
      await close();
    }
    await keepContactSheet(pictures, 'runs');
  } finally {
    await browser.close();
  }
});
