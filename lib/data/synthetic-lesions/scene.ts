import type { Random } from '../../random';
import { between } from '../synthetic-blood/noise';
import type { Camera } from '../synthetic-blood/scene';
import { drawArtefacts, type Artefacts } from './artefacts';
import { drawLesion, type Lesion } from './lesion';
import { drawSkin, type Skin } from './skin';

/** Everything that a picture shows, in millimetres and without a pixel size. */
export interface LesionScene {
  /** Width of the picture, millimetres. */
  readonly fieldOfView: number;
  readonly skin: Skin;
  readonly lesion: Lesion;
  readonly artefacts: Artefacts;
  readonly camera: Camera;
}

/** Parts of the picture that lesions cover. */
const [smallestPart, largestPart] = [0.03, 0.5];

export function drawScene(random: Random): LesionScene {
  const fieldOfView = 13 * Math.exp(random.normal(0, 0.15));
  const half = fieldOfView / 2;
  const part = smallestPart * (largestPart / smallestPart) ** random.uniform();
  const radius = Math.sqrt(part / Math.PI) * fieldOfView;
  // Most are centred by whoever takes the picture; one in six is not, and reaches out of it.
  const spread = random.uniform() < 0.16 ? 0.34 : 0.07;
  const offset = (): number => Math.max(-0.85, Math.min(0.85, random.normal(0, 2 * spread))) * half;
  return {
    fieldOfView,
    skin: drawSkin(random),
    lesion: drawLesion(random, { x: offset(), y: offset(), radius }),
    artefacts: drawArtefacts(random, fieldOfView),
    camera: drawCamera(random),
  };
}

function drawCamera(random: Random): Camera {
  const exposure = Math.exp(random.normal(0, 0.09));
  const tint = (deviation: number): number => exposure * Math.exp(random.normal(0, deviation));
  return {
    light: [248 * tint(0.03), 248 * tint(0.03), 246 * tint(0.06)],
    gradient: [random.normal(0, 0.07), random.normal(0, 0.07)],
    vignette: random.uniform() < 0.5 ? between(random, 0, 0.1) : between(random, 0.1, 0.55),
    blur: between(random, 0.02, 0.09),
    noise: between(random, 0.8, 3),
    mottling: between(random, 0.5, 2),
    phase: 64 * random.uniform(),
  };
}
