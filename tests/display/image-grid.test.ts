import assert from 'node:assert/strict';
import { test } from 'node:test';

import sharp from 'sharp';
import { imageGrid, type GridImage } from '../../lib/display/image-grid';

function image(size: number, channels: number): GridImage {
  const pixels = Uint8Array.from({ length: size * size * channels }, (_, index) => index % 251);
  return {
    pixels,
    height: size,
    width: size,
    channels,
    title: 'immature granulocytes',
    alt: 'A "cell" of <28> pixels',
  };
}

function encoded(html: string): Buffer[] {
  return [...html.matchAll(/src="data:image\/(?:webp|avif);base64,([^"]+)"/g)].map((match) =>
    Buffer.from(match[1] ?? '', 'base64'),
  );
}

test('small images keep their pixels and are enlarged by the browser', async () => {
  const given = image(28, 3);
  const { html } = await imageGrid({ images: [given, image(28, 1)], caption: 'Samples' });
  assert.match(html, /width="112" height="112" class="nb-pixelated"/);
  const [color, grey] = encoded(html);
  const { data, info } = await sharp(color).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height, info.channels], [28, 28, 3]);
  assert.deepEqual(new Uint8Array(data), given.pixels);
  assert.deepEqual([(await sharp(grey).metadata()).width, (await sharp(grey).metadata()).height], [28, 28]);
});

test('large images are reduced to what a sharp screen shows, and look as they did', async () => {
  const given = image(256, 3);
  given.pixels.forEach((_, index) => (given.pixels[index] = 128 + 100 * Math.sin(index / 5000)));
  const { html } = await imageGrid({ images: [given], caption: 'Samples', size: 96 });
  const [reduced] = encoded(html);
  const { data, info } = await sharp(reduced).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height, info.channels], [192, 192, 3]);
  const pixels = sharp(given.pixels, { raw: { width: 256, height: 256, channels: 3 } });
  const expected = await pixels.resize({ width: 192 }).raw().toBuffer();
  let difference = 0;
  for (let at = 0; at < expected.length; at++) difference += Math.abs(data[at] - expected[at]) / expected.length;
  assert.ok(difference < 4, `the pixels differ by ${difference}`);
  assert.doesNotMatch(html, /nb-pixelated/);
});

test('names are wrapped, alternative texts escaped, the note is visible, the verdict has a name', async () => {
  const images = [{ ...image(4, 3), mark: 'wrong' as const }];
  const { html, text } = await imageGrid({ images, columns: 3, caption: 'Samples', note: 'Made by this project.' });
  assert.ok(html.includes('immature<br>granulocytes</span>'));
  assert.ok(html.includes('alt="A &quot;cell&quot; of &lt;28&gt; pixels"'));
  assert.ok(html.includes('<p class="nb-note">Made by this project.</p>'));
  assert.ok(html.includes('--nb-columns:3'));
  assert.ok(html.includes('role="img" aria-label="wrong">✗'));
  assert.equal(text, '[images] Samples\nMade by this project.\n- immature granulocytes (wrong)');
});

test('pixels that do not fit the size are refused', async () => {
  await assert.rejects(
    imageGrid({ images: [{ ...image(4, 3), width: 5 }], caption: 'Samples' }),
    /4×5×3 has 60 bytes; got 48/,
  );
});
