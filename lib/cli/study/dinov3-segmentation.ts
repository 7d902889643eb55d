/** `npm run study -- dinov3-segmentation`: trains, evaluates and shows runs of the fourth study, one folder a run. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { UserError, suggestion } from '../../errors';
import { writeFileAtomic } from '../../files';
import { outputsDirectory } from '../../paths';
import { openVit, type Vit } from '../../models/encoders';
import { openMaskData } from '../../runs/mask-parameters';
import { armsOf, pointsOf } from '../../studies/dinov3-segmentation/arms';
import { encoderRequest, encodersOf } from '../../studies/dinov3-segmentation/encoders';
import type { TrainingEvent } from '../../training/events';
import type { Dinov3Point } from '../../studies/dinov3-segmentation/groups';
import { noEncoder } from '../../studies/dinov3-segmentation/parameters';
import { begunRuns, readStoredRuns, trainDinov3Runs, type RunEvent, type StoredRuns } from './dinov3-runs';
import { readOptions } from '../command';
import { createProgressLine, type ProgressLine } from '../progress-line';
import type { StudyContext } from '../study';
import { readTrainOptions, underOptionNames } from './dinov3-options';
import { evaluationRecord, networkName, runTable, writePictures } from './dinov3-report';

const defaultFolder = join(outputsDirectory, 'dinov3-segmentation');

const help = `npm run study -- dinov3-segmentation [train] | evaluate | visualize [OPTIONS]

A U-Net against Dino U-Nets on frozen DINOv3 encoders. A run is one network on one fraction of the training images with one
seed; it has a folder of its own in --output-dir, is trained once, and may be killed at any time.

train                    options that take a list, with commas between, stand for one run each
  --model LIST           unet or dino-unet, the default; also the study's names baseline, dinov3, dinov3_small, dinov3_base,
                         dinov3_large
  --encoder LIST         dinov3_vits16 (the default), dinov3_vitb16, dinov3_vitl16; small, base, large
  --data-fraction LIST   of the training images, nested for each seed; 0.25,0.5,1 by default
  --seed LIST            of fractions, initial weights and order; 42 by default
  --arm LIST             corrected, the default, or as-published
  --dataset PATH         a folder in ISIC layout, or synthetic-lesions, the default
  --split-seed N         draws validation and test images where the dataset does not say; 42 by default
  --weights WHERE        embedded, hub, random or FILE.safetensors, in which {encoder} stands for its name; hub by default
  --resume               continues runs that were begun; without it, they are refused
  --epochs 100  --batch-size 8  --lr 3e-4  --weight-decay 1e-4  --early-patience 10  --image-size 256  --dice-weight 0
  --base-channels 32     of the U-Net          --decoder-channels 256   of the decoder's deepest level
  --flips                flips training images  --flip-tta               predicts test images in four flips too
  --native-scores        scores masks at the size of the files too
  --precision bfloat16   mixed; auto: if faster --no-cache               computes its maps in every step
  --synthetic-images N   --skip-broken          --keep-empty             uses images without a lesion, too
  --group-by PATTERN     of file names: images of one patient stay in one split, such as '^(patient[0-9]+)'
  --keep best            keeps each run's model, in its folder's model/; or none       --profile tour   small settings

evaluate                 a table of all runs, and evaluation.json with the scores of each test image
visualize                contact sheets and overlays of test images, from hard to easy, as PNG
  --num-samples 8        images a run           --run ID                 only this one
  --dataset PATH         the one that the runs were trained on   --split-seed N, --group-by PATTERN   as in train

  --output-dir FOLDER    of the runs; ${relative(process.cwd(), defaultFolder)} by default
  --json                 JSON in place of the table

Examples
  npm run study -- dinov3-segmentation train --model unet --data-fraction 1 --dataset data/isic2018
  npm run study -- dinov3-segmentation train --model unet,dino-unet --encoder small,base --seed 1,2,3 --dataset data/isic2018
  npm run study -- dinov3-segmentation train --model dino-unet --data-fraction 0.25 --seed 1 --resume
  npm run study -- dinov3-segmentation evaluate --json > runs.json
  npm run study -- dinov3-segmentation visualize --num-samples 10 --dataset data/isic2018`;

const commands = { train, evaluate, visualize };

/** The command. Throws a UserError for what is misspelt or missing. */
export async function main(args: string[], context: StudyContext = {}): Promise<void> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h') {
    (context.output ?? process.stdout).write(`${help}\n`);
    return;
  }
  // The study's command line has options alone, for training.
  if (name?.startsWith('-')) return train(args, context);
  const names = Object.keys(commands);
  if (name === undefined || !Object.hasOwn(commands, name)) {
    const given = name === undefined ? 'Which of' : `There is no "${name}"${suggestion(name, names) || '.'} There are`;
    throw new UserError(`${given} ${names.join(', ')}${name === undefined ? '?' : '.'} --help shows examples.`);
  }
  await commands[name as keyof typeof commands](rest, context);
}

