/** `npm run predict`: a trained model on new images. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { csvOf } from '../csv';
import { counted, describeFacts, type NamedFacts } from '../data/file-facts';
import { describeLeftOut, type BrokenImage } from '../data/image-folder';
import { UserError } from '../errors';
import { checkWritable, writeFileAtomic } from '../files';
import { findImages, predictClasses, type ImageFiles, type PredictOptions, type Predictions } from '../runs/predict';
import { loadModel, type SavedModel } from '../runs/saved-model';
import { readOptions, reportBroken, required, runCommand, type ExitCode } from './command';
import { masksFolder, noneRead, writeMasks } from './predict-masks';
import { createProgressLine, type ProgressLine, type ProgressStream } from './progress-line';

/** What a test replaces. */
export interface PredictContext {
  readonly output?: ProgressStream;
  readonly progress?: ProgressStream;
}

const help = `npm run predict -- --model DIR --input FOLDER --output FILE.csv

What a trained model makes of new images, a row for each. Not for clinical use.

  --model DIR       a folder that a notebook or a command saved a model to (model.json, model.safetensors)
  --input FOLDER    its images, by name; or one file
  --output FILE     .csv: file,class,p_<class>…,calibrated_<class>… (the probabilities as the network gives them, and with its logits
                    divided by the model's temperature); with --json the same as JSON
                    Of a model that segments: file,area; masks and overlays in the folder FILE without its ending
  --json            FILE.json, and the summary as one line of JSON
  --tta             means over the image and its flips, in the directions that the training flipped images in
  --batch-size N    images that are computed at once
  --recursive       images in the folder's sub-folders, too

Files that cannot be read are left out and listed at the end; the exit code is 2 then.

Examples
  npm run predict -- --model models/blood --input photographs/ --output predictions.csv
  npm run predict -- --model models/lesions --input photographs/ --output lesions/areas.csv --tta`;

const options = {
  model: { type: 'string' },
  input: { type: 'string' },
  output: { type: 'string' },
  json: { type: 'boolean' },
  tta: { type: 'boolean' },
  'batch-size': { type: 'string' },
  recursive: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The command `npm run predict`. Throws a UserError for anything that is misspelt, missing or does not fit together. */
export async function main(args: string[], context: PredictContext = {}): Promise<ExitCode> {
  const output = context.output ?? process.stdout;
  const values = readOptions(args, options, { command: 'predict', help, output });
  if (values === undefined) return 0;
  const json = values.json === true;
  const target = outputFile(required(values.output, 'output', 'predictions.csv'), json);
  const model = loadModel(required(values.model, 'model', 'models/blood'));
  if (values.tta === true && model.description.flips.length === 0)
    throw new UserError(
      `--tta is for models whose training flipped images, which that of ${model.description.name} did not.`,
    );
  const recursive = values.recursive === true;
  const images = await findImages(required(values.input, 'input', 'photographs/'), { recursive });
  checkWritable(target);
  if (model.description.task === 'segmentation') checkWritable(join(masksFolder(target), 'mask.png'));
  const line = createProgressLine(context.progress ?? process.stderr);
  const facts: NamedFacts[] = [];
  const predictOptions: PredictOptions = {
    flips: values.tta === true,
    batchSize: batchSize(values['batch-size']),
    onProgress: (done, total) => line.update(`${done} of ${counted(total, 'image')}`),
    onFile: (name, file) => void facts.push({ ...file, name }),
  };
  try {
    const done = await predict(model, images, target, predictOptions, json);
    line.clear();
    printNotes(line, images, facts);
    return report(done, target, json, output);
  } finally {
    line.clear();
  }
}

interface Done {
  readonly count: number;
  readonly seconds: number;
  readonly broken: readonly BrokenImage[];
  readonly content: object;
  /** The folder of masks, where there are any. */
  readonly folder?: string;
}

async function predict(
  model: SavedModel,
  images: ImageFiles,
  target: string,
  options: PredictOptions,
  json: boolean,
): Promise<Done> {
  if (model.description.task === 'segmentation') {
    const done = await writeMasks(model, images, target, options);
    const rows = done.rows.map(({ file, area }) => [file, area]);
    writeFileAtomic(target, json ? jsonOf({ rows: done.rows }) : csvOf(['file', 'area'], rows));
    return { ...done, count: done.rows.length, content: { rows: done.rows } };
  }
  const predictions = await predictClasses(model, images, options);
  if (predictions.rows.length === 0) throw new UserError(noneRead(predictions.broken));
  const content = jsonRows(predictions);
  writeFileAtomic(target, json ? jsonOf({ rows: content }) : csvOfRows(predictions));
  return { ...predictions, count: predictions.rows.length, content };
}

function csvOfRows({ classNames, rows }: Predictions): string {
  const columns = ['p', 'calibrated'].flatMap((kind) => classNames.map((name) => `${kind}_${name}`));
  return csvOf(
    ['file', 'class', ...columns],
    rows.map(({ file, class: chosen, probabilities, calibrated }) => [file, chosen, ...probabilities, ...calibrated]),
  );
}

function jsonRows({ classNames, rows }: Predictions): object[] {
  const named = (values: Float64Array) => Object.fromEntries(classNames.map((name, index) => [name, values[index]]));
  return rows.map(({ file, class: chosen, probabilities, calibrated }) => {
    return { file, class: chosen, probabilities: named(probabilities), calibrated: named(calibrated) };
  });
}

const jsonOf = (content: object): string => `${JSON.stringify(content, undefined, 1)}\n`;

function printNotes(line: ProgressLine, { leftOut }: ImageFiles, facts: readonly NamedFacts[]): void {
  const left = describeLeftOut(leftOut);
  for (const note of [...(left === undefined ? [] : [`${left}.`]), ...describeFacts(facts)]) line.print(note);
}

function report(
  { count, seconds, broken, folder }: Done,
  target: string,
  json: boolean,
  output: ProgressStream,
): ExitCode {
  const imagesPerSecond = count / seconds;
  if (json) {
    output.write(
      `${JSON.stringify({ output: target, masks: folder, images: count, seconds, imagesPerSecond, broken })}\n`,
    );
    return broken.length > 0 ? 2 : 0;
  }
  const masks = folder === undefined ? '' : `; masks and overlays in ${folder}`;
  output.write(
    `${target}: ${counted(count, 'image')}${masks}\n${counted(count, 'image')} in ${seconds.toFixed(2)} s, ${imagesPerSecond.toFixed(2)} images/s\n`,
  );
  return reportBroken(broken, output);
}

function outputFile(path: string, json: boolean): string {
  const ending = json ? '.json' : '.csv';
  if (!path.toLowerCase().endsWith(ending))
    throw new UserError(`--output is "${path}", but must end in ${ending}${json ? ' with --json' : ''}.`);
  if (existsSync(path) && statSync(path).isDirectory()) throw new UserError(`--output ${path} is a folder.`);
  return resolve(path);
}

function batchSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new UserError(`--batch-size is "${text}", but must be a whole number from 1.`);
  return Number(text);
}

if (require.main === module) runCommand(main);
