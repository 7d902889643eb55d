import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Locator } from 'playwright-core';
import { readNotebook, withParameters } from '../../lib/cli/notebook-file';
import { outputsDirectory, projectRoot } from '../../lib/paths';
import { readAllResults, type Results } from '../../lib/runs/results';
import { launch, skipWithoutChromium } from './chromium';
import { startLab, until } from './jupyterlab';

const name = '01_resnet_from_scratch';
const screenshots = join(outputsDirectory, 'screenshots');
/** So small that a training takes seconds. */
const parameters = { epochs: 2, syntheticImages: 100, batchSize: 32 };
const cells = {
  setUp: 'initializeDisplay',
  beforeTraining: [
    ...['nb.environment()', 'let profile', 'epochs = 2', 'nb.parameterTable', 'nb.openDataset'],
    ...['nb.sampleImages', 'nb.classBalance', 'nb.resnet18', 'function residualBlock', 'nb.sameOutputs'],
  ],
  recipe: 'const recipe',
  training: 'nb.trainingHistory',
  afterTraining: ['nb.confusionMatrix', 'nb.classReport'],
  comparison: 'nb.comparison(',
  allRuns: 'compareRuns',
} as const;

/** What has to be the same when the same is trained again. */
function numbers(all: readonly Results[]): object {
  const timeless = (row: object): object => ({ ...row, seconds: undefined });
  const trainings = all.flatMap(({ results, history }) =>
    results.map((row) => ({
      row: timeless(row),
      history: history[row.trainingKey].map((epoch) => timeless(epoch as object)),
    })),
  );
  return Object.fromEntries(trainings.map((each) => [JSON.stringify(each.row), each.history]));
}

/** An element, as far as this test looks into it: the types of browsers are not part of this project. */
interface Element {
  readonly ownerDocument: { readonly defaultView: { getComputedStyle(element: unknown): { readonly fill: string } } };
}

/** The colour in which a drawn figure's axes are labelled. */
function labelColor(figure: Locator): Promise<string> {
  const label = figure.locator('.xtick text').first();
  return label.evaluate((text: Element) => text.ownerDocument.defaultView.getComputedStyle(text).fill);
}

