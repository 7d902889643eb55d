/** What a run found, in a sentence with its uncertainty, and how sure that is: for a reader who looks at nothing else. */
import { formatInteger, formatPercent } from '../../display/format';
import { wilsonInterval } from '../../metrics/intervals';
import { candidates, chosenRow, ranked } from '../../runs/chosen';
import type { ClassificationRow, Results, SegmentationRow } from '../../runs/results';
import { grouped } from '../../grouped';

export interface Headline {
  readonly result: string;
  /** What the uncertainty covers, and what it leaves out. */
  readonly certainty: string;
}

type Row = Results['results'][number];
type Settings = ClassificationRow['settings'];

const protocolWords: Readonly<Record<Row['protocol'], string>> = {
  scratch: 'trained from scratch',
  frozen: 'frozen, with a head trained on its features',
  'fine-tuned': 'fine-tuned as a whole',
  linear: 'frozen, with logistic regression on its features',
  knn: 'frozen, with nearest neighbours among its features',
};

/** Undefined where a run has no scores of a kind that is known here. */
export function headline(results: Results): Headline | undefined {
  // Those of a cross-validation's folds are of other images.
  const whole = results.results.filter(({ dataSha256 = results.data.sha256 }) => dataSha256 === results.data.sha256);
  const rows = candidates(whole);
  if (rows.some(({ dataset }) => dataset !== undefined)) return gridHeadline(rows.filter(isGridRow), results);
  const classified = rows.filter(isClassification);
  if (classified.length > 0) return classificationHeadline(classified, results);
  const segmented = rows.filter(isSegmentation);
  return segmented.length > 0 ? segmentationHeadline(segmented, results) : undefined;
}

function isClassification(row: Row): row is ClassificationRow & Row {
  return Number.isFinite(row.testAccuracy) && Number.isFinite(row.bestValAccuracy) && row.testDice === undefined;
}

function isSegmentation(row: Row): row is SegmentationRow & Row {
  return Number.isFinite(row.testDice) && Number.isFinite(row.bestValDice) && Number.isFinite(row.trainImages);
}

function name({ model, protocol, settings }: Row & { readonly settings?: Settings }): string {
  const size = settings?.sourceSize;
  return `${model}, ${protocolWords[protocol]}${size === undefined ? '' : `, at ${size}×${size} pixels`}`;
}

function classificationHeadline(rows: readonly (ClassificationRow & Row)[], results: Results): Headline {
  const ofValidation = ({ bestValAccuracy }: ClassificationRow): number => bestValAccuracy;
  const best = chosenRow(rows, ofValidation) ?? rows[0];
  const count = results.data.splits.test ?? 0;
  const interval = count > 0 ? wilsonInterval(best.testAccuracy * count, count) : undefined;
  const others = rows.filter(({ model, protocol }) => model !== best.model || protocol !== best.protocol);
  const second = chosenRow(others, ofValidation);
  const against =
    second === undefined
      ? ''
      : `; next by the validation images is ${name(second)}, with ${formatPercent(second.testAccuracy)}`;
  return {
    result: `${capitalized(name(best))}, gives ${formatPercent(best.testAccuracy)} of the test images their right class${interval === undefined ? '' : ` (95\u00a0% interval: ${formatPercent(interval.low)} to ${formatPercent(interval.high)})`}${against}.${transferred(rows, { of: 'testAccuracy', by: 'bestValAccuracy', format: formatPercent })}`,
    certainty: `${interval === undefined ? 'No interval: the number of test images is not known.' : `The interval covers which ${formatInteger(count)} images were tested, not the chance in training (one seed).`}${origin(results)}`,
  };
}

function segmentationHeadline(rows: readonly (SegmentationRow & Row)[], results: Results): Headline {
  const fewest = Math.min(...rows.map(({ trainImages }) => trainImages));
  const atFewest = rows.filter(({ trainImages }) => trainImages === fewest);
  const groups = grouped(atFewest, (row) => `${name(row)} ${String(row.series)}`);
  const methods = ranked([...groups.values()], (group) => average(group.map(({ bestValDice }) => bestValDice)));
  const titles = methods.map(([first]) => name(first));
  const [best, second] = methods.map((group, index) => {
    const [title, { series }] = [titles[index], group[0]];
    // A study's letter for a series says something only where a sentence could mean two of them.
    const ambiguous = typeof series === 'string' && titles.filter((other) => other === title).length > 1;
    return { title: ambiguous ? `${title} (${series})` : title, dice: group.map(({ testDice }) => testDice) };
  });
  const spread = spreadOf(best.dice, 'draws of them');
  const against =
    second === undefined
      ? ''
      : `; next by the validation images is ${second.title}, with ${average(second.dice).toFixed(3)}`;
  const test = results.data.splits.test;
  return {
    result: `From ${formatInteger(fewest)} training images, ${best.title}, reaches a Dice of ${average(best.dice).toFixed(3)}${spread}${against}.${transferred(atFewest, { of: 'testDice', by: 'bestValDice', format: (dice) => dice.toFixed(3) })}`,
    certainty: `Means over ${test === undefined ? 'the' : formatInteger(test)} test images; ${best.dice.length > 1 ? 'the range says how much it matters which images are drawn' : 'a single draw of the images'}.${origin(results)}`,
  };
}

