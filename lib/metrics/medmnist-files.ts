/**
 * MedMNIST's official prediction files (`Evaluator.evaluate(…, save_folder)` and `parse_and_evaluate`, medmnist 3.0.2): without a header,
 * each line `index,p0,p1,…`, the scores also in the name, such as `octmnist_64_test_[AUC]0.672_[ACC]0.892@3.csv`.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type SplitName } from '../data/dataset';
import { datasetNames } from '../data/registry';
import { imageSizes } from '../data/registry-types';
import { UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { medmnistAuc } from './auc';
import { medmnistAccuracy } from './classification';
import type { FloatArray, Scored } from './scores';

/** What the name of a prediction file says. The evaluator itself needs no more than dataset, size and split. */
export interface PredictionFileName {
  /** MedMNIST's flag, such as `octmnist`. */
  readonly dataset: string;
  /** Pixels a side; 28 is not written. */
  readonly size: number;
  readonly split: SplitName;
  /** With three decimals only: compute it from the scores where it matters. */
  readonly auc?: number;
  readonly accuracy?: number;
  readonly run?: string;
}

/** The scores of a file in the order of the split's images. */
export interface Predictions {
  /** Row-major count × columns. */
  readonly scores: Float64Array;
  readonly count: number;
  readonly columns: number;
}

/** As MedMNIST's evaluator computes them, full precision. */
export interface MedmnistScores {
  readonly auc: number;
  readonly accuracy: number;
}

/** The standard name. Throws a UserError for a run that the evaluator would not read back. */
export function predictionFileName(parts: PredictionFileName & MedmnistScores & { readonly run: string }): string {
  const { dataset, size, split, auc, accuracy, run } = parts;
  if (!/^[\w-]+$/.test(run)) {
    throw new UserError(
      `"${run}" cannot name a run: the evaluator reads it up to the first dot, so use letters, digits, _ and -.`,
    );
  }
  if (!/^[a-z0-9]+$/.test(dataset)) {
    throw new UserError(
      `"${dataset}" cannot name a dataset in a prediction file: the evaluator reads lower-case letters up to the first _.`,
    );
  }
  if (!(imageSizes as readonly number[]).includes(size)) {
    throw new UserError(`The image size is ${size}; MedMNIST has ${imageSizes.join(', ')}.`);
  }
  const sizeFlag = size === 28 ? '' : `_${size}`;
  return `${dataset}${sizeFlag}_${split}_[AUC]${threeDecimals(auc)}_[ACC]${threeDecimals(accuracy)}@${run}.csv`;
}

/** The evaluator's two scores. Throws a UserError where AUC is undefined, naming the absent classes. */
export function medmnistScores(scored: Scored): MedmnistScores {
  return { auc: medmnistAuc(scored), accuracy: medmnistAccuracy(scored) };
}

/**
 * Evaluates and writes the predictions of a split under the standard name, every value with all its digits. float32 values are written
 * as the float64 numbers that they are. Returns the path and the scores.
 */
export function writePredictionFile(
  folder: string,
  scored: Scored,
  name: Pick<PredictionFileName, 'dataset' | 'size' | 'split'> & { readonly run: string },
): MedmnistScores & { readonly path: string } {
  const scores = medmnistScores(scored);
  const path = join(folder, predictionFileName({ ...name, ...scores }));
  const count = scored.task === 'multi-label' ? scored.truth.length / scored.classes : scored.truth.length;
  writeFileAtomic(path, predictionLines(scored.scores, scored.scores.length / count));
  return { path, ...scores };
}

/** `index,p0,p1,…`, a line an image. */
export function predictionLines(scores: FloatArray, columns: number): string {
  const lines: string[] = [];
  for (let start = 0; start < scores.length; start += columns) {
    lines.push(`${start / columns},${scores.subarray(start, start + columns).join(',')}\n`);
  }
  return lines.join('');
}

