/**
 * What the second study claims, measured on a grid's corrected runs; and the curves and differences that the claims are
 * about.
 */
import { differenceChart } from '../../display/difference-chart';
import type { FigureDisplay } from '../../display/figure';
import { formatInteger, formatInterval } from '../../display/format';
import { trainingCurves } from '../../display/training-curves';
import { mean } from '../../metrics/intervals';
import { slopeEstimate, type TrendPoint } from '../../metrics/trend';
import {
  claimRows as rowsOfClaims,
  differenceFinding,
  estimateOf,
  judge,
  notTested,
  signed,
  type Claim,
  type Finding,
} from '../../workbench/claims';
import { splitCounts, type DatasetReference, type SplitCounts } from '../../data/dataset-references';
import { datasetsOfThirdFigure } from './figures';
import { compareMethods, methodTitle, runsOfCell, seedScores, type GridMethod, type GridSnapshot } from './results';
import {
  comparisonsOf,
  gridInputSize,
  gridNetworks,
  networkPairs,
  optimizerTitles,
  type GridInitialization,
  type GridOptimizerName,
  type NetworkPair,
} from './study';
import { comparisonSummaryRows } from '../../workbench/method-comparisons';
import { datasetNames, datasetTitle } from '../../data/registry';

export interface GridEvidence {
  readonly snapshot: GridSnapshot;
  /** Images of datasets that are files. */
  readonly counts: ReadonlyMap<string, SplitCounts>;
}

const optimizerNames = Object.keys(optimizerTitles) as GridOptimizerName[];

const starts: Readonly<Record<GridInitialization, string>> = { pretrained: 'pretrained', scratch: 'from scratch' };

/** Of a study's network pair those that the grid has both of. */
function pairOf({ methods }: GridSnapshot): NetworkPair | undefined {
  const has = (name: string): boolean => methods.some(({ network }) => network === name);
  return Object.values(networkPairs).find(({ resnet, swin }) => has(resnet) && has(swin));
}

/** The corrected ways of training with all of the images, or with a share of them. */
function methodsIn({ methods }: GridSnapshot, wanted: Partial<GridMethod>, fraction?: number): GridMethod[] {
  const keys = Object.keys(wanted) as (keyof GridMethod)[];
  return methods.filter(
    (method) =>
      method.arm === 'corrected' && method.fraction === fraction && keys.every((key) => method[key] === wanted[key]),
  );
}

type ValueAt = (dataset: DatasetReference, seed: number) => number | undefined;

/** Seeds × datasets: those seeds that all datasets have of which there is anything. */
function tableOf({ datasets, seeds }: GridSnapshot, valueAt: ValueAt) {
  const all = seeds.map((seed) => datasets.map((dataset) => valueAt(dataset, seed)));
  const used = datasets.filter((_, at) => all.some((row) => row[at] !== undefined));
  const rows = all.map((row) => row.filter((_, at) => used.includes(datasets[at])));
  const values = rows.filter((row): row is number[] => row.every((value) => value !== undefined));
  return used.length === 0 || values.length === 0 ? undefined : { values, datasets: used };
}

/** Over what both sides have, the mean of first − second; undefined where they have nothing in common. */
function meanDifference(pairs: readonly (readonly [number | undefined, number | undefined])[]): number | undefined {
  const differences = pairs.flatMap(([a, b]) => (a === undefined || b === undefined ? [] : [a - b]));
  return differences.length === 0 ? undefined : mean(differences);
}

/** A difference between two ways of training: the mean over all settings that `change` leaves open. */
function contrast(
  { snapshot }: GridEvidence,
  shared: Partial<GridMethod>,
  [first, second]: readonly [Partial<GridMethod>, Partial<GridMethod>],
  measure: (method: GridMethod) => ValueAt = (method) => (dataset, seed) =>
    seedScores(snapshot, method, dataset).get(seed),
  fraction?: number,
): ValueAt {
  const sides = methodsIn(snapshot, { ...shared, ...first }, fraction).map((method) => {
    return [measure(method), measure({ ...method, ...second })] as const;
  });
  return (dataset, seed) => meanDifference(sides.map(([a, b]) => [a(dataset, seed), b(dataset, seed)]));
}

/** A number over seeds and datasets whose side of 0 is claimed. @param more what else is known of it */
function findingOf(
  compared: string,
  table: ReturnType<typeof tableOf>,
  {
    claimed,
    more,
    digits = 3,
  }: { readonly claimed: 'above' | 'below'; readonly more?: string; readonly digits?: number },
): Finding {
  if (table === undefined) return notTested('the grid has no finished runs of both sides');
  const finding = differenceFinding(compared, estimateOf(table.values), { claimed, digits, of: 'datasets' });
  const why = more === undefined ? finding.why : `${finding.why}; ${more}`;
  return { ...finding, estimate: digits === 3 ? finding.estimate : undefined, why };
}

