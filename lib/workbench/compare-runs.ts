/** All trainings of a notebook beside one another: what was tried, what came of it, and which of them to choose. */
import { heading, shareDecimals } from '../display/format';
import { escapeHtml } from '../display/html';
import type { Displayable } from '../display/mime';
import { settingDots } from '../display/setting-dots';
import { status } from '../display/status';
import { table } from '../display/tables';
import { trainingCurves } from '../display/training-curves';
import { chosenHow, chosenRow } from '../runs/chosen';
import { findNotebookFile } from '../runs/notebook-files';
import { listRuns, scoreNames, type RunRecord } from '../runs/run-index';
import { grouped } from '../grouped';

export interface CompareRunsOptions {
  /** Where runs are kept, a folder for each notebook; `outputs` unless given. */
  readonly folder?: string;
}

/** So many curves can be told apart. */
const mostCurves = 6;
/** So many names of a setting have room on an axis. */
const mostValues = 8;
/** So many diagrams are looked through. */
const mostSettings = 6;

/**
 * The trainings that are kept of a notebook: a table to sort, scores over each setting that varied, and losses per
 * epoch; for each dataset and number of training images apart, since other scores cannot be compared.
 * @param notebook its name or number, such as 01
 * @throws UserError where there is no such notebook
 */
export function compareRuns(notebook: string, { folder }: CompareRunsOptions = {}): Displayable {
  const { name } = findNotebookFile(notebook);
  const records = listRuns({ notebook: name, folder });
  if (records.length === 0) {
    return status(
      `No training of ${name} is kept yet: run its training cell, or \`npm run notebook -- ${name.slice(0, 2)}\`.`,
    );
  }
  // Scores can be compared on the same data, and after training on as many images.
  const comparable = grouped(records, ({ data: { sha256, name: ofData, train } }) =>
    JSON.stringify([sha256, ofData, train]),
  );
  const parts = [...comparable.values()].flatMap(comparisonParts);
  return {
    html: `<div class="nb-display nb-runs">${parts.map(({ html }) => html).join('')}</div>`,
    text: parts.map(({ text }) => text).join('\n\n'),
  };
}

function comparisonParts(records: readonly RunRecord[]): Displayable[] {
  const [{ data: own }] = records;
  const images = own.train === undefined ? '' : `, ${own.train} training images`;
  const data = `${own.name} (${own.sha256.slice(0, 8)})${images}`;
  const settings = settingsOf(records);
  const varied = settings.filter(({ values }) => new Set(values).size > 1);
  const same = settings.filter((each) => !varied.includes(each));
  const scores = scoreNames.filter((score) => records.some((record) => record.scores[score] !== undefined));
  const trainings = oneForEach(records);
  // What names a row, its scores, and then everything else.
  const [first, ...rest] = varied;
  const cells = (of: readonly Setting[], index: number): object =>
    Object.fromEntries(of.map(({ name, values }) => [name, values[index]]));
  const rows = records.map((record, index) => ({
    ...cells(first === undefined ? [] : [first], index),
    arm: record.arm,
    ...Object.fromEntries(scores.map((score) => [score, record.scores[score]])),
    ...cells(rest, index),
    seconds: record.seconds,
  }));
  const selection = selectionScores.find(({ score }) => scores.includes(score));
  const chosen = selection && chosenRow(records, (record) => record.scores[selection.score]);
  const decimals = shareDecimals(own.test ?? 0);
  const parts = [
    table(rows, {
      caption: `${countOf(records)} on ${data}`,
      digits: Object.fromEntries(scores.filter((score) => score !== 'testHd95').map((score) => [score, decimals])),
      chosen: {
        rows: chosen === undefined || trainings.length < 2 ? [] : [rows[records.indexOf(chosen)]],
        columns: selection === undefined ? [] : [selection.score, selection.test],
        how: chosenHow,
      },
    }),
    sameInAll(same),
  ];
  if (trainings.length < 2) return parts;
  const names = runNames(varied, trainings);
  return [...parts, ...dotsPart(), ...curvesPart()];

  function dotsPart(): Displayable[] {
    const settingsDrawn = drawnSettings(varied, trainings);
    const drawn = selection === undefined ? scores.slice(0, 1) : [selection.score, selection.test];
    if (settingsDrawn.length === 0 || drawn.length === 0) return [];
    const at = chosen === undefined ? -1 : trainings.indexOf(records.indexOf(chosen));
    const best = at < 0 ? undefined : at;
    const marked =
      selection === undefined || best === undefined ? '' : `; the highest ${selection.title} has ${names[best]}`;
    return [
      settingDots(
        {
          title: 'Scores over each setting that varied',
          settings: settingsDrawn.map(({ name, values }) => ({
            title: heading(name),
            values: trainings.map((index) => values[index]),
          })),
          scores: drawn.map((score) => ({
            title: heading(score),
            values: trainings.map((index) => records[index].scores[score]),
          })),
          names,
          ...(selection === undefined ? {} : { best, bestTitle: `Highest ${selection.title}` }),
        },
        {
          label: `Scores of ${trainings.length} trainings on ${data} over each setting that varied${marked}`,
          caption: 'Choose by the validation split: whoever chooses by test scores reports them too high.',
        },
      ),
    ];
  }

  function curvesPart(): Displayable[] {
    const drawn = trainings.filter((index) => records[index].history.length > 0).slice(-mostCurves);
    if (drawn.length < 2) return [];
    const ofCurves = runNames(varied, drawn);
    const curves = drawn.map((index, at) => ({
      name: ofCurves[at],
      points: records[index].history.map(({ epoch, valLoss }) => ({ epoch, value: valLoss })),
    }));
    return [
      trainingCurves(
        { title: 'Validation loss of each training', yTitle: 'Validation loss', curves },
        { label: `Validation loss per epoch of the last ${drawn.length} trainings on ${data}` },
      ),
    ];
  }
}

