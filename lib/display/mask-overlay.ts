import type { Mask } from '../data/mask';
import type { GridImage } from './image-grid';

export interface MaskOverlay {
  /** Height × width × 3 bytes, RGB. */
  readonly pixels: Uint8Array;
  readonly truth: Mask;
  readonly prediction: Mask;
  readonly title: string;
  readonly alt: string;
}

/** What the colours and patterns of `maskOverlay` mean, for captions. */
export const overlayLegend =
  'The truth is blue with an unbroken outline, white along its inner side; the prediction is green, striped, with a broken outline. Where they agree, both are seen.';

type Rgb = readonly [number, number, number];
/** Skin and lesions have little blue; the white line keeps the outline apart from what is dark. */
const truthColor: Rgb = [0, 70, 255];
const haloColor: Rgb = [255, 255, 255];
const predictionColor: Rgb = [0, 230, 118];
/** Share of the colour in a mask's area. */
const truthAlpha = 0.25;
const predictionAlpha = 0.5;
/** Smaller images are enlarged to at least this, so that outlines are thin beside them. */
const leastWidth = 180;
/** Pixels between stripes, and of a piece of a broken outline. */
const stripe = 8;
const dash = 6;
/** Pixels of an outline. */
const edge = 2;

/** An image with the true mask and the predicted one on it, told apart by pattern and outline as well as by colour. */
export function maskOverlay({ pixels, truth, prediction, title, alt }: MaskOverlay): GridImage {
  const { height, width } = truth;
  const factor = Math.max(1, Math.ceil(leastWidth / width));
  const [tall, broad] = [factor * height, factor * width];
  const drawn = new Uint8Array(tall * broad * 3);
  const inside = ({ pixels: mask }: Mask, row: number, column: number): boolean =>
    row >= 0 &&
    column >= 0 &&
    row < tall &&
    column < broad &&
    mask[Math.floor(row / factor) * width + Math.floor(column / factor)] === 1;
  const onEdge = (mask: Mask, row: number, column: number, wide = edge): boolean =>
    inside(mask, row, column) &&
    !(
      inside(mask, row - wide, column) &&
      inside(mask, row + wide, column) &&
      inside(mask, row, column - wide) &&
      inside(mask, row, column + wide)
    );
  for (let row = 0; row < tall; row++) {
    for (let column = 0; column < broad; column++) {
      const source = (Math.floor(row / factor) * width + Math.floor(column / factor)) * 3;
      let rgb: Rgb = [pixels[source], pixels[source + 1], pixels[source + 2]];
      if (inside(truth, row, column)) rgb = blend(rgb, truthColor, truthAlpha);
      const striped = (row + column) % stripe < 2;
      if (striped && inside(prediction, row, column)) rgb = blend(rgb, predictionColor, predictionAlpha);
      if (onEdge(truth, row, column, edge + 1)) rgb = onEdge(truth, row, column) ? truthColor : haloColor;
      const visible = Math.floor((row + column) / dash) % 2 === 0 || Math.floor((row - column) / dash) % 2 === 0;
      if (visible && onEdge(prediction, row, column)) rgb = predictionColor;
      drawn.set(rgb, (row * broad + column) * 3);
    }
  }
  return { pixels: drawn, height: tall, width: broad, channels: 3, title, alt };
}

function blend(below: Rgb, above: Rgb, alpha: number): Rgb {
  const mix = (index: 0 | 1 | 2): number => Math.round((1 - alpha) * below[index] + alpha * above[index]);
  return [mix(0), mix(1), mix(2)];
}
