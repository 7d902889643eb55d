/** Windows bitmaps without compression, which sharp does not read: 1, 4 or 8 bits with a palette, 24 and 32 bits. */
import type { PlaneSize } from '../tensor/resample';

export interface Bitmap extends PlaneSize {
  /** Height × width × 3, RGB. */
  readonly bytes: Uint8Array;
}

const fileHeaderBytes = 14;
const compressions = ['none', 'RLE8', 'RLE4', 'bit fields', 'JPEG', 'PNG', 'bit fields'];
const uncompressed = 0;
const bitFields = [3, 6];

export function isBmp(file: Uint8Array): boolean {
  return file[0] === 0x42 && file[1] === 0x4d; // BM
}

/**
 * Reads a bitmap; the fourth byte of 32 bits is left out.
 * @throws Error that says what is wrong, for a caller who knows the file's name
 */
export function readBmp(file: Uint8Array): Bitmap {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = file.length < fileHeaderBytes + 4 ? 0 : view.getUint32(fileHeaderBytes, true);
  if (headerBytes < 40 || file.length < fileHeaderBytes + headerBytes) throw new Error('it has no header of a bitmap');
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true); // negative where the first row is the upper one
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  if (width < 1 || height < 1) throw new Error(`it is ${height}×${width} pixels large`);
  checkCoding(view, bits, compression, headerBytes);
  const lineBytes = Math.ceil((width * bits) / 32) * 4;
  const start = view.getUint32(10, true);
  if (start + lineBytes * height > file.length) throw new Error('it ends too early');
  const bytes = new Uint8Array(height * width * 3);
  const colours = bits <= 8 ? palette(view, headerBytes, bits) : undefined;
  for (let row = 0; row < height; row++) {
    const line = start + (signedHeight < 0 ? row : height - 1 - row) * lineBytes;
    for (let column = 0; column < width; column++) {
      // A colour is blue, green, red in the palette and in the pixels.
      const at = colours ? colours(pixelValue(file, line, column, bits)) : line + (column * bits) / 8;
      const target = (row * width + column) * 3;
      bytes[target] = file[at + 2];
      bytes[target + 1] = file[at + 1];
      bytes[target + 2] = file[at];
    }
  }
  return { height, width, bytes };
}

function checkCoding(view: DataView, bits: number, compression: number, headerBytes: number): void {
  if (![1, 4, 8, 24, 32].includes(bits)) throw new Error(`it has ${bits} bits a pixel (1, 4, 8, 24 and 32 are read)`);
  if (compression === uncompressed) return;
  const masksAt = fileHeaderBytes + 40;
  const usual =
    bits === 32 &&
    bitFields.includes(compression) &&
    (headerBytes >= 52 || view.byteLength >= masksAt + 12) &&
    [0xff0000, 0xff00, 0xff].every((mask, index) => view.getUint32(masksAt + 4 * index, true) === mask);
  if (!usual) throw new Error(`it is compressed (${compressions[compression] ?? compression}); save it without`);
}

/** Where in the file the colour of a number is. */
function palette(view: DataView, headerBytes: number, bits: number): (value: number) => number {
  const colours = view.getUint32(46, true) || 2 ** bits;
  const start = fileHeaderBytes + headerBytes;
  if (colours > 256 || start + 4 * colours > view.byteLength) throw new Error('its palette is damaged');
  return (value) => {
    if (value >= colours) throw new Error(`it has a pixel of colour ${value}, but a palette of ${colours}`);
    return start + 4 * value;
  };
}

/** The first pixel of a byte is in its highest bits. */
function pixelValue(file: Uint8Array, line: number, column: number, bits: number): number {
  const first = column * bits;
  return (file[line + (first >> 3)] >> (8 - bits - (first & 7))) & ((1 << bits) - 1);
}
