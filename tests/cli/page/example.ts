/** A notebook as Jupyter leaves it after a run, with one output of each kind and texts that mean something to every format. */
import { barComparison } from '../../../lib/display/bar-chart';
import { imageGrid } from '../../../lib/display/image-grid';
import { displayLibrary } from '../../../lib/display/library';
import type { Displayable } from '../../../lib/display/mime';
import { table } from '../../../lib/display/tables';
import type { Notebook, NotebookCell } from '../../../lib/cli/notebook-file';
import type { Results } from '../../../lib/runs/results';

/** A page of the project's charts is not larger than this, in bytes. */
export const pageLimit = 1_500_000;

/** Syntax of HTML, YAML, Liquid, Hugo, Markdown and LaTeX. */
export const evil = `"Quotes" & <b>tags</b>: {{ site.title }} {% raw %} {{< figure >}} \\ # | \`x\` – naïve_50%`;

export const metadata = {
  title: evil,
  description: `${evil}\nin two lines`,
  date: '2026-11-24',
  authors: [{ name: 'Ada O’Hara', url: 'https://example.org/ada' }, 'Blaise & Co'],
  tags: ['medical imaging', 'a: "b"'],
  license: 'Apache-2.0',
  study: { title: 'A study of 100% {cells}', authors: ['Zoë Müller'], year: 2025, url: 'https://example.org/study' },
  source: 'https://github.com/a/b/blob/main/c.ipynb',
  kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' },
  language_info: { name: 'typescript', file_extension: '.ts' },
};

const code = (
  source: string,
  displays: readonly Displayable[],
  tags: readonly string[] = [],
  at = 0,
): NotebookCell => ({
  cell_type: 'code',
  id: `cell-${at}`,
  metadata: {
    tags,
    execution: {
      'iopub.status.busy': `2026-11-24T10:00:0${at}.000Z`,
      'iopub.status.idle': `2026-11-24T10:00:0${at}.500Z`,
    },
  },
  source,
  outputs: displays.map(({ html, text }) => ({
    output_type: 'display_data',
    data: { 'text/html': html, 'text/plain': text },
    metadata: {},
  })),
  execution_count: at,
});

const prose = (source: string, at: number): NotebookCell => ({
  cell_type: 'markdown',
  id: `text-${at}`,
  metadata: {},
  source,
});

/** @param asked whether it has a cell of parameters, and an output that shows a path that was given there */
export async function exampleNotebook(asked = false): Promise<Notebook> {
  const chart = (label: string, caption?: string): Displayable =>
    barComparison(
      { groups: ['a', 'b'], series: [{ name: 'one', values: [0.25, 0.75] }], valueTitle: 'Accuracy' },
      { label, caption },
    );
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) => (index * 37) % 256);
  const grid = await imageGrid({
    images: [0, 1].map((at) => ({
      pixels,
      height: 8,
      width: 8,
      channels: 3,
      title: `cell ${at}`,
      alt: `A cell, ${at}`,
    })),
    caption: 'Two cells',
    columns: 2,
  });
  return {
    cells: [
      prose(`# A heading\n\n${'word '.repeat(660)}`, 0),
      code(`import * as nb from './lib/notebook';`, [displayLibrary('cartesian')], ['hide-input'], 1),
      ...(asked
        ? [
            code(
              'let dataset;',
              [table([{ dataset: '/home/somebody/cells.npz' }], { caption: 'Parameters' })],
              ['parameters'],
              8,
            ),
          ]
        : []),
      prose(
        '## Data\n\n| | |\n|---|---|\n| a | b |\n\nText, with `{{ liquid }}` and @tensorflow/tfjs. From $5 to $10: $x_i * 2 * y$.',
        2,
      ),
      code(
        `const text = '{{< shortcode >}} {% raw %} \`\`\`';`,
        [table([{ name: 'a|b', accuracy: 0.93125 }], { caption: 'A table' }), grid],
        [],
        3,
      ),
      prose('## Training\n\n### A part', 4),
      code('nb.show(chart);', [chart('Accuracy of "a" & b', 'A caption of its own')], ['headline'], 5),
      prose('## Results', 6),
      code('nb.show(other);', [chart('Another chart')], [], 7),
    ],
    metadata,
    nbformat: 4,
    nbformat_minor: 5,
  };
}

export const results: Results = {
  notebook: '01_resnet_from_scratch',
  runId: 'abcdef0123',
  profile: 'tour',
  parameters: { profile: 'tour', dataset: '/home/somebody/cells.npz', epochs: 9, seed: 42, batchSize: 128 },
  seed: 42,
  environment: { project: '0.1.0', commit: null, node: '20.20.2', tensorflow: '2.21.0', device: 'CPU', cores: 2 },
  data: { name: 'cells', sha256: 'f00d', splits: { train: 12_000, val: 20, test: 200 } },
  results: [
    {
      trainingKey: 'a',
      model: 'ResNet-18',
      weights: 'random',
      protocol: 'scratch',
      arm: 'corrected',
      parameters: 10,
      trainableParameters: 10,
      seconds: 1,
      bestValAccuracy: 0.9,
      testAccuracy: 0.905,
    },
  ],
  history: {},
};
