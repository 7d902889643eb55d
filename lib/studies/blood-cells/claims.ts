/** What the first study claims, measured again on the trainings of notebooks 01 to 03 on the same data. */
import type { Dataset } from '../../data/dataset';
import { formatDecimal, formatPercent } from '../../display/format';
import type { Displayable } from '../../display/mime';
import { table } from '../../display/tables';
import { marginOf, type Estimate } from '../../metrics/interval-over-draws';
import { mean, sampleDeviation, wilsonInterval } from '../../metrics/intervals';
import { comparableResults, currentRun } from '../../runs/notebook-run';
import { classificationRows, type ClassificationRow, type Results } from '../../runs/results';
import {
  claimRows as rowsOfClaims,
  differenceFinding,
  isWithin,
  notTested,
  signed,
  type Claim,
  type Finding,
} from '../../workbench/claims';
import { publishedBloodCells } from './published';

/** The study's five models: of which notebook they are, and how they were trained. */
const models = {
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
type Seeds = ReadonlyMap<number, ClassificationRow>;

export interface Trainings {
  readonly of: Readonly<Record<StudyModel, Seeds>>;
  /** Test images. */
  readonly images: number;
  /** Validation images. */
  readonly validation: number;
  /** Whether data and weights are the study's: BloodMNIST at 28 pixels, and published weights. */
  readonly comparable: boolean;
}

/** Of several settings those with the most seeds, the latest among equals; random weights only where no others were tried. */
export function trainingsOf(kept: readonly Results[], data: Pick<Dataset, 'name' | 'height' | 'splits'>): Trainings {
  const found = Object.entries(models).map(([name, { notebook, protocol }]) => {
    const rows = classificationRows(kept.filter((results) => results.notebook === notebook));
    const groups = new Map<string, Map<number, ClassificationRow>>();
    const all = rows.filter((one) => one.arm === 'corrected' && one.protocol === protocol);
    const learned = all.filter(({ weights }) => weights !== 'random');
    for (const row of learned.length > 0 ? learned : all) {
      const { seed, ...settings } = row.settings;
      const key = JSON.stringify([row.model, row.weights, Object.entries(settings).sort()]);
      const group = groups.get(key) ?? new Map<number, ClassificationRow>();
      groups.set(key, group.set(Number(seed), row));
    }
    const most = Math.max(0, ...[...groups.values()].map(({ size }) => size));
    return [name, [...groups.values()].filter(({ size }) => size === most).pop() ?? new Map()];
  });
  const of = Object.fromEntries(found) as Trainings['of'];
  const weights = transferred.flatMap((name) => [...of[name].values()].map((row) => row.weights));
  const isData = data.name === resnet18.dataset && data.height === resnet18.size;
  const { test, val } = data.splits;
  return { of, images: test.count, validation: val.count, comparable: isData && weights.every((one) => one === 'hub') };
}

/**
 * First − second in test accuracy over the seeds that both have. What other images would change is not known from
 * accuracies alone: taken is what it could be at the most, were the two wrong on images that have nothing to do with
 * each other.
 */
function differenceOf({ of, images }: Trainings, first: StudyModel, second: StudyModel): Estimate | undefined {
  const pairs = [...of[first]].flatMap(([seed, a]) => {
    const b = of[second].get(seed);
    return b === undefined ? [] : [[a.testAccuracy, b.testAccuracy] as const];
  });
  if (pairs.length === 0) return undefined;
  const differences = pairs.map(([a, b]) => a - b);
  const ofImages = (accuracy: number): number => (accuracy * (1 - accuracy)) / images;
  const margin = marginOf({
    drawVariance: pairs.length === 1 ? 0 : sampleDeviation(differences) ** 2 / pairs.length,
    draws: pairs.length,
    imageVariance: ofImages(mean(pairs.map(([a]) => a))) + ofImages(mean(pairs.map(([, b]) => b))),
    images,
    confidence: 0.95,
  });
  const center = mean(differences);
  return { mean: center, low: center - margin, high: center + margin, draws: pairs.length };
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
      const value = mean(accuracies);
      const estimate = wilsonInterval(Math.round(value * validation), validation);
      const within = isWithin(ofStudy, estimate);
      const ofNumber: Pick<Finding, 'outcome' | 'why'> =
        accuracies.length === 1
          ? { outcome: 'undecided', why: 'one seed: another may turn it round' }
          : { outcome: within ? 'holds' : 'fails', why: `it is ${within ? 'within' : 'outside of'} the interval` };
      return {
        compared: `${models[model].title}, validation accuracy`,
        value: formatPercent(value),
        interval: `${formatPercent(estimate.low)} – ${formatPercent(estimate.high)} (images only)`,
        difference: value - ofStudy,
        ...ofNumber,
      };
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
    claim: 'Start frozen, then fine-tune, match the resolution',
    published: 'no number',
    measure: () => notTested('a rule over datasets: it takes notebooks 01 to 04 on several of them'),
  },
];

/** The study's claims on trainings of notebooks 01 to 03, corrected. */
export function claimRows(trainings: Trainings) {
  return rowsOfClaims(claims, trainings, trainings);
}

/** The study's claims on what is kept of the three notebooks on these data, as a table. */
export function claimTable(data: Dataset): Displayable {
  const notebooks = [...new Set(Object.values(models).map(({ notebook }) => notebook))];
  const trainings = trainingsOf(comparableResults(currentRun(), data, notebooks), data);
  return table(claimRows(trainings), {
    caption: `The study’s claims, ${trainings.comparable ? 'measured again' : `asked of other data or weights: ${data.title}`}`,
    columns: [
      'claim',
      'published',
      'ours',
      'interval',
      ...(trainings.comparable ? ['difference'] : []),
      'verdict',
      'why',
    ],
  });
}
