/** What there is to know of images with labels, whatever they come from: counted once, told as lines, tables and pictures. */
import { imagesOfClasses, labelOf, splitNames, type Dataset, type Split, type SplitName } from './dataset';
import { comparedImage, findDuplicates, nearDistance, type ComparedImage, type DuplicatePair } from './duplicates';
import { counted, some } from './file-facts';

/** Images that are shown side by side. */
export interface ShownPair {
  readonly caption: string;
  readonly images: readonly { readonly title: string; readonly pixels: Uint8Array }[];
}

export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly pairs: readonly ShownPair[];
}

/** What was found; `ok` unless something cannot be read or is not what was saved. */
export interface Verification {
  readonly ok: boolean;
  /** Short lines for people. */
  readonly lines: readonly string[];
  /** Images of each class in each split. */
  readonly balance?: { readonly classNames: readonly string[]; readonly counts: Readonly<Record<SplitName, number[]>> };
  readonly tables: readonly { readonly caption: string; readonly rows: readonly object[] }[];
  readonly duplicates?: Picture;
}

/** A batch of this many bytes is in memory at a time. */
const batchBytes = 1 << 23;
const shownPairs = 12;

/** Reads every image of a dataset once. */
export function scanDataset(
  dataset: Dataset,
): Pick<Verification, 'balance' | 'tables' | 'duplicates'> & { lines: string[] } {
  const { height, width, channels, classNames, splits } = dataset;
  const compared: ComparedImage[] = [];
  const places: { split: Split; index: number }[] = [];
  const lines: string[] = [];
  let brightest = 0;
  const counts = Object.fromEntries(
    splitNames.map((name) => [name, imagesOfClasses(splits[name], classNames.length)]),
  ) as Record<SplitName, number[]>;
  for (const name of splitNames) {
    const split = splits[name];
    const constant: string[] = [];
    const histogram = new Float64Array(256);
    for (const [index, pixels] of imagesOf(dataset, split)) {
      for (let at = 0; at < pixels.length; at++) histogram[pixels[at]]++;
      const shown = nameOf(split, index);
      if (isConstant(pixels, channels)) constant.push(shown);
      places.push({ split, index });
      compared.push(
        comparedImage({ split: name, name: shown, label: labelOf(dataset, split, index) }, pixels, {
          height,
          width,
          channels,
        }),
      );
    }
    brightest = Math.max(brightest, highestValue(histogram));
    lines.push(
      ...describeSplit(split, histogram),
      `  ${classNames.map((label, at) => `${label}: ${counts[name][at]}`).join(', ')}`,
    );
    if (constant.length > 0)
      lines.push(`  ${counted(constant.length, 'image')} of a single colour (${some(constant)})`);
  }
  const pairs = findDuplicates(compared);
  const pixelsOf = (at: number): Uint8Array => {
    const target = new Uint8Array(height * width * channels);
    places[at].split.readImages([places[at].index], target);
    return target;
  };
  const shown = interesting(pairs, compared).slice(0, shownPairs);
  return {
    lines: [...lines, ...nearlyBlack(brightest), ...groupsAcross(dataset), ...describeDuplicates(pairs, compared)],
    balance: { classNames, counts },
    tables: pairs.length === 0 ? [] : [duplicateTable(pairs, compared)],
    duplicates: { height, width, channels, pairs: shown.map((pair) => shownPair(pair, compared, pixelsOf)) },
  };
}

function* imagesOf({ height, width, channels }: Dataset, split: Split): Generator<[number, Uint8Array]> {
  const bytes = height * width * channels;
  const size = Math.max(1, Math.floor(batchBytes / bytes));
  const buffer = new Uint8Array(Math.min(size, split.count) * bytes);
  for (let start = 0; start < split.count; start += size) {
    const indices = Array.from({ length: Math.min(size, split.count - start) }, (_, offset) => start + offset);
    split.readImages(indices, buffer);
    for (const [at, index] of indices.entries()) yield [index, buffer.subarray(at * bytes, (at + 1) * bytes)];
  }
}

function nameOf({ names }: Split, index: number): string {
  return names?.[index] ?? String(index);
}

/** Whether all pixels have the same colour. */
function isConstant(image: Uint8Array, channels: number): boolean {
  for (let at = channels; at < image.length; at++) if (image[at] !== image[at - channels]) return false;
  return true;
}

function describeSplit({ name, count }: Split, histogram: Float64Array): string[] {
  let values = 0;
  let sum = 0;
  histogram.forEach((occurrences, value) => {
    values += occurrences;
    sum += occurrences * value;
  });
  const lowest = histogram.findIndex((occurrences) => occurrences > 0);
  return [
    `${name}: ${counted(count, 'image')}, pixel values ${lowest} to ${highestValue(histogram)}, mean ${(sum / values).toFixed(2)}`,
  ];
}

