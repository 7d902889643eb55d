/** What the first study claims, measured again on the trainings of notebooks 01 to 03 on the same data. */
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset';
import { formatDecimal, formatPercent } from '../../display/format';
import type { Displayable } from '../../display/mime';
import { sumOfAccuracies } from '../../metrics/accuracy-sums';
import type { Estimate } from '../../metrics/interval-over-draws';
import { mean, wilsonInterval } from '../../metrics/intervals';
import { comparableResults, currentRun } from '../../runs/notebook-run';
import { grouped } from '../../grouped';
import { outputsDirectory } from '../../paths';
import { bySeed } from '../../runs/by-seed';
import { classificationRows, readAllResults, type ClassificationRow, type Results } from '../../runs/results';
import {
  claimRows as rowsOfClaims,
  claimTable as tableOfClaims,
  differenceFinding,
  estimateOf,
  notTested,
  shareOf,
  signed,
  type Claim,
  type Finding,
} from '../../workbench/claims';
import { comparableRows } from '../../workbench/backbones';
import type { OpenedBackbone } from '../../models/open-backbone';
import { publishedBloodCells } from './published';
import type { SizedData } from '../../data/sizes';

/** The study's five models: of which notebook they are, and how they were trained. */
export const models = {
  resnet: { notebook: '01_resnet_from_scratch', protocol: 'scratch', title: 'ResNet-18' },
  vitFrozen: { notebook: '02_vit_frozen_and_finetuned', protocol: 'frozen', title: 'ViT, frozen' },
  vitTuned: { notebook: '02_vit_frozen_and_finetuned', protocol: 'fine-tuned', title: 'ViT, fine-tuned' },
  dinoFrozen: { notebook: '03_dino_frozen', protocol: 'frozen', title: 'DINO, frozen' },
  dinoTuned: { notebook: '03_dino_frozen', protocol: 'fine-tuned', title: 'DINO, fine-tuned' },
} as const;

export type StudyModel = keyof typeof models;

const transferred: readonly StudyModel[] = ['vitFrozen', 'vitTuned', 'dinoFrozen', 'dinoTuned'];

const { resnet18, vitFineTuned, dinoFrozen } = publishedBloodCells;

/** Corrected trainings of one model that differ in their seed alone, by seed. */
type Seeds = ReturnType<typeof bySeed>;

export interface Trainings {
  readonly of: Readonly<Record<StudyModel, Seeds>>;
  /** Test images. */
  readonly images: number;
  /** Validation images. */
  readonly validation: number;
  /** Whether data and weights are the study's: BloodMNIST at 28 pixels, and published weights. */
  readonly comparable: boolean;
  /** What the same notebooks have trained on whatever data, these among them. Of one name are sizes and numbers of the same images. */
  readonly everywhere?: readonly (Pick<Trainings, 'of'> & { readonly name: string })[];
}

export function trainingsOf(kept: readonly Results[], data: Pick<Dataset, 'name' | 'height' | 'splits'>): Trainings {
  const found = Object.entries(models).map(([name, { notebook, protocol }]) => {
    const rows = classificationRows(kept.filter((results) => results.notebook === notebook));
    return [name, bySeed(rows.filter((one) => one.arm === 'corrected' && one.protocol === protocol))];
  });
  const of = Object.fromEntries(found) as Trainings['of'];
  const weights = transferred.flatMap((name) => [...of[name].values()].map((row) => row.weights));
  const isData = data.name === resnet18.dataset && data.height === resnet18.size;
  const { test, val } = data.splits;
  return { of, images: test.count, validation: val.count, comparable: isData && weights.every((one) => one === 'hub') };
}

/** Over the seeds that all terms have: see `sumOfAccuracies`. */
export function sumOf(terms: readonly Term[], images: number): Estimate | undefined {
  const accuracies = terms.map(({ sign, of }) => {
    return { sign, accuracies: new Map([...of].map(([seed, { testAccuracy }]) => [seed, testAccuracy])) };
  });
  return sumOfAccuracies(accuracies, images);
}

