/**
 * Dead leaves: shapes that cover one another, with as many sizes as in photographs, r⁻³ (Lee, Mumford and Huang, Occlusion models for
 * natural images, IJCV 2001; Baradad et al. 2021 for their use).
 */
import { between, drawColour, emptyCanvas, logBetween, type DrawTexture } from './canvas';
import { drawFill, drawOutline, paintShape } from './shapes';

export const drawDeadLeaves: DrawTexture = (size, random) => {
  const canvas = emptyCanvas(size);
  const background = drawColour(random);
  for (let at = 0; at < canvas.values.length; at++) canvas.values[at] = background[at % 3];
  const [smallest, largest] = [logBetween(random, 1.2, 6), between(random, 0.2, 0.6) * size];
  const isFlat = random.uniform() < 0.4;
  // Of one kind in a third of the pictures.
  const common = random.uniform() < 0.35 ? drawOutline(random) : undefined;
  const opacity = random.uniform() < 0.2 ? between(random, 0.3, 0.8) : 1;
  let wanted = between(random, 1, 3) * size * size;
  for (let leaf = 0; leaf < 400 && wanted > 0; leaf++) {
    // The inverse of the distribution of r⁻³ between the two.
    const radius = 1 / Math.sqrt(smallest ** -2 - random.uniform() * (smallest ** -2 - largest ** -2));
    const outline = common ?? drawOutline(random);
    const place = { x: between(random, 0, size), y: between(random, 0, size), radius, outline };
    const colour = drawColour(random);
    paintShape(canvas, place, isFlat ? () => colour : drawFill(random, size), opacity);
    wanted -= Math.PI * radius ** 2;
  }
  return canvas;
};
