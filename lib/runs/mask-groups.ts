/** Tested segmentation networks that differ in nothing but their seed, put together. */
import { UserError } from '../errors';
import { armTitle, type Arm } from './arms';
import { differingSettings } from './differing-settings';
import type { MaskEvaluation, MaskReport } from './evaluate-masks';
import type { GridRun } from './grid';
import type { RowSettings, SegmentationRow } from './results';
import type { Run } from './train';

/** One training of a study's grid. */
export interface MaskPoint {
  readonly arm: Arm;
  /** Of the training images, above 0 and at most 1. */
  readonly fraction: number;
  readonly seed: number;
}

/** What tables and figures need of a training, be it just done or read from its folder. */
export interface MaskRun<P extends MaskPoint = MaskPoint> {
  readonly point: P;
  readonly directory: string;
  readonly row: SegmentationRow;
  readonly run: Pick<Run, 'id' | 'history' | 'bestEpoch'>;
  readonly test: Pick<MaskEvaluation, 'ids' | 'scores'> & { readonly report: MaskReport };
}

/** @throws Error where a point was tested without a report */
export function reportedRuns<P extends MaskPoint>(runs: readonly GridRun<P>[]): MaskRun<P>[] {
  return runs.map(({ point, directory, row, run, test }) => {
    const { ids, scores, report } = test;
    if (report === undefined)
      throw new Error('A run of this study is tested with a report: give `test: { report: {} }`.');
    const { id, history, bestEpoch } = run;
    return { point, directory, row, run: { id, history, bestEpoch }, test: { ids, scores, report } };
  });
}

/** All seeds of one network in one arm at one fraction of the training images. */
export interface MaskGroup<P extends MaskPoint = MaskPoint> {
  readonly arm: Arm;
  /** For tables and figures: the same for all fractions, and no other network's. */
  readonly network: string;
  readonly fraction: number;
  readonly trainImages: number;
  /** By seed, ascending. */
  readonly runs: readonly MaskRun<P>[];
}

/** Such as 25 %. */
export function fractionTitle(fraction: number): string {
  return `${Number((100 * fraction).toFixed(1))} %`;
}

/** Of what there is, ascending. */
export function fractionsOf(groups: readonly Pick<MaskGroup, 'fraction'>[]): number[] {
  return [...new Set(groups.map(({ fraction }) => fraction))].sort((a, b) => a - b);
}

/** A series' name, with its arm where there are several. */
export function seriesNames(groups: readonly MaskGroup[]): (group: MaskGroup) => string {
  const several = new Set(groups.map(({ arm }) => arm)).size > 1;
  return ({ network, arm }) => (several ? `${network}, ${armTitle(arm)}` : network);
}

/** Of what there is, for titles. */
export function armsTitle(groups: readonly Pick<MaskGroup, 'arm'>[]): string {
  return [...new Set(groups.map(({ arm }) => armTitle(arm)))].join(' and ');
}

/** Two groups that differ in nothing but their fraction. */
export function isSameSeries(first: MaskGroup, second: MaskGroup): boolean {
  return first.arm === second.arm && first.network === second.network;
}

/**
 * Runs by arm, network with its settings, and fraction: arms and networks in the order in which they come, fractions ascending. A run that
 * is given twice counts once.
 * @throws UserError where runs do not have the same test images at the same size
 */
export function groupRuns<P extends MaskPoint>(
  given: readonly MaskRun<P>[],
  networkTitle: (run: MaskRun<P>) => string,
): MaskGroup<P>[] {
  const runs = [...new Map(given.map((run) => [run.run.id, run])).values()];
  checkTestImages(runs);
  const series = runs.map((run) => seriesOf(run, networkTitle(run)));
  const titles = titlesOf(series);
  const order = [...titles.keys()];
  const groups = new Map<string, { key: string; runs: MaskRun<P>[] }>();
  runs.forEach((run, index) => {
    const { key } = series[index];
    const place = `${key} ${run.point.fraction}`;
    groups.set(place, { key, runs: [...(groups.get(place)?.runs ?? []), run] });
  });
  return [...groups.values()]
    .sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key) || a.runs[0].point.fraction - b.runs[0].point.fraction)
    .map(({ key, runs: group }) => {
      const [{ point, row }] = group;
      return {
        arm: point.arm,
        network: titles.get(key) ?? '',
        fraction: point.fraction,
        trainImages: row.trainImages,
        runs: [...group].sort((a, b) => a.point.seed - b.point.seed),
      };
    });
}

/** Everything that a run is determined by but its fraction and its seed, and the settings among it. */
interface Series {
  readonly key: string;
  readonly arm: Arm;
  readonly network: string;
  readonly settings: RowSettings;
}

function seriesOf({ point: { arm }, row }: MaskRun, network: string): Series {
  const { dataSha256, weights, weightsSha256 } = row;
  // An arm may shorten the training on all images: then the epochs are those that were planned.
  const { plannedEpochs, ...given } = row.settings;
  const own = Object.entries(given).filter(([name]) => name !== 'seed');
  const settings = { ...Object.fromEntries(own), epochs: plannedEpochs ?? given.epochs };
  const key = JSON.stringify([arm, network, weights, weightsSha256, dataSha256, Object.entries(settings).sort()]);
  return { key, arm, network, settings };
}

/** A title for each series; where a network was trained with several settings in the same arm, with those in which it differs. */
function titlesOf(all: readonly Series[]): Map<string, string> {
  const different = differingSettings(all, ({ arm, network }) => `${arm} ${network}`);
  return new Map(all.map(({ key, network }, at) => [key, [network, ...different[at]].join(', ')]));
}

/** Scores are compared image by image, and consensus is of one image. */
function checkTestImages(runs: readonly MaskRun[]): void {
  const testOf = ({ test, row }: MaskRun): string => [row.settings.imageSize, ...test.ids].join('\n');
  const other = runs.find((run) => testOf(run) !== testOf(runs[0]));
  if (other === undefined) return;
  throw new UserError(
    `Runs ${runs[0].run.id} and ${other.run.id} were tested on different images (${runs[0].test.ids.length} and ${other.test.ids.length}) or at different sizes: show runs on the same data together.`,
  );
}
