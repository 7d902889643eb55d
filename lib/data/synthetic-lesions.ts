/**
 * Procedural dermoscopy with exact masks, in the proportions of ISIC 2017's splits, for a first run without a download. They are drawings:
 * useful to see a method work, not to judge it on patients.
 */
import { UserError, suggestion } from '../errors';
import { createRandom } from '../random';
import { splitNames, type SplitName } from './dataset';
import { renderScene, type RenderedLesion } from './synthetic-lesions/render';
import { drawScene } from './synthetic-lesions/scene';

/** ISIC 2017's numbers of images (Codella et al. 2018). */
export const syntheticLesionCounts = { train: 2000, val: 150, test: 600 } satisfies Record<SplitName, number>;

export const lesionSizes = { smallest: 48, largest: 512 } as const;

export interface LesionRequest {
  /** Height and width in pixels, 48–512; about 13 mm. */
  readonly size: number;
  readonly seed: number;
  readonly split: SplitName;
  /** Which of the split's lesions. */
  readonly index: number;
}

/**
 * One photograph and its mask. The same seed, split and index show the same lesion at every size.
 * @throws UserError for an argument that is out of range
 */
export function renderLesion({ size, seed, split, index }: LesionRequest): RenderedLesion {
  checkInteger('size', size, lesionSizes.smallest, lesionSizes.largest);
  checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('index', index, 0, Number.MAX_SAFE_INTEGER);
  if (!(splitNames as readonly string[]).includes(split))
    throw new UserError(`split is "${split}"; allowed are ${splitNames.join(', ')}${suggestion(split, splitNames)}`);
  const scene = drawScene(createRandom(seed, 'synthetic-lesions', split, index));
  return renderScene(scene, size, createRandom(seed, 'synthetic-lesions noise', split, index));
}

function checkInteger(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new UserError(`${name} is ${value}; allowed are whole numbers from ${lowest} to ${highest}`);
}
