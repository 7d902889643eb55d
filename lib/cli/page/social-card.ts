/** The picture that previews of a page show: 1200×630, made without a browser. */
import sharp from 'sharp';
import { escapeHtml, shorten, wrapText } from '../../display/html';

export interface SocialCard {
  readonly title: string;
  /** What was found, in a sentence. */
  readonly found?: string;
  /** PNG of the headline figure on light paper. */
  readonly picture?: Buffer;
}

const width = 1200;
const height = 630;
/** Room of the figure, at the right. */
const figure = { left: 640, top: 70, width: 500, height: 490 };

export async function socialCard({ title, found = '', picture }: SocialCard): Promise<Buffer> {
  const isNarrow = picture !== undefined;
  const titleLines = wrapText(shorten(title, 90), isNarrow ? 22 : 44).slice(0, 4);
  const textLines = wrapText(shorten(found, isNarrow ? 260 : 420), isNarrow ? 42 : 84).slice(0, 8);
  const lines = (all: readonly string[], size: number, top: number, weight: number, color: string): string =>
    all.map((line, at) => `<text x="60" y="${top + at * size * 1.25}" font-size="${size}" font-weight="${weight}" fill="${color}">${escapeHtml(line)}</text>`).join(''); // prettier-ignore
  const below = 120 + titleLines.length * 60 + 20;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">
<rect width="100%" height="100%" fill="#ffffff"/><rect width="12" height="100%" fill="#0b5fa5"/>
${lines(titleLines, 48, 120, 700, '#1d2127')}${lines(textLines, 24, below, 400, '#59616b')}
<text x="60" y="${height - 30}" font-size="20" fill="#59616b">Not for clinical use</text></svg>`;
  const inset = picture && (await sharp(picture).resize({ width: figure.width, height: figure.height, fit: 'inside', withoutEnlargement: true }).toBuffer()); // prettier-ignore
  return sharp(Buffer.from(svg))
    .composite(inset === undefined ? [] : [{ input: inset, left: figure.left, top: figure.top }])
    .png({ palette: true })
    .toBuffer();
}