function highestValue(histogram: Float64Array): number {
  return 255 - [...histogram].reverse().findIndex((occurrences) => occurrences > 0);
}

/** Images whose brightest value is lower were hardly meant as bytes: masks of 0 and 1, or four bits. */
const darkBelow = 16;

function nearlyBlack(brightest: number): string[] {
  if (brightest >= darkBelow || brightest === 0) return [];
  const factor = Math.floor(255 / brightest);
  return [`nearly black: no pixel value is above ${brightest} of 255; "images = images * ${factor}" spreads them`];
}

function groupsAcross({ splits }: Dataset): string[] {
  if (splitNames.every((name) => splits[name].groups === undefined)) return [];
  const splitsOf = new Map<string, Set<SplitName>>();
  for (const name of splitNames)
    for (const group of splits[name].groups ?? []) splitsOf.set(group, (splitsOf.get(group) ?? new Set()).add(name));
  const parted = [...splitsOf].filter(([, names]) => names.size > 1).map(([group]) => group);
  if (parted.length === 0) return [`${counted(splitsOf.size, 'group')}, none in two splits`];
  return [`leak: ${counted(parted.length, 'group')} of ${splitsOf.size} in more than one split (${some(parted)})`];
}

type Compared = readonly ComparedImage[];

/** Duplicates within a split and across, equal and alike, and those whose labels differ: one of these is wrong. */
export function describeDuplicates(pairs: readonly DuplicatePair[], images: Compared): string[] {
  const kinds = new Map<string, string[]>();
  const add = (kind: string, text: string): void => {
    const found = kinds.get(kind);
    if (found === undefined) kinds.set(kind, [text]);
    else found.push(text);
  };
  for (const pair of pairs) {
    const [image, earlier] = [images[pair.image], images[pair.earlier]];
    const across = image.split !== earlier.split;
    const how = pair.equal ? 'equal to' : 'that look like';
    const where = across
      ? `leak: images of ${image.split} ${how} one of ${earlier.split}`
      : `${image.split === undefined ? '' : `${image.split}: `}images ${how} an earlier one`;
    add(where, pairName(pair, images));
    if (image.label !== earlier.label)
      add(
        `${pair.equal ? 'equal images' : 'images that look alike'} with different labels`,
        `${pairName(pair, images)}: ${image.label}, ${earlier.label}`,
      );
  }
  if (pairs.length === 0) return ['no two images are equal or look alike'];
  const lines = [...kinds].map(([kind, found]) => `${kind}: ${found.length} (${some(found)})`);
  const alike = pairs.some(({ equal }) => !equal);
  return alike
    ? [
        ...lines,
        `  (two look alike where the perceptual hashes differ in at most ${nearDistance} of 255 bits, also turned or mirrored)`,
      ]
    : lines;
}

function pairName({ image, earlier, distance, equal, turned }: DuplicatePair, images: Compared): string {
  const near = equal ? '' : ` at ${distance}${turned ? ', turned' : ''}`;
  return `${images[image].name} = ${images[earlier].name}${near}`;
}

/** Across splits and with unequal labels first. */
function interesting(pairs: readonly DuplicatePair[], images: Compared): DuplicatePair[] {
  const rank = ({ image, earlier }: DuplicatePair): number =>
    Number(images[image].split === images[earlier].split) + 2 * Number(images[image].label === images[earlier].label);
  return [...pairs].sort((first, second) => rank(first) - rank(second) || first.distance - second.distance);
}

const tableRows = 200;

export function duplicateTable(pairs: readonly DuplicatePair[], images: Compared): Verification['tables'][number] {
  const rows = interesting(pairs, images)
    .slice(0, tableRows)
    .map((pair) => {
      const [image, earlier] = [images[pair.image], images[pair.earlier]];
      const split = ({ split: name }: ComparedImage) => (name === undefined ? {} : { split: name });
      return {
        image: image.name,
        ...split(image),
        label: image.label,
        'same as': earlier.name,
        ...(earlier.split === undefined ? {} : { 'in split': earlier.split }),
        'with label': earlier.label,
        distance: pair.equal ? 'equal' : `${pair.distance}${pair.turned ? ', turned' : ''}`,
      };
    });
  const caption = `Images that are there twice: ${pairs.length}${pairs.length > tableRows ? `, the first ${tableRows}` : ''}`;
  return { caption, rows };
}

export function shownPair(pair: DuplicatePair, images: Compared, pixelsOf: (at: number) => Uint8Array): ShownPair {
  const title = ({ name, split, label }: ComparedImage): string =>
    [name, split, label].filter((part) => part).join('\n');
  const both = [pair.image, pair.earlier];
  return {
    caption: pairName(pair, images),
    images: both.map((at) => ({ title: title(images[at]), pixels: pixelsOf(at) })),
  };
}
