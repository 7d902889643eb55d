import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../../lib/cli/export';
import { livePanel, panelLimit } from '../../../lib/cli/page/live-panel';
import { exportParameters, createParameters, disposeParameters } from '../../../lib/models/parameters';
import { resnet18, swin, unet, vit } from '../../../lib/models/networks';
import type { Network } from '../../../lib/models/network';
import { specOf } from '../../../lib/models/network-spec';
import { writeModel, type NewModel } from '../../../lib/runs/saved-model';
import { userError } from '../../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'live-panel-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A model of random weights. */
async function modelOf(name: string, network: Network, task: NewModel['task'] = 'multi-class'): Promise<string> {
  const spec = specOf(network);
  assert.ok(spec);
  const parameters = createParameters(network.table, 1);
  const values = exportParameters(parameters);
  disposeParameters(parameters);
  const directory = join(folder, name);
  const half = [0.5, 0.5, 0.5] as [number, number, number];
  await writeModel(
    directory,
    {
      ...{
        name: '<b>cells</b>',
        task,
        classNames: ['a', '</script><!--'],
        network: spec,
        flips: [],
        precision: 'float32',
      },
      input: { height: 32, width: 32, fit: 'cover', mean: half, std: half },
      ...{ recipe: {}, training: { id: 'x', epoch: 1, which: 'best', seconds: 1 }, versions: {} },
      data: { name: 'x', sha256: 'x', splits: {}, synthetic: true, license: 'x' },
      weights: { origin: { source: 'random' } },
    },
    values,
  );
  return directory;
}

test('the panel holds the model in float16, and no name of a class ends a script', async () => {
  const html = livePanel(await modelOf('small', resnet18({ classes: 2, width: 8 })));
  assert.equal(html.match(/<script/g)?.length, 4);
  assert.equal(html.match(/<\/script/g)?.length, 4);
  assert.doesNotMatch(html, /<b>cells|<!--/);
  const [, json] = /id="try-it-model">([^]*?)<\/script>/.exec(html) ?? [];
  const { model, nodes, tensors, size } = JSON.parse(json) as {
    model: { classNames: string[] };
    nodes: { operator: string }[];
    tensors: Record<string, { type: string; shape: number[] }>;
    size: number;
  };
  assert.deepEqual(model.classNames, ['a', '</script><!--']);
  assert.equal(nodes.filter(({ operator }) => operator === 'Conv').length, 20);
  assert.deepEqual(tensors['conv1.weight'], { offset: 0, type: 'F16', shape: [7, 7, 3, 8] });
  const bytes = Object.values(tensors).reduce(
    (sum, { type, shape }) => sum + (type === 'F16' ? 2 : 4) * shape.reduce((a, b) => a * b, 1),
    0,
  );
  assert.ok(size > 0.8 * bytes && size < bytes, `${size} of ${bytes} bytes`);
  assert.doesNotMatch(html, /weights are rounded/);
});

test('a model of three million values is rounded until it fits, and the panel says how far probabilities move', async () => {
  const network = vit({ classes: 2, size: 32, patchSize: 4, depth: 6 });
  const html = livePanel(await modelOf('rounded', network));
  assert.ok(html.length < panelLimit, `${html.length} bytes`);
  const [, mean, most] = /probabilities moved by (0\.\d{3}) in the mean, and by (0\.\d{3}) at most/.exec(html) ?? [];
  assert.ok(Number(mean) < 0.02 && Number(most) < 0.05, `${mean} ${most}`);
  const [, json] = /id="try-it-model">([^]*?)<\/script>/.exec(html) ?? [];
  const { tensors } = JSON.parse(json) as { tensors: Record<string, { type: string; step?: number }> };
  const { type, step = NaN } = tensors['blocks.0.mlp.fc1.weight.T'];
  assert.ok(type === 'I8' && step > 0.0005 && step < 0.01, `${type} ${step}`);
  assert.equal(tensors['blocks.0.mlp.fc1.bias'].type, 'F16');
});

test('what a page cannot have is refused with the next step', async () => {
  const large = await modelOf('large', resnet18({ classes: 2 }));
  assert.throws(
    () => livePanel(large),
    userError(
      /makes a page \d+\.\d MB larger, but 2 MB are the most: train a network of at most some three million values/,
    ),
  );
  const windows = await modelOf('swin', swin({ classes: 2, width: 16, window: 4, depths: [2] }));
  assert.throws(() => livePanel(windows), userError(/is a swin: a page can have a ResNet or a vision transformer/));
  const masks = await modelOf('unet', unet({ width: 8 }), 'segmentation').catch((error: Error) => error);
  if (typeof masks === 'string') assert.throws(() => livePanel(masks), userError(/a model for segmentation/));
  await assert.rejects(
    () => main([__filename, '--format', 'hugo', '--live', 'x']),
    userError(/--live is for --format html only/),
  );
});
