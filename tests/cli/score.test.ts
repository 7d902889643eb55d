import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';

import { main } from '../../lib/cli/score';
import { mean, meanInterval } from '../../lib/metrics/intervals';
import { projectRoot } from '../../lib/paths';
import { userError } from '../data/user-error';
import { maskOf, readFixture, type RunLengths } from '../metrics/masks';

const folder = mkdtempSync(join(tmpdir(), 'score-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const fixtureImages = join(__dirname, '..', 'fixtures', 'images');

interface Printed {
  output: string;
  progress: string;
}

/** What the command prints on the two streams, also where it ends with an error. */
async function run(...args: string[]): Promise<Printed & { error: unknown }> {
  const printed: Printed = { output: '', progress: '' };
  const context = {
    output: { write: (text: string) => (printed.output += text) },
    progress: { write: (text: string) => (printed.progress += text) },
  };
  const error: unknown = await main(args, context).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { ...printed, error };
}

/** A picture of rows of text, in which # is foreground; or of a mask. */
type Picture = readonly string[] | { pixels: Uint8Array; height: number; width: number };

/** Writes pictures under the names of their files; JPEG at a quality at which edges stay where they are. */
async function folderOf(name: string, files: Record<string, Picture>, foreground = 255): Promise<string> {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  for (const [file, picture] of Object.entries(files)) {
    const { pixels, height, width } =
      'pixels' in picture
        ? picture
        : {
            pixels: Uint8Array.from(picture.join(''), (c) => (c === '#' ? 1 : 0)),
            height: picture.length,
            width: picture[0].length,
          };
    const values = Buffer.from(pixels.map((value) => (value === 0 ? 0 : foreground)));
    const image = sharp(values, { raw: { height, width, channels: 1 } });
    const kind = extname(file).toLowerCase();
    if (kind === '.jpg' || kind === '.jpeg') await image.jpeg({ quality: 100 }).toFile(join(path, file));
    else if (kind === '.tif') await image.tiff().toFile(join(path, file));
    else await image.toColourspace('b-w').png().toFile(join(path, file));
  }
  return path;
}

interface Report {
  images: ({ id: string } & Record<string, number>)[];
  mean: Record<string, number>;
  interval: Record<string, { low: number; high: number }>;
  undefinedHd95: number;
}

async function report(truth: string, prediction: string): Promise<Report> {
  const { output, progress, error } = await run('--truth', truth, '--prediction', prediction, '--json');
  assert.equal(error, undefined, `${String(error)} ${progress}`);
  return JSON.parse(output) as Report;
}

interface Golden {
  pairs: {
    truth: RunLengths;
    prediction: RunLengths;
    surface: { hd95: number; defined: boolean };
    isic: Record<string, number>;
  }[];
}

test('scores of files are those of their masks, in the order of the ids', async () => {
  const { pairs } = readFixture<Golden>('segmentation_metrics.json');
  const names = pairs.map((_, index) => `ISIC_00000${String(index).padStart(2, '0')}`);
  const filesOf = (kind: 'truth' | 'prediction', ending: string) =>
    Object.fromEntries(pairs.map((pair, index) => [`${names[index]}${ending}.png`, maskOf(pair[kind])]));
  const truth = await folderOf('golden-truth', filesOf('truth', '_segmentation'));
  const prediction = await folderOf('golden-prediction', filesOf('prediction', '_pred'));
  const { images, mean: means, interval, undefinedHd95 } = await report(truth, prediction);
  assert.deepEqual(
    images.map(({ id }) => id),
    names,
  );
  pairs.forEach(({ isic, surface }, index) => {
    for (const [metric, value] of Object.entries(isic)) assert.ok(Math.abs(images[index][metric] - value) <= 1e-15);
    assert.ok(Math.abs(images[index].hd95 - surface.hd95) <= 1e-9);
  });
  assert.equal(undefinedHd95, 3);
  for (const metric of ['dice', 'jaccard', 'sensitivity', 'specificity', 'accuracy', 'thresholdJaccard', 'hd95']) {
    const values = images.map((image) => image[metric]);
    assert.equal(means[metric], mean(values));
    assert.deepEqual(interval[metric], meanInterval(values, { seed: 0 }));
  }
});

test('predictions may be named in several ways and be of several kinds', async () => {
  const picture = ['......', '.####.', '.####.', '......'];
  const truth = await folderOf('kinds-truth', {
    'a_segmentation.png': picture,
    'b.png': picture,
    'c_segmentation.PNG': picture,
    'd.jpg': picture,
  });
  const prediction = await folderOf('kinds-prediction', {
    'a.png': picture,
    'b_pred.jpg': picture,
    'c_segmentation.jpeg': picture,
    'd.png': picture,
  });
  for (const name of ['LICENSE.txt', 'ATTRIBUTION.txt', 'LICENSE', '.hidden.png']) {
    writeFileSync(join(truth, name), 'text');
    writeFileSync(join(prediction, name), 'text');
  }
  const { images, mean: means } = await report(truth, prediction);
  assert.deepEqual(
    images.map(({ id }) => id),
    ['a', 'b', 'c', 'd'],
  );
  assert.equal(means.jaccard, 1);
  assert.equal(means.hd95, 0);
});

test('white is foreground in 1-bit images, whatever their kind', async () => {
  const truth = join(folder, 'bits-truth');
  const prediction = join(folder, 'bits-prediction');
  for (const path of [truth, prediction]) mkdirSync(path);
  copyFileSync(join(fixtureImages, '1_bit.png'), join(truth, 'x.png'));
  copyFileSync(join(fixtureImages, '1_bit.bmp'), join(prediction, 'x.bmp'));
  const { data, info } = await sharp(join(fixtureImages, '1_bit.png'))
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const grey = Uint8Array.from(data).filter((_, index) => index % info.channels === 0);
  const white = grey.filter((value) => value === 255).length;
  assert.ok(white > 0 && white < grey.length);
  const [same] = (await report(truth, prediction)).images;
  assert.equal(same.dice, 1);
  // All of it predicted: the accuracy is the share of white.
  const all = await folderOf('bits-all', {
    'x.png': { pixels: new Uint8Array(grey.length).fill(1), height: info.height, width: info.width },
  });
  assert.equal((await report(truth, all)).images[0].accuracy, white / grey.length);
});

test('of a grey mask, a pixel is foreground above 128', async () => {
  const truth = await folderOf('threshold-truth', { 'x.png': ['##', '..'] });
  const grey = join(folder, 'threshold');
  mkdirSync(grey);
  const values = Buffer.from([129, 255, 128, 0]);
  await sharp(values, { raw: { height: 2, width: 2, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(join(grey, 'x.png'));
  const { output, progress, error } = await run('--truth', truth, '--prediction', grey);
  assert.equal(error, undefined);
  assert.match(
    progress,
    /^Masks by value: 1 mask of 0, 128, 129, 255, above 128 \(the first is .*threshold\/x\.png\)\.$/m,
  );
  assert.match(output, /^Dice +1\.0000 /m);
});

test('masks of 0 and 1 are masks, and it is said', async () => {
  const truth = await folderOf('ones-truth', { 'x.png': ['##', '..'], 'y_mask.png': ['#.', '..'] });
  const ones = await folderOf('ones', { 'x.png': ['##', '..'], 'y_mask.png': ['#.', '..'] }, 1);
  const { output, progress } = await run('--truth', truth, '--prediction', ones);
  assert.match(progress, /^Masks by value: 2 masks of 0 and 1 \(the first is .*ones\/x\.png\)\.$/m);
  assert.match(output, /^Dice +1\.0000 /m);
});

test('the table has means, intervals, undefined distances and the five lowest', async () => {
  const picture = ['..........', '.########.', '.########.', '..........'];
  const empty = picture.map((row) => row.replaceAll('#', '.'));
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const truth = await folderOf('table-truth', Object.fromEntries(names.map((name) => [`${name}.png`, picture])));
  const shrunk = (name: string): string[] =>
    picture.map((row) => row.slice(0, 4 + names.indexOf(name)).padEnd(10, '.'));
  const prediction = await folderOf('table-prediction', {
    ...Object.fromEntries(names.map((name) => [`${name}.png`, shrunk(name)])),
    'd.png': empty,
  });
  const { output, progress } = await run('--truth', truth, '--prediction', prediction);
  assert.equal(progress, '');
  const lines = output.trimEnd().split('\n');
  assert.match(lines[0], /^7 images +mean +95 % interval$/);
  assert.match(lines[2], /^Jaccard +0\.6250 +0\.\d{4} to 0\.\d{4}$/); // (3 + 4 + 5 + 0 + 7 + 8 + 8) columns of 7 × 8
  assert.match(output, /\nHD95 is undefined in 1 image, where one mask is empty: the diagonal counts for it\.\n/);
  assert.deepEqual(
    lines.slice(-5).map((line) => line.split(/ +/)),
    [
      ['d', '0.0000', '0.0000', 'undefined'],
      ['a', '0.3750', '0.5455', '5.00'],
      ['b', '0.5000', '0.6667', '4.00'],
      ['c', '0.6250', '0.7692', '3.00'],
      ['e', '0.8750', '0.9333', '1.00'],
    ],
  );
  assert.match(lines[lines.length - 6], /^lowest Jaccard +Jaccard +Dice +HD95$/);
});

test('one image has no interval: it says nothing of others', async () => {
  const [truth, prediction] = [
    await folderOf('one-truth', { 'x.png': ['##', '..'] }),
    await folderOf('one', { 'x.png': ['#.', '..'] }),
  ];
  const { output } = await run('--truth', truth, '--prediction', prediction);
  assert.match(output, /^1 image +mean +95 % interval$/m);
  assert.match(output, /^Dice +0\.6667 +none of one$/m);
  const json = JSON.parse((await run('--truth', truth, '--prediction', prediction, '--json')).output) as {
    interval: { dice: object };
  };
  assert.deepEqual(json.interval.dice, { low: null, high: null });
});

test('everything that keeps masks from being scored is one line each, and nothing is scored', async () => {
  const picture = ['....', '.##.', '....'];
  const names = ['coloured', 'damaged', 'extra', 'good', 'missing', 'other', 'several', 'size', 'twice'];
  const truth = await folderOf(
    'wrong-truth',
    Object.fromEntries(names.map((name) => [`${name}_segmentation.png`, picture])),
  );
  await folderOf('wrong-truth', { 'twice.png': picture });
  const files = {
    'good.png': picture,
    'several.png': picture,
    'several_pred.png': picture,
    'size.png': ['....', '.##.'],
    'other.tif': picture,
    'twice.png': picture,
    'extra.png': picture,
    'unknown.png': picture,
  };
  const prediction = await folderOf('wrong-prediction', files);
  copyFileSync(join(fixtureImages, 'rgb.png'), join(prediction, 'coloured.png'));
  const whole = readFileSync(join(prediction, 'good.png'));
  writeFileSync(join(prediction, 'damaged.png'), whole.subarray(0, whole.length - 30));
  const { output, progress, error } = await run('--truth', truth, '--prediction', prediction, '--json');
  assert.equal(output, '');
  assert.ok(userError(/^Nothing is scored because of the 7 problems above\.$/)(error));
  const lines = progress.trimEnd().split('\n').sort();
  const expected = [
    /^1 prediction without a truth left out, the first unknown\.png\.$/,
    /^coloured: .*wrong-prediction\/coloured\.png is coloured \(\(\d+, \d+, \d+\), .* and more\): a mask is grey, or black and one colour/,
    /^damaged: .*wrong-prediction\/damaged\.png cannot be read as an image/,
    /^missing: no prediction in .*wrong-prediction \(expected is one of missing\.png, missing_segmentation\.png, missing_mask\.png, missing_pred\.png; or \.jpg, \.bmp\)\.$/,
    /^other: the prediction .*other\.tif must be a \.png \.jpg \.jpeg \.bmp file/,
    /^several: several files for one prediction in .*wrong-prediction \(several\.png, several_pred\.png\): leave one\.$/,
    /^size: .*wrong-prediction\/size\.png is 2×4, but .*wrong-truth\/size_segmentation\.png is 3×4 pixels large/,
    /^twice: several files for one truth in .*wrong-truth \(twice\.png, twice_segmentation\.png\): leave one\.$/,
  ];
  assert.equal(lines.length, expected.length, progress);
  lines.forEach((line, index) => assert.match(line, expected[index]));
});

test('what is misspelt or missing is answered in one line', async () => {
  const refused = async (args: string[], pattern: RegExp): Promise<void> => {
    assert.ok(userError(pattern)((await run(...args)).error));
  };
  const truth = await folderOf('some', { 'a.png': ['#'] });
  mkdirSync(join(folder, 'nothing', 'masks'), { recursive: true });
  await refused([], /^--truth is missing, for example --truth masks/);
  await refused(['--truth', truth], /^--prediction is missing/);
  await refused(['--truth', truth, '--predictions', truth], /no option --predictions, did you mean "--prediction"\?/);
  await refused(['--truth', truth, '--prediction', truth, 'x'], /^score takes no "x" without an option's name/);
  await refused(['--truth', join(folder, 'none'), '--prediction', truth], /^There is no folder .*none: check the path/);
  await refused(
    ['--truth', truth, '--prediction', join(folder, 'nothing')],
    /nothing has no images .* sub-folders \(masks\)/,
  );
  const { output } = await run('--help');
  assert.match(output, /--truth FOLDER[^]*--prediction FOLDER[^]*--json[^]*\nExamples\n +npm run score -- /);
});

/** Exit code and printed text of the command in a process of its own. */
function start(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'lib/cli/score.ts', ...args], { cwd: projectRoot });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output, errors })));
}

test('as a command, it prints one JSON object, or says what is wrong and fails', async () => {
  const truth = await folderOf('command-truth', {
    'a_segmentation.png': ['##..', '##..'],
    'b_segmentation.png': ['#'],
  });
  const prediction = await folderOf('command-prediction', { 'a.png': ['##..', '....'], 'b.png': ['#'] });
  const good = await start('--truth', truth, '--prediction', prediction, '--json');
  assert.deepEqual([good.code, good.errors], [0, '']);
  const { images, mean: means } = JSON.parse(good.output) as Report;
  const [{ dice, jaccard, sensitivity, accuracy, thresholdJaccard, hd95 }] = images;
  assert.deepEqual([dice, jaccard, sensitivity, accuracy, thresholdJaccard, hd95], [4 / 6, 0.5, 0.5, 0.75, 0, 1]);
  assert.equal(means.thresholdJaccard, 0.5);
  rmSync(join(prediction, 'b.png'));
  const bad = await start('--truth', truth, '--prediction', prediction, '--json');
  assert.deepEqual([bad.code, bad.output], [1, '']);
  assert.match(bad.errors, /^b: no prediction in .*\nNothing is scored because of the 1 problem above\.\n$/);
});