test('notebook 01 in JupyterLab', { skip: skipWithoutChromium }, async (t) => {
  mkdirSync(screenshots, { recursive: true });
  const lab = await startLab();
  const browser = await launch();
  try {
    const source = readNotebook(join(projectRoot, 'notebooks', `${name}.ipynb`));
    const opened = withParameters(source, parameters);
    const { page, complaints, cell, ...notebook } = await lab.open(browser, opened);
    const figure = cell(cells.training).element.locator('figure.nb-figure');
    const rows = cell(cells.comparison).element.locator('.nb-table tbody tr');
    /** Of the scores over settings, then of the losses. */
    const lines = cell(cells.allRuns).element.locator('.scatterlayer .trace');
    const recorded = (): Results[] => readAllResults(join(lab.outputs, name));
    const picture = (what: string) => page.screenshot({ path: join(screenshots, `jupyterlab-${what}.png`) });

    await t.test('nobody gets in without the token, nor from another machine', async () => {
      const status = async (path: string, init?: RequestInit): Promise<number> =>
        (await fetch(`${lab.origin}${path}`, init)).status;
      for (const path of ['/api/contents', '/api/kernels', '/api/contents?token=wrong'])
        assert.equal(await status(path), 403, path);
      assert.equal(await status('/api/kernels', { method: 'POST', body: '{}' }), 403);
      const { port } = new URL(lab.origin);
      for (const { address } of Object.values(networkInterfaces()).flatMap((each) => each ?? []))
        if (!/^(127\.|::1$|fe80:)/.test(address))
          await assert.rejects(
            fetch(`http://${address.includes(':') ? `[${address}]` : address}:${port}/api`),
            address,
          );
    });

    await t.test('it is run cell by cell, and every figure is drawn', async () => {
      await cell(cells.setUp).run();
      for (const each of cells.beforeTraining) await cell(each).run();
      await cell(cells.recipe).run();
      await cell(cells.training).run();
      // What a failed cell should have shown would be waited for.
      const errors = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]');
      assert.deepEqual(await errors.allTextContents(), []);
      assert.match((await cell(cells.training).element.textContent()) ?? '', /ResNet-18 · 2 epochs · /);
      for (const each of cells.afterTraining) await cell(each).run();
      await cell(cells.comparison).run();
      assert.equal(await rows.count(), 2);
      await cell(cells.allRuns).run();
      assert.equal(await lines.count(), 0, 'one training is compared with nothing');
      for (const each of [...cells.beforeTraining, cells.training, ...cells.afterTraining]) {
        for (const one of await cell(each).element.locator('figure[data-figure]').all()) {
          await one.scrollIntoViewIfNeeded();
          await one.locator('svg.main-svg').first().waitFor();
          assert.equal(await one.locator('.nb-placeholder').count(), 0);
        }
      }
      await figure.scrollIntoViewIfNeeded();
      await picture('light');
    });
    const first = numbers(recorded());

    await t.test('figures follow the theme while they are open', async () => {
      const light = await labelColor(figure);
      await notebook.setTheme('JupyterLab Dark');
      await figure.scrollIntoViewIfNeeded();
      await until(async () => (await labelColor(figure)) !== light);
      await picture('dark');
      await notebook.setTheme('JupyterLab Light');
      await until(async () => (await labelColor(figure)) === light);
    });

    await t.test('another value adds a row and a curve', async () => {
      await cell(cells.recipe).replace('learningRate: settings.learningRate', 'learningRate: 3e-4');
      await cell(cells.recipe).run();
      await cell(cells.training).run();
      for (const each of cells.afterTraining) await cell(each).run();
      await cell(cells.comparison).run();
      assert.equal(await rows.count(), 4);
      await cell(cells.allRuns).run();
      // A chart is drawn when it comes into view.
      for (const one of await cell(cells.allRuns).element.locator('figure[data-figure]').all()) {
        await one.scrollIntoViewIfNeeded();
        await one.locator('svg.main-svg').first().waitFor();
      }
      await until(async () => (await lines.count()) === 5);
      await picture('runs');
    });

    await t.test('the stop button ends a training softly, and the same cell continues it', async () => {
      const bar = (text: RegExp) => cell(cells.training).element.locator('.nb-progress', { hasText: text });
      await cell(cells.recipe).replace('epochs: settings.epochs', 'epochs: 500');
      await cell(cells.recipe).run();
      await cell(cells.training).start();
      await bar(/epoch ([3-9]|\d\d+) of 500/).waitFor();
      await notebook.stop();
      await cell(cells.training).ended();
      await bar(/stopped after [1-9]\d* of 500 epochs/).waitFor();
      await figure.locator('svg.main-svg').first().waitFor();
      await picture('stopped');
      const [, stoppedAfter] = /stopped after (\d+)/.exec((await bar(/stopped after/).textContent()) ?? '') ?? [];
      await cell(cells.training).start();
      await bar(/epoch \d+ of 500/).waitFor();
      const [, goesOn] = /epoch (\d+) of 500/.exec((await bar(/epoch \d+ of 500/).textContent()) ?? '') ?? [];
      assert.ok(Number(goesOn) > Number(stoppedAfter), `stopped after ${stoppedAfter}, went on in ${goesOn}`);
      await notebook.stop();
      await cell(cells.training).ended();
    });

    await t.test('after a restart, all cells run to the same numbers', async () => {
      await cell(cells.recipe).replace('epochs: 500', 'epochs: settings.epochs');
      const [before] = recorded();
      await notebook.restartAndRunAll();
      assert.equal(await rows.count(), 4);
      const [after] = recorded();
      const again = numbers([after]);
      for (const [row, history] of Object.entries(first)) assert.deepEqual(again[row as keyof object], history);
      const seconds = ({ results }: Results): number[] => results.map((row) => row.seconds).sort();
      assert.deepEqual(seconds(after), seconds(before), 'what was trained is not trained again');
      await picture('run-all');
    });

    await t.test('saved, it is small and holds Plotly once', async () => {
      const saved = await notebook.save();
      assert.ok(saved.bytes < 2e6, `${saved.bytes} bytes`);
      assert.equal(JSON.stringify(saved.notebook).split('id=\\"plotly-').length - 1, 1);
    });

    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
    await lab.close();
  }
});
