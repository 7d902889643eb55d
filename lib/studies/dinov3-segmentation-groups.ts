/** Runs of the fourth study that differ in nothing but their seed, put together, and pairs of them compared on the same test images. */
import { UserError } from '../errors';
import { intervalOverDraws } from '../metrics/crossed-bootstrap';
import { mean, type Interval, type ResamplingOptions } from '../metrics/intervals';
import { comparePaired, type PairedComparison } from '../metrics/paired-comparison';
import { metricOfImages, type SegmentationMetric, type SegmentationScores } from '../metrics/segmentation';
import {
  encodersOfStudy,
  networkTitles,
  publishedNetworks,
  type PublishedNetwork,
} from './dinov3-segmentation-published';
import type { Dinov3Arm, Dinov3Configuration, Dinov3Result, Dinov3Run } from './dinov3-segmentation-results';
import { shortHash } from './results';

export type IntervalOptions = Pick<ResamplingOptions, 'seed' | 'resamples'>;

/** What tables and figures need of a run. */
export type ShownRun = Pick<Dinov3Run, 'id' | 'configuration' | 'result'>;

/** All seeds of one network in one arm at one fraction of the training images. */
export interface RunGroup {
  readonly arm: Dinov3Arm;
  /** For tables and figures: the same for all fractions, and no other network's. */
  readonly network: string;
  /** Which of the study's networks it is, whatever its weights. */
  readonly networkOfStudy: PublishedNetwork | undefined;
  readonly fraction: number;
  readonly trainImages: number;
  /** By seed, ascending. */
  readonly runs: readonly ShownRun[];
}

/** Which of the study's networks a configuration has; its weights may be others. */
export function networkOfStudy({ model, encoder }: Dinov3Configuration): PublishedNetwork | undefined {
  if (model === 'unet') return 'unet';
  return publishedNetworks.find((network) => encodersOfStudy[network] === encoder);
}

/** For tables and figures. */
export function networkTitle(configuration: Dinov3Configuration): string {
  const { model, encoder, weights } = configuration;
  if (model === 'unet') return networkTitles.unet;
  const known = networkOfStudy(configuration);
  const title = known === undefined ? encoder : networkTitles[known];
  return weights === 'random' && known !== undefined ? `${title}, random weights` : title;
}

/** For people. */
export function armTitle(arm: Dinov3Arm): string {
  return arm.replace('-', ' ');
}

/** Such as 25 %. */
export function fractionTitle(fraction: number): string {
  return `${Number((100 * fraction).toFixed(1))} %`;
}

/**
 * Runs by arm, network with its settings, and fraction: arms and networks in the order in which they come, fractions ascending. A run that
 * is given twice counts once.
 * @throws UserError where runs do not have the same test images
 */
