import sharp from 'sharp';
import { displayable } from './forms';
import { escapeHtml, wrapText } from './html';
import type { Displayable } from './mime';

export interface GridImage {
  /** Row-major height × width × channels, 0–255. */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Shown below the image. Line breaks stay; long names are wrapped. */
  readonly title: string;
  /** What is to be seen, for those who do not see it. */
  readonly alt: string;
  /** A prediction's verdict, shown as ✓ or ✗ before the title. */
  readonly mark?: 'correct' | 'wrong';
}

export interface ImageGridOptions {
  readonly images: readonly GridImage[];
  readonly columns?: number;
  /** Whether images below one another belong together, as an image and its mask: then the columns stay on a phone, too. */
  readonly aligned?: boolean;
  readonly caption: string;
  /** Shown above the images, such as where they come from if this project made them. */
  readonly note?: string;
  /** Width of an image on the screen, in CSS pixels. Larger images are reduced to it (twice it, for sharp screens). */
  readonly size?: number;
}

/** Characters in a line below an image of the usual size: what its width holds. */
const titleWidth = 14;
const usualSize = 112;

/** Images in a grid, inside the HTML. Small ones keep their pixels, and the browser enlarges them without blurring. */
export async function imageGrid(options: ImageGridOptions): Promise<Displayable> {
  const { images, columns = 4, aligned = false, caption, note, size = usualSize } = options;
  const items = await Promise.all(images.map((image) => itemHtml(image, size)));
  const name = escapeHtml(caption);
  const remark = note === undefined ? '' : `<p class="nb-note">${escapeHtml(note)}</p>`;
  const html =
    `<figure class="nb-display nb-grid${aligned ? ' nb-rows' : ''}" aria-label="${name}" style="--nb-columns:${columns};--nb-image:${size}px">` +
    `${remark}<ul${aligned ? ' tabindex="0"' : ''}>${items.join('')}</ul><figcaption>${name}</figcaption></figure>`;
  const lines = images.map(
    ({ title, mark }) => `- ${title.replace(/\s*\n\s*/g, ', ')}${mark === undefined ? '' : ` (${mark})`}`,
  );
  const text = [`[images] ${caption}`, ...(note === undefined ? [] : [note]), ...lines].join('\n');
  return displayable({ html, text });
}

async function itemHtml(image: GridImage, size: number): Promise<string> {
  const { type, data } = await encode(image, size);
  const pixelated = image.width < size ? ' class="nb-pixelated"' : '';
  const lines = wrapText(image.title, Math.round((titleWidth * size) / usualSize))
    .map(escapeHtml)
    .join('<br>');
  return (
    `<li><img src="data:image/${type};base64,${data.toString('base64')}" alt="${escapeHtml(image.alt)}" width="${size}" ` +
    `height="${Math.round((size * image.height) / image.width)}"${pixelated}><span class="nb-title">${markHtml(image)}${lines}</span></li>`
  );
}

function markHtml({ mark }: GridImage): string {
  if (mark === undefined) return '';
  return `<span class="nb-mark" role="img" aria-label="${mark}">${mark === 'correct' ? '✓' : '✗'}</span> `;
}

interface Encoded {
  readonly type: 'webp' | 'avif';
  readonly data: Buffer;
}

/** Without a loss where pixels are to be seen as they are. */
async function encode({ pixels, height, width, channels }: GridImage, size: number): Promise<Encoded> {
  if (pixels.length !== height * width * channels) {
    throw new Error(
      `An image of ${height}×${width}×${channels} has ${height * width * channels} bytes; got ${pixels.length}.`,
    );
  }
  const image = sharp(pixels, { raw: { height, width, channels: channels as 1 | 2 | 3 | 4 } });
  if (width < size) return { type: 'webp', data: await image.webp({ lossless: true }).toBuffer() };
  const reduced = width > 2 * size ? image.resize({ width: 2 * size }) : image;
  // Looks the same and takes three fifths of the bytes that WebP takes, and a fifth of PNG's: a notebook holds many images.
  const options = { quality: 55, effort: 2, chromaSubsampling: '4:2:0' };
  return { type: 'avif', data: await reduced.avif(options).toBuffer() };
}
