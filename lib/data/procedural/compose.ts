/** Two textures in one picture: a thing of the one before the other, or parts of both. */
import type { Random } from '../../random';
import { between, choose, soft, type Canvas } from './canvas';
import { noiseField } from './noise';
import { aroundShape, drawOutline } from './shapes';

/** Puts `front` over `back`, which is overwritten, where a drawn shape, a half, or the hills of a noise are. */
export function compose(back: Canvas, front: Canvas, random: Random): Canvas {
  const { size } = back;
  const cover = choose(random, [thing, thing, half, hills])(back, random);
  const opacity = random.uniform() < 0.75 ? 1 : between(random, 0.4, 0.9);
  for (let pixel = 0; pixel < size * size; pixel++) {
    const share = opacity * cover[pixel];
    for (let channel = 0, at = 3 * pixel; channel < 3; channel++, at++)
      back.values[at] += share * (front.values[at] - back.values[at]);
  }
  return back;
}

function thing(canvas: Canvas, random: Random): Float32Array {
  const { size } = canvas;
  const cover = new Float32Array(size * size);
  const radius = between(random, 0.15, 0.38) * size;
  const middle = (): number => size * (0.5 + random.normal(0, 0.1));
  const shape = { x: middle(), y: middle(), radius, outline: drawOutline(random) };
  aroundShape(canvas, shape, (pixel, distance) => (cover[pixel] = soft(distance)));
  return cover;
}

function half({ size }: Canvas, random: Random): Float32Array {
  const angle = between(random, 0, 2 * Math.PI);
  const [cos, sin, from] = [Math.cos(angle), Math.sin(angle), random.normal(0, 0.15) * size];
  return Float32Array.from({ length: size * size }, (_, pixel) =>
    soft(cos * ((pixel % size) - size / 2) + sin * (Math.floor(pixel / size) - size / 2) - from),
  );
}

function hills({ size }: Canvas, random: Random): Float32Array {
  const steepness = between(random, 4, 30);
  return noiseField(size, random).map((value) => Math.min(1, Math.max(0, 0.5 + steepness * value)));
}
