/** What should be said of image files before anything is computed with them. */
import { printable } from '../errors';
import type { DecodedImage } from './decode-image';

export type FileFacts = Pick<DecodedImage, 'orientation' | 'pages' | 'dark'>;

export interface NamedFacts extends FileFacts {
  readonly name: string;
}

/** A line for each kind of file that may not be what it seems. */
export function describeFacts(files: readonly NamedFacts[]): string[] {
  const of = (text: string, chosen: (facts: FileFacts) => boolean): string[] => {
    const names = files.filter(chosen).map(({ name }) => name);
    return names.length === 0 ? [] : [`${counted(names.length, 'file')} ${text} (${some(names)})`];
  };
  return [
    ...of('turned as the EXIF orientation says', ({ orientation }) => orientation !== 1),
    ...of('with several images, of which the first is used', ({ pages }) => pages > 1),
    ...of(
      'with 16 bits, of which only the lower ones are used: nearly black; spread the values over 0 to 65535',
      ({ dark }) => dark,
    ),
  ];
}

const shownExamples = 5;

/** The first few. */
export function some(names: readonly string[]): string {
  return names.slice(0, shownExamples).map(printable).join(', ') + (names.length > shownExamples ? ', …' : '');
}

export function counted(count: number, noun: string): string {
  const several = noun.endsWith('s') ? `${noun}es` : `${noun.replace(/([^aeiou])y$/, '$1ie')}s`;
  return `${count} ${count === 1 ? noun : several}`;
}
