import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';

import { halfNormalization } from '../../lib/data/normalization';
import { decodeImage } from '../../lib/data/decode-image';
import { isIdentity, placeImage, transformBatch, transformFor, type ImageTransform } from '../../lib/data/transform';
import { createByteResizer, interpolations, type Interpolation } from '../../lib/tensor/resample-bytes';
import { userError } from './user-error';

const fixtures = join(__dirname, '..', 'fixtures');
const images = join(fixtures, 'images');

type Triple = [height: number, width: number, channels: number];

/** Made by make_transform.py. */
const golden = JSON.parse(readFileSync(join(fixtures, 'transform.json'), 'utf8')) as {
  resized: { from: Triple; to: [number, number]; expected: Record<Interpolation, string> }[];
  evaluated: {
    from: Triple;
    to: [number, number];
    cropFraction: number;
    interpolation: Interpolation;
    expected: string;
  }[];
  decoded: Record<string, { size: [number, number]; rgb: string }>;
};
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/** What make_transform.py makes, too. */
function pattern([height, width, channels]: Triple): Uint8Array {
  return Uint8Array.from({ length: height * width * channels }, (_, index) => {
    const value = Math.imul(index, 2654435761) >>> 24;
    return value > 160 ? 255 : value;
  });
}

const transform = (height: number, width: number, cropFraction = 1, interpolation: Interpolation = 'bicubic') =>
  transformFor({ ...halfNormalization, interpolation, cropFraction }, { height, width });

for (const { from, to, expected } of golden.resized) {
  test(`Pillow's ${from.join('×')} to ${to.join('×')}, byte for byte`, () => {
    const [height, width, channels] = from;
    const size = { height: to[0], width: to[1] };
    for (const interpolation of interpolations) {
      const resize = createByteResizer({ from: { height, width, channels }, to: size, interpolation });
      const target = new Uint8Array(to[0] * to[1] * channels);
      for (let time = 0; time < 2; time++) resize(pattern(from), target.fill(7));
      assert.deepEqual(target, bytesOf(expected[interpolation]), interpolation);
    }
  });
}

test('of a crop, only the crop is computed, and it is the same', () => {
  for (const { from, to, expected } of golden.resized) {
    const [height, width, channels] = from;
    const crop = { top: to[0] >> 2, left: to[1] >> 1, height: (to[0] >> 1) + 1, width: (to[1] >> 2) + 1 };
    for (const interpolation of interpolations) {
      const whole = bytesOf(expected[interpolation]);
      const wanted = Array.from({ length: crop.height }, (_, row) => {
        const start = ((crop.top + row) * to[1] + crop.left) * channels;
        return [...whole.subarray(start, start + crop.width * channels)];
      }).flat();
      const target = new Uint8Array(wanted.length);
      const size = { height: to[0], width: to[1] };
      createByteResizer({ from: { height, width, channels }, to: size, interpolation, crop })(pattern(from), target);
      assert.deepEqual([...target], wanted, `${from.join('×')} to ${to.join('×')}, ${interpolation}`);
    }
  }
});

for (const { from, to, cropFraction, interpolation, expected } of golden.evaluated) {
  test(`timm's ${from.join('×')} to ${to.join('×')}, ${cropFraction}, ${interpolation}`, () => {
    const [height, width, channels] = from;
    const wanted = transform(to[0], to[1], cropFraction, interpolation);
    const two = new Uint8Array([...pattern(from), ...pattern(from).reverse()]);
    const result = transformBatch(two, [2, height, width, channels], wanted);
    assert.deepEqual(result.subarray(0, result.length / 2), bytesOf(expected));
    const second = transformBatch(pattern(from).reverse(), [1, height, width, channels], wanted);
    assert.deepEqual(result.subarray(result.length / 2), second);
  });
}

test('grey images are resized as one channel of three', () => {
  const grey = pattern([9, 11, 1]);
  const colours = Uint8Array.from(grey.length === 99 ? { length: 297 } : [], (_, index) => grey[Math.floor(index / 3)]);
  const wanted = transform(6, 6, 0.9);
  const three = transformBatch(colours, [1, 9, 11, 3], wanted);
  assert.deepEqual(
    [...transformBatch(grey, [1, 9, 11, 1], wanted)],
    [...three].filter((_, index) => index % 3 === 0),
  );
});

test('an image that has the size already is not copied', () => {
  const bytes = pattern([8, 8, 3]);
  assert.equal(transformBatch(bytes, [1, 8, 8, 3], transform(8, 8)), bytes);
  assert.ok(isIdentity({ height: 8, width: 8 }, transform(8, 8)));
  assert.ok(!isIdentity({ height: 8, width: 8 }, transform(8, 8, 0.875)));
  assert.ok(!isIdentity({ height: 8, width: 9 }, transform(8, 8)));
});

