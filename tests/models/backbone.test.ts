import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, describe, it } from 'node:test';
import { createBackbone, loadBackbone, type LoadedBackbone } from '../../lib/models/backbone';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  readParameters,
  sizeOf,
  trainableNames,
  variableOf,
  type ParameterTable,
} from '../../lib/models/parameters';
import { resamplePositions } from '../../lib/models/positions';
import { createScope } from '../../lib/models/scope';
import { writeSafetensors } from '../../lib/tensor/safetensors';
import { tf, type Scalar, type Tensor4D } from '../../lib/tf';
import { lossAndGradients } from '../../lib/training/gradients';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { noise } from '../noise';

const folder = mkdtempSync(join(tmpdir(), 'backbone-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Values = Map<string, { shape: readonly number[]; values: Float32Array }>;

/** Fast to make and different everywhere, but no model that computes anything sensible. */
function valuesOf(table: ParameterTable): Values {
  return new Map(
    Object.entries(table).map(([name, { shape }], index) => {
      const period = noise(index, 97 + (index % 10));
      return [
        name,
        { shape, values: Float32Array.from({ length: sizeOf(shape) }, (_, at) => 0.1 * period[at % period.length]) },
      ];
    }),
  );
}

/** A weights file, after `change` had its hands on its tensors. */
function writeWeights(fileName: string, values: Values, change: (values: Values) => void = () => undefined): string {
  const changed = new Map(values);
  change(changed);
  const path = join(folder, fileName);
  writeSafetensors(path, changed);
  return path;
}

const tinyTable = createBackbone('vit_tiny_patch16_224', { classes: 10 }).table;
const tiny = valuesOf(tinyTable);
const tinyFile = writeWeights('tiny.safetensors', tiny);
const resnet = valuesOf(createBackbone('resnet18', { classes: 7 }).table);

/** Loads, hands over what was loaded, and checks that nothing stays behind. */
async function loaded(
  options: Parameters<typeof loadBackbone>[0],
  check: (loaded: LoadedBackbone) => void = () => undefined,
): Promise<void> {
  const before = tf.memory().numTensors;
  const result = await loadBackbone(options);
  try {
    check(result);
  } finally {
    disposeParameters(result.parameters);
  }
  assert.equal(tf.memory().numTensors, before);
}

async function refused(options: Parameters<typeof loadBackbone>[0], message: RegExp): Promise<void> {
  const before = tf.memory().numTensors;
  await assert.rejects(loadBackbone(options), userError(message));
  assert.equal(tf.memory().numTensors, before);
}

describe('weights from a file', () => {
  it('are the file’s values, without the head, and their source is known', async () => {
    const sha256 = createHash('sha256').update(readFileSync(tinyFile)).digest('hex');
    // A relative path is the terminal's.
    const weights = relative(process.cwd(), tinyFile);
    await loaded({ name: 'vit_tiny_patch16_224', weights }, ({ backbone, parameters, source }) => {
      assert.deepEqual(source, { kind: 'file', file: tinyFile, sha256 });
      assert.deepEqual(backbone.inputSize, { height: 224, width: 224 });
      assert.equal(backbone.width, 192);
      const values = exportParameters(parameters);
      assert.deepEqual(
        [...values.keys()],
        Object.keys(tinyTable).filter((name) => !name.startsWith('head.')),
      );
      for (const [name, value] of values) assert.deepEqual(value, tiny.get(name)?.values, name);
    });
  });

  it('include the head where it is kept, with as many classes as the file has', async () => {
    await loaded({ name: 'vit_tiny_patch16_224.augreg_in21k', weights: tinyFile, keepHead: true }, (result) => {
      assert.deepEqual(result.parameters.table['head.weight'].shape, [10, 192]);
      assert.deepEqual(exportParameters(result.parameters).get('head.bias'), tiny.get('head.bias')?.values);
      assert.deepEqual(forward(result, [2, 224, 224]).logits?.shape, [2, 10]);
    });
    const headless = writeWeights('headless.safetensors', tiny, (values) => {
      values.delete('head.weight');
      values.delete('head.bias');
    });
    await loaded({ name: 'vit_tiny_patch16_224', weights: headless });
    await refused(
      { name: 'vit_tiny_patch16_224', weights: headless, keepHead: true },
      /headless\.safetensors has no classifier: load it without one\.$/,
    );
  });

  it('have positions for the size that is asked for, squares and others', async () => {
    const positions = tiny.get('pos_embed')?.values ?? new Float32Array();
    const sizes = [
      { size: 64, grid: [4, 4] as const },
      { size: { height: 48, width: 112 }, grid: [3, 7] as const },
      // As many patches as the file has, in another shape.
      { size: { height: 112, width: 448 }, grid: [7, 28] as const },
    ];
    for (const { size, grid } of sizes) {
      await loaded({ name: 'vit_tiny_patch16_224', weights: tinyFile, size }, ({ backbone, parameters }) => {
        assert.deepEqual(backbone.positionGrid, grid);
        assert.deepEqual(backbone.table.pos_embed.shape, [1, 1 + grid[0] * grid[1], 192]);
        const expected = resamplePositions(positions, 192, 14, grid);
        assert.deepEqual(exportParameters(parameters).get('pos_embed'), expected);
      });
    }
  });

  it('may have positions for any square grid, and for another at its own size', async () => {
    const shape = [1, 26, 192];
    const values = Float32Array.from(noise(5, sizeOf(shape)));
    const file = writeWeights('grid5.safetensors', tiny, (all) => all.set('pos_embed', { shape, values }));
    await loaded({ name: 'vit_tiny_patch16_224', weights: file, size: 80 }, ({ parameters }) =>
      assert.deepEqual(exportParameters(parameters).get('pos_embed'), values),
    );
    const oblong = writeWeights('oblong.safetensors', tiny, (all) =>
      all.set('pos_embed', { shape: [1, 25, 192], values: values.subarray(192) }),
    );
    await refused(
      { name: 'vit_tiny_patch16_224', weights: oblong, size: 80 },
      /of another shape: pos_embed \(is 1×25×192, the model has 1×26×192: its 24 patches are no square grid, .* give the image size that it was trained at\)\.$/,
    );
    // Which is 4×6 patches, for example.
    const size = { height: 64, width: 96 };
    await loaded({ name: 'vit_tiny_patch16_224', weights: oblong, size }, ({ parameters }) =>
      assert.deepEqual(exportParameters(parameters).get('pos_embed'), values.subarray(192)),
    );
  });

  it('lose what no forward pass needs', async () => {
    const scalar = { shape: [], values: new Float32Array(1) };
    const counted = writeWeights('counted.safetensors', resnet, (values) =>
      values.set('bn1.num_batches_tracked', scalar),
    );
    await loaded({ name: 'resnet18', weights: counted, size: 28 });
    const masked = writeWeights('masked.safetensors', tiny, (values) => values.set('mask_token', scalar));
    await loaded({ name: 'vit_tiny_patch16_224', weights: masked });
  });

  it('that do not fit are refused with the names of all tensors at fault', async () => {
    const file = writeWeights('wrong.safetensors', resnet, (values) => {
      values.delete('layer1.0.conv1.weight');
      values.set('layer9.scale', { shape: [2], values: new Float32Array(2) });
      // As many values as the right shape has.
      values.set('conv1.weight', { shape: [3, 64, 7, 7], values: new Float32Array(64 * 3 * 49) });
    });
    await refused(
      { name: 'resnet18', weights: file },
      /^\S+wrong\.safetensors does not fit the model; missing: layer1\.0\.conv1\.weight; not in the model: layer9\.scale; of another shape: conv1\.weight \(is 3×64×7×7, the model has 64×3×7×7\)\.$/,
    );
    await refused(
      { name: 'resnet18', weights: tinyFile },
      /; missing: conv1\.weight, .* and \d+ more; not in the model: cls_token, /,
    );
  });

  it('that cannot be read are refused in one line', async () => {
    await refused(
      { name: 'resnet18', weights: 'ramdom' },
      /^There are no weights "ramdom", did you mean "random"\? Tried .+ramdom\. Give embedded, hub, random or the path/,
    );
    await refused(
      { name: 'resnet18', weights: join(folder, 'no.safetensors') },
      /^There are no weights "\S+no\.safetensors"\. (Tried .+ )?Give/,
    );
    await refused(
      { name: 'resnet18', weights: folder },
      /^The folder \S+ has no model\.safetensors and no model\.safetensors\.index\.json: give/,
    );
  });

  it('that are another kind of file are named, with the next step', async () => {
    const kinds: [content: string, message: RegExp][] = [
      [
        `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 9\n`,
        / is a Git LFS pointer, .* "git lfs pull"/,
      ],
      ['PK\x03\x04\0\0\x08\x08\0\0 archive/data.pkl', / is truncated: the list at the end of its archive is missing/],
      ['\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', / is a Python pickle, .* convert it once/],
      ['<!DOCTYPE html>\n<html><head><title>Sign in</title>', / is a web page, not weights: /],
      ['\x89HDF\r\n\x1a\n\0\0\0\0', / is an HDF5 file/],
      ['{"architectures": ["ViTModel"]}', / is a JSON file, not weights: .*\.index\.json\.$/],
    ];
    const file = join(folder, 'weights.bin');
    for (const [content, message] of kinds) {
      writeFileSync(file, content, 'latin1');
      await refused({ name: 'resnet18', weights: file }, message);
    }
  });

  it('with a value that is no number are refused by the name of the tensor', async () => {
    for (const [value, shown] of [
      [NaN, 'NaN'],
      [-Infinity, '-Infinity'],
    ] as const) {
      const file = writeWeights('diverged.safetensors', resnet, (values) => {
        const { shape, values: before } = values.get('layer2.0.conv1.weight') ?? {
          shape: [],
          values: new Float32Array(),
        };
        values.set('layer2.0.conv1.weight', { shape, values: before.map((old, at) => (at === 7 ? value : old)) });
      });
      await refused(
        { name: 'resnet18', weights: file },
        new RegExp(`^\\S+diverged\\.safetensors has ${shown} in layer2\\.0\\.conv1\\.weight: its weights are broken`),
      );
    }
  });

  it('may lie in shards beside an index, whole or by the folder they are in', async () => {
    const shards = join(folder, 'sharded');
    const names = [...resnet.keys()];
    const places = Object.fromEntries(
      names.map((name, at) => [name, `model-0000${1 + (at % 2)}-of-00002.safetensors`]),
    );
    for (const shard of new Set(Object.values(places)))
      writeSafetensors(join(shards, shard), new Map([...resnet].filter(([name]) => places[name] === shard)));
    const index = join(shards, 'model.safetensors.index.json');
    writeFileSync(index, JSON.stringify({ metadata: { total_size: 1 }, weight_map: places }));
    let sha256: string | undefined;
    for (const weights of [index, shards]) {
      await loaded({ name: 'resnet18', weights, keepHead: true }, ({ parameters, source }) => {
        assert.equal(source.file, index);
        sha256 ??= source.sha256;
        assert.equal(source.sha256, sha256);
        for (const [name, value] of exportParameters(parameters))
          assert.deepEqual(value, resnet.get(name)?.values, name);
      });
    }
    const part = join(shards, 'model-00002-of-00002.safetensors');
    await refused({ name: 'resnet18', weights: part }, /is one of 2 parts: give the index of them all/);
    rmSync(part);
    await refused(
      { name: 'resnet18', weights: shards },
      /index\.json needs 2 files beside it, of which model-00002-of-00002\.safetensors is missing\.$/,
    );
    writeFileSync(index, JSON.stringify({ weight_map: { a: 'pytorch_model-00001.bin' } }));
    await refused(
      { name: 'resnet18', weights: shards },
      /names pytorch_model-00001\.bin, which is no \.safetensors file/,
    );
  });
});

describe('random weights', () => {
  it('are made only where they are asked for, from the seed, and say so', async () => {
    const name = 'vit_tiny_patch16_224.augreg_in21k_ft_in1k';
    await loaded({ name, weights: 'random', size: 32, seed: 3 }, ({ backbone, parameters, source }) => {
      assert.deepEqual(source, { kind: 'random' });
      assert.equal(backbone.name, name);
      const again = createParameters(backbone.table, 3);
      assert.deepEqual(exportParameters(parameters), exportParameters(again));
      disposeParameters(again);
    });
    await loaded({ name, weights: 'random', size: 32, keepHead: true }, ({ parameters }) =>
      assert.deepEqual(parameters.table['head.weight'].shape, [1000, 192]),
    );
    await refused(
      { name: 'vit_small_patch16_dinov3', weights: 'random', size: 32, keepHead: true },
      /^vit_small_patch16_dinov3 has no classifier/,
    );
  });
});

describe('image sizes', () => {
  it('are what the weights were made for by default', () => {
    assert.equal(createBackbone('vit_small_patch14_dinov2.lvd142m').inputSize.height, 518);
    assert.equal(createBackbone('vit_base_patch16_dinov3').inputSize.width, 256);
  });

  it('that do not fit are refused before anything is looked for', async () => {
    const fails = (name: string, size: number | { height: number; width: number }, message: RegExp) =>
      refused({ name, weights: 'hub', size }, message);
    await fails(
      'vit_tiny_patch16_224.augreg_in21k',
      100,
      /^Images of 100×100 do not divide into patches.* multiples of 16, such as 96\.$/,
    );
    await fails('vit_small_patch14_dinov2.lvd142m', 256, /multiples of 14, such as 252\.$/);
    await fails(
      'vit_small_patch16_dinov3.lvd1689m',
      { height: 32, width: 40 },
      /^Images of 32×40 .* multiples of 16, such as 32\.$/,
    );
    await fails('swin_base_patch4_window7_224.ms_in1k', 256, /multiples of 224\.$/);
    await fails('swin_base_patch4_window7_224.ms_in1k', { height: 224, width: 448 }, /one window in one direction/);
    await fails('resnet18.tv_in1k', 0, /^The image size is 0×0, but must be whole numbers of pixels from 1\.$/);
    await fails('resnet18.tv_in1k', 28.5, /^The image size is 28\.5×28\.5/);
  });

  it('of DINOv3 and ResNet are free at every pass, those of learned positions are not', () => {
    constant('vit_small_patch16_dinov3', 32, (result) => {
      assert.deepEqual(forward(result, [1, 48, 32]).map.shape, [1, 5 + 6, 384]);
    });
    constant('resnet18', 28, (result) => {
      assert.deepEqual(forward(result, [1, 65, 33]).map.shape, [1, 3, 2, 512]);
    });
    constant('vit_tiny_patch16_224', 32, (result) => {
      assert.throws(
        () => forward(result, [1, 48, 32]),
        userError(/Images have 3×2 patches, but positions are known for 2×2/),
      );
    });
  });
});

describe('the forward pass', () => {
  const cases = [
    { name: 'resnet18', size: 64, pooled: 512, map: [2, 2, 2, 512], prefix: 0 },
    { name: 'resnet50', size: 32, pooled: 2048, map: [2, 1, 1, 2048], prefix: 0 },
    { name: 'vit_tiny_patch16_224', size: 32, pooled: 192, map: [2, 5, 192], prefix: 1 },
    { name: 'vit_small_patch14_dinov2', size: 28, pooled: 384, map: [2, 5, 384], prefix: 1 },
    { name: 'vit_small_patch16_dinov3', size: 32, pooled: 384, map: [2, 9, 384], prefix: 5 },
  ];
  for (const { name, size, pooled, map, prefix } of cases) {
    it(`gives the same kinds of output: ${name}`, () => {
      constant(name, size, (result) => {
        const { backbone } = result;
        const output = forward(result, [2, size, size]);
        assert.deepEqual(output.pooled.shape, [2, pooled]);
        assert.equal(backbone.width, pooled);
        assert.deepEqual(output.map.shape, map);
        assert.equal(backbone.prefixTokens, prefix);
        assert.equal(output.logits, undefined);
        assert.ok(output.pooled.values.every(Number.isFinite));
      });
    });
  }

  it('gives tokens and attention of vision transformers', () => {
    constant('vit_tiny_patch16_224', 32, ({ backbone, parameters }) => {
      tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        const before = tf.memory().numTensors;
        const output = backbone.forward(tf.ones([2, 32, 32, 3]), scope, {
          tokensOf: [11, 0],
          attentionOf: [5],
          normalizeTokens: true,
        });
        assert.deepEqual(
          output.blockTokens?.map(({ shape }) => shape),
          [
            [2, 5, 192],
            [2, 5, 192],
          ],
        );
        assert.deepEqual(
          output.attentions?.map(({ shape }) => shape),
          [[2, 3, 5, 5]],
        );
        assertClose(output.blockTokens?.[0].dataSync() ?? [], output.map.dataSync(), 1e-6, 'last block');
        // Its images, and what the result holds.
        assert.equal(tf.memory().numTensors - before, 1 + 2 + 2 + 1);
      });
    });
  });

  it('of feature maps gives stages, and refuses tokens and attention', () => {
    constant('resnet18', 64, ({ backbone, parameters }) => {
      tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        const before = tf.memory().numTensors;
        const images: Tensor4D = tf.ones([1, 64, 64, 3]);
        const { stages } = backbone.forward(images, scope);
        assert.deepEqual(
          stages?.map(({ shape }) => shape[1]),
          [16, 8, 4, 2],
        );
        assert.equal(tf.memory().numTensors - before, 1 + 5);
        assert.throws(
          () => backbone.forward(images, scope, { tokensOf: [1] }),
          userError(/^resnet18 gives no tokens of its blocks: it is a resnet, only a vit does\.$/),
        );
        assert.throws(() => backbone.forward(images, scope, { attentionOf: [1] }), userError(/gives no attention/));
      });
    });
  });

  it('can be trained through: gradients of all names, and new statistics of batch norm', async () => {
    for (const name of ['resnet18', 'vit_tiny_patch16_224']) {
      await loaded({ name, weights: 'random', size: 32, seed: 1 }, ({ backbone, parameters }) => {
        const statistic = 'layer1.0.bn1.running_mean';
        tf.tidy(() => {
          const images = tf.tensor4d(Float32Array.from(noise(1, 4 * 32 * 32 * 3)), [4, 32, 32, 3]);
          const names = trainableNames(parameters);
          const { gradients } = lossAndGradients(parameters, names, (scope) => ({
            loss: backbone.forward(images, scope).pooled.square().sum<Scalar>(),
          }));
          assert.deepEqual([...gradients.keys()], names);
          for (const [key, gradient] of gradients) assert.ok(gradient.dataSync().every(Number.isFinite), key);
          if (statistic in parameters.table) {
            assert.ok(variableOf(parameters, statistic).read().abs().sum().dataSync()[0] > 0);
          }
        });
      });
    }
  });
});

