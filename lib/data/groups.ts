/** Which images belong together, such as those of one patient: read off their names. */
import { basename } from 'node:path';
import { UserError } from '../errors';
import { fileId } from './image-folder';

/**
 * The group of each file: what the pattern, or its first pair of parentheses, finds in the name without its ending; in the path, where
 * the pattern has a slash.
 * @param names paths with slashes
 * @param groupBy a regular expression, such as `^(patient\\d+)`
 * @throws UserError for a pattern that is none, and where a name has no group
 */
export function groupsByName(names: readonly string[], groupBy: string): string[] {
  const pattern = compile(groupBy);
  const text = groupBy.includes('/') ? fileId : (name: string) => fileId(basename(name));
  const found = names.map((name) => {
    const match = pattern.exec(text(name));
    return match === null ? undefined : (match[1] ?? match[0]);
  });
  const without = names.filter((_, index) => (found[index] ?? '') === '');
  if (without.length > 0)
    throw new UserError(
      `groupBy ${groupBy} finds no group in ${without.length} of ${names.length} file names, the first ${without[0]}: every file needs one.`,
    );
  return found as string[];
}

function compile(groupBy: string): RegExp {
  try {
    return new RegExp(groupBy, 'u');
  } catch (error) {
    throw new UserError(
      `groupBy is ${groupBy}, but must be a regular expression, such as ^(patient\\d+) (${(error as Error).message}).`,
    );
  }
}

/** A name up to its last part, where both have a number: `patient12` of `patient12_img3`. */
const severalNumbers = /^(.*\d.*?)[ _.-]+[^ _.-]*\d[^ _.-]*$/;
/** Share of the files from which on their names are taken to say whose they are. */
const enough = 0.5;

/**
 * A warning where names look as if several images were of one patient, and undefined where they do not.
 * @param names paths with slashes
 */
export function groupingHint(names: readonly string[]): string | undefined {
  const members = new Map<string, string[]>();
  for (const name of names) {
    const prefix = severalNumbers.exec(fileId(basename(name)))?.[1];
    if (prefix !== undefined) members.set(prefix, [...(members.get(prefix) ?? []), name]);
  }
  const several = [...members].filter(([, files]) => files.length > 1);
  const count = several.reduce((sum, [, files]) => sum + files.length, 0);
  if (several.length < 2 || count < enough * names.length) return undefined;
  const [[prefix, [first, second]]] = several;
  return `names such as ${basename(first)} and ${basename(second)} look like several images of one patient (${several.length} such groups, ${prefix} for one): if they are, keep them together with groupBy "^(.+)[ _.-]"`;
}
