/** Weights on this machine: one .safetensors file, the index of one in shards, or the folder of either. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { suggestion, UserError } from '../errors';
import { hashFile } from '../files';
import { lookUpPath } from '../paths';
import { findEmbedded } from './embedded';
import { openSafetensors, type SafetensorsFile } from '../tensor/safetensors';
import type { Checkpoint, CheckpointTensor } from './weight-names';

/** What weights may be called that are not a path. */
export const weightsNames: readonly string[] = ['embedded', 'hub', 'random'];

const indexEnding = '.index.json';
/** What a folder of a model may have, the first that is there. */
const namesInFolder = ['model.safetensors', `model.safetensors${indexEnding}`];

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

export interface WeightsOnDisk {
  readonly tensors: Checkpoint;
  close(): void;
}

/**
 * Looks whether weights are there, without a download.
 * @param network whose embedded weights are meant
 * @throws UserError where they are neither a name nor a file that exists, and for a network without embedded weights
 */
export function checkWeights(weights: string, network: string): void {
  if (weights === 'embedded') findEmbedded(network);
  else if (!weightsNames.includes(weights)) locateWeights(weights);
}

/**
 * The file that a path stands for: itself, or what lies in a folder under the usual names.
 * @throws UserError where there is none
 */
export function locateWeights(path: string): string {
  const { path: found, tried } = lookUpPath(path);
  if (found === undefined) {
    throw new UserError(
      `There are no weights "${path}"${suggestion(path, weightsNames) || '.'} Tried ${tried.join(' and ')}. Give ${weightsNames.join(', ')} or the path of a .safetensors file or a model's folder.`,
    );
  }
  const part = /-\d{5}-of-(\d{5})\.safetensors$/.exec(found);
  if (part !== null && Number(part[1]) > 1)
    throw new UserError(
      `${path} is one of ${Number(part[1])} parts: give the index of them all, whose name ends in ${indexEnding}, or their folder.`,
    );
  if (!statSync(found).isDirectory()) return found;
  const inside = namesInFolder.map((name) => join(found, name)).find((file) => existsSync(file));
  if (inside !== undefined) return inside;
  throw new UserError(
    `The folder ${path} has no ${namesInFolder.join(' and no ')}: give the path of a .safetensors file.`,
  );
}

/**
 * Opens what `locateWeights` gives.
 * @throws UserError in one line for what cannot be read, and for shards that are not there
 */
export function openWeights(file: string): WeightsOnDisk {
  if (!file.endsWith(indexEnding)) return openSafetensors(file);
  const places = shardsOf(file);
  const opened = new Map<string, SafetensorsFile>();
  const close = (): void => opened.forEach((shard) => shard.close());
  try {
    const tensors = new Map<string, CheckpointTensor>();
    for (const [name, shard] of Object.entries(places)) {
      if (!opened.has(shard)) opened.set(shard, openSafetensors(join(dirname(file), shard)));
      const tensor = opened.get(shard)?.tensors.get(name);
      if (tensor === undefined)
        throw new UserError(
          `${file} says that ${shard} has the tensor ${name}, which it has not: download both again.`,
        );
      tensors.set(name, tensor);
    }
    return { tensors, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** SHA-256 of a weights file, or of those of all of its shards one after the other. */
export async function hashWeights(file: string): Promise<string> {
  if (!file.endsWith(indexEnding)) return hashFile(file);
  const shards = [...new Set(Object.values(shardsOf(file)))].sort();
  const hash = createHash('sha256');
  for (const shard of shards) hash.update(await hashFile(join(dirname(file), shard)));
  return hash.digest('hex');
}

/** The file of each tensor, all of them there. */
function shardsOf(file: string): Record<string, string> {
  let places: Record<string, string>;
  try {
    places = indexSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).weight_map;
  } catch {
    throw new UserError(`${file} is no index of a sharded checkpoint: it has no "weight_map" of tensors to files.`);
  }
  const shards = [...new Set(Object.values(places))];
  const outside = shards.find((shard) => !/^[^/\\]+\.safetensors$/.test(shard));
  if (outside !== undefined)
    throw new UserError(
      `${file} names ${outside}, which is no .safetensors file beside it: convert the weights to safetensors.`,
    );
  const missing = shards.filter((shard) => !existsSync(join(dirname(file), shard)));
  if (missing.length > 0)
    throw new UserError(
      `${file} needs ${shards.length} files beside it, of which ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    );
  return places;
}