async function train(
  args: string[],
  { output = process.stdout, progress = process.stderr }: StudyContext,
): Promise<void> {
  const request = readTrainOptions(args);
  if (request === undefined) {
    output.write(`${help}\n`);
    return;
  }
  const { parameters, selection, folder = defaultFolder, keepModels, resume, json } = request;
  const wanted = selection.models.includes('dino-unet') ? underOptionNames(() => encodersOf(parameters)) : [];
  const line = createProgressLine(progress);
  const onProgress = ({ done, total }: { done: number; total: number }): void =>
    line.update(`images ${done} of ${total}`);
  const dataset = await openMaskData(parameters, { onProgress });
  try {
    const vits: Record<string, Vit> = {};
    for (const name of wanted) vits[name] = await openVit(encoderRequest(name, parameters));
    const resources = { settings: parameters, data: dataset, vits, arms: armsOf({ seeds: selection.seeds.length }) };
    const encoders = selection.models.flatMap((model) => (model === 'unet' ? [noEncoder] : wanted));
    const points = selection.arms.flatMap((arm) => pointsOf(arm, encoders, selection.fractions, selection.seeds));
    if (!resume) refuseBegun(begunRuns(points, resources, folder), folder);
    for (const note of dataset.notes) line.print(note);
    const onTraining = (event: TrainingEvent): void => {
      if (event.kind === 'warning') line.print(event.message);
    };
    const onPoint = describeRuns(line, points.length);
    const runs =
      (await trainDinov3Runs(points, resources, { folder, keepModels, onPoint, onProgress: onTraining })) ?? [];
    line.clear();
    output.write(
      json
        ? `${JSON.stringify(evaluationRecord({ finished: runs, unfinished: [], problems: [] }), undefined, 2)}\n`
        : runTable(runs),
    );
    if (runs.length < points.length)
      line.print(`${points.length - runs.length} more are being trained by another process.`);
  } finally {
    line.clear();
    dataset.close();
  }
}

/** @throws UserError where runs were begun: whoever does not know of them should not go on with them by chance */
function refuseBegun(begun: readonly { readonly id: string; readonly point: Dinov3Point }[], folder: string): void {
  if (begun.length === 0) return;
  const [{ id, point }] = begun;
  const others = begun.length === 1 ? '' : ` and ${begun.length - 1} more`;
  throw new UserError(
    `Run ${id} (${describeRun(point)})${others} was begun: --resume continues it; to begin anew, delete ${join(folder, id)}.`,
  );
}

function describeRun(point: Dinov3Point): string {
  const { arm, fraction, seed } = point;
  return `${networkName(point)}, ${arm}, ${Number((100 * fraction).toFixed(1))} %, seed ${seed}`;
}

