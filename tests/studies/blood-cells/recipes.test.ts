/** The recipes as the cells of notebooks 02, 03 and 04 have them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { ModuleKind, transpileModule } from 'typescript';
import { codeOf, readNotebook } from '../../../lib/cli/notebook-file';
import * as notebook from '../../../lib/notebook';
import type { Displayable } from '../../../lib/display/mime';
import { notebooksDirectory } from '../../../lib/runs/notebook-files';
import { input } from '../../../lib/training/input-transforms';
import { cosine } from '../../../lib/training/schedules';
import type { Recipe } from '../../../lib/training/recipe';

interface Given {
  /** As in the cell of the parameters: undefined where it was not set. */
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly source?: string;
  readonly regularization?: string;
}

/** Runs the notebook's own cells that make the recipes and the table of their differences. */
function recipesOf(name: string, given: Given = {}) {
  const { source = 'hub' } = given;
  const inputs = { published: input({ size: 28, crop: 0.9 }), corrected: input({ size: 28 }) };
  const starts = ['const publishedRecipe', 'const usual', 'const arms ='];
  const context = { inputs, backbone: { weights: { source } } };
  const { made, shown } = run(name, starts, '{ publishedRecipe, correctedRecipe }', { given, context });
  return { ...(made as Record<'publishedRecipe' | 'correctedRecipe', Recipe>), table: shown[0].text };
}

/** What an expression gives after the cells that begin so. */
function run(
  name: string,
  starts: readonly string[],
  expression: string,
  { given, context }: { readonly given: Given; readonly context: object },
): { readonly made: unknown; readonly shown: readonly Displayable[] } {
  const { learningRate, weightDecay, regularization = 'none' } = given;
  const cells = codeOf(readNotebook(join(notebooksDirectory, `${name}.ipynb`)));
  const code = starts.map((start) => {
    const found = cells.filter((text) => text.startsWith(start));
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
    regularization,
  };
  const everything = { nb, settings, learningRate, weightDecay, ...context };
  return { made: runInNewContext(`(() => { ${outputText}; return ${expression}; })()`, everything), shown };
}

/** Of an arm, as notebook 04 fine-tunes at each size. */
function recipeAtSizes(arm: string, given: Given = {}): Recipe {
  const point = { backbone: { weights: { source: given.source ?? 'hub' } }, recording: { arm, settings: {} } };
  const recipe = {
    batchSize: 64,
    seed: 4,
    precision: 'float32',
    select: 'accuracy',
    schedule: cosine({ learningRate: 1e-3 }),
  };
  const context = { recipe, point, frozen: [] };
  return run('04_resolution_study', ['const tuned ='], 'tunedRecipe(point)', { given, context }).made as Recipe;
}

function numbersOf({ optimizer, schedule, ...rest }: Recipe) {
  assert.ok(typeof schedule === 'object');
  return { ...rest, ...optimizer.options, ...schedule.options };
}

const common = { epochs: 10, batchSize: 64, seed: 4, precision: 'float32', select: 'accuracy' };
const corrected = {
  ...common,
  learningRate: 1.25e-4,
  weightDecay: 0.05,
  decayAll: false,
  layerDecay: 0.65,
  warmup: 1,
  per: 'step',
};

describe('fine-tuning at each size in notebook 04', () => {
  it('is that of notebooks 02 and 03, by whose weights they are', () => {
    assert.deepEqual(numbersOf(recipeAtSizes('corrected')), corrected);
    const own = recipeAtSizes('corrected', { source: 'embedded' });
    assert.deepEqual(numbersOf(own), { ...corrected, learningRate: 1e-3 });
  });

  it('uses a learning rate and a weight decay that are set', () => {
    const { learningRate, weightDecay } = numbersOf(
      recipeAtSizes('corrected', { learningRate: 3e-4, weightDecay: 0.01 }),
    );
    assert.deepEqual([learningRate, weightDecay], [3e-4, 0.01]);
    const { weightDecay: asPublished } = numbersOf(recipeAtSizes('as-published', { weightDecay: 0.01 }));
    assert.equal(asPublished, 0.01);
  });
});

for (const name of ['02_vit_frozen_and_finetuned', '03_dino_frozen'])
  describe(`fine-tuning in ${name}`, () => {
    const published = {
      ...common,
      learningRate: 1e-3,
      weightDecay: 1e-5,
      decayAll: true,
      layerDecay: 1,
      warmup: 0,
      per: 'epoch',
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

    it('adds what MAE’s code does against learning by heart where that is asked for, and the table says so', () => {
      const { publishedRecipe, correctedRecipe, table } = recipesOf(name, { regularization: 'mae' });
      assert.deepEqual([publishedRecipe.augment, publishedRecipe.loss], [undefined, undefined]);
      const parts = correctedRecipe.augment?.map((part) => ('options' in part ? [part.name, part.options] : part));
      assert.deepEqual(parts, [
        ['random erasing', { probability: 0.25, area: [0.02, 1 / 3], ratio: 0.3, fill: 'noise' }],
        ['mixup', { alpha: 0.8 }],
        ['cutmix', { alpha: 1 }],
      ]);
      assert.match(table, /labelSmoothing/);
      assert.match(table, /stochastic depth +0 +0\.1/);
      assert.doesNotMatch(recipesOf(name).table, /stochastic depth|augment|labelSmoothing/);
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