const weightsWords: Readonly<Record<string, string>> = {
  embedded: 'weights that this project learned from its own drawings',
  hub: 'published weights',
};

interface Score {
  /** Columns of what is told, and of what selects. */
  readonly of: string;
  readonly by: string;
  format(score: number): string;
}

/**
 * What the weights were worth: the same network, used in the same way, with random ones. Of several ways, the one that is best on
 * validation images. Empty where nothing was tried with both.
 */
function transferred(rows: readonly Row[], { of, by, format }: Score): string {
  const ways = grouped(rows, (row) =>
    JSON.stringify([
      name(row).replace(', random weights', ''),
      row.pretraining,
      (row.settings as Partial<Settings> | undefined)?.inputMode,
    ]),
  );
  const mean = (group: readonly Row[], column: string): number => average(group.map((row) => Number(row[column])));
  const withBoth = [...ways.values()].flatMap((group) => {
    const random = group.filter(({ weights }) => weights === 'random');
    const learned = group.filter(({ weights }) => weights !== 'random');
    return random.length > 0 && learned.length > 0 ? [{ random, learned }] : [];
  });
  const best = ranked(withBoth, ({ learned }) => mean(learned, by)).at(0);
  if (best === undefined) return '';
  const { random, learned } = best;
  const whose = weightsWords[learned[0].weights] ?? 'the weights of a file';
  return ` ${capitalized(name(learned[0]))}, has ${format(mean(learned, of))} with ${whose}, and ${format(mean(random, of))} with random ones.`;
}

/** A row of a grid of methods on datasets, with a seed each. */
interface GridRow extends Row {
  readonly dataset: string;
  readonly seed: number;
  readonly initialization: string;
  readonly optimizer: string;
  readonly valAuc: number;
  readonly testAuc: number;
}

function isGridRow(row: Row): row is GridRow {
  const texts = [row.dataset, row.initialization, row.optimizer].every((text) => typeof text === 'string');
  return texts && [row.seed, row.valAuc, row.testAuc].every((value) => Number.isFinite(value));
}

const optimizerNames: Readonly<Record<string, string>> = { adamw: 'AdamW', sgd: 'SGD' };

/** Only methods that have been run on every dataset, with the same seeds, can be averaged over datasets. */
function gridHeadline(rows: readonly GridRow[], results: Results): Headline | undefined {
  const datasets = new Set(rows.map(({ dataset }) => dataset)).size;
  const complete = [
    ...grouped(
      rows,
      ({ model, initialization, optimizer }) =>
        `${model}, ${initialization}, ${optimizerNames[optimizer] ?? optimizer}`,
    ),
  ]
    .map(([title, group]) => {
      const seeds = [...grouped(group, ({ seed }) => String(seed)).values()].filter((one) => one.length === datasets);
      return {
        title,
        aucs: seeds.map((one) => average(one.map(({ testAuc }) => testAuc))),
        selected: average(seeds.flat().map(({ valAuc }) => valAuc)),
      };
    })
    .filter(({ aucs }) => aucs.length > 0);
  if (complete.length === 0) return undefined;
  const [best, second] = ranked(complete, ({ selected }) => selected);
  const against =
    second === undefined
      ? ''
      : `; next by the validation images is ${second.title}, with ${average(second.aucs).toFixed(3)}`;
  return {
    result: `${capitalized(best.title)}, has a mean AUC of ${average(best.aucs).toFixed(3)} over the test images of ${datasets === 1 ? 'a dataset' : `${datasets} datasets`}${spreadOf(best.aucs, 'seeds')}${against}.`,
    certainty: `${best.aucs.length > 1 ? 'The range says how much the seed matters' : 'A single seed'}; datasets count alike, and the notebook tests each comparison.${origin(results)}`,
  };
}

function spreadOf(values: readonly number[], unit: string): string {
  return values.length < 2
    ? ''
    : ` (${values.length} ${unit}: ${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)})`;
}

/** The caveats that hold for a whole run. */
function origin({ data, results, profile }: Results): string {
  const notes: string[] = [];
  if (data.name.split(', ').some((dataset) => dataset.startsWith('synthetic-')))
    notes.push('The images are drawn by this project and say nothing about a laboratory.');
  if (results.every(({ weights, protocol }) => weights === 'random' && protocol !== 'scratch'))
    notes.push('The weights are random instead of pretrained.');
  else if (profile === 'tour') notes.push('At tour size, far below the study’s.');
  return notes.map((note) => ` ${note}`).join('');
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