interface Term {
  readonly sign: 1 | -1;
  readonly of: Seeds;
}

/** Mean test accuracy of a model. */
export function meanOf({ of, images }: Trainings, model: StudyModel): Estimate | undefined {
  const estimate = sumOf([{ sign: 1, of: of[model] }], images);
  return estimate && { ...estimate, low: Math.max(0, estimate.low), high: Math.min(1, estimate.high) };
}

/** First − second in test accuracy. */
function differenceOf({ of, images }: Trainings, first: StudyModel, second: StudyModel): Estimate | undefined {
  const terms: Term[] = [
    { sign: 1, of: of[first] },
    { sign: -1, of: of[second] },
  ];
  return sumOf(terms, images);
}

/** What is lacking for a claim about some models, if anything. */
function lacking({ of }: Trainings, names: readonly StudyModel[]): Finding | undefined {
  const absent = names.filter((name) => of[name].size === 0);
  if (absent.length > 0) {
    const titles = absent.map((name) => `${models[name].title} (notebook ${models[name].notebook.slice(0, 2)})`);
    return notTested(`not trained on these data: ${titles.join(', ')}`);
  }
  const isRandom = (name: StudyModel): boolean =>
    transferred.includes(name) && [...of[name].values()].some(({ weights }) => weights === 'random');
  return names.some(isRandom) ? notTested('the weights are random: nothing was transferred') : undefined;
}

function orderClaim(claim: string, first: StudyModel, second: StudyModel, ofStudy?: number): Claim<Trainings> {
  return {
    claim,
    published: ofStudy === undefined ? 'no number' : signed(ofStudy),
    measure(trainings) {
      const estimate = differenceOf(trainings, first, second);
      const missing = lacking(trainings, [first, second]);
      if (missing !== undefined) return missing;
      if (estimate === undefined) return notTested('the two have no seed in common');
      const compared = `${models[first].title} − ${models[second].title}`;
      return differenceFinding(compared, estimate, { published: ofStudy, claimed: 'above' });
    },
  };
}

/** A number of the study's text, which is of its validation images; on other data it says nothing. */
function numberClaim(claim: string, model: StudyModel, ofStudy: number): Claim<Trainings> {
  return {
    claim,
    published: `${formatPercent(ofStudy, 0)} (of validation)`,
    measure(trainings) {
      const missing = lacking(trainings, [model]);
      if (missing !== undefined) return missing;
      if (!trainings.comparable) return notTested('a number of BloodMNIST with the study’s networks');
      const accuracies = [...trainings.of[model].values()].map(({ bestValAccuracy }) => bestValAccuracy);
      const { validation } = trainings;
      const center = mean(accuracies);
      const interval = { ...wilsonInterval(Math.round(center * validation), validation), draws: 1 };
      const { within, ...share } = shareOf(
        `${models[model].title}, validation accuracy`,
        { mean: center, ...interval },
        ofStudy,
      );
      const ofNumber: Pick<Finding, 'outcome' | 'why'> =
        accuracies.length === 1
          ? { outcome: 'undecided', why: 'one seed: another may turn it round' }
          : { outcome: within ? 'holds' : 'fails', why: `it is ${within ? 'within' : 'outside of'} the interval` };
      return { ...share, ...ofNumber };
    },
  };
}

/** Fine-tuning against a head on features that are computed in every epoch, as in the study's code. */
const slower: Claim<Trainings> = {
  claim: 'Fine-tuning DINO is 3 to 5 times slower',
  published: '3–5×',
  measure(trainings) {
    const missing = lacking(trainings, ['dinoTuned', 'dinoFrozen']);
    if (missing !== undefined) return missing;
    const secondsOf = (name: StudyModel, epochs: (row: ClassificationRow) => number): number =>
      mean([...trainings.of[name].values()].map((row) => epochs(row) / Number(row.settings.epochs)));
    const frozen = secondsOf(
      'dinoFrozen',
      (row) => Number(row.headSeconds) + Number(row.settings.epochs) * Number(row.passSeconds),
    );
    const tuned = secondsOf('dinoTuned', ({ seconds }) => seconds);
    if (!Number.isFinite(frozen)) return notTested('what a pass over the images takes was not measured');
    const value = `${formatDecimal(tuned / frozen, 1)}×`;
    const why = 'seconds of one machine, without an interval';
    return {
      compared: 'seconds of an epoch, fine-tuned against frozen without the cache',
      value,
      outcome: 'undecided',
      why,
    };
  },
};

