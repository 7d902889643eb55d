/** Models with their weights: published, embedded, from a file, or random. */
import { UserError } from '../errors';
import type { Precision } from '../precisions';
import type { PlaneSize } from '../tensor/resample';
import { createBackbone, type Backbone } from './architecture';
import { openEmbedded } from './embedded';
import { ensureWeights, type WeightsOptions } from './hub';
import { roundMatrices } from './low-precision';
import { createParameters, type Parameters } from './parameters';
import { findPretrained } from './pretrained';
import { translateNames } from './weight-names';
import { parametersFromCheckpoint } from './weights-file';
import { hashWeights, locateWeights, openWeights } from './weights-source';

export { createBackbone, type Backbone } from './architecture';

export interface LoadOptions extends WeightsOptions {
  /** Weights in the registry, or for `embedded`, `random` and a file an architecture. */
  readonly name: string;
  /** `embedded`, `hub`, `random`, or the path of a .safetensors file, of a sharded one's index, or of the folder that has either. */
  readonly weights: string;
  /** Pixels, of a square where it is one number; by default what the weights were made for. */
  readonly size?: number | PlaneSize;
  /** Of a vision transformer only the first blocks; those after them stay in the file. All by default. */
  readonly depth?: number;
  /** Whether the classifier is loaded too. */
  readonly keepHead?: boolean;
  /** What the network computes in; 'float32' by default. bfloat16 is for frozen transformers (`lowPrecision`). */
  readonly precision?: Precision;
  /** Of random weights; 0 by default. */
  readonly seed?: number;
}

/** Where weights come from. */
export interface WeightsSource {
  readonly kind: 'embedded' | 'hub' | 'file' | 'random';
  /** Absolute path. */
  readonly file?: string;
  readonly sha256?: string;
}

export interface LoadedBackbone {
  readonly backbone: Backbone;
  readonly parameters: Parameters;
  readonly source: WeightsSource;
}

/**
 * A model with its weights. The classifier of a file is left out unless `keepHead`; anything else in a file that the model does not
 * have, or the other way round, is a `UserError` that lists the tensors. Weights are random only where `random` is asked for.
 */
export async function loadBackbone(options: LoadOptions): Promise<LoadedBackbone> {
  const { name, weights, size, depth, keepHead = false, seed = 0, precision = 'float32' } = options;
  // Everything that can be wrong with the request is found before anything is downloaded.
  const { record, headName, positionGrid, lowPrecision } = createBackbone(name, { size, depth });
  if (precision === 'bfloat16' && lowPrecision === undefined)
    throw new UserError(`${name} computes in float32 only: it is a ${record.family}, and bfloat16 is for a vit.`);
  const inPrecision = (parameters: Parameters): Parameters =>
    precision === 'bfloat16' && lowPrecision ? roundMatrices(parameters, lowPrecision) : parameters;
  if (weights === 'random') {
    const backbone = createBackbone(name, { size, depth, classes: keepHead ? headClasses(record.classes, name) : 0 });
    return { backbone, parameters: inPrecision(createParameters(backbone.table, seed)), source: { kind: 'random' } };
  }
  const found = await findSource(weights, name, options);
  const file = openWeights(found.file);
  try {
    const source = { ...found, sha256: found.sha256 ?? (await hashWeights(found.file)) };
    options.signal?.throwIfAborted();
    const checkpoint = translateNames(file.tensors, record.family, found.file);
    const classes = keepHead ? headClasses(checkpoint.get(`${headName}.weight`)?.shape[0], source.file) : 0;
    if (depth !== undefined) dropBlocks(checkpoint, depth);
    if (!keepHead) for (const part of ['weight', 'bias']) checkpoint.delete(`${headName}.${part}`);
    const backbone = createBackbone(name, { size, depth, classes });
    const fit = { source: source.file, grid: positionGrid };
    return { backbone, parameters: inPrecision(parametersFromCheckpoint(backbone.table, checkpoint, fit)), source };
  } finally {
    file.close();
  }
}

/** A network that is cut after a block has no parameters for the rest. */
function dropBlocks(checkpoint: Map<string, unknown>, depth: number): void {
  for (const name of [...checkpoint.keys()]) {
    const block = /^blocks\.(\d+)\./.exec(name)?.[1];
    if (block !== undefined && Number(block) >= depth) checkpoint.delete(name);
  }
}

async function findSource(
  weights: string,
  name: string,
  options: WeightsOptions,
): Promise<WeightsSource & { readonly file: string }> {
  if (weights === 'hub') {
    const { path, sha256 } = await ensureWeights(findPretrained(name), options);
    return { kind: 'hub', file: path, sha256 };
  }
  if (weights === 'embedded') return { kind: 'embedded', ...(await openEmbedded(name)) };
  return { kind: 'file', file: locateWeights(weights) };
}

/** Outputs of a head, which in a file may have been trained for other classes than the published one. */
function headClasses(classes: number | undefined, source: string): number {
  if (classes !== undefined && classes > 0) return classes;
  throw new UserError(`${source} has no classifier: load it without one.`);
}
