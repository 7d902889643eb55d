/** Makes a model's parameters of a checkpoint, without drawing random values first and with one tensor at a time in memory. */
import { UserError } from '../errors';
import { firstNonFinite } from '../tensor/finite';
import { createVariable, type Variable } from '../tensor/variable';
import { tf } from '../tf';
import { fromPublished, misfitError, type Parameters, type ParameterSpec, type ParameterTable } from './parameters';
import { resamplePositions } from './positions';
import type { Checkpoint, CheckpointTensor } from './weight-names';

export interface FitOptions {
  /** For messages, such as a file's name. */
  readonly source: string;
  /** Patches down and across for which a learned position embedding is wanted. */
  readonly grid?: readonly [rows: number, columns: number];
}

/**
 * The parameters of a table with the values of a checkpoint, whose names are the table's. A position embedding that was learned for
 * another square grid is resampled.
 * @throws UserError that lists the names where a tensor is missing, extra or of another shape, and for one that has NaN or infinities
 */
export function parametersFromCheckpoint(
  table: ParameterTable,
  checkpoint: Checkpoint,
  { source, grid }: FitOptions,
): Parameters {
  const missing = Object.keys(table).filter((name) => !checkpoint.has(name));
  const extra = [...checkpoint.keys()].filter((name) => !Object.hasOwn(table, name));
  const fitted = new Map<string, CheckpointTensor>();
  const misshapen: string[] = [];
  for (const [name, spec] of Object.entries(table)) {
    const tensor = checkpoint.get(name);
    if (tensor === undefined) continue;
    const fits = name === 'pos_embed' && grid ? fitPositions(tensor, spec, grid) : sameShape(tensor, spec);
    if (fits) fitted.set(name, fits);
    else
      misshapen.push(
        `${name} (is ${shown(tensor.shape)}, the model has ${shown(spec.shape)}${hint(name, tensor, spec)})`,
      );
  }
  const misfit = misfitError(source, { missing, extra, misshapen });
  if (misfit !== undefined) throw misfit;
  return createFrom(table, fitted, source);
}

function createFrom(table: ParameterTable, values: Checkpoint, source: string): Parameters {
  const variables = new Map<string, Variable>();
  try {
    for (const [name, spec] of Object.entries(table)) {
      const read = checkedValues((values.get(name) as CheckpointTensor).read(), name, source);
      tf.tidy(() => {
        variables.set(name, createVariable(fromPublished(read, spec)));
      });
    }
  } catch (error) {
    // A file that ends too early leaves no half of a model behind.
    for (const variable of variables.values()) variable.dispose();
    throw error;
  }
  return { table, variables };
}

/** The values of a tensor. @throws UserError that names it where one of them is no number */
export function checkedValues(values: Float32Array, name: string, source: string): Float32Array {
  const broken = firstNonFinite(values);
  if (broken === undefined) return values;
  throw new UserError(
    `${source} has ${values[broken]} in ${name}: its weights are broken, by a training that diverged or in a conversion; take an earlier checkpoint.`,
  );
}

function sameShape(tensor: CheckpointTensor, { shape }: ParameterSpec): CheckpointTensor | undefined {
  return tensor.shape.length === shape.length && tensor.shape.every((size, axis) => size === shape[axis])
    ? tensor
    : undefined;
}

/**
 * 1×(1 + n)×C for the class token and a grid. A square one, whatever its size, is brought to the wanted grid. A file does not say how many
 * rows another one has, so that it is taken as it is, where the wanted grid has as many patches.
 */
function fitPositions(
  tensor: CheckpointTensor,
  spec: ParameterSpec,
  grid: readonly [number, number],
): CheckpointTensor | undefined {
  const side = squareSide(tensor, spec);
  if (side === undefined) return undefined;
  if (!Number.isInteger(side)) return sameShape(tensor, spec);
  const [, , width] = spec.shape;
  return {
    shape: [1, 1 + grid[0] * grid[1], width],
    read: () => resamplePositions(tensor.read(), width, side, grid),
  };
}

/** √n of 1×(1 + n)×C with the model's C, which is whole for a square grid; undefined where these are no positions. */
function squareSide({ shape }: CheckpointTensor, spec: ParameterSpec): number | undefined {
  const [one, tokens, channels] = shape;
  return shape.length === 3 && one === 1 && channels === spec.shape[2] && tokens > 1
    ? Math.sqrt(tokens - 1)
    : undefined;
}

/** What to do about positions of a grid that is not square. */
function hint(name: string, tensor: CheckpointTensor, spec: ParameterSpec): string {
  const side = name === 'pos_embed' ? squareSide(tensor, spec) : undefined;
  if (side === undefined || Number.isInteger(side)) return '';
  return `: its ${tensor.shape[1] - 1} patches are no square grid, which alone can be resized, so give the image size that it was trained at`;
}

function shown(shape: readonly number[]): string {
  return shape.length === 0 ? 'a single value' : shape.join('×');
}
