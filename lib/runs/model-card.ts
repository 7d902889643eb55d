/** The README.md of a saved model: what it is, how it was trained and tested, and how it is used. */
import { counted } from '../data/file-facts';
import { pythonEncoder, pythonLines } from '../models/python';
import type { ModelDescription } from './saved-model';

export interface CardOptions {
  readonly onnx: boolean;
  readonly splits: boolean;
}

export function modelCard(description: ModelDescription, { onnx, splits }: CardOptions): string {
  const { name, task, classNames, data, scores, training, input, weights, versions, temperature } = description;
  const size = input.transform ?? input;
  const python = description.timm;
  const encoder = pythonEncoder(description.network, size);
  const masks = task === 'segmentation';
  const about = masks
    ? `segments images: ${classNames.join(', ')}`
    : `tells ${classNames.length} classes apart: ${classNames.join(', ')}`;
  return `${[
    '---',
    `library_name: ${python === undefined ? 'medical-transfer-notebooks' : 'timm'}`,
    `pipeline_tag: ${masks ? 'image-segmentation' : 'image-classification'}`,
    'tags: [medical, not-for-clinical-use]',
    '---',
    '',
    `# ${oneLine(name)} on ${oneLine(data.name)}`,
    '',
    `This network ${oneLine(about)}. _Not for clinical use._`,
    ...(data.synthetic ? ['', 'Its images were drawn by a program: it knows nothing of real ones.'] : []),
    '',
    '## Data and training',
    '',
    `Trained on ${oneLine(data.name)} (${splitsOf(data.splits)}; licence of the data: ${oneLine(data.license)}) from ${origin(weights.origin)}.`,
    `These are the weights of epoch ${training.epoch}, the ${training.which} of the training${training.precision === 'bfloat16' ? ', in mixed precision' : ''}. \`model.json\` has the whole recipe, the hashes of data`,
    'and weights, and the versions of the software.',
    ...(splits
      ? ['`splits.csv` names the images of each split, so that those of test can be told from the rest.']
      : []),
    '',
    '## Scores',
    '',
    ...scoreLines(scores),
    ...(temperature === undefined
      ? []
      : [
          '',
          `Logits are to be divided by the temperature ${temperature.toFixed(3)}, fitted to the validation images, for probabilities that can be taken at their word.`,
        ]),
    '',
    '## Use',
    '',
    '```sh',
    `npm run predict -- --model . --input photographs/ --output ${masks ? 'masks/areas.csv' : 'predictions.csv'}`,
    '```',
    '',
    ...(python === undefined
      ? [
          `No network of timm or torchvision has these layers; \`model.safetensors\` has PyTorch's layout.`,
          ...(encoder
            ? ['', 'Its encoder is one of timm:', '', '```python', ...pythonLines(encoder, 'encoder'), '```']
            : []),
        ]
      : ['In Python:', '', '```python', ...pythonLines(python), '```']),
    '',
    `Images: ${preparation(input)}; then (value / 255 − mean) / std with mean ${input.mean.join(', ')} and std ${input.std.join(', ')}.`,
    ...(onnx
      ? ['', `\`model.onnx\` takes \`images\`, N×3×${size.height}×${size.width}, so prepared, and gives \`logits\`.`]
      : []),
    '',
    `Made with medical-transfer-notebooks ${versions.project}.`,
  ].join('\n')}\n`;
}

function splitsOf(splits: Readonly<Record<string, number>>): string {
  return Object.entries(splits)
    .map(([split, count]) => `${split} ${count}`)
    .join(', ');
}

function origin({ source }: { readonly source: string }): string {
  return source === 'random' ? 'random weights' : `the weights ${oneLine(source)}`;
}

function preparation({ height, width, fit, transform }: ModelDescription['input']): string {
  const read =
    fit === 'stretch'
      ? `stretched to ${height}×${width} (bilinear)`
      : `the shorter side resized (bicubic), the centre of ${height}×${width} cut out`;
  if (transform === undefined) return read;
  return `${read}; then resized (${transform.interpolation}) to ${transform.height}×${transform.width} at the crop fraction ${transform.cropFraction}`;
}

function scoreLines(scores: ModelDescription['scores']): string[] {
  if (scores === undefined) return ['It was not tested.'];
  const rows = Object.entries(scores.values).map(([metric, { value, low, high }]) => {
    const interval = low === undefined || high === undefined ? '' : `${low.toFixed(4)} to ${high.toFixed(4)}`;
    return `| ${metric} | ${value.toFixed(4)} | ${interval} |`;
  });
  return [
    `On the ${counted(scores.images, 'image')} of the ${scores.split} split:`,
    '',
    '| Score | Value | 95 % interval |',
    '| --- | --- | --- |',
    ...rows,
  ];
}

/** Names come from data: none of them makes a heading, a table or a tag. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[|<>`*_[\]#\\]/g, (sign) => `\\${sign}`);
}
