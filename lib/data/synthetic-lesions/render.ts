/**
 * Turns a `LesionScene` into pixels. Skin is seen through: its pigments absorb as Beer and Lambert say, so layers add
 * up as optical density. Geometry is in millimetres, so that a scene looks the same at every size.
 */
import type { Random } from '../../random';
import { exposeImage } from '../synthetic-blood/camera';
import type { Samples } from '../synthetic-blood/grid';
import { drawArtefactsInto } from './artefacts';
import { outlineMask } from './outline';
import { drawLesionInto } from './pigment';
import type { LesionScene } from './scene';
import { drawSkinInto } from './skin';

export interface RenderedLesion {
  /** Size × size × 3 bytes (red, green, blue), rows first, 0–255. */
  readonly image: Uint8Array;
  /** Size × size: 1 in the lesion, 0 outside. */
  readonly mask: Uint8Array;
}

let buffers: Samples['planes'] | undefined;

/** Buffers are kept from image to image: a dataset is thousands of images of one size. */
function clearedPlanes(count: number): Samples['planes'] {
  const plane = (): Float32Array => new Float32Array(count);
  if (buffers?.[0].length !== count) buffers = [plane(), plane(), plane()];
  for (const values of buffers) values.fill(0);
  return buffers;
}

/** `random` drives the sensor's noise alone. */
export function renderScene(scene: LesionScene, size: number, random: Random): RenderedLesion {
  // Where a pixel is wider than a hair, one sample a pixel would leave it to chance.
  const width = size * (size <= 96 ? 2 : 1);
  const samples: Samples = { width, pitch: scene.fieldOfView / width, planes: clearedPlanes(width * width) };
  drawSkinInto(samples, scene.skin);
  drawLesionInto(samples, scene.lesion);
  drawArtefactsInto(samples, scene.artefacts);
  const image = exposeImage(samples, scene.camera, size, random);
  return { image, mask: outlineMask(scene.lesion.outline, size, scene.fieldOfView) };
}