/** By what a training is chosen, and what that says of the test images. */
const selectionScores = [
  { score: 'valAuc', test: 'testAuc', title: 'validation AUC' },
  { score: 'bestValAccuracy', test: 'testAccuracy', title: 'validation accuracy' },
  { score: 'bestValDice', test: 'testDice', title: 'validation Dice' },
] as const;

interface Setting {
  readonly name: string;
  /** Of each record. */
  readonly values: readonly (string | number | undefined)[];
}

/** Everything that a training was given, network first. */
function settingsOf(records: readonly RunRecord[]): Setting[] {
  const named = (['model', 'weights', 'protocol', 'profile'] as const).map((name) => ({
    name,
    values: records.map((record) => record[name]),
  }));
  const keys = [...new Set(records.flatMap(({ settings }) => Object.keys(settings)))];
  return [...named, ...keys.map((name) => ({ name, values: records.map(({ settings }) => settings[name]) }))];
}

/** The index of one record of each training: both arms were trained alike, and the corrected one is how it should be scored. */
function oneForEach(records: readonly RunRecord[]): number[] {
  const chosen = new Map<string, number>();
  records.forEach(({ trainingKey, runId, arm }, index) => {
    const key = `${runId} ${trainingKey}`;
    if (!chosen.has(key) || arm === 'corrected') chosen.set(key, index);
  });
  return [...chosen.values()];
}

/** Of the settings that varied, those with room on an axis: what all trainings have before what only some have. */
function drawnSettings(varied: readonly Setting[], trainings: readonly number[]): readonly Setting[] {
  const known = ({ values }: Setting): number => trainings.filter((index) => values[index] !== undefined).length;
  return varied
    .filter(({ values }) => {
      const count = new Set(values.filter((value) => value !== undefined)).size;
      return count > 1 && (count <= mostValues || values.every((value) => typeof value !== 'string'));
    })
    .sort((a, b) => known(b) - known(a))
    .slice(0, mostSettings);
}

/** What sets trainings apart from one another: no more settings than that takes, and a number where they do not do. */
function runNames(varied: readonly Setting[], trainings: readonly number[]): string[] {
  let names = trainings.map(() => '');
  for (const { name, values } of varied) {
    const longer = trainings.map((index, at) => {
      const own = values[index] === undefined ? '' : `${heading(name).toLowerCase()} ${valueText(values[index])}`;
      return [names[at], own].filter((part) => part !== '').join(', ');
    });
    if (new Set(longer).size > new Set(names).size) names = longer;
  }
  const isAlone = (name: string): boolean => name !== '' && names.filter((other) => other === name).length === 1;
  return names.map((name, at) => (isAlone(name) ? name : [`training ${at + 1}`, name].filter(Boolean).join(': ')));
}

function sameInAll(same: readonly Setting[]): Displayable {
  const parts = same.map(({ name, values }) => `${heading(name).toLowerCase()} ${valueText(values[0])}`);
  const text = `The same in all: ${parts.join(', ')}.`;
  return parts.length === 0 ? { html: '', text: '' } : { html: `<p class="nb-remark">${escapeHtml(text)}</p>`, text };
}

function countOf(records: readonly RunRecord[]): string {
  const count = oneForEach(records).length;
  return count === 1 ? 'One training' : `${count} trainings`;
}

function valueText(value: string | number | undefined): string {
  return String(typeof value === 'number' ? Number(value.toPrecision(4)) : value);
}
