import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { suggestion, UserError } from '../errors';
import { checkWritable } from '../files';
import { parseCommandLine, runCommand } from './command';
import { readNotebook } from './notebook-file';
import { dialectNames, type DialectName } from './page/dialects';
import { stillsRemark, writePage } from './page/page';
import { writePost } from './page/post';

const formats = ['html', ...dialectNames] as const;
type Format = (typeof formats)[number];

const help = `npm run export -- FILE.ipynb [--out PATH] [--format FORMAT] [--assets DIR] [--url ADDRESS] [--live MODEL]

Makes a page of a notebook as it stands, without running it. A results.json beside the notebook says how it was run.

  --format html       one file that loads nothing from anywhere (the default)
           hugo       index.md and figures/: a page bundle for a folder below content/
           jekyll     _posts/DATE-NAME.md and assets/NAME/: for the site's own folder
           quarto     index.qmd and figures/
           myst       index.md and figures/, for MyST and Jupyter Book
           markdown   index.md and figures/, for GitHub and others
  --out PATH          html: the file (default: FILE.html); else a folder (default: FILE without its ending)
  --assets DIR        html: puts Plotly into DIR, for several pages to share, instead of into the page (0.7 MB)
  --url ADDRESS       where the page will be published: for previews, search engines and the citation
  --live MODEL        html: a panel in which the small model of this folder answers to images that a reader drops (2 MB at most)

Title, description, date, authors, tags, license, study and image come from the notebook's metadata. Charts become still pictures if a
Chromium is found (or named in the variable CHROMIUM_PATH); jekyll and quarto get the interactive chart beside the picture, as both let
HTML through.

  npm run export -- outputs/01_resnet_from_scratch/95cc794b72/notebook.ipynb --out resnet.html
  npm run export -- notebook.ipynb --out site/resnet.html --assets site/assets --url https://example.org/resnet.html
  npm run export -- notebook.ipynb --format hugo --out blog/content/posts/resnet
  npm run export -- notebook.ipynb --format jekyll --out blog`;

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, {
    out: { type: 'string' },
    format: { type: 'string' },
    assets: { type: 'string' },
    url: { type: 'string' },
    live: { type: 'string' },
    help: { type: 'boolean' },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  if (positionals.length !== 1)
    throw new UserError('Name one notebook, such as `npm run export -- FILE.ipynb --out FILE.html`.');
  const format = parseFormat(values.format ?? 'html');
  const { url } = values;
  if (values.live !== undefined && format !== 'html')
    throw new UserError(
      `--live is for --format html only: a model answers by scripts, which ${format} posts do without.`,
    );
  if (url !== undefined && !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
    throw new UserError(`--url is ${url}, but must be a full address, such as https://example.org/resnet.html.`);
  const source = resolve(positionals[0]);
  checkNotebook(source);
  const remark = stillsRemark(
    format === 'html'
      ? await exportPage(source, values)
      : await exportPost(source, values.out, values.assets, format, url),
  );
  if (remark !== undefined) console.log(remark);
}

function parseFormat(given: string): Format {
  const known = formats.find((format) => format === given);
  if (known !== undefined) return known;
  throw new UserError(
    `--format is ${given}, but must be one of ${formats.join(', ')}${suggestion(given, formats) || '.'}`,
  );
}

/** @throws UserError where there is no such notebook, or one that failed */
function checkNotebook(source: string): void {
  if (!existsSync(source)) throw new UserError(`There is no file ${source}: check the path.`);
  const failed = readNotebook(source).cells.findIndex(
    ({ metadata: { tags = [] }, outputs = [] }) =>
      !tags.includes('raises-exception') &&
      outputs.some((output) => (output as { output_type?: string }).output_type === 'error'),
  );
  if (failed >= 0)
    throw new UserError(
      `Cell ${failed + 1} of ${source} has failed: run the notebook to its end before it is exported, or tag the cell raises-exception where it is meant to.`,
    );
}

/** Returns why charts have no still pictures. */
async function exportPage(
  source: string,
  { out, assets, url, live }: Readonly<Partial<Record<'out' | 'assets' | 'url' | 'live', string>>>,
): Promise<string | undefined> {
  const target = resolve(out ?? withoutExtension(source) + '.html');
  if (isFolder(target))
    throw new UserError(
      `--out is the folder ${target}, but a page is a file: name one, such as ${join(target, 'index.html')}.`,
    );
  const shared = assets === undefined ? undefined : resolve(assets);
  const { bytes, stillsMissing } = await writePage(source, target, { assets: shared, url, live });
  console.log(`${target} (${(bytes / 1e6).toFixed(1)} MB)`);
  return stillsMissing;
}

async function exportPost(
  source: string,
  out: string | undefined,
  assets: string | undefined,
  format: DialectName,
  url: string | undefined,
): Promise<string | undefined> {
  if (assets !== undefined)
    throw new UserError(`--assets is for --format html only: ${format} has a folder for what its posts show.`);
  const folder = resolve(out ?? withoutExtension(source));
  if (existsSync(folder) && !isFolder(folder))
    throw new UserError(
      `--out is the file ${folder}, but ${format} needs a folder: name one, such as ${dirname(folder)}.`,
    );
  checkWritable(join(folder, 'index.md'));
  const { path, stillsMissing } = await writePost(source, { format, folder, url });
  console.log(path);
  return stillsMissing;
}

function withoutExtension(path: string): string {
  return join(dirname(path), basename(path, extname(path)));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

if (require.main === module) runCommand(main);