/** Swin − ResNet from one start, with one optimizer. */
function networkClaim(
  claim: string,
  initialization: GridInitialization,
  claimed: 'above' | 'below',
  optimizer: GridOptimizerName,
): Claim<GridEvidence> {
  return {
    claim: `${claim} (${optimizerTitles[optimizer]})`,
    published: 'no number',
    measure(evidence) {
      const { snapshot } = evidence;
      const pair = pairOf(snapshot);
      if (pair === undefined) return notTested('takes a ResNet and a Swin');
      const shared = { initialization, optimizer };
      if (methodsIn(snapshot, shared).length === 0)
        return notTested(`the grid has no runs ${starts[initialization]} with this optimizer`);
      const methods = methodsIn(snapshot, shared);
      const compared = compareMethods({ ...snapshot, methods }, comparisonsOf(pair)[initialization]);
      const [{ datasets, firstBetter, firstBetterSignificantly, secondBetterSignificantly }] =
        comparisonSummaryRows(compared);
      const [first, second] = [{ network: pair.swin }, { network: pair.resnet }];
      return findingOf(
        `${gridNetworks[pair.swin].title} − ${gridNetworks[pair.resnet].title}`,
        tableOf(snapshot, contrast(evidence, shared, [first, second])),
        {
          claimed,
          more: `ahead on ${firstBetter} of ${datasets} datasets, surely (Holm) on ${firstBetterSignificantly}, surely behind on ${secondBetterSignificantly}`,
        },
      );
    },
  };
}

/** Swin − ResNet from scratch on each dataset and share of its images, over seeds and optimizers. */
function bySize(evidence: GridEvidence): (TrendPoint & { readonly images: number })[] {
  const { snapshot, counts } = evidence;
  const pair = pairOf(snapshot);
  if (pair === undefined) return [];
  return [...new Set(snapshot.methods.map(({ fraction }) => fraction))].flatMap((fraction) => {
    const networks = [{ network: pair.swin }, { network: pair.resnet }] as const;
    const difference = contrast(evidence, { initialization: 'scratch' }, networks, undefined, fraction);
    const table = tableOf(snapshot, difference);
    return (table?.datasets ?? []).map((dataset, at) => {
      const images = Math.round((fraction ?? 1) * splitCounts(dataset, counts).train);
      const y = mean((table?.values ?? []).map((row) => row[at]));
      return { group: datasetTitle(dataset.name), images, x: Math.log10(images), y };
    });
  });
}

const fewDataClaim: Claim<GridEvidence> = {
  claim: 'ResNet-50 is ahead above all where data are few, from scratch',
  published: 'no number',
  measure(evidence) {
    const points = bySize(evidence);
    const estimate = slopeEstimate(points);
    if (estimate === undefined)
      return notTested('takes three datasets of different sizes, or several shares of the images of two');
    const { outcome, why } = judge({ estimate, claimed: 'above' });
    const images = points.map((point) => point.images);
    const range = `${formatInteger(Math.min(...images))} to ${formatInteger(Math.max(...images))}`;
    return {
      compared: 'what Swin gains on ResNet with ten times the images',
      value: signed(estimate.mean),
      interval: formatInterval(estimate),
      outcome,
      why: `${why}; slope of the difference over ${range} training images`,
    };
  },
};

/** What AdamW gains on SGD, with whatever else is the same. */
const adamwFirst = [{ optimizer: 'adamw' }, { optimizer: 'sgd' }] as const;
const sgdFirst = [{ optimizer: 'sgd' }, { optimizer: 'adamw' }] as const;

function sensitivityClaim(initialization: GridInitialization): Claim<GridEvidence> {
  return {
    claim: `Swin-B depends on the optimizer more than ResNet-50, ${starts[initialization]}`,
    published: 'no number',
    measure(evidence) {
      const pair = pairOf(evidence.snapshot);
      if (pair === undefined) return notTested('takes a ResNet and a Swin');
      const [swin, resnet] = [pair.swin, pair.resnet].map((network) =>
        contrast(evidence, { initialization, network }, adamwFirst),
      );
      const values = tableOf(evidence.snapshot, (...cell) => meanDifference([[swin(...cell), resnet(...cell)]]));
      return findingOf('(AdamW − SGD) of Swin − (AdamW − SGD) of ResNet', values, { claimed: 'above' });
    },
  };
}

const gainClaim: Claim<GridEvidence> = {
  claim: 'AdamW gains most on ChestMNIST and BreastMNIST',
  published: 'no number',
  measure(evidence) {
    const gains = tableOf(evidence.snapshot, contrast(evidence, {}, adamwFirst));
    const isNamed = gains?.datasets.map(({ name }) => datasetsOfThirdFigure.includes(name)) ?? [];
    if (gains === undefined || isNamed.filter(Boolean).length < 2 || !isNamed.includes(false))
      return notTested('takes these two datasets and others');
    const values = gains.values.map((row) => {
      const meanOf = (named: boolean): number => mean(row.filter((_, at) => isNamed[at] === named));
      return [meanOf(true) - meanOf(false)];
    });
    return findingOf('AdamW − SGD on these two, less that on the others', { ...gains, values }, { claimed: 'above' });
  },
};

/** Validation AUC by epoch of a run. */
function curveOf({ finished }: GridSnapshot, method: GridMethod, dataset: DatasetReference, seed: number): number[] {
  const run = runsOfCell({ finished }, method, dataset).find(({ configuration }) => configuration.seed === seed);
  return run?.result.history.map(({ valAuc }) => valAuc) ?? [];
}

