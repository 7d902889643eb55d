import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp, { type PngOptions } from 'sharp';

import { readMask } from '../../lib/data/mask-values';
import { userError } from './user-error';

const scratch = mkdtempSync(join(tmpdir(), 'mask-values-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The shape that every mask of these tests has. */
const shape = [0, 1, 1, 0, 0, 1];
const [height, width] = [2, 3];

async function png(name: string, pixels: number[][], options: PngOptions = {}): Promise<string> {
  const path = join(scratch, `${name}.png`);
  const channels = pixels[0].length as 1 | 2 | 3 | 4;
  const image = sharp(Buffer.from(pixels.flat()), { raw: { height, width, channels } });
  await (channels < 3 ? image.toColourspace('b-w') : image).png(options).toFile(path);
  return path;
}

async function deep(name: string, values: number[]): Promise<string> {
  const path = join(scratch, `${name}.png`);
  const raw = Uint16Array.from(values);
  await sharp(raw, { raw: { height, width, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toFile(path);
  return path;
}

const drawn = (yes: number[], no: number[]): number[][] => shape.map((value) => (value === 1 ? yes : no));

async function assertShape(path: string, reading: string): Promise<void> {
  const found = await readMask(path);
  assert.deepEqual([found.mask.height, found.mask.width], [height, width]);
  assert.deepEqual([[...found.mask.pixels], found.reading, found.area], [shape, reading, 3], path);
}

test('zero and one other value are a mask, whatever the value', async () => {
  for (const value of [1, 2, 127, 128, 129])
    await assertShape(await png(`v${value}`, drawn([value], [0])), `0 and ${value}`);
  await assertShape(await png('v255', drawn([255], [0])), '0 and 255');
  await assertShape(await png('rgb', drawn([255, 255, 255], [0, 0, 0])), '0 and 255');
  for (const value of [1, 255, 65535])
    await assertShape(
      await deep(
        `deep${value}`,
        shape.map((bit) => bit * value),
      ),
      value === 255 ? '0 and 255' : `0 and ${value}`,
    );
});

test('grey masks are cut above 128, in 16 bits as in 8', async () => {
  const grey = [0, 129, 255, 128, 100, 200];
  await assertShape(
    await png(
      'grey',
      grey.map((value) => [value]),
    ),
    '0, 100, 128, 129, 200, 255, above 128',
  );
  await assertShape(
    await deep(
      'deep-grey',
      grey.map((value) => value * 257),
    ),
    '0, 25700, 32896, 33153, 51400, 65535, above 33023',
  );
});

test('a shape in the transparency is a mask', async () => {
  const reading = '0 and 255 of the transparency';
  await assertShape(await png('white-alpha', drawn([255, 255, 255, 255], [255, 255, 255, 0])), reading);
  await assertShape(await png('black-alpha', drawn([0, 0, 0, 255], [0, 0, 0, 0])), reading);
  await assertShape(await png('hidden', drawn([90, 0, 0, 255], [1, 2, 3, 0])), reading);
  await assertShape(await png('grey-alpha', drawn([255, 255], [255, 0])), reading);
  // White on black, the outside of both transparent: what is not seen is black.
  const both = [
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [255, 255, 255, 255],
    [0, 0, 0, 255],
    [0, 0, 0, 255],
    [255, 255, 255, 255],
  ];
  await assertShape(await png('both', both), '0 and 255');
  await assertShape(await png('opaque', drawn([255, 255, 255, 255], [0, 0, 0, 255])), '0 and 255');
  await assertShape(await png('half', drawn([255, 255, 255, 128], [0, 0, 0, 128])), '0 and 255');
});

test('black and one colour are a mask, with a palette or without', async () => {
  await assertShape(await png('red', drawn([128, 0, 0], [0, 0, 0])), 'black and (128, 0, 0)');
  await assertShape(await png('palette', drawn([128, 0, 0], [0, 0, 0]), { palette: true }), 'black and (128, 0, 0)');
});

test('what leaves open what is foreground is refused with its values', async () => {
  const refused = async (path: string, pattern: RegExp): Promise<void> =>
    assert.rejects(readMask(path), userError(pattern));
  const labels = await png('labels', [[0], [1], [2], [0], [0], [1]]);
  await refused(
    labels,
    /labels\.png has the values 0, 1, 2 of 255, none of them above 128, and so no foreground; save/,
  );
  const colours = await png('colours', [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  await refused(
    colours,
    /colours\.png is coloured \(\(255, 0, 0\), \(0, 255, 0\), \(0, 0, 0\)\): a mask is grey, or black and/,
  );
  await refused(await png('two', drawn([255, 0, 0], [255, 255, 255])), /two\.png is coloured/);
});

test('a JPEG is never taken for a mask of small values', async () => {
  const path = join(scratch, 'noise.jpg');
  const black = Buffer.from(Array.from({ length: 64 }, (_, at) => (at % 9 === 0 ? 9 : 0)));
  writeFileSync(
    path,
    await sharp(black, { raw: { height: 8, width: 8, channels: 1 } })
      .jpeg()
      .toBuffer(),
  );
  const { mask, area } = await readMask(path);
  assert.deepEqual([area, mask.height], [0, 8]);
});

test('a mask without foreground is one', async () => {
  const { area, reading } = await readMask(await png('black', drawn([0], [0])));
  assert.deepEqual([area, reading], [0, '0 and 255']);
});
