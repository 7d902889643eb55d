/**
 * Turns a `BloodScene` into pixels. Light that crosses a smear is absorbed as Beer and Lambert say, so layers add up as optical density;
 * what is left then passes the lens and the camera (`camera.ts`). Geometry is in micrometres, so that a scene looks the same at every size.
 */
import type { Random } from '../../random';
import { drawBody } from './body';
import { exposeImage } from './camera';
import { absorb, coverage, samplesAround, stamp, type Grid } from './grid';
import { valueNoise } from './noise';
import type { BloodScene, RedCell, Speck } from './scene';
import type { Absorbance } from './stain';

/** Bound once, as in `body.ts`. */
const [noise, cover, add] = [valueNoise, coverage, absorb];

let grids: Grid | undefined;

/** Buffers are kept from image to image: a dataset is thousands of images of one size. */
function clearedGrid(width: number, pitch: number): Grid {
  const plane = () => new Float32Array(width * width);
  const reused = grids?.width === width ? grids : undefined;
  grids = {
    width,
    pitch,
    planes: reused?.planes ?? [plane(), plane(), plane()],
    free: reused?.free ?? plane(),
    granules: reused?.granules ?? plane(),
  };
  for (const values of grids.planes) values.fill(0);
  grids.free.fill(1);
  return grids;
}

/** Pixels of a scene: size × size × 3 bytes (red, green, blue), rows first. `random` drives the sensor's noise alone. */
export function renderScene(scene: BloodScene, size: number, random: Random): Uint8Array {
  // Where a pixel is wider than an edge is soft, one sample a pixel would leave thin rims to chance.
  const factor = size <= 64 ? 2 : 1;
  const grid = clearedGrid(size * factor, scene.fieldOfView / (size * factor));
  for (const body of scene.bodies) drawBody(grid, body);
  for (const cell of scene.redCells) drawRedCell(grid, cell, scene.haemoglobin);
  for (const speck of scene.specks) drawSpeck(grid, speck);
  return exposeImage(grid, scene.camera, size, random);
}

function drawSpeck(grid: Grid, { x, y, radius, absorbance }: Speck): void {
  stamp(grid, x, y, radius, (at, covered) => {
    add(grid, at, absorbance, covered);
  });
}

/** Thickness of a red cell at a part of its radius, squared, over its greatest (Evans and Fung, Microvasc Res 4, 1972). */
function redCellThickness(squared: number): number {
  return squared < 1 ? (Math.sqrt(1 - squared) * (0.81 + 7.83 * squared - 4.39 * squared * squared)) / 2.6 : 0;
}

function drawRedCell(grid: Grid, cell: RedCell, haemoglobin: Absorbance): void {
  const { pitch, width, free } = grid;
  const { radius, pallor, phase } = cell;
  const [cos, sin] = [Math.cos(cell.angle), Math.sin(cell.angle)];
  const longer = Math.sqrt(cell.stretch);
  const roughness = 0.35;
  const edge = Math.max(0.4, 1.2 * pitch);
  const reach = radius + roughness + edge / 2;
  const [left, right, top, bottom] = samplesAround(grid, cell.x, cell.y, reach * longer);
  for (let row = top; row <= bottom; row++) {
    const py = (row + 0.5 - width / 2) * pitch - cell.y;
    for (let column = left; column <= right; column++) {
      const at = row * width + column;
      if (free[at] === 0) continue;
      const px = (column + 0.5 - width / 2) * pitch - cell.x;
      const x = (px * cos + py * sin) / longer;
      const y = (py * cos - px * sin) * longer;
      const plain = Math.sqrt(x * x + y * y);
      if (plain > reach) continue;
      const away = plain + roughness * noise(x / 3.5 + phase, y / 3.5);
      const covered = cover(away - radius, edge);
      const part = away < 0.95 * radius ? away / radius : 0.95;
      const thickness = 1 - pallor * (1 - redCellThickness(part * part));
      add(grid, at, haemoglobin, free[at] * covered * cell.density * thickness);
    }
  }
}