/**
 * The study's workflow as a rule for one dataset: take the ViT frozen, then fine-tune it, and keep what validates
 * better. Its test accuracy less that of whom the validation images choose without fine-tuning: the frozen ViT or the
 * ResNet from scratch. Means over seeds.
 */
function workflowGain(of: Trainings['of']): number | undefined {
  const score = (name: StudyModel) => {
    const rows = [...of[name].values()];
    if (rows.length === 0) return undefined;
    return { val: mean(rows.map((row) => row.bestValAccuracy)), test: mean(rows.map((row) => row.testAccuracy)) };
  };
  const [frozen, tuned, resnet] = [score('vitFrozen'), score('vitTuned'), score('resnet')];
  if (frozen === undefined || tuned === undefined || resnet === undefined) return undefined;
  const chosen = tuned.val > frozen.val ? tuned : frozen;
  return chosen.test - (resnet.val > frozen.val ? resnet : frozen).test;
}

const claims: readonly Claim<Trainings>[] = [
  orderClaim(
    'The fine-tuned ViT is ahead of the ResNet',
    'vitTuned',
    'resnet',
    vitFineTuned.testAccuracy - resnet18.testAccuracy,
  ),
  orderClaim(
    'The ResNet is ahead of frozen DINO',
    'resnet',
    'dinoFrozen',
    resnet18.testAccuracy - dinoFrozen.testAccuracy,
  ),
  numberClaim('The frozen ViT reaches 86 %', 'vitFrozen', 0.86),
  numberClaim('Frozen DINO reaches 92 %', 'dinoFrozen', 0.92),
  orderClaim('Fine-tuned DINO is slightly ahead of frozen', 'dinoTuned', 'dinoFrozen'),
  orderClaim('The fine-tuned ViT is ahead of fine-tuned DINO', 'vitTuned', 'dinoTuned'),
  slower,
  {
    claim: 'Resolution explains what DINO lacks',
    published: 'no number',
    measure: () => notTested('takes the same networks at several sizes: notebook 04'),
  },
  {
    claim: 'Start frozen, then fine-tune',
    published: 'no number',
    measure: ({ everywhere = [] }) => {
      // A dataset counts once, in however many sizes it was tried: these are of the same images, or drawn alike.
      const gains = [...grouped(everywhere, ({ name }) => name).values()]
        .map((versions) => versions.flatMap(({ of }) => workflowGain(of) ?? []))
        .filter(({ length }) => length > 0)
        .map(mean);
      if (gains.length === 0) return notTested('takes notebooks 01 and 02 on the same data');
      const finding = differenceFinding(
        'the ViT that validates best of frozen and fine-tuned, less the best without fine-tuning',
        estimateOf(gains.map((gain) => [gain])),
        { claimed: 'above', unit: 'dataset' },
      );
      if (gains.length === 1) return { ...finding, interval: undefined }; // of images, it would say nothing of the rule
      const unchanged = gains.filter((gain) => gain === 0).length;
      const told = unchanged === 0 ? '' : `, on ${unchanged} of which it changes nothing`;
      return { ...finding, why: `${finding.why}; as a rule over ${gains.length} datasets${told}, interval over these` };
    },
  },
];

/** The study's claims on trainings of notebooks 01 to 03, corrected. */
export function claimRows(trainings: Trainings) {
  return rowsOfClaims(claims, trainings, trainings);
}

