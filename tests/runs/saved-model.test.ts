import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import sharp from 'sharp';
import { main as predict } from '../../lib/cli/predict';
import type { Dataset, Split } from '../../lib/data/dataset';
import { openDataset } from '../../lib/data/open';
import { openSegmentationDataset } from '../../lib/data/open-segmentation';
import { loadBackbone } from '../../lib/models/backbone';
import { dinoUnet, frozen } from '../../lib/models/encoder-networks';
import { blockMaps, openVit } from '../../lib/models/encoders';
import { network } from '../../lib/models/network';
import { libraryNetwork, resnet18, unet } from '../../lib/models/networks';
import { createParameters, disposeParameters, exportParameters } from '../../lib/models/parameters';
import { vitConfigs } from '../../lib/models/vit';
import { beginRun, currentRun } from '../../lib/runs/current-run';
import { givenClassifier, importModel } from '../../lib/runs/import-model';
import { comparableResults } from '../../lib/runs/notebook-run';
import { resolveParameters } from '../../lib/runs/parameters';
import { findImages, predictClasses, predictMasks } from '../../lib/runs/predict';
import { classificationRows } from '../../lib/runs/results';
import { saveModel } from '../../lib/runs/save-model';
import { loadModel, type SavedModel } from '../../lib/runs/saved-model';
import { trainedElsewhere, trainOnce, type Run } from '../../lib/runs/train';
import { evaluateClassifier } from '../../lib/runs/evaluate';
import { evaluateMasks } from '../../lib/runs/evaluate-masks';
import { vitTiny } from '../../lib/studies/blood-cells/networks';
import { vitParameterSpecs } from '../../lib/studies/blood-cells/parameters';
import { openSafetensors, writeSafetensors } from '../../lib/tensor/safetensors';
import { tf } from '../../lib/tf';
import { flip } from '../../lib/training/augmentations';
import { adamW } from '../../lib/training/create-optimizer';
import { openFeatureCache } from '../../lib/training/feature-cache';
import type { Recipe } from '../../lib/training/recipe';
import { constant } from '../../lib/training/schedules';
import { comparison } from '../../lib/workbench/comparison';
import { evaluate } from '../../lib/workbench/training';
import { halfNormalization } from '../../lib/data/normalization';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'saved-model-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(folder, ...parts);

const recipe: Recipe = {
  epochs: 3,
  batchSize: 32,
  seed: 1,
  optimizer: adamW(),
  schedule: constant({ learningRate: 1e-2 }),
  augment: [flip('horizontal')],
};
const small = libraryNetwork(
  { family: 'resnet', architecture: 'small', classes: 8, depths: [1, 1, 1, 1], block: 'basic', width: 8 },
  { name: 'Small ResNet', normalization: halfNormalization },
);

/** The test images as files, `007.png`. */
async function writeImages({ splits, height, width }: Dataset, directory: string): Promise<void> {
  mkdirSync(directory);
  const bytes = new Uint8Array(height * width * 3);
  for (let index = 0; index < splits.test.count; index++) {
    splits.test.readImages([index], bytes);
    await sharp(bytes, { raw: { height, width, channels: 3 } })
      .png()
      .toFile(join(directory, `${String(index).padStart(3, '0')}.png`));
  }
}

/** A line of CSV. */
const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain,
  );

async function run(...args: string[]) {
  const printed = { output: '', progress: '', code: 0 };
  printed.code = await predict(args, {
    output: { write: (text) => (printed.output += text) },
    progress: { write: (text) => (printed.progress += text) },
  });
  return printed;
}

