/** The recipes as the cells of notebooks 02 and 03 have them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { ModuleKind, transpileModule } from 'typescript';
import { cellSource, readNotebook } from '../../../lib/cli/notebook-file';
import * as notebook from '../../../lib/notebook';
import type { Displayable } from '../../../lib/display/mime';
import { notebooksDirectory } from '../../../lib/runs/notebook-files';
import { input } from '../../../lib/training/input-transforms';
import type { Recipe } from '../../../lib/training/recipe';

interface Given {
  /** As in the cell of the parameters: undefined where it was not set. */
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly source?: string;
}

/** Runs the notebook's own cells that make the recipes and the table of their differences. */
function recipesOf(name: string, { learningRate, weightDecay, source = 'hub' }: Given = {}) {
  const { cells } = readNotebook(join(notebooksDirectory, `${name}.ipynb`));
  const wanted = ['const publishedRecipe', 'const isPretrained', 'const arms ='];
  const code = wanted.map((start) => {
    const found = cells
      .filter((cell) => cell.cell_type === 'code')
      .map(cellSource)
      .filter((text) => text.startsWith(start));
    assert.equal(found.length, 1, `${name} has one cell that begins with ${start}`);
    return found[0];
  });
  const { outputText } = transpileModule(code.join('\n'), { compilerOptions: { module: ModuleKind.ESNext } });
  const shown: Displayable[] = [];
  const nb = { ...notebook, show: (displayable: Displayable) => shown.push(displayable) };
  const settings = {
    fineTuneEpochs: 10,
    batchSize: 64,
    seed: 4,
    precision: 'float32',
    learningRate: learningRate ?? 1e-3,
    weightDecay: weightDecay ?? 1e-5,
  };
  const inputs = { published: input({ size: 28, crop: 0.9 }), corrected: input({ size: 28 }) };
  const made = runInNewContext(`(() => { ${outputText}; return { publishedRecipe, correctedRecipe }; })()`, {
    ...{ nb, settings, inputs, learningRate, weightDecay, backbone: { weights: { source } } },
  }) as Record<'publishedRecipe' | 'correctedRecipe', Recipe>;
  return { ...made, table: shown[0].text };
}

function numbersOf({ optimizer, schedule, ...rest }: Recipe) {
  assert.ok(typeof schedule === 'object');
  return { ...rest, ...optimizer.options, ...schedule.options };
}

for (const name of ['02_vit_frozen_and_finetuned', '03_dino_frozen'])
  describe(`fine-tuning in ${name}`, () => {
    const common = { epochs: 10, batchSize: 64, seed: 4, precision: 'float32', select: 'accuracy' };
    const published = {
      ...common,
      learningRate: 1e-3,
      weightDecay: 1e-5,
      decayAll: true,
      layerDecay: 1,
      warmup: 0,
      per: 'epoch',
    };
    const corrected = {
      ...common,
      learningRate: 1.25e-4,
      weightDecay: 0.05,
      decayAll: false,
      layerDecay: 0.65,
      warmup: 1,
      per: 'step',
    };

    it('is the study’s as published, and corrected as published weights allow', () => {
      const { publishedRecipe, correctedRecipe, table } = recipesOf(name);
      assert.deepEqual(numbersOf(publishedRecipe), published);
      assert.deepEqual(numbersOf(correctedRecipe), corrected);
      assert.match(table, /layerDecay +1 +0\.65/);
      assert.match(table, /the network sees +bicubic 28×28, crop 0\.9 +bicubic 28×28, crop 1/);
      assert.match(table, /tested +the last epoch +the best validation epoch/);
    });

    it('keeps the study’s rate in all layers for random weights, and the table says so', () => {
      const { correctedRecipe, table } = recipesOf(name, { source: 'random' });
      assert.deepEqual(numbersOf(correctedRecipe), { ...corrected, learningRate: 1e-3, layerDecay: 1 });
      assert.doesNotMatch(table, /layerDecay|learningRate/);
    });

    it('keeps the study’s rate in the upper layers of the project’s own small network', () => {
      const { correctedRecipe } = recipesOf(name, { source: 'embedded' });
      assert.deepEqual(numbersOf(correctedRecipe), { ...corrected, learningRate: 1e-3 });
    });

    it('uses a learning rate and a weight decay that are set, in both arms', () => {
      for (const source of ['hub', 'random']) {
        const given = { learningRate: 3e-4, weightDecay: 0.01 };
        const { publishedRecipe, correctedRecipe } = recipesOf(name, { ...given, source });
        for (const recipe of [publishedRecipe, correctedRecipe]) {
          const { learningRate, weightDecay } = numbersOf(recipe);
          assert.deepEqual({ learningRate, weightDecay }, given);
        }
      }
    });
  });