/** What is kept of the three notebooks on these data. */
export function keptTrainings(data: Dataset): Trainings {
  const notebooks = [...new Set(Object.values(models).map(({ notebook }) => notebook))];
  const kept = notebooks.flatMap((notebook) => readAllResults(join(outputsDirectory, notebook)));
  const byData = grouped(kept, (results) => results.data.sha256);
  return {
    ...trainingsOf(comparableResults(currentRun(), data, notebooks), data),
    everywhere: [...byData.values()].map((results) => ({
      name: results[0].data.name,
      of: trainingsOf(results.map(ofWholeData), data).of,
    })),
  };
}

/** Without the rows of a cross-validation's folds. */
function ofWholeData(results: Results): Results {
  const rows = results.results.filter(({ dataSha256 = results.data.sha256 }) => dataSha256 === results.data.sha256);
  return { ...results, results: rows };
}

/** The study's claims on them, as a table that the run's results keep too. */
export function claimTable(data: Dataset): Displayable {
  const trainings = keptTrainings(data);
  const { comparable } = trainings;
  return tableOfClaims(claimRows(trainings), { comparable, asked: `other data or weights: ${data.title}` });
}

/** What notebook 04 says of the study's guess, from its trainings at all sizes. */
function resolutionClaim(networks: string): Claim<SizedTrainings> {
  return {
    claim: 'Resolution explains what DINO lacks',
    published: 'no number',
    measure({ rows, images }) {
      const corrected = rows.filter(({ arm, settings }) => arm === 'corrected' && settings.sourceSize !== undefined);
      const sizes = [...new Set(corrected.map(({ settings }) => Number(settings.sourceSize)))].sort((a, b) => a - b);
      const at = (protocol: ClassificationRow['protocol'], size: number): Seeds =>
        bySeed(
          corrected.filter(({ protocol: own, model, weights, settings: { sourceSize, inputMode } }) => {
            const isWanted = own === protocol && Number(sourceSize) === size && inputMode !== 'zero-padded';
            return (
              isWanted && (protocol === 'scratch' ? inputMode === 'native' : weights !== 'random' && model === networks)
            );
          }),
        );
      const [small, large] = [sizes[0], sizes[sizes.length - 1]];
      const gapAt = (size: number): Term[] => [
        { sign: 1, of: at('scratch', size) },
        { sign: -1, of: at('frozen', size) },
      ];
      const gaps = [small, large].map((size) => sumOf(gapAt(size), images));
      const closing = sumOf(
        [...gapAt(small), ...gapAt(large).map(({ sign, of }): Term => ({ sign: sign === 1 ? -1 : 1, of }))],
        images,
      );
      if (sizes.length < 2 || closing === undefined)
        return notTested('takes the ResNet and frozen DINO with learned weights at two sizes');
      const finding = differenceFinding('how far the gap to the ResNet closes', closing, { claimed: 'above' });
      const told = gaps.map((gap) => signed(gap?.mean ?? NaN));
      return {
        ...finding,
        why: `${finding.why}; the ResNet’s lead is ${told[0]} at ${small} px and ${told[1]} at ${large} px`,
      };
    },
  };
}

export interface SizedTrainings {
  /** Of notebook 04, at all sizes. */
  readonly rows: readonly ClassificationRow[];
  /** Test images. */
  readonly images: number;
}

/** @param dino the model that rows name DINO by */
export function resolutionRows(trainings: SizedTrainings, dino: string, options: { readonly comparable: boolean }) {
  return rowsOfClaims([resolutionClaim(dino)], trainings, options);
}

/**
 * The study's guess on everything that notebook 04 has trained on these images, as a table that the run's results keep
 * too.
 */
export function resolutionTable(data: SizedData, backbones: readonly OpenedBackbone[]): Displayable {
  const dino = backbones.filter(({ weights }) => weights.source !== 'random').pop();
  const comparable = data.all.name === resnet18.dataset && dino?.weights.source === 'hub';
  const trainings = { rows: comparableRows(data.all), images: data.all.splits.test.count };
  const asked = `other data or weights: ${data.all.name}`;
  return tableOfClaims(resolutionRows(trainings, dino?.title ?? '', { comparable }), { comparable, asked });
}