interface Described {
  shape: number[];
  values: Float32Array;
}

/** Shapes and values of an output. */
function forward(
  { backbone, parameters }: Pick<LoadedBackbone, 'backbone' | 'parameters'>,
  [count, height, width]: [number, number, number],
): { pooled: Described; map: Described; logits?: Described } {
  const described: Record<string, Described> = {};
  tf.tidy(() => {
    const images: Tensor4D = tf.ones([count, height, width, 3]);
    const { pooled, map, logits } = backbone.forward(images, createScope(readParameters(parameters)));
    for (const [key, tensor] of Object.entries({ pooled, map, logits }))
      if (tensor) described[key] = { shape: tensor.shape, values: tensor.dataSync<'float32'>() };
  });
  return described as ReturnType<typeof forward>;
}

/** A model of constants, which are made faster than random values. */
function constant(name: string, size: number, check: (model: Pick<LoadedBackbone, 'backbone' | 'parameters'>) => void) {
  const before = tf.memory().numTensors;
  const backbone = createBackbone(name, { size });
  const table = Object.fromEntries(
    Object.entries(backbone.table).map(([key, spec]) => [
      key,
      { ...spec, initial: typeof spec.initial === 'number' ? spec.initial : 0.01 },
    ]),
  );
  const parameters = createParameters(table, 0);
  try {
    check({ backbone, parameters });
  } finally {
    disposeParameters(parameters);
  }
  assert.equal(tf.memory().numTensors, before);
}