function describeRuns(line: ProgressLine, count: number): (event: RunEvent) => void {
  let started = 0;
  return ({ kind, id, point, training }) => {
    const run = describeRun(point);
    if (kind === 'started') line.print(`${++started}/${count}  ${id}  ${run}`);
    if (kind === 'maps' && training?.kind === 'batch')
      line.update(`maps of ${point.encoder}: ${training.step} of ${training.steps} batches`);
    if (kind === 'epoch' && training?.kind === 'epoch') {
      const { row, epoch, epochs } = training;
      line.update(
        `${run}: epoch ${epoch} of ${epochs}, loss ${row.trainLoss.toFixed(4)}, validation Dice ${row.valDice.toFixed(4)}, ${row.seconds.toFixed(1)} s`,
        `${id} ${epoch}`,
      );
    }
  };
}

const reportOptions = {
  'output-dir': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

function evaluate(args: string[], { output = process.stdout, progress = process.stderr }: StudyContext): Promise<void> {
  const values = readOptions(args, reportOptions, { command: 'evaluate', help, output });
  if (values === undefined) return Promise.resolve();
  const folder = values['output-dir'] ?? defaultFolder;
  const stored = storedRuns(folder);
  const record = `${JSON.stringify(evaluationRecord(stored), undefined, 2)}\n`;
  const path = join(folder, 'evaluation.json');
  writeFileAtomic(path, record);
  for (const problem of stored.problems) progress.write(`${problem}\n`);
  for (const { id, point } of stored.unfinished) progress.write(`Run ${id} (${describeRun(point)}) is not finished.\n`);
  output.write(values.json === true ? record : `${runTable(stored.finished)}\n${path}\n`);
  return Promise.resolve();
}

/** @throws UserError where no run of the folder is finished */
function storedRuns(folder: string): StoredRuns {
  if (!existsSync(folder))
    throw new UserError(`There is no folder ${folder}: train a run first, or give --output-dir.`);
  const stored = readStoredRuns(folder);
  if (stored.finished.length > 0) return stored;
  const problem = stored.problems.length > 0 ? ` ${stored.problems[0]}` : '';
  throw new UserError(`${folder} has no finished run, ${stored.unfinished.length} unfinished.${problem}`);
}

const pictureOptions = {
  'output-dir': { type: 'string' },
  dataset: { type: 'string' },
  'split-seed': { type: 'string' },
  'synthetic-images': { type: 'string' },
  'skip-broken': { type: 'boolean' },
  'keep-empty': { type: 'boolean' },
  'group-by': { type: 'string' },
  'num-samples': { type: 'string' },
  run: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function visualize(
  args: string[],
  { output = process.stdout, progress = process.stderr }: StudyContext,
): Promise<void> {
  const values = readOptions(args, pictureOptions, { command: 'visualize', help, output });
  if (values === undefined) return;
  const folder = values['output-dir'] ?? defaultFolder;
  const { finished, problems } = storedRuns(folder);
  for (const problem of problems) progress.write(`${problem}\n`);
  const chosen = values.run === undefined ? finished : finished.filter(({ run }) => run.id === values.run);
  if (chosen.length === 0)
    throw new UserError(
      `${folder} has no finished run "${values.run}"${
        suggestion(
          values.run ?? '',
          finished.map(({ run }) => run.id),
        ) || '.'
      } "evaluate" lists them.`,
    );
  const dataOptions = (['dataset', 'split-seed', 'synthetic-images', 'group-by'] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const flags = (['skip-broken', 'keep-empty'] as const).flatMap((name) => (values[name] ? [`--${name}`] : []));
  const data = readTrainOptions([...dataOptions, ...flags])?.parameters;
  if (data === undefined) return;
  await writePictures({
    runs: chosen,
    samples: Number(values['num-samples'] ?? 8),
    folder: join(folder, 'pictures'),
    open: ({ row }) => openMaskData({ ...data, imageSize: Number(row.settings.imageSize) }),
    onWritten: (path) => output.write(`${path}\n`),
    onSkipped: (message) => progress.write(`${message}\n`),
  });
}