test('the centre is rounded as Python rounds', () => {
  const placed = (height: number, width: number, wanted: ImageTransform) => placeImage({ height, width }, wanted);
  // Differences of 1, 3 and 5 pixels: 0.5 → 0, 1.5 → 2, 2.5 → 2.
  assert.deepEqual(placed(16, 16, transform(15, 15, 0.9375)).crop, { top: 0, left: 0, height: 15, width: 15 });
  assert.equal(placed(13, 10, transform(10, 10)).crop.top, 2);
  assert.equal(placed(10, 15, transform(10, 10)).crop.left, 2);
  assert.deepEqual(placed(450, 600, transform(224, 224, 0.875)), {
    resized: { height: 256, width: 341 },
    crop: { top: 16, left: 58, height: 224, width: 224 },
  });
});

test('impossible sizes and fractions are refused', () => {
  const place = (height: number, wanted: ImageTransform) => () => placeImage({ height, width: 4 }, wanted);
  assert.throws(place(0, transform(4, 4)), /An image of 0×4 cannot become one of 4×4/);
  assert.throws(place(4, transform(2.5, 4)), /one of 2\.5×4/);
  for (const fraction of [0, 1.1, NaN]) assert.throws(place(4, transform(4, 4, fraction)), /The crop fraction is/);
  assert.throws(() => transformBatch(new Uint8Array(5), [1, 2, 2, 1], transform(4, 4)), /5 bytes are not 1×2×2×1/);
});

const scratch = mkdtempSync(join(tmpdir(), 'decode-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

for (const [name, { size, rgb }] of Object.entries(golden.decoded)) {
  test(`${name} is read as Pillow reads it`, async () => {
    const { height, width, bytes, dark } = await decodeImage(join(images, name));
    assert.deepEqual([height, width], size);
    assert.deepEqual(new Uint8Array(bytes), bytesOf(rgb));
    assert.equal(dark, false);
  });
}

test('what cannot be read is refused by name', async () => {
  const refused: Record<string, RegExp> = {
    'float.tif': /float\.tif cannot be read as an image \(its values are of type float, not of 8 or 16 bits\): replace/,
    'compressed.bmp': /\(it is compressed \(RLE8\); save it without\)/,
  };
  const known = new Set([...Object.keys(golden.decoded), ...Object.keys(refused)]);
  assert.deepEqual(readdirSync(images).sort(), [...known].sort());
  for (const [name, pattern] of Object.entries(refused))
    await assert.rejects(decodeImage(join(images, name)), userError(pattern), name);
  await assert.rejects(decodeImage(join(images, 'none.png')), userError(/^There is no file .*none\.png: check/));
  await assert.rejects(decodeImage(images), userError(/cannot be read as an image \(EISDIR\)/));
  const svg = join(scratch, 'drawing.png');
  writeFileSync(svg, '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
  await assert.rejects(decodeImage(svg), userError(/drawing\.png cannot be read as an image \(it is a svg\)/));
  const foreign: Record<string, [content: string, pattern: RegExp]> = {
    'dicom.jpg': [`${'\0'.repeat(128)}DICM`, /\(it is DICOM: export it as PNG, .*\)/],
    'lfs.jpg': [
      'version https://git-lfs.github.com/spec/v1\noid',
      /\(it is the pointer of a Git LFS file: run "git lfs pull"\)/,
    ],
    'page.jpg': ['<!DOCTYPE html><html>', /\(it is a web page: download the file again\)/],
    'empty.jpg': ['', /\(it is empty\)/],
  };
  for (const [name, [content, pattern]] of Object.entries(foreign)) {
    writeFileSync(join(scratch, name), content);
    await assert.rejects(decodeImage(join(scratch, name)), userError(pattern), name);
  }
});

test('AVIF is read; HEIC is refused with what to do', async () => {
  const rgb = join(images, 'rgb.png');
  const avif = join(scratch, 'rgb.avif');
  await sharp(rgb).avif({ quality: 90, chromaSubsampling: '4:4:4' }).toFile(avif);
  const [{ bytes: expected }, { bytes, height, width }] = await Promise.all([decodeImage(rgb), decodeImage(avif)]);
  assert.deepEqual([height, width], [7, 10]);
  const difference = bytes.reduce((sum, value, at) => sum + Math.abs(value - expected[at]), 0) / bytes.length;
  assert.ok(difference < 8, String(difference));
  // The header of an HEIC file: brands of HEVC.
  const heic = join(scratch, 'photo.heic');
  writeFileSync(heic, Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'));
  await assert.rejects(
    decodeImage(heic),
    userError(/photo\.heic cannot be read as an image \(it is HEIC: convert it to JPEG, /),
  );
});

test('a file that ends too early is refused, wherever it ends', async () => {
  for (const name of [
    'rgb.jpg',
    'progressive.jpg',
    'rgb.png',
    'rgba.webp',
    'rgb.tif',
    'grey.gif',
    '24_bits.bmp',
    'palette.bmp',
  ]) {
    const whole = readFileSync(join(images, name));
    const file = join(scratch, name);
    for (const share of [0, 0.05, 0.3, 0.6, 0.85]) {
      writeFileSync(file, whole.subarray(0, Math.floor(share * whole.length)));
      await assert.rejects(decodeImage(file), userError(/cannot be read as an image/), `${name} at ${share}`);
    }
    writeFileSync(file, Buffer.concat([whole, Buffer.from('more')]));
    assert.equal((await decodeImage(file)).height, 7, name);
  }
});
