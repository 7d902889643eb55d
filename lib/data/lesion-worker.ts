/** A thread that draws synthetic lesions. */
import { encodeRuns } from './mask-runs';
import { renderLesion, type LesionRequest } from './synthetic-lesions';
import type { RenderedLesion } from './synthetic-lesions/render';
import { serveTasks } from './thread-tasks';

export interface DrawnLesion extends RenderedLesion {
  readonly runs: Uint32Array;
}

function draw(request: LesionRequest): DrawnLesion {
  const { image, mask } = renderLesion(request);
  return { image, mask, runs: encodeRuns(mask) };
}

serveTasks(draw, ({ image, mask }) => [image, mask]);
