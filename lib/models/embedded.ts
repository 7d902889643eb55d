/** Weights that this project has trained itself, on images that it draws; they come with it. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import { hashFile } from '../files';
import { projectRoot } from '../paths';
import { embeddedWeights } from './pretrained-records';

/** A card lies beside them: what they saw, how they were made, what they are good for. */
export const embeddedDirectory: string = join(projectRoot, 'data', 'weights');

const hashes: Readonly<Record<string, { readonly sha256: string }>> = embeddedWeights;

/** Networks whose weights come with the project. */
export function embeddedNames(): string[] {
  return Object.keys(hashes);
}

/** Where the weights of a network lie. @throws UserError for a network that has none */
export function findEmbedded(name: string): string {
  if (!Object.hasOwn(hashes, name))
    throw new UserError(
      `No weights of ${name} come with the project: take weights=embedded with ${embeddedNames().join(' or ')}, or give hub, random or the path of a .safetensors file.`,
    );
  const file = join(embeddedDirectory, `${name}.safetensors`);
  if (!existsSync(file)) throw new UserError(`${file} is missing: get the project again, or give weights=random.`);
  return file;
}

/**
 * The weights file of a network, whole.
 * @throws UserError for a network that has none, and for a file that was changed
 */
export async function openEmbedded(name: string): Promise<{ readonly file: string; readonly sha256: string }> {
  const file = findEmbedded(name);
  const sha256 = await hashFile(file);
  if (sha256 === hashes[name].sha256) return { file, sha256 };
  throw new UserError(
    `${basename(file)} in ${embeddedDirectory} is not as it came with the project: get it again, or give its path as weights.`,
  );
}
