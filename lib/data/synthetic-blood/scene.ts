import type { Random } from '../../random';
import type { Cell } from './cell';
import { basophil, eosinophil, immatureGranulocyte, neutrophil } from './granulocytes';
import { between } from './noise';
import type { Disc } from './nucleus';
import { erythroblast, lymphocyte, monocyte, platelet } from './other-cells';
import { drawStain, type Absorbance } from './stain';

/** Where something lies: micrometres from the image's centre, turned by `angle` (radians). `phase` is where its texture starts. */
interface Placed {
  readonly x: number;
  readonly y: number;
  readonly angle: number;
  readonly phase: number;
}

export type Body = Cell & Placed;

/** A red blood cell, seen through: a disc that is thinner in the middle. */
export interface RedCell extends Placed {
  readonly radius: number;
  readonly stretch: number;
  /** Amount of haemoglobin, 1 on average, and how pale the middle is (1 as in a living cell, more where it dried to a ring). */
  readonly density: number;
  readonly pallor: number;
}

/** Stain that fell out on the slide: a dark dot. */
export interface Speck {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly absorbance: Absorbance;
}

export interface Camera {
  /** Lamp light that arrives where nothing absorbs: red, green, blue in 0–255. It may exceed 255, as an over-exposed background does. */
  readonly light: Absorbance;
  /** Change of light from the centre to the right and to the lower border, and loss at the border, as parts of 1. */
  readonly gradient: readonly [number, number];
  readonly vignette: number;
  /** Standard deviation of the lens's blur, micrometres. */
  readonly blur: number;
  /** Standard deviations of the sensor's noise and of the colour mottling that compression leaves, grey levels. */
  readonly noise: number;
  readonly mottling: number;
  readonly phase: number;
}

/** Everything a photograph shows, in micrometres and without a pixel size. */
export interface BloodScene {
  /** Width of the image, micrometres. */
  readonly fieldOfView: number;
  readonly bodies: readonly Body[];
  readonly redCells: readonly RedCell[];
  readonly specks: readonly Speck[];
  readonly haemoglobin: Absorbance;
  readonly camera: Camera;
}

/** What draws each class, in BloodMNIST's order. */
const cellKinds = [
  basophil,
  eosinophil,
  erythroblast,
  immatureGranulocyte,
  lymphocyte,
  monocyte,
  neutrophil,
  platelet,
] as const;

/** A photograph of one cell of the given class, roughly centred, as the analyser crops it. All that is random about it is drawn here. */
export function drawScene(classIndex: number, random: Random): BloodScene {
  const stain = drawStain(random);
  const fieldOfView = 20 * Math.exp(random.normal(0, 0.08));
  const half = fieldOfView / 2;
  const place = (x: number, y: number): Placed => ({
    x,
    y,
    angle: 2 * Math.PI * random.uniform(),
    phase: 64 * random.uniform(),
  });
  const cell = cellKinds[classIndex](random, stain);
  // Off centre, but a large cell stays in the picture, as the analyser sees to.
  const margin = Math.max(0.6, half - 0.95 * cell.radius * Math.sqrt(cell.stretch));
  const offset = () => Math.min(margin, Math.max(-margin, random.normal(0, 1.4)));
  const subject = { ...cell, ...place(offset(), offset()) };
  const bodies: Body[] = [subject];

  /** Adds a cell at `distance` from the centre if it does not cover the subject. */
  function addNeighbour(neighbour: Cell, distance: number, gap: number): void {
    const angle = 2 * Math.PI * random.uniform();
    const spot = place(distance * Math.cos(angle), distance * Math.sin(angle));
    if (Math.hypot(spot.x - subject.x, spot.y - subject.y) > subject.radius + neighbour.radius + gap) {
      bodies.push({ ...neighbour, ...spot });
    }
  }
  for (let count = random.uniform() < 0.3 ? 1 + random.integer(2) : 0; count > 0; count--) {
    addNeighbour(platelet(random, stain), between(random, 0.5, 1.3) * half, 0.6);
  }
  if (random.uniform() < 0.08) {
    const neighbour = cellKinds[random.integer(7)](random, stain);
    addNeighbour(neighbour, half + between(random, 0.1, 0.8) * neighbour.radius, 0.3);
  }

  return {
    fieldOfView,
    bodies,
    redCells: drawRedCells(random, half, bodies, place),
    specks: Array.from({ length: random.uniform() < 0.25 ? 1 + random.integer(4) : 0 }, () => ({
      x: between(random, -half, half),
      y: between(random, -half, half),
      radius: between(random, 0.15, 0.4),
      absorbance: stain.azurophilGranule,
    })),
    haemoglobin: stain.haemoglobin,
    camera: drawCamera(random),
  };
}

/** Red cells thrown at random, kept where they touch neither a leukocyte nor, but slightly, each other; many cross the border. */
function drawRedCells(
  random: Random,
  half: number,
  bodies: readonly Body[],
  place: (x: number, y: number) => Placed,
): RedCell[] {
  const cells: RedCell[] = [];
  const wanted = between(random, 2, 13);
  const crowding = between(random, 0.75, 1.05);
  const pallor = random.uniform() < 0.25 ? between(random, 0, 0.3) : between(random, 0.55, 1.2);
  const size = between(random, 3.3, 3.9);
  const extent = half + 0.8 * size;
  for (let attempt = 0; attempt < 60 && cells.length < wanted; attempt++) {
    const x = between(random, -extent, extent);
    const y = between(random, -extent, extent);
    const radius = size * between(random, 0.88, 1.12);
    if (overlapsAny(bodies, x, y, radius, 0.9) || overlapsAny(cells, x, y, radius, crowding)) continue;
    cells.push({
      ...place(x, y),
      radius,
      stretch: 1 + Math.abs(random.normal(0, 0.1)),
      density: Math.exp(random.normal(0, 0.15)),
      pallor: Math.min(1.3, Math.max(0, pallor + random.normal(0, 0.1))),
    });
  }
  return cells;
}

/** Whether a disc comes closer to one of `others` than `factor` times the sum of the radii. */
function overlapsAny(others: readonly Disc[], x: number, y: number, radius: number, factor: number): boolean {
  for (const other of others) {
    const apart = factor * (other.radius + radius);
    if ((other.x - x) ** 2 + (other.y - y) ** 2 < apart * apart) return true;
  }
  return false;
}

function drawCamera(random: Random): Camera {
  const exposure = 1.01 - Math.abs(random.normal(0, 0.05));
  const tint = () => exposure * Math.exp(random.normal(0, 0.01));
  return {
    light: [254 * tint(), 228 * tint(), 206 * tint()],
    gradient: [random.normal(0, 0.025), random.normal(0, 0.025)],
    vignette: between(random, 0, 0.05),
    blur: 0.1 + Math.abs(random.normal(0, 0.12)),
    noise: between(random, 0.8, 2.2),
    mottling: between(random, 1, 4),
    phase: 64 * random.uniform(),
  };
}
