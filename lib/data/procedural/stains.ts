/** Stained tissue: two dyes whose amounts follow fibres and clouds, and nuclei in rows, rings or heaps (Beer–Lambert). */
import { between, drawDye, emptyCanvas, logBetween, soft, type DrawTexture } from './canvas';
import { lit } from './blobs';
import { drawNoiseOptions, noiseField } from './noise';
import { aroundShape, ellipse, rough } from './shapes';

export const drawStain: DrawTexture = (size, random) => {
  const dye = emptyCanvas(size);
  const [ground, nuclear] = [drawDye(random), drawDye(random)];
  const clouds = noiseField(size, random);
  const fibres = noiseField(size, random, {
    ...drawNoiseOptions(random),
    stretch: between(random, 1, 7),
    kind: 'ridges',
  });
  const [amount, contrast, fibrous] = [between(random, 0.2, 0.8), between(random, 0.2, 1.4), between(random, 0, 1.2)];
  const hole = random.uniform() < 0.4 ? between(random, 0.1, 0.35) : Infinity;
  for (let pixel = 0; pixel < clouds.length; pixel++) {
    const isHole = clouds[pixel] > hole;
    const here = isHole ? 0.03 : Math.max(0, amount + contrast * clouds[pixel] + fibrous * (fibres[pixel] + 0.3));
    for (let channel = 0; channel < 3; channel++) dye.values[3 * pixel + channel] = here * ground[channel];
  }
  const radius = logBetween(random, 1.2, 7);
  const count = Math.round(between(random, 0, 0.35) * (size / (2 * radius)) ** 2);
  const outline = random.uniform() < 0.6 ? ellipse : rough;
  for (let nucleus = 0; nucleus < count; nucleus++) {
    const place = {
      x: between(random, 0, size),
      y: between(random, 0, size),
      radius: radius * Math.exp(0.2 * random.normal()),
    };
    const strength = between(random, 0.6, 1.6);
    aroundShape(dye, { ...place, outline: outline(random) }, (pixel, distance) => {
      for (let channel = 0; channel < 3; channel++)
        dye.values[3 * pixel + channel] += strength * soft(distance) * nuclear[channel];
    });
  }
  return lit(dye, random);
};
