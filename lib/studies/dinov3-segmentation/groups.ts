/** Runs of the fourth study that differ in nothing but their seed, put together. */
import { UserError } from '../../errors';
import type { RowSettings } from '../../runs/results';
import { networkOfEncoder, networkTitles, type PublishedNetwork } from './published';
import { ownEncoders } from './parameters';
import { dinov3Encoders, encoderTitle } from './encoders';
import { noEncoder, type Dinov3Arm, type Dinov3Run } from './results';

/** All seeds of one network in one arm at one fraction of the training images. */
export interface RunGroup {
  readonly arm: Dinov3Arm;
  /** For tables and figures: the same for all fractions, and no other network's. */
  readonly network: string;
  /** Which of the study's networks it is or stands for, whatever its weights. */
  readonly networkOfStudy: PublishedNetwork | undefined;
  readonly fraction: number;
  readonly trainImages: number;
  /** By seed, ascending. */
  readonly runs: readonly Dinov3Run[];
}

/** Which of the study's networks has an encoder, or one that it stands for; its weights may be others. */
export function networkOfStudy(encoder: string): PublishedNetwork | undefined {
  return Object.hasOwn(networkOfEncoder, encoder) ? networkOfEncoder[encoder] : undefined;
}

/** For tables and figures. */
export function networkTitle({ point: { encoder }, row: { weights } }: Pick<Dinov3Run, 'point' | 'row'>): string {
  if (encoder === noEncoder) return networkTitles.unet;
  const untrained = weights === 'random' && (encoder === ownEncoders[0] || Object.hasOwn(dinov3Encoders, encoder));
  return `${encoderTitle(encoder)}${untrained ? ', random weights' : ''}`;
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
 * @throws UserError where runs do not have the same test images at the same size
 */
export function groupRuns(given: readonly Dinov3Run[]): RunGroup[] {
  const runs = [...new Map(given.map((run) => [run.run.id, run])).values()];
  checkTestImages(runs);
  const series = runs.map(seriesOf);
  const titles = titlesOf(series);
  const order = [...titles.keys()];
  const groups = new Map<string, { key: string; runs: Dinov3Run[] }>();
  runs.forEach((run, index) => {
    const { key } = series[index];
    const place = `${key} ${run.point.fraction}`;
    groups.set(place, { key, runs: [...(groups.get(place)?.runs ?? []), run] });
  });
  return [...groups.values()]
    .sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key) || a.runs[0].point.fraction - b.runs[0].point.fraction)
    .map(({ key, runs: group }): RunGroup => {
      const [{ point, row }] = group;
      return {
        arm: point.arm,
        network: titles.get(key) ?? '',
        networkOfStudy: networkOfStudy(point.encoder),
        fraction: point.fraction,
        trainImages: row.trainImages,
        runs: [...group].sort((a, b) => a.point.seed - b.point.seed),
      };
    });
}

/** Two groups that differ in nothing but their fraction. */
export function isSameSeries(first: RunGroup, second: RunGroup): boolean {
  return first.arm === second.arm && first.network === second.network;
}

/** Everything that a run is determined by but its fraction and its seed, and the settings among it. */
interface Series {
  readonly key: string;
  readonly arm: Dinov3Arm;
  readonly network: string;
  readonly settings: RowSettings;
}

function seriesOf(run: Dinov3Run): Series {
  const { arm, encoder } = run.point;
  const { dataSha256, weights, weightsSha256 } = run.row;
  // An arm may shorten the training on all images: then the epochs are those that were planned.
  const { plannedEpochs, ...given } = run.row.settings;
  const own = Object.entries(given).filter(([name]) => name !== 'seed');
  const settings = { ...Object.fromEntries(own), epochs: plannedEpochs ?? given.epochs };
  const key = JSON.stringify([arm, encoder, weights, weightsSha256, dataSha256, Object.entries(settings).sort()]);
  return { key, arm, network: networkTitle(run), settings };
}

/** A title for each series; where a network was trained with several settings in the same arm, with those in which it differs. */
function titlesOf(all: readonly Series[]): Map<string, string> {
  return new Map(
    all.map(({ key, arm, network, settings }) => {
      const others = all.filter((one) => one.arm === arm && one.network === network);
      const different = Object.keys(settings).filter((name) =>
        others.some((one) => one.settings[name] !== settings[name]),
      );
      return [key, [network, ...different.map((name) => `${name} ${settings[name]}`)].join(', ')];
    }),
  );
}

/** Scores are compared image by image, and consensus is of one image. */
function checkTestImages(runs: readonly Dinov3Run[]): void {
  const testOf = ({ test, row }: Dinov3Run): string => [row.settings.imageSize, ...test.ids].join('\n');
  const other = runs.find((run) => testOf(run) !== testOf(runs[0]));
  if (other === undefined) return;
  throw new UserError(
    `Runs ${runs[0].run.id} and ${other.run.id} were tested on different images (${runs[0].test.ids.length} and ${other.test.ids.length}) or at different sizes: show runs on the same data together.`,
  );
}
