/** Runs of the fourth study that differ in nothing but their seed, put together. */
import { UserError } from '../../errors';
import { networkOfEncoder, networkTitles, type PublishedNetwork } from './published';
import { dinov3Encoders, encoderTitle } from './encoders';
import { epochsOf } from './arms';
import type { Dinov3Arm, Dinov3Configuration, Dinov3Run } from './results';
import { shortHash } from '../../runs/results';

/** What tables and figures need of a run. */
export type ShownRun = Pick<Dinov3Run, 'id' | 'configuration' | 'result'>;

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
  readonly runs: readonly ShownRun[];
}

/** Which of the study's networks a configuration has, or stands for; its weights may be others. */
export function networkOfStudy({ encoder }: Pick<Dinov3Configuration, 'encoder'>): PublishedNetwork | undefined {
  return Object.hasOwn(networkOfEncoder, encoder) ? networkOfEncoder[encoder] : undefined;
}

/** For tables and figures. */
export function networkTitle({ model, encoder, weights }: Dinov3Configuration): string {
  if (model === 'unet') return networkTitles.unet;
  const untrained = weights === 'random' && Object.hasOwn(dinov3Encoders, encoder);
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
 * @throws UserError where runs do not have the same test images
 */
export function groupRuns(given: readonly ShownRun[]): RunGroup[] {
  const runs = [...new Map(given.map((run) => [run.id, run])).values()];
  checkTestImages(runs);
  const series = runs.map((run) => seriesOf(run, runs));
  const titles = titlesOf(series);
  const order = [...titles.keys()];
  const groups = new Map<string, { key: string; runs: ShownRun[] }>();
  runs.forEach((run, index) => {
    const { key } = series[index];
    const place = `${key} ${run.configuration.fraction}`;
    groups.set(place, { key, runs: [...(groups.get(place)?.runs ?? []), run] });
  });
  return [...groups.values()]
    .sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key) || fractionOf(a.runs) - fractionOf(b.runs))
    .map(({ key, runs: group }): RunGroup => {
      const [{ configuration, result }] = group;
      return {
        arm: configuration.arm,
        network: titles.get(key) ?? '',
        networkOfStudy: networkOfStudy(configuration),
        fraction: configuration.fraction,
        trainImages: result.trainImages,
        runs: [...group].sort((a, b) => a.configuration.seed - b.configuration.seed),
      };
    });
}

/** Two groups that differ in nothing but their fraction. */
export function isSameSeries(first: RunGroup, second: RunGroup): boolean {
  return first.arm === second.arm && first.network === second.network;
}

function fractionOf([{ configuration }]: readonly ShownRun[]): number {
  return configuration.fraction;
}

/** Everything that a run is determined by but its fraction and its seed, and the settings among it. */
interface Series {
  readonly key: string;
  readonly arm: Dinov3Arm;
  readonly network: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

function seriesOf({ configuration }: ShownRun, runs: readonly ShownRun[]): Series {
  const settings = { ...configuration.settings, epochs: plannedEpochs(configuration, runs) };
  const key = shortHash({ ...configuration, settings, fraction: 0, seed: 0 });
  return { key, arm: configuration.arm, network: networkTitle(configuration), settings };
}

/** An arm may shorten the training on all images; then the epochs are those of the same network at other fractions. */
function plannedEpochs(configuration: Dinov3Configuration, runs: readonly ShownRun[]): number {
  const { epochs } = configuration.settings;
  const others = runs.map((run) => run.configuration).filter((one) => one.arm === configuration.arm && one.encoder === configuration.encoder && one.fraction !== configuration.fraction); // prettier-ignore
  const candidates = others.map(({ settings }) => settings.epochs).filter((planned) => planned !== epochs);
  const isShortened = candidates.length > 0 && !others.some(({ settings }) => settings.epochs === epochs);
  return (isShortened ? candidates.find((planned) => epochsOf(configuration, planned) === epochs) : undefined) ?? epochs; // prettier-ignore
}

/** A title for each series; where a network was trained with several settings in the same arm, with those in which it differs. */
function titlesOf(all: readonly Series[]): Map<string, string> {
  return new Map(
    all.map(({ key, arm, network, settings }) => {
      const others = all.filter((one) => one.arm === arm && one.network === network);
      const different = Object.keys(settings).filter((name) => others.some((one) => one.settings[name] !== settings[name])); // prettier-ignore
      return [key, [network, ...different.map((name) => `${name} ${settings[name]}`)].join(', ')];
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
