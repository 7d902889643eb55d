import { absorb, coverage, samplesAround, stamp, type Grid } from './grid';
import { valueNoise } from './noise';
import type { NucleusShape } from './nucleus';
import type { Body } from './scene';
import type { Absorbance } from './stain';

/** Bound once: some loaders turn an import into a getter, which the inner loops would feel. */
const [noise, cover, add] = [valueNoise, coverage, absorb];

/** Width of the bright fringe that refraction leaves around a cell, micrometres, and its density. */
const fringe = 0.8;
const fringeDensity: Absorbance = [-0.02, -0.04, -0.08];

export function drawBody(grid: Grid, body: Body): void {
  const { pitch, width, free } = grid;
  const { radius, stretch, roughness, bumpSize, phase } = body;
  const [cos, sin] = [Math.cos(body.angle), Math.sin(body.angle)];
  const lengthwise = 1 / (radius * Math.sqrt(stretch));
  const crosswise = Math.sqrt(stretch) / radius;
  const edge = Math.max(body.softness, 1.2 * pitch);
  const outermost = roughness + Math.max(fringe, edge / 2);
  const reach = (radius + outermost) * Math.sqrt(stretch);
  const [left, right, top, bottom] = samplesAround(grid, body.x, body.y, reach);
  const smooth = -(roughness + Math.max(1, edge / 2));
  drawGranules(grid, body, cos, sin);

  for (let row = top; row <= bottom; row++) {
    const py = (row + 0.5 - width / 2) * pitch - body.y;
    for (let column = left; column <= right; column++) {
      const px = (column + 0.5 - width / 2) * pitch - body.x;
      const x = px * cos + py * sin;
      const y = py * cos - px * sin;
      const u = x * lengthwise;
      const v = y * crosswise;
      let distance = (Math.sqrt(u * u + v * v) - 1) * radius;
      if (distance > outermost) continue;
      if (distance > smooth) distance += roughness * noise(x / bumpSize + phase, y / bumpSize);
      const at = row * width + column;
      const covered = cover(distance, edge);
      const clear = distance / 0.4;
      if (clear < 1) free[at] *= clear > 0 ? clear : 0;
      if (distance > 0 && distance < fringe) add(grid, at, fringeDensity, (1 - distance / fringe) * (1 - covered));
      if (covered > 0) drawInside(grid, body, at, x, y, covered, distance);
    }
  }
}

/** One sample of a cell that is `covered` by it: cytoplasm, pale spots, nucleus, granules. */
function drawInside(grid: Grid, body: Body, at: number, x: number, y: number, covered: number, distance: number): void {
  const { nucleus, granules, paleSpots, phase } = body;
  let nuclear = 0;
  if (nucleus !== undefined) {
    let depth = nucleusDistance(nucleus.shape, x, y);
    if (depth > -0.6 && depth < 0.6) depth += 0.16 * noise(x * 0.7 + phase, y * 0.7 + phase);
    nuclear = covered * cover(depth, Math.max(0.3, 1.2 * grid.pitch));
    if (nuclear > 0) {
      const clump = 1 / nucleus.clumpSize;
      const coarse = noise((x + 0.6 * y) * clump, (y - 0.6 * x) * clump + phase);
      const fine = noise((x - 0.4 * y) * 2.1 * clump + phase, (y + 0.4 * x) * 2.1 * clump);
      const thickness = depth < -1.5 ? 1 : 0.86 - 0.093 * Math.min(0, depth);
      add(grid, at, nucleus.absorbance, nuclear * thickness * (1 + nucleus.clumping * (0.65 * coarse + 0.5 * fine)));
    }
  }
  let cytoplasm = covered * (1 - 0.75 * nuclear);
  if (nuclear < 1) {
    const depth = 1 + distance / 0.8;
    cytoplasm *= 1 + body.mottling * noise(x / body.grain, y / body.grain + phase) + (depth > 0 ? body.rim * depth : 0);
    for (const spot of paleSpots) {
      const dx = x - spot.x;
      const dy = y - spot.y;
      const away = Math.sqrt(dx * dx + dy * dy) - spot.radius;
      cytoplasm *= 1 - spot.strength * cover(away, Math.max(spot.softness, 1.2 * grid.pitch));
    }
  }
  add(grid, at, body.cytoplasm, cytoplasm);
  if (granules !== undefined) {
    add(grid, at, granules.absorbance, grid.granules[at] * covered * (1 - (1 - granules.overNucleus) * nuclear));
  }
}

/** Signed distance (micrometres, negative inside) to a nucleus. */
function nucleusDistance({ capsules, fillet, notch }: NucleusShape, x: number, y: number): number {
  let distance = 1e3;
  for (let first = 0; first < capsules.length; first += 6) {
    const ax = x - capsules[first];
    const ay = y - capsules[first + 1];
    const bx = capsules[first + 3] - capsules[first];
    const by = capsules[first + 4] - capsules[first + 1];
    const part = (ax * bx + ay * by) / (bx * bx + by * by + 1e-9);
    const along = part < 0 ? 0 : part > 1 ? 1 : part;
    const dx = ax - along * bx;
    const dy = ay - along * by;
    const next =
      Math.sqrt(dx * dx + dy * dy) - capsules[first + 2] - along * (capsules[first + 5] - capsules[first + 2]);
    const near = fillet - Math.abs(distance - next);
    distance = (distance < next ? distance : next) - (near > 0 ? (near * near) / (4 * fillet) : 0);
  }
  if (notch === undefined) return distance;
  const dx = x - notch.x;
  const dy = y - notch.y;
  const bay = notch.radius - Math.sqrt(dx * dx + dy * dy);
  const near = 0.6 - Math.abs(distance - bay);
  return (distance > bay ? distance : bay) + (near > 0 ? (near * near) / 2.4 : 0);
}

/** Fills `grid.granules` with how much of each sample the body's granules cover. */
function drawGranules(grid: Grid, body: Body, cos: number, sin: number): void {
  if (body.granules === undefined) return;
  const { spots } = body.granules;
  const { granules } = grid;
  granules.fill(0);
  let density = 0;
  const paint = (at: number, covered: number) => {
    granules[at] += (1 - granules[at]) * covered * density;
  };
  for (let spot = 0; spot < spots.length; spot += 4) {
    const x = body.x + spots[spot] * cos - spots[spot + 1] * sin;
    const y = body.y + spots[spot] * sin + spots[spot + 1] * cos;
    density = spots[spot + 3];
    stamp(grid, x, y, spots[spot + 2], paint);
  }
}
