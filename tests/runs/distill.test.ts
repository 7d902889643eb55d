import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openSyntheticTask } from '../../lib/data/synthetic-tasks';
import { distillOnce } from '../../lib/runs/distill';
import { dinoRecipe, distillationCurves, drawnImages, taught } from '../../lib/workbench/distillation';
import { drawnGrid, viewGrid } from '../../lib/workbench/distillation-views';
import { openBackbone } from '../../lib/models/open-backbone';
import { distilledVit } from '../../lib/training/self-distillation/network';
import { userError } from '../data/user-error';
import { withoutLeak } from '../training/toy-features';

const folder = mkdtempSync(join(tmpdir(), 'distill-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const images = drawnImages({ seed: 3, perEpoch: 8, validation: 4, size: 48 });
const recipe = dinoRecipe({
  epochs: 2,
  batchSize: 4,
  seed: 1,
  head: { hidden: 16, bottleneck: 8, outputs: 12 },
  views: { ...dinoRecipe({}).views, globalSize: 12, localSize: 8, locals: 1 },
});
const network = distilledVit('vit_mini_patch4');

describe('a training without labels', () => {
  it('is done once for each identity', async () => {
    const probe = openSyntheticTask('synthetic-multi-class', { size: 16 });
    const run = (changes: Partial<typeof recipe> = {}) =>
      withoutLeak(() => distillOnce(network, images, { ...recipe, ...changes }, { folder, probes: [probe] }));
    const first = await run();
    assert.deepEqual([first.kept, first.stopped, first.history.length], [false, false, 2]);
    const again = await run();
    assert.deepEqual([again.kept, again.id, again.history], [true, first.id, first.history]);
    for (const [name, values] of first.values ?? []) assert.deepEqual(again.values?.get(name), values, name);
    assert.equal(again.values?.size, Object.keys(network.table).length);
    const other = await run({ targets: 'none' });
    assert.ok(!other.kept && other.id !== first.id);
    for (const measure of ['loss', 'entropy', 'neighbours', 'spread', 'rank'] as const) {
      const { figure } = distillationCurves({ DINO: first, other }, measure);
      assert.equal(figure.data.length, measure === 'loss' || measure === 'entropy' ? 4 : 2);
    }
    const backbone = await openBackbone({ model: network.name, weights: 'random', seed: 1 });
    const after = taught(backbone, first);
    assert.deepEqual([...after.values.keys()], [...backbone.values.keys()]);
    assert.notDeepEqual(after.values.get('cls_token'), backbone.values.get('cls_token'));
    assert.equal(after.weights.sha256, first.id);
    assert.throws(() => taught(backbone, { ...first, values: undefined }), userError(/^The training was stopped/));
    assert.throws(
      () => distillationCurves({ first }, 'los' as 'loss'),
      userError(/^There is no measure "los"; there are loss,/),
    );
  });

  it('that was stopped has no values, and is continued', async () => {
    const controller = new AbortController();
    controller.abort();
    const changed = { ...recipe, seed: 2 };
    const stopped = await distillOnce(network, images, changed, { folder, signal: controller.signal });
    assert.deepEqual([stopped.stopped, stopped.values, stopped.history.length], [true, undefined, 0]);
    const whole = await distillOnce(network, images, changed, { folder });
    assert.deepEqual([whole.kept, whole.history.length], [false, 2]);
  });

  it('shows what it learns from', async () => {
    const { html, text = '' } = await drawnGrid(images, { count: 6 });
    assert.equal(html.match(/<img /g)?.length, 6);
    assert.match(text, /not photographs/);
    const views = await viewGrid(images, recipe, { count: 2 });
    assert.equal(views.html.match(/<img /g)?.length, 2 * 4);
    assert.match(views.text ?? '', /large view 2[^]*small view 1/);
  });

  it('keeps the proportions of the project’s own recipe', () => {
    const whole = dinoRecipe({});
    const half = dinoRecipe({ epochs: whole.epochs / 2 });
    assert.equal(half.warmupEpochs, whole.warmupEpochs / 2);
    assert.equal(dinoRecipe({ epochs: 10, warmupEpochs: 3 }).warmupEpochs, 3);
  });
});