describe('a model that is kept', () => {
  let data: Dataset;
  let trained: Run;
  let saved: SavedModel;
  before(async () => {
    data = await openDataset('synthetic-blood', { syntheticImages: 160 });
    trained = await trainOnce(small, data, recipe, { folder: at('runs') });
    saved = await saveModel(trained, data, at('model'), { format: 'onnx' });
    await writeImages(data, at('images'));
  });
  after(() => data.close());

  it('is a folder that says what it is, and whose tensors are as published', () => {
    assert.deepEqual(readdirSync(at('model')).sort(), ['README.md', 'model.json', 'model.onnx', 'model.safetensors']);
    assert.deepEqual(readdirSync(folder).sort(), ['images', 'model', 'runs']);
    const { description } = loadModel(at('model'));
    assert.deepEqual(description, saved.description);
    assert.deepEqual(description.network, small.config);
    assert.deepEqual(description.classNames, data.classNames);
    assert.deepEqual(description.flips, ['horizontal']);
    assert.equal(description.data.sha256, data.sha256);
    assert.ok(description.temperature && description.temperature > 0);
    const { accuracy } = description.scores?.values ?? {};
    assert.ok(accuracy.low && accuracy.high && accuracy.low <= accuracy.value && accuracy.value <= accuracy.high);
    const file = openSafetensors(at('model', 'model.safetensors'));
    assert.deepEqual([...file.tensors.keys()], Object.keys(small.table));
    for (const [name, { shape, type }] of file.tensors)
      assert.deepEqual([shape, type], [small.table[name].shape, 'F32']);
    file.close();
    assert.deepEqual(saved.read(), trained.best?.read());
    assert.equal(inspect(saved), `Small ResNet, in ${at('model')}`);
    const card = readFileSync(at('model', 'README.md'), 'utf8');
    assert.match(
      card,
      /^---\n[\s\S]*# Small ResNet on synthetic-blood\n[\s\S]*Not for clinical use[\s\S]*drawn by a program[\s\S]*\| accuracy \| 0\.\d{4} \| 0\.\d{4} to [01]\.\d{4} \|/,
    );
  });

  it('gives the test accuracy that the notebook has, from files', async () => {
    const evaluation = trained.best && (await evaluateClassifier(trained.best, data));
    const before = tf.memory().numTensors;
    const { rows, broken } = await predictClasses(saved, await findImages(at('images')));
    assert.equal(tf.memory().numTensors, before);
    assert.equal(broken.length, 0);
    const right = rows.filter(({ class: chosen }, index) => chosen === data.classNames[data.splits.test.labels[index]]);
    assert.equal(right.length / rows.length, evaluation?.accuracy);
    rows.forEach(({ probabilities }, row) =>
      probabilities.forEach((value, index) => {
        const expected = evaluation?.probabilities[row * 8 + index] ?? NaN;
        assert.ok(Math.abs(value - expected) < 1e-6, `${value} ${expected}`);
      }),
    );
  });

  it('is scored in a cell as its training is, on data of its classes and size', async () => {
    process.env.NOTEBOOK_RUN_DIRECTORY = at('notebook');
    beginRun('test', { profile: 'tour', seed: 1 });
    try {
      const evaluation = trained.best && (await evaluateClassifier(trained.best, data));
      const model = loadModel(at('model'));
      for (const times of [1, 2]) {
        const scored = await evaluate(model, data);
        assert.deepEqual(scored?.probabilities, evaluation?.probabilities, `the ${times}. time`);
      }
      const [row, ...others] = classificationRows(comparableResults(currentRun(), data));
      assert.deepEqual([row.model, row.protocol, others.length], ['Small ResNet', 'fine-tuned', 0]);
      assert.match(comparison(data).text, /Small ResNet/);
      const turned = { ...data, classNames: [...data.classNames].reverse() };
      await assert.rejects(
        evaluate(model, turned),
        userError(/^Small ResNet tells basophil, .* in this order, but synth/),
      );
      await assert.rejects(evaluate(model, { ...data, height: 64 }), userError(/takes images of 28×28, but .* 64×28/));
      const masks = await openSegmentationDataset('synthetic-lesions', { size: 48, syntheticImages: 16 });
      await assert.rejects(evaluate(model, masks), userError(/^Small ResNet is a model for multi-class, which/));
      masks.close();
    } finally {
      delete process.env.NOTEBOOK_RUN_DIRECTORY;
    }
  });

  it('is what the next training starts from, by the path of its folder', () => {
    const choice = { profile: 'tour', model: 'auto' };
    for (const weights of [at('model'), at('model', 'model.safetensors')])
      assert.deepEqual(vitTiny({ ...choice, weights }), { model: 'small', size: 28 });
    const weightsOf = (weights: string): unknown => resolveParameters(vitParameterSpecs, { weights }).weights;
    for (const path of [at('model'), 'models/blood', 'a.pth', 'model.safetensors.index.json'])
      assert.equal(weightsOf(path), path);
    assert.throws(
      () => weightsOf('embeded'),
      userError(/^weights is "embeded", but must be embedded, hub, random, or/),
    );
  });

  it('is used by the command: a row a file, what cannot be read at the end', async () => {
    mkdirSync(at('mixed'));
    for (const name of readdirSync(at('images')).slice(0, 5))
      writeFileSync(at('mixed', name), readFileSync(at('images', name)));
    writeFileSync(at('mixed', '002.png'), readFileSync(at('images', '002.png')).subarray(0, 100));
    writeFileSync(at('mixed', 'scan.dcm'), 'x');
    const { output, progress, code } = await run(
      '--model',
      at('model'),
      '--input',
      at('mixed'),
      '--output',
      at('out.csv'),
    );
    assert.equal(code, 2);
    assert.match(
      output,
      /^\S+out\.csv: 4 images\n4 images in \d+\.\d\d s, \d+\.\d\d images\/s\n1 file was left out:\n {2}\S+002\.png cannot be/,
    );
    assert.match(progress, /1 file is no image and was left out: 1 \.dcm/);
    const [header, ...rows] = readFileSync(at('out.csv'), 'utf8').trimEnd().split('\n');
    const columns = fieldsOf(header);
    assert.deepEqual(columns.slice(0, 3), ['file', 'class', `p_${data.classNames[0]}`]);
    assert.equal(columns.length, 2 + 2 * 8);
    assert.deepEqual(
      rows.map((row) => row.split(',')[0]),
      ['000.png', '001.png', '003.png', '004.png'],
    );
    const { rows: expected } = await predictClasses(saved, await findImages(at('images')));
    const [, chosen, ...numbers] = fieldsOf(rows[2]);
    assert.equal(chosen, expected[3].class);
    const [raw, calibrated] = [numbers.slice(0, 8), numbers.slice(8)].map((values) => values.map(Number));
    raw.forEach((value, index) => assert.ok(Math.abs(value - expected[3].probabilities[index]) < 1e-6));
    assert.ok(Math.abs(calibrated.reduce((sum, value) => sum + value) - 1) < 1e-9);
    if (Math.abs((saved.description.temperature ?? 1) - 1) > 0.01) assert.notDeepEqual(calibrated, raw);
    const json = await run(
      '--model',
      at('model'),
      '--input',
      at('images'),
      '--output',
      at('out.json'),
      '--json',
      '--tta',
    );
    assert.equal(json.code, 0);
    const { images, imagesPerSecond } = JSON.parse(json.output) as { images: number; imagesPerSecond: number };
    assert.ok(images === data.splits.test.count && imagesPerSecond > 0);
    const content = JSON.parse(readFileSync(at('out.json'), 'utf8')) as {
      rows: { probabilities: Record<string, number> }[];
    };
    assert.notEqual(content.rows[3].probabilities[data.classNames[0]], expected[3].probabilities[0]);
  });

  it('averages over flips as if they were given one by one', async () => {
    const one = at('images', '000.png');
    mkdirSync(at('flipped'));
    const mirrored = at('flipped', '000.png');
    await sharp(one).flop().png().toFile(mirrored);
    const predictOne = async (path: string, flips: boolean) =>
      (await predictClasses(saved, await findImages([path]), { flips })).rows[0].probabilities;
    const [own, other] = [await predictOne(one, true), await predictOne(mirrored, true)];
    own.forEach((value, index) => assert.ok(Math.abs(value - other[index]) < 1e-6));
    assert.notDeepEqual(await predictOne(one, false), own);
  });

  it('starts the next training, also as weights of a backbone', async () => {
    const again = await trainOnce(loadModel(at('model')).network, data, recipe, { folder: at('runs') });
    assert.equal(
      again.identity.network && (again.identity.network as { weights: string }).weights,
      saved.description.weights.sha256,
    );
    assert.ok(again.history[0].trainLoss < trained.history[0].trainLoss);
    await assert.rejects(
      loadBackbone({ name: 'resnet18', weights: at('model') }),
      userError(/model\.safetensors does not fit the model/),
    );
  });

  it('says in which precision it was trained', async () => {
    const mixed: Recipe = { ...recipe, epochs: 1, precision: 'bfloat16' };
    const run = await trainOnce(small, data, mixed, { folder: at('runs') });
    const { description } = await saveModel(run, data, at('bfloat16'));
    assert.deepEqual([description.precision, description.training.precision], ['float32', 'bfloat16']);
    assert.equal(saved.description.training.precision, 'float32');
    assert.match(readFileSync(at('bfloat16', 'README.md'), 'utf8'), /the best of the training, in mixed precision\./);
    rmSync(at('bfloat16'), { recursive: true });
  });

  it('replaces an earlier one, and nothing else', async () => {
    const kept = readFileSync(at('model', 'model.safetensors'));
    const named = (split: Split): Split => ({
      ...split,
      names: Array.from({ length: split.count }, (_, index) => `${split.name}, ${index}.png`),
    });
    const { train, val, test } = data.splits;
    const files = { ...data, synthetic: false, splits: { train: named(train), val: named(val), test: named(test) } };
    await saveModel(trained, files, at('model'), { which: 'last' });
    assert.deepEqual(readdirSync(at('model')).sort(), ['README.md', 'model.json', 'model.safetensors', 'splits.csv']);
    const lines = readFileSync(at('model', 'splits.csv'), 'utf8').trimEnd().split('\n').map(fieldsOf);
    assert.equal(lines.length, 1 + train.count + val.count + test.count);
    assert.deepEqual(
      [lines[0], lines[1]],
      [
        ['file', 'split'],
        ['train, 0.png', 'train'],
      ],
    );
    assert.deepEqual(lines.at(-1), [`test, ${test.count - 1}.png`, 'test']);
    assert.match(readFileSync(at('model', 'README.md'), 'utf8'), /`splits\.csv` names the images of each split/);
    assert.ok(readFileSync(at('model', 'model.safetensors')).length === kept.length);
    await saveModel(trained, data, at('model'), { format: 'onnx' });
    await assert.rejects(
      saveModel(trained, data, at('images')),
      userError(/images is there already and is no model's folder/),
    );
    const stopped = { ...trained, best: undefined };
    await assert.rejects(saveModel(stopped, data, at('x')), userError(/was stopped: run its cell again to finish it/));
    const own = network({ name: 'Mine', table: small.table, forward: small.forward });
    const best = trained.best && { ...trained.best, network: own };
    await assert.rejects(
      saveModel({ ...trained, best }, data, at('x')),
      userError(/^Mine is a network of your own, .*best\.safetensors\.$/),
    );
  });

  it('is refused where it is damaged, or asked for what it cannot do', async () => {
    const copy = (name: string, change: (files: Record<string, Buffer>) => void): string => {
      const files = Object.fromEntries(readdirSync(at('model')).map((file) => [file, readFileSync(at('model', file))]));
      change(files);
      mkdirSync(at(name), { recursive: true });
      for (const [file, content] of Object.entries(files)) writeFileSync(at(name, file), content);
      return at(name);
    };
    assert.throws(() => loadModel(at('images')), userError(/images is no model's folder: it has no model\.json/));
    const cut = copy('cut', (files) => (files['model.json'] = files['model.json'].subarray(0, 200)));
    assert.throws(() => loadModel(cut), userError(/model\.json is damaged: save or copy the model again/));
    const flipped = copy(
      'flipped',
      (files) => void (files['model.safetensors'][files['model.safetensors'].length - 4] ^= 1),
    );
    assert.throws(() => loadModel(flipped).read(), userError(/model\.safetensors is damaged, or of another model/));
    const edited = (files: Record<string, Buffer>, from: string | RegExp, to: string): void => {
      files['model.json'] = Buffer.from(files['model.json'].toString().replace(from, to));
    };
    const half = copy('half', (files) => edited(files, '"width": 8', '"width": 9'));
    assert.throws(() => loadModel(half), userError(/model\.json is damaged: .* on purpose deletes its "checksum"/));
    const onPurpose = (files: Record<string, Buffer>, to: string): void => {
      edited(files, '"width": 8', to);
      edited(files, /,\s*"checksum": "\w+"/, '');
    };
    const changed = copy('changed', (files) => onPurpose(files, '"width": 0'));
    assert.throws(
      () => loadModel(changed),
      userError(/model\.json is damaged or of another version of this project: network\.width/),
    );
    const wider = copy('wider', (files) => onPurpose(files, '"width": 16'));
    assert.throws(
      () => loadModel(wider),
      userError(/model\.safetensors does not fit the model; of another shape: conv1/),
    );
    const refused = (change: Record<string, string>, message: RegExp, ...more: string[]) => {
      const good = { '--model': at('model'), '--input': at('images'), '--output': at('r.csv'), ...change };
      return assert.rejects(run(...Object.entries(good).flat(), ...more), userError(message));
    };
    await refused({ '--model': at('images') }, /is no model's folder/);
    writeFileSync(at('file'), '');
    const nowhere = ['--model', at('model'), '--input', at('images'), '--output', at('file', 'x.csv')];
    const printed = { output: '', progress: '' };
    const to = (key: 'output' | 'progress') => ({ write: (text: string) => (printed[key] += text) });
    await assert.rejects(predict(nowhere, { output: to('output'), progress: to('progress') }), /ENOTDIR|EEXIST/);
    assert.deepEqual(printed, { output: '', progress: '' }, 'before an image was looked at');
    await refused({ '--input': at('nothing') }, /^There is no file or folder "\S+nothing": tried /);
    await refused({ '--output': 'x.txt' }, /^--output is "x\.txt", but must end in \.csv\.$/);
    await refused({ '--output': 'x.csv' }, /^--output is "x\.csv", but must end in \.json with --json\.$/, '--json');
    await refused({ '--batch-size': '0' }, /^--batch-size is "0"/);
    await refused({}, /^There is no option --tat, did you mean "--tta"\?/, '--tat');
  });
});

describe('a state dict from elsewhere', () => {
  it('is tested and becomes a model, with its head', async () => {
    const data = await openDataset('synthetic-blood', { syntheticImages: 160 });
    const { table } = resnet18({ classes: 8 });
    const parameters = createParameters(table, 5);
    const values = [...exportParameters(parameters)].map(
      ([name, numbers]) => [`module.${name}`, { shape: table[name].shape, values: numbers }] as const,
    );
    disposeParameters(parameters);
    writeSafetensors(at('elsewhere.safetensors'), new Map(values));
    const tensors = tf.memory().numTensors;
    const model = await importModel(at('elsewhere.safetensors'), at('imported'), { model: 'resnet18', data, size: 32 });
    assert.equal(tf.memory().numTensors, tensors);
    assert.deepEqual(model.read(), new Map(values.map(([name, { values: numbers }]) => [name.slice(7), numbers])));
    const { scores, timm, input, weights } = model.description;
    assert.deepEqual(timm, { name: 'resnet18', options: { num_classes: 8 } });
    assert.deepEqual(input.transform, { height: 32, width: 32, interpolation: 'bilinear', cropFraction: 0.875 });
    assert.equal(weights.origin.source, 'elsewhere.safetensors');
    const { rows } = await predictClasses(model, await findImages(at('images')));
    const right = rows.filter(({ class: chosen }, index) => chosen === data.classNames[data.splits.test.labels[index]]);
    assert.equal(right.length / rows.length, scores?.values.accuracy.value);
    const given = { model: 'resnet18', size: 32, weights: at('elsewhere.safetensors') };
    const asItCame = await givenClassifier(given, data);
    assert.deepEqual(asItCame?.read(), model.read());
    assert.equal(asItCame?.network.name, 'elsewhere.safetensors, as it came');
    const scored = asItCame && (await evaluateClassifier(trainedElsewhere(asItCame, at('scores')), data));
    assert.equal(scored?.accuracy, scores?.values.accuracy.value);
    const ofFolder = await givenClassifier({ ...given, weights: at('imported') }, data);
    assert.deepEqual(ofFolder?.network.config, model.network.config);
    assert.equal(ofFolder?.network.name, 'imported, as it came');
    const none = [
      await givenClassifier({ ...given, weights: 'random' }, data),
      await givenClassifier(given, { classNames: ['a', 'b'] }),
      await givenClassifier({ ...given, weights: at('imported') }, { classNames: [...data.classNames].reverse() }),
    ];
    assert.deepEqual(none, [undefined, undefined, undefined]);
    const fewer = { ...data, classNames: data.classNames.slice(1) };
    await assert.rejects(
      importModel(at('elsewhere.safetensors'), at('x'), { model: 'resnet18', data: fewer, size: 32 }),
      userError(/tells 8 classes apart, but synthetic-blood has 7/),
    );
    assert.equal(tf.memory().numTensors, tensors);
    data.close();
  });
});

describe('a segmentation model', () => {
  it('gives masks at the files’ own sizes, and overlays', async () => {
    const data = await openSegmentationDataset('synthetic-lesions', { size: 48, syntheticImages: 40 });
    const subset = { ...data, synthetic: false };
    const net = unet({ width: 2 });
    const trained = await trainOnce(net, subset, { ...recipe, batchSize: 16 }, { folder: at('masks-runs') });
    const saved = await saveModel(trained, subset, at('masks-model'), { format: 'onnx' });
    assert.ok(readdirSync(at('masks-model')).includes('model.onnx'));
    const { ids } = data.splits.test;
    assert.ok(readFileSync(at('masks-model', 'splits.csv'), 'utf8').endsWith(`\n${ids[ids.length - 1]},test\n`));
    assert.match(
      readFileSync(at('masks-model', 'README.md'), 'utf8'),
      /No network of timm or torchvision has these layers/,
    );
    assert.equal(saved.description.task, 'segmentation');
    mkdirSync(at('photographs', 'sub'), { recursive: true });
    const noisy = Buffer.from(Array.from({ length: 50 * 70 * 3 }, (_, index) => (index * 37) % 251));
    await sharp(noisy, { raw: { height: 50, width: 70, channels: 3 } })
      .jpeg()
      .toFile(at('photographs', 'a.jpg'));
    await sharp(noisy, { raw: { height: 70, width: 50, channels: 3 } })
      .png()
      .toFile(at('photographs', 'a.png'));
    writeFileSync(at('photographs', 'a_overlay.png'), readFileSync(at('photographs', 'a.png')));
    await sharp(noisy, { raw: { height: 50, width: 70, channels: 3 } })
      .png()
      .toFile(at('photographs', 'sub', 'b.png'));
    const args = [
      '--model',
      at('masks-model'),
      '--input',
      at('photographs'),
      '--output',
      at('areas.csv'),
      '--recursive',
      '--tta',
    ];
    const { output, code } = await run(...args);
    assert.equal(code, 0);
    assert.match(output, /areas\.csv: 4 images; masks and overlays in \S+areas\n/);
    const rows = readFileSync(at('areas.csv'), 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      rows.map((row) => row.split(',')[0]),
      ['file', 'a.jpg', 'a.png', 'a_overlay.png', 'sub/b.png'],
    );
    const sizes = { 'a.png': [50, 70], 'a.png.png': [70, 50], 'a_overlay.png.png': [70, 50], 'sub/b.png': [50, 70] };
    for (const [name, [height, width]] of Object.entries(sizes)) {
      const mask = await sharp(at('areas', name)).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
      assert.deepEqual([mask.info.height, mask.info.width, mask.info.channels], [height, width, 1]);
      assert.ok([...mask.data].every((value) => value === 0 || value === 255));
      const overlay = await sharp(at('areas', name.replace(/\.png$/, '_overlay.png'))).metadata();
      assert.deepEqual([overlay.height, overlay.width], [height, width]);
    }
    data.close();
  });

  it('has its frozen encoder in it', async () => {
    const data = await openSegmentationDataset('synthetic-lesions', { size: 48, syntheticImages: 40 });
    const config = { ...vitConfigs.vit_small_patch16_dinov3, width: 12, heads: 3, depth: 4 };
    const vit = await openVit({
      name: 'toy',
      title: 'toy ViT',
      architecture: config,
      normalization: halfNormalization,
      weights: 'random',
      imageSize: 48,
      seed: 1,
    });
    const maps = blockMaps(vit, { blocks: [0, 1, 2, 3], normalizeTokens: true });
    const cache = openFeatureCache({ directory: at('maps') });
    const options = { folder: at('masks-runs'), featureCache: cache };
    const net = frozen(maps, dinoUnet(maps, { width: 8, size: 48 }));
    const trained = await trainOnce(net, data, { ...recipe, epochs: 1, batchSize: 16 }, options);
    const evaluation = trained.best && (await evaluateMasks(trained.best, data, { featureCache: cache }));
    const saved = await saveModel(trained, data, at('frozen-model'), { format: 'onnx' });
    assert.deepEqual(Object.keys(saved.network.table), [...Object.keys(maps.table), ...Object.keys(net.table)]);
    const values = saved.read();
    for (const [name, numbers] of maps.weights.values) assert.deepEqual(values.get(name), numbers, name);
    const masks = new Map<string, Uint8Array>();
    const [height, width, bytes] = [data.height, data.width, new Uint8Array(data.height * data.width * 3)];
    mkdirSync(at('lesions'));
    for (const index of [0, 1]) {
      data.splits.test.readImages([index], bytes);
      const file = at('lesions', `${index}.png`);
      await sharp(bytes, { raw: { height, width, channels: 3 } })
        .png()
        .toFile(file);
    }
    for await (const { file, mask } of predictMasks(loadModel(at('frozen-model')), await findImages(at('lesions')), []))
      masks.set(file, mask.pixels);
    const expected = evaluation?.readMasks().subarray(0, 2 * height * width);
    assert.deepEqual(Buffer.concat([...masks.values()]), Buffer.from(expected ?? []));
    // The next training leaves the encoder as it is, too.
    const next = await trainOnce(saved.network, data, { ...recipe, epochs: 1, batchSize: 16 }, options);
    const after = next.last?.read();
    for (const [name, numbers] of maps.weights.values) assert.deepEqual(after?.get(name), numbers, name);
    assert.match(readFileSync(at('frozen-model', 'README.md'), 'utf8'), /No network of timm/);
    data.close();
  });
});
