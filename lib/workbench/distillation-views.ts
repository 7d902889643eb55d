/** What a cell shows of self-distillation: the images, and their views. */
import { drawProcedural, proceduralKindOf } from '../data/procedural-images';
import { drawViews } from '../data/views';
import { imageGrid, type GridImage } from '../display/image-grid';
import type { Displayable } from '../display/mime';
import { createRandom } from '../random';
import type { SelfDistillationSettings } from '../training/self-distillation';
import type { DrawnImages } from './distillation';

const note = 'Images made by this project, not photographs.';

/** The first drawn images of a training, with their kinds. */
export function drawnGrid(
  { seed, size }: DrawnImages,
  { count = 24 }: { readonly count?: number } = {},
): Promise<Displayable> {
  const images = Array.from({ length: count }, (_, index): GridImage => {
    const kind = proceduralKindOf({ seed, index });
    const pixels = drawProcedural({ seed, index, size });
    return { pixels, height: size, width: size, channels: 3, title: kind, alt: `drawn image ${index}: ${kind}` };
  });
  return imageGrid({
    images,
    columns: 8,
    size: 84,
    caption: `What the network learns from: ${count} drawn images`,
    note,
  });
}

/** A row an image: as it is drawn, the two large views, which the teacher sees, and some of the small ones. */
export function viewGrid(
  { seed, size }: DrawnImages,
  { views, seed: viewSeed }: Pick<SelfDistillationSettings, 'views' | 'seed'>,
  { count = 4 }: { readonly count?: number } = {},
): Promise<Displayable> {
  const shown = Math.min(4, views.locals);
  const images = Array.from({ length: count }, (_, index): GridImage[] => {
    const pixels = drawProcedural({ seed, index, size });
    const made = drawViews(pixels, { height: size, width: size }, views, createRandom(viewSeed, 'views', 0, index));
    const cell = (own: Uint8Array, side: number, title: string): GridImage => {
      return { pixels: own, height: side, width: side, channels: 3, title, alt: `drawn image ${index}, ${title}` };
    };
    return [
      cell(pixels, size, 'drawn'),
      ...made.globals.map((own, at) => cell(own, views.globalSize, `large view ${at + 1}`)),
      ...made.locals.slice(0, shown).map((own, at) => cell(own, views.localSize, `small view ${at + 1}`)),
    ];
  }).flat();
  const caption = 'Views of drawn images: the teacher sees the large ones, the student all of them';
  return imageGrid({ images, columns: 3 + shown, aligned: true, size: 84, caption, note });
}