/**
 * Reads a prediction file, whatever the order of its lines. Throws a UserError in one line for a file that cannot be read, a line with
 * another number of columns, a value that is no number, and an index that is missing or there twice.
 */
export function readPredictionFile(path: string): Predictions {
  const lines = readText(path).split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  if (lines.length === 0) throw new UserError(`${path} is empty: expected are lines such as "0,0.25,0.75".`);
  const columns = lines[0].split(',').length - 1;
  const scores = new Float64Array(lines.length * columns);
  const seen = new Uint8Array(lines.length);
  lines.forEach((line, at) => {
    const where = `${path}, line ${at + 1}`;
    const cells = line.split(',');
    if (columns === 0 || cells.length !== columns + 1) {
      const expected = columns === 0 ? 'an index and at least one score' : `${columns + 1}, as in the first line`;
      throw new UserError(`${where} has ${cells.length} columns; expected are ${expected}.`);
    }
    const index = Number(cells[0]);
    if (!/^\d+$/.test(cells[0]) || index >= lines.length) {
      const header = at === 0 && Number.isNaN(index) ? ' Prediction files have no header.' : '';
      throw new UserError(
        `${where} begins with "${cells[0]}"; expected is an index from 0 to ${lines.length - 1}.${header}`,
      );
    }
    if (seen[index]++ > 0) throw new UserError(`${where} has index ${index}, which an earlier line has too.`);
    for (let column = 0; column < columns; column++) {
      const cell = cells[column + 1].trim();
      const value = cell === '' ? NaN : Number(cell);
      if (!Number.isFinite(value)) throw new UserError(`${where} has the score "${cell}", which is no finite number.`);
      scores[index * columns + column] = value;
    }
  });
  return { scores, count: lines.length, columns };
}

/**
 * `Evaluator.parse_and_evaluate` for the labels of a split. Throws a UserError where the file does not fit them; the evaluator compares
 * the numbers of images only, so that files of `get_dummy_prediction`, one column short, pass there and not here.
 */
export function evaluatePredictionFile(path: string, labels: Omit<Scored, 'scores'>): MedmnistScores {
  const { task, truth, classes } = labels;
  const { scores, count, columns } = readPredictionFile(path);
  const images = task === 'multi-label' ? truth.length / classes : truth.length;
  const fits = task === 'binary-class' ? columns === 1 || columns === 2 : columns === classes;
  if (count !== images || !fits) {
    const wanted = task === 'binary-class' ? 'one or two scores' : `${classes} scores`;
    throw new UserError(
      `${path} has ${count} images with ${columns} scores each; expected are ${images} images with ${wanted} each.`,
    );
  }
  return medmnistScores({ ...labels, scores });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path} cannot be read (${error instanceof Error ? error.message : String(error)}).`);
  }
}

/** As Python's `{:.3f}`, which rounds an exact half to the even digit: 0.8125 is 0.812 there and 0.813 in `toFixed`. */
function threeDecimals(value: number): string {
  const sixteenths = value * 16;
  if (!Number.isInteger(sixteenths) || sixteenths % 2 === 0) return value.toFixed(3);
  const below = Math.floor(value * 1000); // exact: an odd number of sixteenths is a whole number of thousandths and a half
  return ((below % 2 === 0 ? below : below + 1) / 1000).toFixed(3);
}

/** MedMNIST's file names have room for its own datasets: others keep the letters and digits of their name, and their size as part of it. */
export function namingOf({ name, size }: { readonly name: string; readonly size: number }, run: string) {
  const split = 'test' as const;
  if (datasetNames().includes(name)) return { dataset: name, size, split, run };
  const plain =
    basename(name, '.npz')
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '') || 'data';
  const isOfficial = (imageSizes as readonly number[]).includes(size);
  return { dataset: isOfficial ? plain : `${plain}${size}`, size: isOfficial ? size : 28, split, run };
}