export function groupRuns(given: readonly ShownRun[]): RunGroup[] {
  const runs = [...new Map(given.map((run) => [run.id, run])).values()];
  checkTestImages(runs);
  const titles = titlesOf(runs);
  const groups = new Map<string, ShownRun[]>();
  for (const run of runs) {
    const key = `${seriesKey(run)} ${run.configuration.fraction}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const order = [...new Set(runs.map(seriesKey))];
  return [...groups.values()]
    .map((group): RunGroup => {
      const [{ configuration, result }] = group;
      return {
        arm: configuration.arm,
        network: titles.get(seriesKey(group[0])) ?? '',
        networkOfStudy: networkOfStudy(configuration),
        fraction: configuration.fraction,
        trainImages: result.trainImages,
        runs: [...group].sort((a, b) => a.configuration.seed - b.configuration.seed),
      };
    })
    .sort((a, b) => {
      const place = ({ runs: [run] }: RunGroup): number => order.indexOf(seriesKey(run));
      return place(a) - place(b) || a.fraction - b.fraction;
    });
}

/** Everything that a run is determined by but its fraction and its seed. */
function seriesKey({ configuration }: ShownRun): string {
  return shortHash({ ...configuration, fraction: 0, seed: 0 });
}

/** Titles of series; where a network was trained with several settings in the same arm, with those in which it differs. */
function titlesOf(runs: readonly ShownRun[]): Map<string, string> {
  const series = new Map(runs.map((run) => [seriesKey(run), run.configuration]));
  return new Map(
    [...series].map(([key, configuration]) => {
      const title = networkTitle(configuration);
      const others = [...series.values()].filter((one) => one.arm === configuration.arm && networkTitle(one) === title);
      const settings = Object.entries(configuration.settings);
      const different = settings.filter(([name, value]) => others.some((one) => one.settings[name as keyof typeof one.settings] !== value)); // prettier-ignore
      return [key, [title, ...different.map(([name, value]) => `${name} ${value}`)].join(', ')];
    }),
  );
}

/** Scores are compared image by image, and consensus is of one image. */
function checkTestImages(runs: readonly ShownRun[]): void {
  const idsOf = ({ result }: ShownRun): string => result.testIds.join('\n');
  const other = runs.find((run) => idsOf(run) !== idsOf(runs[0]));
  if (other === undefined) return;
  throw new UserError(
    `Runs ${runs[0].id} and ${other.id} were tested on different images (${runs[0].result.testIds.length} and ${other.result.testIds.length}): show runs on the same data together.`,
  );
}

/** Which masks are scored: as predicted, after `cleanMask`, or of the mean over four flips. */
export type ScoredMasks = 'scores' | 'cleanedScores' | 'flippedScores';

/** A metric of each test image, by seed. */
export function metricBySeed(
  { runs }: Pick<RunGroup, 'runs'>,
  metric: SegmentationMetric,
  of: ScoredMasks = 'scores',
): Float64Array[] {
  return runs.map(({ id, result }) => {
    const scores: readonly SegmentationScores[] | undefined = result[of];
    if (scores === undefined) throw new UserError(`Run ${id} has no scores of flipped test images: set flipTta to true.`); // prettier-ignore
    return metricOfImages(scores, metric);
  });
}

/** A metric of each test image, the mean over seeds. */
export function metricOfGroup(group: Pick<RunGroup, 'runs'>, metric: SegmentationMetric): Float64Array {
  return meanOverSeeds(metricBySeed(group, metric));
}

export function meanOverSeeds(values: readonly Float64Array[]): Float64Array {
  return values[0].map((_, image) => mean(values.map((one) => one[image])));
}

/** Mean of a metric over test images and seeds with its 95 % bootstrap interval over both, or over images where there is one seed. */
export function estimateOf(
  group: Pick<RunGroup, 'runs'>,
  metric: SegmentationMetric,
  options: IntervalOptions,
): Interval & { readonly mean: number } {
  return intervalOverDraws({ values: metricBySeed(group, metric), ...options });
}

/** A fact of the results, the mean over seeds. */
export function meanOf({ runs }: Pick<RunGroup, 'runs'>, fact: (result: Dinov3Result) => number): number {
  return mean(runs.map(({ result }) => fact(result)));
}

/**
 * Two groups on the same test images, by the seeds that both have: wins, ties and the Wilcoxon test are of means over these seeds, the
 * interval is over images and seeds. Undefined where they have no seed in common.
 */
export function compareGroups(
  first: RunGroup,
  second: RunGroup,
  metric: SegmentationMetric,
  options: IntervalOptions,
): PairedComparison | undefined {
  const seedsOf = ({ runs }: RunGroup): number[] => runs.map(({ configuration }) => configuration.seed);
  const shared = seedsOf(first).filter((seed) => seedsOf(second).includes(seed));
  if (shared.length === 0) return undefined;
  const [a, b] = [first, second].map((group) => {
    const runs = group.runs.filter(({ configuration }) => shared.includes(configuration.seed));
    return metricBySeed({ runs }, metric);
  });
  return compareSeedTables(a, b, { ...options, higherIsBetter: metric !== 'hd95' });
}

/** Two tables of seeds × images; see `compareGroups`. */
export function compareSeedTables(
  first: readonly Float64Array[],
  second: readonly Float64Array[],
  options: IntervalOptions & { readonly higherIsBetter?: boolean },
): PairedComparison {
  const paired = comparePaired(meanOverSeeds(first), meanOverSeeds(second), options);
  const values = first.map((row, seed) => row.map((value, image) => value - second[seed][image]));
  const { low, high } = intervalOverDraws({ values, ...options });
  return { ...paired, interval: { low, high } };
}
