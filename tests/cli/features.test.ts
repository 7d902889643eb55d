import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { main } from '../../lib/cli/features';
import { normalizedImages } from '../../lib/data/batches';
import { decodeImage } from '../../lib/data/decode-image';
import { openNpyFile } from '../../lib/data/npy-file';
import { writeNpz } from '../../lib/data/npz-writer';
import { transformBatch, transformFor } from '../../lib/data/transform';
import { loadBackbone } from '../../lib/models/backbone';
import { disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { npyHeader } from '../../lib/tensor/npy';
import { tf } from '../../lib/tf';
import { assertClose } from '../close';
import { userError } from '../data/user-error';

const images = join(__dirname, '..', 'fixtures', 'images');
const scratch = mkdtempSync(join(tmpdir(), 'features-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const at = (name: string): string => join(scratch, name);

/** What the command prints, on the two streams. */
async function run(...args: string[]): Promise<{ output: string; progress: string; code: number }> {
  const printed = { output: '', progress: '', code: 0 };
  printed.code = await main(args, {
    output: { write: (text) => (printed.output += text) },
    progress: { write: (text) => (printed.progress += text) },
  });
  return printed;
}

function readArray(path: string): { shape: readonly number[]; values: Float32Array } {
  const file = openNpyFile(path);
  assert.equal(file.type, '<f4');
  const values = new Float32Array(file.shape.reduce((product, size) => product * size, 1));
  file.readRows(0, file.shape[0], new Uint8Array(values.buffer));
  file.close();
  return { shape: file.shape, values };
}

/** Images that are not alike, as an .npy. */
function bytesOf(count: number, height: number, width: number, channels = 3): Uint8Array {
  return Uint8Array.from(
    { length: count * height * width * channels },
    (_, index) => Math.imul(index, 2654435761) >>> 24,
  );
}
function save(name: string, type: '|u1' | '<f4', shape: readonly number[], values: ArrayBufferView): string {
  writeFileSync(at(name), Buffer.concat([npyHeader(type, shape), new Uint8Array(values.buffer)]));
  return at(name);
}

/** The smallest there is: ResNet-18 on images of 32 pixels. */
const model = ['--model', 'resnet18', '--weights', 'random'];
const size = { height: 32, width: 32 };
/** What is in the folder, and of which fixture it is a copy. */
const folderFiles = {
  'a.png': 'rgb.png',
  'b.PNG': 'grey_16.png',
  'c.jpg': 'cmyk.jpg',
  'd.bmp': 'palette.bmp',
  'e.tif': 'sideways.tif',
  'f.webp': 'rgba.webp',
};

/** The same, step by step. */
async function expected(output: 'pooled' | 'map' | 'logits', bytes: readonly Uint8Array[]): Promise<Float32Array> {
  const { backbone, parameters } = await loadBackbone({ name: 'resnet18', weights: 'random', size, keepHead: true });
  const all = Uint8Array.from(bytes.flatMap((image) => [...image]));
  let values = new Float32Array();
  tf.tidy(() => {
    const batch = normalizedImages(all, [bytes.length, 32, 32, 3], backbone.record);
    const found = backbone.forward(batch, createScope(readParameters(parameters)))[output];
    values = found?.dataSync<'float32'>() ?? values;
  });
  disposeParameters(parameters);
  return values;
}

test('a folder becomes a row for each image, by name', async () => {
  const folder = at('folder');
  mkdirSync(folder);
  for (const [name, source] of Object.entries(folderFiles)) copyFileSync(join(images, source), join(folder, name));
  const before = tf.memory().numTensors;
  const output = at('folder.npy');
  const printed = await run(...model, '--size', '32', '--input', folder, '--output', output, '--batch-size', '4');
  assert.equal(tf.memory().numTensors, before);
  assert.match(
    printed.output,
    /^.*folder\.npy: float32, 6×512; resnet18 at 32×32, random weights\n6 images in \d+\.\d\d s, \d+\.\d\d images\/s \(without loading the model\)\n.*folder\.csv: the file of each row\n$/,
  );
  assert.match(printed.progress, /^resnet18: loading\n/);
  assert.equal(printed.code, 0);
  const rows = Object.keys(folderFiles).map((name, row) => `${row},${name}\n`);
  assert.equal(readFileSync(at('folder.csv'), 'utf8'), `row,file\n${rows.join('')}`);
  assert.match(printed.progress, /^1 file turned as the EXIF orientation says \(e\.tif\)$/m);
  const { backbone, parameters } = await loadBackbone({ name: 'resnet18', weights: 'random', size });
  disposeParameters(parameters);
  const transform = transformFor(backbone.record, size);
  const prepared = Object.values(folderFiles).map(async (source) => {
    const { bytes, height, width } = await decodeImage(join(images, source));
    return transformBatch(bytes, [1, height, width, 3], transform);
  });
  const { shape, values } = readArray(output);
  assert.deepEqual(shape, [6, 512]);
  assertClose(values, await expected('pooled', await Promise.all(prepared)), 1e-5, 'pooled');
});

test('arrays give the same from .npy and .npz, as bytes and normalised, in batches of any size', async () => {
  const bytes = bytesOf(5, 40, 36);
  const array = save('array.npy', '|u1', [5, 40, 36, 3], bytes);
  const part = (from: number, to: number) => ({
    type: '|u1' as const,
    shape: [to - from, 40, 36, 3],
    bytes: bytes.slice(from * 40 * 36 * 3, to * 40 * 36 * 3),
  });
  writeNpz(at('array.npz'), { train_images: part(0, 2), test_images: part(2, 5) });
  const common = [...model, '--size', '32', '--tokens'];
  await run(...common, '--input', array, '--output', at('all.npy'), '--batch-size', '2');
  await run(...common, '--input', at('array.npz'), '--output', at('train.npy'));
  await run(...common, '--input', at('array.npz'), '--output', at('test.npy'), '--split', 'test');
  const all = readArray(at('all.npy'));
  assert.deepEqual(all.shape, [5, 1, 1, 512]);
  const [train, rest] = [readArray(at('train.npy')), readArray(at('test.npy'))];
  assert.deepEqual([train.shape[0], rest.shape[0]], [2, 3]);
  assertClose([...train.values, ...rest.values], all.values, 1e-5, 'of the .npz');

  const { backbone, parameters } = await loadBackbone({ name: 'resnet18', weights: 'random', size });
  disposeParameters(parameters);
  const transformed = transformBatch(bytes, [5, 40, 36, 3], transformFor(backbone.record, size));
  const values = tf.tidy(() => normalizedImages(transformed, [5, 32, 32, 3], backbone.record).dataSync<'float32'>());
  // A model that takes any size takes that of normalised images.
  const input = save('values.npy', '<f4', [5, 32, 32, 3], values);
  await run(...model, '--tokens', '--input', input, '--output', at('values-out.npy'));
  assertClose(readArray(at('values-out.npy')).values, all.values, 1e-5, 'normalised');
});

test('logits come of the whole model, and grey images are three equal channels', async () => {
  const grey = bytesOf(2, 28, 28, 1);
  const input = save('grey.npy', '|u1', [2, 28, 28], grey);
  await run(...model, '--size', '28', '--logits', '--input', input, '--output', at('logits.npy'));
  const { shape, values } = readArray(at('logits.npy'));
  assert.deepEqual(shape, [2, 1000]);
  const colours = Uint8Array.from({ length: 3 * grey.length }, (_, index) => grey[Math.floor(index / 3)]);
  const three = save('colours.npy', '|u1', [2, 28, 28, 3], colours);
  await run(...model, '--size', '28', '--logits', '--input', three, '--output', at('logits3.npy'));
  assertClose(readArray(at('logits3.npy')).values, values, 1e-5, 'logits');
});

test('a vision transformer gives all its tokens, also of images that are not square', async () => {
  const input = save('wide.npy', '|u1', [2, 20, 30, 3], bytesOf(2, 20, 30));
  const vit = ['--model', 'vit_tiny_patch16_224', '--weights', 'random', '--size', '32x48', '--input', input];
  await run(...vit, '--tokens', '--output', at('tokens.npy'));
  await run(...vit, '--output', at('token.npy'));
  const [tokens, pooled] = [readArray(at('tokens.npy')), readArray(at('token.npy'))];
  assert.deepEqual(
    [tokens.shape, pooled.shape],
    [
      [2, 7, 192],
      [2, 192],
    ],
  );
  // The class token stands for the image.
  const first = [...tokens.values.subarray(0, 192), ...tokens.values.subarray(7 * 192, 8 * 192)];
  assertClose(pooled.values, first, 1e-6, 'class token');
});

test('a damaged image leaves no file behind', async () => {
  const folder = at('damaged');
  mkdirSync(folder);
  copyFileSync(join(images, 'rgb.png'), join(folder, 'a.png'));
  writeFileSync(join(folder, 'b.png'), readFileSync(join(images, 'rgb.png')).subarray(0, 70));
  const [files, tensors] = [readdirSync(scratch), tf.memory().numTensors];
  const args = ['--size', '32', '--input', folder, '--output', at('damaged.npy'), '--batch-size', '1'];
  await assert.rejects(
    run(...model, ...args),
    userError(/damaged\/b\.png cannot be read as an image .*, or give --skip-broken, which leaves such files out/),
  );
  assert.deepEqual(readdirSync(scratch), files);
  assert.equal(tf.memory().numTensors, tensors);
});

test('files that cannot be read or are no images are left out where that is asked for, counted and named', async () => {
  const folder = at('mixed');
  mkdirSync(join(folder, 'sub, "x"'), { recursive: true });
  const rgb = readFileSync(join(images, 'rgb.png'));
  const good = Array.from({ length: 12 }, (_, index) => `image${String(index).padStart(2, '0')}.png`);
  for (const name of good) writeFileSync(join(folder, name), rgb);
  writeFileSync(join(folder, 'image05.png'), rgb.subarray(0, 70));
  writeFileSync(join(folder, 'image11.png'), '');
  writeFileSync(join(folder, 'sub, "x"', 'last.png'), rgb);
  for (const name of ['a.dcm', 'b.DCM', '.DS_Store', 'notes']) writeFileSync(join(folder, name), 'x');
  const args = ['--size', '32', '--input', folder, '--recursive', '--skip-broken', '--output', at('mixed.npy')];
  const printed = await run(...model, ...args, '--batch-size', '4');
  assert.equal(printed.code, 2);
  assert.match(printed.output, /^\S+mixed\.npy: float32, 11×512; .*\n11 images in /);
  assert.match(
    printed.output,
    /\n2 files were left out:\n  \S+image05\.png cannot be .*\n  \S+image11\.png cannot be .*\n$/,
  );
  assert.match(
    printed.progress,
    /4 files are no images and were left out: 2 \.dcm \(DICOM: export as PNG\), 1 \.DS_Store, 1 notes\.\n/,
  );
  const { shape, values } = readArray(at('mixed.npy'));
  assert.deepEqual(shape, [11, 512]);
  for (let row = 1; row < 11; row++)
    assertClose(values.subarray(row * 512, row * 512 + 512), values.subarray(0, 512), 1e-5, `row ${row}`);
  const kept = good.filter((name) => !['image05.png', 'image11.png'].includes(name));
  const lines = [...kept, '"sub, ""x""/last.png"'].map((name, row) => `${row},${name}\n`);
  assert.equal(readFileSync(at('mixed.csv'), 'utf8'), `row,file\n${lines.join('')}`);

  for (const name of kept) rmSync(join(folder, name));
  const none = ['--size', '32', '--input', folder, '--skip-broken', '--output', at('none.npy')];
  await assert.rejects(
    run(...model, ...none),
    userError(/^None of the images can be read: no features are written\.$/),
  );
  assert.ok(!existsSync(at('none.npy')) && !existsSync(at('none.csv')));
});

test('normalised images that have NaN or infinities are refused by their number', async () => {
  for (const [value, shown] of [
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
  ] as const) {
    const values = new Float32Array(5 * 28 * 28 * 3);
    values[3 * 28 * 28 * 3 + 17] = value;
    const input = save('nan.npy', '<f4', [5, 28, 28, 3], values);
    const args = ['--input', input, '--output', at('nan-out.npy'), '--batch-size', '2'];
    await assert.rejects(
      run(...model, ...args),
      userError(new RegExp(`nan\\.npy has ${shown} in image 3 \\(counted from 0\\)`)),
    );
    assert.ok(!existsSync(at('nan-out.npy')));
  }
});

test('what is missing, misspelt or does not fit is answered in one line, before anything is loaded', async () => {
  const array = save('some.npy', '|u1', [2, 28, 28, 3], bytesOf(2, 28, 28));
  const values = save('float.npy', '<f4', [1, 28, 28, 3], new Float32Array(28 * 28 * 3));
  writeFileSync(at('image.zip'), 'PK');
  writeNpz(at('train-only.npz'), { train_images: { type: '|u1', shape: [1, 4, 4], bytes: new Uint8Array(16) } });
  const good: Record<string, string> = {
    '--model': 'resnet18',
    '--weights': 'random',
    '--input': array,
    '--output': at('out.npy'),
  };
  /** The good arguments, but for these; undefined leaves one out, '' is a switch. */
  const refused = (change: Record<string, string | undefined>, pattern: RegExp): Promise<void> => {
    const args = Object.entries({ ...good, ...change }).flatMap(([name, value]) =>
      value === undefined ? [] : value === '' ? [name] : [name, value],
    );
    return assert.rejects(run(...args), userError(pattern), JSON.stringify(change));
  };
  await refused({ '--model': undefined }, /^--model is missing, for example --model resnet18; --help/);
  await refused({ '--weights': undefined }, /^--weights is missing/);
  await refused({ '--input': undefined }, /^--input is missing/);
  await refused({ '--output': undefined }, /^--output is missing/);
  await refused({ '--model': 'resnet81' }, /There is no model "resnet81", did you mean "resnet18"\?/);
  await refused({ '--weights': 'randon' }, /There are no weights "randon", did you mean "random"\?/);
  await refused({ '--weights': 'hub' }, /"resnet18" names an architecture, not its weights: choose resnet18\.tv_in1k/);
  await refused({ '--input': at('none') }, /^There is no file or folder .*none: check the path of --input/);
  await refused({ '--input': at('image.zip') }, /image\.zip is neither \.npy nor \.npz nor a folder of images/);
  await refused({ '--output': at('out.npz') }, /^--output is ".*out\.npz", but must end in \.npy/);
  await refused({ '--output': array }, /^--output and --input are the same file/);
  await refused({ '--tokens': '', '--logits': '' }, /^--tokens and --logits are two outputs/);
  await refused(
    { '--precision': 'bfloat16' },
    /^resnet18 computes in float32 only: it is a resnet, and bfloat16 is for a vit/,
  );
  await refused({ '--precision': 'flaot32' }, /^--precision is "flaot32", did you mean "float32"\?/);
  for (const text of ['0', '-1', '1.5', 'many', '']) await refused({ '--batch-size': `=${text}` }, /--batch-size/);
  for (const text of ['0', '224x', 'x224', '224*224', '1e3'])
    await refused({ '--size': text }, /^--size is ".*", but must be a number of pixels/);
  await refused({ '--split': 'val' }, /^--split val is for \.npz files/);
  await refused({ '--input': at('train-only.npz'), '--split': 'tset' }, /^--split is "tset", did you mean "test"\?/);
  await refused({ '--input': at('train-only.npz'), '--split': 'val' }, /has no array "val_images"/);
  await refused({ '--recursive': '' }, /^--recursive is for folders/);
  await refused({ '--skip-broken': '' }, /^--skip-broken is for folders/);
  await refused(
    { '--input': values, '--size': '32' },
    /float\.npy has normalised images of 28×28, but resnet18 runs at 32×32: give --size 28x28/,
  );
  await refused(
    { '--input': values, '--model': 'vit_tiny_patch16_224' },
    /28×28, but vit_tiny_patch16_224 runs at 224×224/,
  );
  await refused({ '--modl': 'x' }, /There is no option --modl, did you mean "--model"\?/);
  await assert.rejects(run('resnet18'), userError(/features takes no "resnet18" without an option's name/));
  assert.ok(!existsSync(at('out.npy')));
});

test('--help shows every option and examples', async () => {
  const { output } = await run('--help');
  for (const option of [
    'model',
    'weights',
    'input',
    'output',
    'tokens',
    'logits',
    'size',
    'batch-size',
    'precision',
    'split',
    'recursive',
    'skip-broken',
  ])
    assert.match(output, new RegExp(`--${option}\\b`));
  assert.match(output, /\nExamples\n +npm run features -- /);
});
