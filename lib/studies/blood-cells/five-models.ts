/**
 * The first study's five models side by side, as notebooks 01 to 03 have trained them, beside what was published of
 * them and of others.
 */
import type { Dataset } from '../../data/dataset';
import { differenceChart, type Difference } from '../../display/difference-chart';
import type { FigureDisplay } from '../../display/figure';
import { formatInterval, missing } from '../../display/format';
import type { Displayable } from '../../display/mime';
import { table } from '../../display/tables';
import { mean } from '../../metrics/intervals';
import { keptTrainings, meanOf, models, type StudyModel, type Trainings } from './claims';
import { medmnistPlusBlood, publishedBloodCells } from './published';

const names = Object.keys(models) as StudyModel[];

/** What the study published of each; it gives no number of fine-tuned DINO. */
const ofStudy: Readonly<Partial<Record<StudyModel, { readonly testAccuracy: number; readonly testMacroF1: number }>>> =
  {
    resnet: publishedBloodCells.resnet18,
    vitFrozen: publishedBloodCells.vitFrozen,
    vitTuned: publishedBloodCells.vitFineTuned,
    dinoFrozen: publishedBloodCells.dinoFrozen,
  };

/** Test accuracy on BloodMNIST at 28 pixels by others, each beside the model of the study that it is nearest to. */
const ofOthers: readonly {
  readonly beside: StudyModel;
  readonly model: string;
  readonly accuracy: number;
  readonly source: string;
}[] = [
  { beside: 'resnet', model: 'ResNet-18 from scratch', accuracy: 0.958, source: 'MedMNIST v2' },
  { beside: 'resnet', model: 'ResNet-18 from scratch, images of 224 pixels', accuracy: 0.963, source: 'MedMNIST v2' },
  ...(
    [
      ['resnet', 'ResNet-18', 'end to end'],
      ['vitFrozen', 'ViT-B/16', 'linear'],
      ['vitTuned', 'ViT-B/16', 'end to end'],
      ['dinoFrozen', 'DINO ViT-B/16', 'linear'],
      ['dinoTuned', 'DINO ViT-B/16', 'end to end'],
    ] as const
  ).map(([beside, model, training]) => {
    const accuracy =
      medmnistPlusBlood.find((row) => row.model === model && row.training === training)?.accuracy[28] ?? NaN;
    return { beside, model: `${model}, ${training}, pretrained`, accuracy, source: 'MedMNIST+' };
  }),
];

/** A row a model and source: ours with its interval over seeds and test images, the study's, and others'. */
export function modelRows(trainings: Trainings) {
  return names.flatMap((name) => {
    const rows = [...trainings.of[name].values()];
    const estimate = meanOf(trainings, name);
    const study = ofStudy[name];
    const ours = {
      model: models[name].title,
      source:
        rows.length === 0
          ? 'not trained on these data'
          : `here${rows[0].weights === 'random' ? '' : `, ${rows[0].weights} weights`}`,
      accuracy: estimate?.mean ?? NaN,
      interval:
        estimate === undefined ? missing : `${formatInterval(estimate)}${estimate.draws === 1 ? ' (images only)' : ''}`,
      macroF1: rows.length === 0 ? NaN : mean(rows.map(({ testMacroF1 }) => testMacroF1)),
      seeds: rows.length,
    };
    const theirs = { interval: '', seeds: NaN };
    return [
      ours,
      ...(study === undefined
        ? []
        : [
            {
              ...theirs,
              model: models[name].title,
              source: 'the study',
              accuracy: study.testAccuracy,
              macroF1: study.testMacroF1,
            },
          ]),
      ...ofOthers
        .filter(({ beside }) => beside === name)
        .map(({ model, accuracy, source }) => ({ ...theirs, model, source, accuracy, macroF1: NaN })),
    ];
  });
}

export function modelTable(data: Dataset): Displayable {
  return table(modelRows(keptTrainings(data)), {
    caption: `The study’s five models: ours on ${data.title}, published ones on BloodMNIST, 28×28 unless said otherwise; test accuracy`,
  });
}

/** Ours with intervals, the study's and others' beside them. */
export function modelChart(data: Dataset): FigureDisplay {
  const trainings = keptTrainings(data);
  const title = 'The study’s five models';
  const ours = names.map((name): Difference | null => {
    const estimate = meanOf(trainings, name);
    return estimate === undefined ? null : { value: estimate.mean, interval: [estimate.low, estimate.high] };
  });
  const published = (accuracy: (name: StudyModel) => number | undefined): (Difference | null)[] =>
    names.map((name) => {
      const value = accuracy(name);
      return value === undefined ? null : { value };
    });
  const other = (source: string) =>
    published((name) => ofOthers.find((one) => one.beside === name && one.source === source)?.accuracy);
  return differenceChart(
    {
      title,
      rows: names.map((name) => models[name].title),
      series: [
        { name: `here, on ${data.title}`, differences: ours },
        { name: 'the study, on BloodMNIST', differences: published((name) => ofStudy[name]?.testAccuracy) },
        { name: 'MedMNIST v2, from scratch', differences: other('MedMNIST v2') },
        { name: 'MedMNIST+, all pretrained', differences: other('MedMNIST+') },
      ],
      xTitle: 'Test accuracy',
      intervalTitle: '95 % over test images, and over seeds where there are several',
    },
    { label: `${title}: test accuracy of each here, as the study published it, and of the nearest networks of others` },
  );
}