/** SGD − AdamW in a measure of the validation curve. */
function curveClaim(
  claim: string,
  compared: string,
  measure: (curve: readonly number[]) => number | undefined,
  {
    claimed,
    digits,
    lacking,
  }: { readonly claimed: 'above' | 'below'; readonly digits: number; readonly lacking: string },
): Claim<GridEvidence> {
  return {
    claim,
    published: 'no number',
    measure(evidence) {
      const { snapshot } = evidence;
      const of =
        (method: GridMethod): ValueAt =>
        (dataset, seed) =>
          measure(curveOf(snapshot, method, dataset, seed));
      const values = tableOf(snapshot, contrast(evidence, {}, sgdFirst, of));
      return values === undefined ? notTested(lacking) : findingOf(compared, values, { claimed, digits });
    },
  };
}

/** Counted from 1. */
export function epochsTo95(curve: readonly number[]): number | undefined {
  const enough = 0.95 * curve[curve.length - 1];
  return curve.length < 2 ? undefined : curve.findIndex((value) => value >= enough) + 1;
}

/**
 * Root mean square of second differences: 0 of a straight curve, however steep. Undefined for fewer than three epochs.
 */
export function roughness(curve: readonly number[]): number | undefined {
  if (curve.length < 3) return undefined;
  return Math.sqrt(mean(curve.slice(2).map((value, at) => (value - 2 * curve[at + 1] + curve[at]) ** 2)));
}

const claims: readonly Claim<GridEvidence>[] = [
  ...optimizerNames.map((name) =>
    networkClaim('Pretrained, Swin-B beats ResNet-50 on most datasets', 'pretrained', 'above', name),
  ),
  ...optimizerNames.map((name) =>
    networkClaim('From scratch, ResNet-50 matches or beats Swin-B', 'scratch', 'below', name),
  ),
  fewDataClaim,
  sensitivityClaim('pretrained'),
  sensitivityClaim('scratch'),
  gainClaim,
  curveClaim('AdamW is faster', 'epochs to 95 % of the final validation AUC, SGD − AdamW', epochsTo95, {
    ...{ claimed: 'above', digits: 1, lacking: 'takes trainings of two epochs with both optimizers' },
  }),
  curveClaim('SGD is smoother', 'roughness of the validation curve, SGD − AdamW', roughness, {
    ...{ claimed: 'below', digits: 4, lacking: 'takes trainings of three epochs with both optimizers' },
  }),
];

/**
 * The study's claims on a grid. They speak about the study where the grid is of its networks on MedMNIST's data at its
 * size.
 */
export function claimRows(evidence: GridEvidence) {
  return rowsOfClaims(claims, evidence, { comparable: isOfStudy(evidence.snapshot) });
}

export function isOfStudy(snapshot: GridSnapshot): boolean {
  return (
    pairOf(snapshot) === networkPairs.study &&
    snapshot.datasets.every(({ name, size }) => datasetNames().includes(name) && size === gridInputSize)
  );
}

/** Swin − ResNet from scratch, from the fewest training images to the most; undefined without both. */
export function sizeFigure(evidence: GridEvidence): FigureDisplay | undefined {
  const points = bySize(evidence).sort((a, b) => a.images - b.images);
  const pair = pairOf(evidence.snapshot);
  if (pair === undefined || points.length === 0) return undefined;
  const [swin, resnet] = [gridNetworks[pair.swin].title, gridNetworks[pair.resnet].title];
  const title = `${swin} − ${resnet} from scratch, by the number of training images`;
  return differenceChart(
    {
      title,
      rows: points.map(({ group, images }) => `${group}, ${formatInteger(images)} images`),
      series: [{ name: title, differences: points.map(({ y }) => ({ value: y })) }],
      xTitle: 'Difference in test AUC, mean over seeds and optimizers',
      sides: [`${resnet} is better`, `${swin} is better`],
      ordered: true,
    },
    { label: title },
  );
}

/**
 * Validation AUC by epoch, a curve a way of training, the mean over datasets and seeds; a run that has ended counts
 * with its last value.
 */
export function curvesFigure(snapshot: GridSnapshot): FigureDisplay | undefined {
  const { datasets, seeds } = snapshot;
  const curves = methodsIn(snapshot, {}).flatMap((method) => {
    const runs = datasets.flatMap((dataset) => seeds.map((seed) => curveOf(snapshot, method, dataset, seed)));
    const some = runs.filter(({ length }) => length > 0);
    if (some.length === 0) return [];
    const epochs = Math.max(...some.map(({ length }) => length));
    const points = Array.from({ length: epochs }, (_, at) => ({
      epoch: at + 1,
      value: mean(some.map((curve) => curve[Math.min(at, curve.length - 1)])),
    }));
    return [{ name: methodTitle(method), points }];
  });
  if (curves.length === 0) return undefined;
  const title = 'Validation AUC by epoch, mean over datasets and seeds';
  return trainingCurves({ title, yTitle: 'Validation AUC', curves }, { label: title });
}
