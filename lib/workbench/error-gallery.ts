/** What a cell shows of a network's mistakes: the images themselves. */
import { imageName, type Dataset } from '../data/dataset';
import { counted } from '../data/file-facts';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { imageGrid, type GridImage } from '../display/image-grid';
import { maskOverlay, overlayLegend } from '../display/mask-overlay';
import type { Displayable } from '../display/mime';
import { status } from '../display/status';
import { argmaxRows } from '../metrics/scores';
import type { ClassifierEvaluation } from '../runs/evaluate';
import type { MaskEvaluation } from '../runs/evaluate-masks';
import { readPair, syntheticNote } from './mask-views';
import { grouped } from '../grouped';

export interface ErrorGalleryOptions {
  /** Images of each kind, at most; 8 by default. */
  readonly count?: number;
  /** Pairs of classes, at most; 5 by default. */
  readonly pairs?: number;
}

type OfClasses = ClassifierEvaluation & { readonly data: Dataset };
type OfMasks = MaskEvaluation & { readonly data: SegmentationDataset };

/**
 * The images that a network was most sure of and wrong about, those that it got right and was least sure of, and for each pair of classes
 * that it took for each other the images, the most frequent pair first; each with its file or number, classes and probability. Of masks,
 * the images with the lowest Dice. Undefined of a training that was stopped.
 */
export async function errorGallery(
  evaluation: OfClasses | OfMasks | undefined,
  { count = 8, pairs = 5 }: ErrorGalleryOptions = {},
): Promise<Displayable | undefined> {
  if (evaluation === undefined) return undefined;
  if ('ids' in evaluation) return worstMasks(evaluation, count);
  const { data, split, model } = evaluation;
  if (data.task === 'multi-label')
    return status('An image of these data has several labels, so that it is not right or wrong as a whole.', {
      kind: 'info',
    });
  const images = judgedImages(evaluation);
  const wrong = images
    .filter(({ truth, predicted }) => truth !== predicted)
    .sort((a, b) => b.probability - a.probability || a.index - b.index);
  const right = images
    .filter(({ truth, predicted }) => truth === predicted)
    .sort((a, b) => a.probability - b.probability || a.index - b.index);
  const grid = (shown: readonly JudgedImage[], caption: string): Promise<Displayable> => {
    const note = data.synthetic ? syntheticNote : undefined;
    return imageGrid({ images: shown.map((image) => gridImage(evaluation, image)), columns: 4, caption, note });
  };
  const parts: Displayable[] = [];
  if (wrong.length === 0)
    parts.push(
      status(`${model} took none of the ${counted(images.length, `${split} image`)} for another class.`, {
        kind: 'info',
      }),
    );
  else
    parts.push(
      await grid(
        wrong.slice(0, count),
        `The most confident of the ${counted(wrong.length, 'mistake')} among ${counted(images.length, `${split} image`)}`,
      ),
    );
  if (right.length > 0)
    parts.push(
      await grid(
        right.slice(0, count),
        `The least sure of the ${counted(right.length, `${split} image`)} that ${right.length === 1 ? 'is' : 'are'} right`,
      ),
    );
  for (const { truth, predicted, of } of classPairs(wrong).slice(0, pairs)) {
    const [is, taken] = [truth, predicted].map((index) => data.classNames[index]);
    parts.push(
      await grid(
        of.slice(0, 4),
        `${is} taken for ${taken}: ${of.length} of ${images.filter((image) => image.truth === truth).length}`,
      ),
    );
  }
  return { html: parts.map(({ html }) => html).join(''), text: parts.map(({ text }) => text).join('\n') };
}

/** What a network said of an image. */
export interface JudgedImage {
  readonly index: number;
  readonly truth: number;
  readonly predicted: number;
  /** Of the predicted class. */
  readonly probability: number;
}

/** All images of the split that was scored, in its order. */
export function judgedImages({ data, split, probabilities }: OfClasses): JudgedImage[] {
  const classes = data.classNames.length;
  const { labels } = data.splits[split];
  return Array.from(argmaxRows(probabilities, classes), (predicted, index) => {
    return { index, truth: labels[index], predicted, probability: probabilities[index * classes + predicted] };
  });
}

/** Mistakes by what was taken for what, the most frequent first. */
function classPairs(wrong: readonly JudgedImage[]) {
  const groups = grouped(wrong, ({ truth, predicted }) => `${truth} ${predicted}`);
  const pairs = [...groups.values()].map((of) => ({ truth: of[0].truth, predicted: of[0].predicted, of }));
  return pairs.sort((a, b) => b.of.length - a.of.length || a.truth - b.truth || a.predicted - b.predicted);
}

function gridImage({ data, split }: OfClasses, { index, truth, predicted, probability }: JudgedImage): GridImage {
  const { height, width, channels, classNames, splits } = data;
  const pixels = new Uint8Array(height * width * channels);
  splits[split].readImages([index], pixels);
  const name = imageName(splits[split], index);
  const verdict = truth === predicted ? classNames[truth] : `${classNames[truth]}, taken for ${classNames[predicted]}`;
  return {
    ...{ pixels, height, width, channels },
    mark: truth === predicted ? 'correct' : 'wrong',
    title: `${verdict}\n${probability.toFixed(3)}\n${name}`,
    alt: `${name}: ${verdict}, with a probability of ${probability.toFixed(3)}`,
  };
}

function worstMasks({ data, split, model, ids, scores, readMasks }: OfMasks, count: number): Promise<Displayable> {
  const { height, width } = data;
  const worst = ids
    .map((_, index) => index)
    .sort((a, b) => scores[a].dice - scores[b].dice || a - b)
    .slice(0, count);
  const masks = readMasks();
  const images = worst.map((index) => {
    const pixels = masks.subarray(index * height * width, (index + 1) * height * width);
    const dice = `Dice ${scores[index].dice.toFixed(3)}`;
    const shown = { ...readPair(data, data.splits[split], index), prediction: { height, width, pixels } };
    return maskOverlay({
      ...shown,
      title: `${ids[index]}\n${dice}`,
      alt: `${split} image ${ids[index]} with its mask and that of ${model}, ${dice}`,
    });
  });
  const caption = `The ${split} images with the lowest Dice of ${model}. ${overlayLegend}`;
  return imageGrid({ images, columns: 4, size: 132, caption, note: data.synthetic ? syntheticNote : undefined });
}
