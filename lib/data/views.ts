/**
 * Views of an image for self-supervised training, as DINO makes them (Caron et al., Emerging properties in self-supervised vision
 * transformers, ICCV 2021): two large windows and several small ones, each mirrored, recoloured, blurred or inverted by chance.
 */
import type { Random } from '../random';
import type { PlaneSize } from '../tensor/resample';
import { between, blurCanvas, type Canvas } from './procedural/canvas';
import { drawWindow, resizeCrops } from './resized-crop';

export interface ViewSettings {
  /** Pixels a side of the two large views, which the teacher sees, and of the small ones, which the student sees beside them. */
  readonly globalSize: number;
  readonly localSize: number;
  /** Small views of an image. */
  readonly locals: number;
  /** Area of a window as a share of the image's, least and most. */
  readonly globalScale: readonly [number, number];
  readonly localScale: readonly [number, number];
  /** How far brightness, contrast and saturation change, as a share, and the hue, as a share of a turn; in four of five views. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  /** Probability that colours are left out. */
  readonly grey: number;
  /** Most blur, pixels; in all first, one in ten second and half of the small views. */
  readonly blur: number;
  /** Probability that what is bright is inverted in the second view. */
  readonly solarize: number;
}

/** The views of one image, each size × size × 3 bytes. */
export interface Views {
  readonly globals: readonly Uint8Array[];
  readonly locals: readonly Uint8Array[];
}

interface ViewKind {
  readonly size: number;
  readonly scale: readonly [number, number];
  readonly blurred: number;
  readonly solarized: number;
}

const jitterShare = 0.8;
const ratio: readonly [number, number] = [3 / 4, 4 / 3];

/** @param image height × width × 3 bytes, rows first */
export function drawViews(image: Uint8Array, size: PlaneSize, settings: ViewSettings, random: Random): Views {
  const { globalSize, localSize, globalScale, localScale, solarize } = settings;
  const view = (kind: ViewKind): Uint8Array => drawView(image, size, kind, settings, random);
  return {
    globals: [
      view({ size: globalSize, scale: globalScale, blurred: 1, solarized: 0 }),
      view({ size: globalSize, scale: globalScale, blurred: 0.1, solarized: solarize }),
    ],
    locals: Array.from({ length: settings.locals }, () =>
      view({ size: localSize, scale: localScale, blurred: 0.5, solarized: 0 }),
    ),
  };
}

function drawView(
  image: Uint8Array,
  { height, width }: PlaneSize,
  kind: ViewKind,
  settings: ViewSettings,
  random: Random,
): Uint8Array {
  const window = drawWindow({ scale: kind.scale, ratio }, { height, width }, random);
  const crop = { ...window, mirrored: random.uniform() < 0.5 };
  const size = { height: kind.size, width: kind.size };
  const bytes = resizeCrops({
    bytes: image,
    shape: [1, height, width, 3],
    crops: [crop],
    size,
    interpolation: 'bilinear',
  });
  const canvas: Canvas = { size: kind.size, channels: 3, values: Float32Array.from(bytes) };
  if (random.uniform() < 0.5) turnOver(canvas);
  if (random.uniform() < jitterShare) jitter(canvas, settings, random);
  if (random.uniform() < settings.grey) desaturate(canvas, 0);
  if (random.uniform() < kind.blurred && settings.blur > 0) blurCanvas(canvas, between(random, 0.1, settings.blur));
  if (random.uniform() < kind.solarized) solarizeCanvas(canvas);
  return new Uint8Array(Uint8ClampedArray.from(canvas.values).buffer);
}

/** Top to bottom; micrographs and lesions have no upright. */
function turnOver({ size, values }: Canvas): void {
  const line = 3 * size;
  for (let top = 0, bottom = (size - 1) * line; top < bottom; top += line, bottom -= line) {
    const upper = values.slice(top, top + line);
    values.copyWithin(top, bottom, bottom + line);
    values.set(upper, bottom);
  }
}

const greyOf = (values: Float32Array, at: number): number =>
  0.299 * values[at] + 0.587 * values[at + 1] + 0.114 * values[at + 2];

/** Brightness, contrast around the mean grey, saturation, and the hue by a turn around the axis of greys. */
function jitter(canvas: Canvas, { brightness, contrast, saturation, hue }: ViewSettings, random: Random): void {
  const { values } = canvas;
  const factor = (most: number): number => between(random, Math.max(0, 1 - most), 1 + most);
  const [light, spread, colour] = [factor(brightness), factor(contrast), factor(saturation)];
  const turn = 2 * Math.PI * between(random, -hue, hue);
  let mean = 0;
  for (let at = 0; at < values.length; at += 3) mean += greyOf(values, at);
  mean *= (3 * light) / values.length;
  for (let at = 0; at < values.length; at++) values[at] = clamped(mean + spread * (light * values[at] - mean));
  desaturate(canvas, colour);
  if (turn !== 0) turnHue(canvas, turn);
}

/** Colours as a share of what they are: 0 leaves greys. */
function desaturate({ values }: Canvas, share: number): void {
  for (let at = 0; at < values.length; at += 3) {
    const grey = greyOf(values, at);
    for (let channel = at; channel < at + 3; channel++)
      values[channel] = clamped(grey + share * (values[channel] - grey));
  }
}

/** Rodrigues' rotation around (1, 1, 1). */
function turnHue({ values }: Canvas, angle: number): void {
  const cos = Math.cos(angle);
  const [side, rest] = [Math.sin(angle) / Math.sqrt(3), (1 - cos) / 3];
  for (let at = 0; at < values.length; at += 3) {
    const [red, green, blue] = [values[at], values[at + 1], values[at + 2]];
    const sum = rest * (red + green + blue);
    values[at] = clamped(cos * red + side * (blue - green) + sum);
    values[at + 1] = clamped(cos * green + side * (red - blue) + sum);
    values[at + 2] = clamped(cos * blue + side * (green - red) + sum);
  }
}

function solarizeCanvas({ values }: Canvas): void {
  for (let at = 0; at < values.length; at++) if (values[at] >= 128) values[at] = 255 - values[at];
}

function clamped(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
