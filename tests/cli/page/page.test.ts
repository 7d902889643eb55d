import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { HtmlValidate } from 'html-validate';
import sharp from 'sharp';
import { atomFeed } from '../../../lib/cli/feed';
import { withParameters } from '../../../lib/cli/notebook-file';
import { claimsSection } from '../../../lib/cli/claims-section';
import { indexPage } from '../../../lib/cli/index-page';
import { finishedRun, type FinishedRun } from '../../../lib/cli/page/finished-runs';
import { runsSections } from '../../../lib/cli/runs-section';
import { linkNeighbours } from '../../../lib/cli/page/neighbours';
import { withDrawings } from '../../../lib/cli/page/drawn';
import { writePage } from '../../../lib/cli/page/page';
import { writePost } from '../../../lib/cli/page/post';
import { escapeHtml } from '../../../lib/display/html';
import { writeResults } from '../../../lib/runs/results';
import { evil, exampleNotebook, metadata, pageLimit, results } from './example';
import { recordRuns } from '../../studies/recorded-runs';
import { userError } from '../../data/user-error';
import { patience } from '../../patience';

const folder = mkdtempSync(join(tmpdir(), 'page-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const source = join(folder, 'run', 'notebook.ipynb');
const target = join(folder, 'run', 'index.html');
const ownPicture = '<img class="nb-still" src="data:image/png;base64,AAAA" alt="">';
let page: string;
let bytes: number;

const programs = process.env.PATH ?? '';

// What is asserted here holds without a browser; tests/browser looks at the rest.
before(async () => {
  process.env.PATH = '';
  process.env.PLAYWRIGHT_BROWSERS_PATH = join(folder, 'none');
  delete process.env.CHROMIUM_PATH;
  mkdirSync(dirname(source));
  const answer =
    '## Results\n\n<details><summary>What was measured</summary>\n\nOnce, `0.5`.\n\nTwice.\n\n</details>\n\nAfter it.';
  const rich =
    '\n\nSee @fig-2, @tbl-1 and @fig-none[^a], and doi:10.1000/182.\n\n> [!TIP]\n> Look.\n\n![gone](gone.png)\n\n```mermaid\nflowchart LR\n  A[Start] --> B\n```\n\n[^a]: A *note*.';
  const example = JSON.stringify(await exampleNotebook()).replace('"## Results"', JSON.stringify(answer + rich));
  // The first chart has a picture already.
  writeFileSync(source, example.replace(/<p class=\\"nb-placeholder\\">[^<]*<\/p>/, ownPicture.replaceAll('"', '\\"')));
  writeFileSync(join(folder, 'run', 'results.json'), JSON.stringify(results));
  const written = await writePage(source, target);
  assert.match(written.stillsMissing ?? '', /^no Chromium was found: install one/);
  page = readFileSync(target, 'utf8');
  bytes = written.bytes;
});

test('a picture that the notebook brings stays where none can be drawn', () => {
  assert.ok(page.includes('class="nb-still" src="data:image/png;base64,AAAA"'));
});

/** The content of a meta element, whichever order its attributes are in. */
function meta(name: string): string {
  const [tag = ''] = new RegExp(`<meta [^>]*(?:name|property)="${name}"[^>]*>`).exec(page) ?? [];
  const [, double, single] = / content=(?:"([^"]*)"|'([^']*)')/.exec(tag) ?? [];
  return resolved(double ?? single ?? '');
}

function resolved(text: string): string {
  return text.replace(
    /&(amp|lt|gt|quot|#34|#39);/g,
    (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#39': "'" })[name] ?? '',
  );
}

test('the page loads nothing, and stays below its limit', () => {
  assert.equal(bytes, Buffer.byteLength(page));
  assert.equal(bytes, statSync(target).size);
  assert.ok(bytes < pageLimit / 2, `${bytes} bytes for two charts`);
  const loading = [
    ...page.matchAll(
      /<(?:script|img|source|link|iframe|embed|object|video|audio)\b[^>]*\b(?:src|srcset|href|data)="([^"]*)"/g,
    ),
  ];
  assert.ok(loading.length > 2);
  for (const [tag, address] of loading) assert.match(address, /^data:/, tag);
  assert.doesNotMatch(page, /@import|url\((?!['"]?(data:|#))/);
  assert.equal(page.match(/id="plotly-\w+"/g)?.length, 1, 'the set-up cell’s own copy is left out');
});

test('the page begins with what was found, how sure that is and what it ran on, and figures can be linked to', () => {
  const [, box = ''] = /<section (?=[^>]*class="answer(?: with-picture)?")[^>]*>([\s\S]*?)<\/section>/.exec(page) ?? [];
  assert.match(box, /<dt>Found<\/dt><dd class="found">ResNet-18, trained from scratch, gives 90\.5\u00a0%/);
  assert.match(box, /<dt>How sure<\/dt><dd>The interval covers which 200 images were tested/);
  assert.match(
    box,
    /<dt>Run on<\/dt><dd>cells \(12,000 train, 20 val, 200 test\); tour profile; 2 cores; 6\.5\u00a0s</,
  );
  assert.match(box, /href="#fig-2"/);
  assert.ok(page.search(/class="answer(?: with-picture)?"/) < page.indexOf('word word'));
  for (const number of [1, 2, 3]) assert.ok(new RegExp(`<figure [^>]*id="fig-${number}"`).test(page));
});

test('texts of the metadata are shown and never obeyed', () => {
  assert.equal(resolved(/<title>([^<]*)<\/title>/.exec(page)?.[1] ?? ''), evil.replace('`x`', 'x'));
  assert.equal(meta('og:title'), evil.replace('`x`', 'x'));
  assert.equal(meta('description'), metadata.description);
  assert.equal(meta('og:description'), metadata.description);
  assert.equal(meta('article:published_time'), '2026-11-24');
  assert.ok(page.includes('<a href="https://example.org/ada"><bdi>Ada O’Hara</bdi></a>, <bdi>Blaise &amp; Co</bdi>'));
  assert.ok(page.includes('<time datetime="2026-11-24">24 November 2026</time>'));
  assert.ok(page.includes('<span>3 min read</span>'));
  assert.ok(page.includes('<span>ran in 6.5\u00a0s</span>'));
  assert.match(
    page,
    /<a (?=[^>]*rel="license")[^>]*href="https:\/\/spdx\.org\/licenses\/Apache-2\.0\.html"[^>]*>Apache-2\.0<\/a>/,
  );
});

test('structured data are JSON, and end where their element ends', () => {
  const json = /<script type="application\/ld\+json">([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '';
  const { headline, description, author } = JSON.parse(json) as Record<string, unknown>;
  assert.deepEqual([headline, description], [evil.replace('`x`', 'x'), metadata.description]);
  assert.equal((author as object[]).length, 2);
});

test('the end says how the page was run and how to cite it', () => {
  assert.ok(page.includes('npm run notebook -- 01 --set dataset=path/to/cells.npz --set epochs=9'));
  for (const text of ['f00d', 'abcdef0123', '2.21.0', '12,000 train']) assert.ok(page.includes(`<dd>${text}`), text);
  assert.ok(page.includes('@misc{ohara2026quotes'));
  assert.ok(page.includes('@misc{muller2025a,'));
  assert.ok(!page.includes('/home/somebody'));
});

test('charts have a caption, a place and a text for readers without scripts; code is folded by its tags', () => {
  assert.equal(page.match(/<figcaption>/g)?.length, 3);
  assert.ok(page.includes('<figcaption><span class="number">Figure 3.</span> Another chart.</figcaption>'));
  assert.match(
    page,
    /<div (?=[^>]*id="tbl-1")[^>]*>\s*<p class="nb-caption"><strong><span class="number">Table 1\.<\/span> A table/,
  );
  assert.equal(
    page.match(/The chart is drawn by a script; without it, its numbers are in the table below/g)?.length,
    1, // the other chart has its own picture
  );
  assert.equal(page.match(/<summary>Data as table<\/summary>/g)?.length, 2);
  assert.match(page, /<details class="code folded">/);
  assert.match(page, /<div (?=[^>]*role="region")(?=[^>]*tabindex="0")[^>]*class="scroll"[^>]*><table>/);
});

test('what a text folds stays folded, all of it and no more', () => {
  assert.match(
    page,
    /<details><summary>What was measured<\/summary>\s*<p>Once, <code>0\.5<\/code>\.<\/p>\s*<p>Twice\.<\/p>\s*<\/details>\s*<p>After it\.<\/p>/,
  );
});

test('texts refer to figures, tables, notes and papers, and have alerts, diagrams and the names of missing pictures', () => {
  assert.match(
    page,
    /See <a href="#fig-2">Figure\u00a02<\/a>, <a href="#tbl-1">Table\u00a01<\/a> and \?@fig-none<sup /,
  );
  assert.match(page, /<sup (?=[^>]*id="note-ref-1")[^>]*><a href="#note-1" title="A note\.">1<\/a><\/sup>/);
  assert.match(page, /<h2 id="Notes">[\s\S]*<span id="note-1"><\/span>A <em>note<\/em>\. <a href="#note-ref-1">↩<\/a>/);
  assert.ok(page.includes('<a href="https://doi.org/10.1000/182">doi:10.1000/182</a>.'));
  assert.match(page, /<blockquote class="alert alert-tip"><p class="alert-title">Tip<\/p><p>Look\.<\/p>/);
  assert.match(page, /<em>\[The picture <code>gone\.png<\/code> is missing: gone\]<\/em>/);
  assert.match(
    page,
    /<div class="diagram" role="img" aria-label="Diagram: flowchart LR A\[Start\] --&gt; B"><svg[\s\S]*?Start[\s\S]*?<\/svg><\/div>/,
  );
});

test('the notebook can be taken out of its page, without outputs, and opened where it is public', () => {
  const [, file, text] = /<a download="([^"]*)" href="data:application\/x-ipynb\+json;base64,([^"]*)"/.exec(page) ?? [];
  assert.equal(file, '01_resnet_from_scratch.ipynb');
  const { cells } = JSON.parse(Buffer.from(text, 'base64').toString()) as { cells: { outputs?: unknown[] }[] };
  assert.ok(cells.length > 5 && cells.every(({ outputs = [] }) => outputs.length === 0));
  const address = 'https://github.com/a/b/blob/main/c.ipynb';
  assert.ok(page.includes(`, <a href="${address}">read its source</a>, <a href="https://codespaces.new/a/b">open it`));
});

test('formulas are drawn by the browser; code, headings and sums of money stay', async () => {
  const source = '# $a$\n\n$x$ and `$a$`, $$\n\\frac{1}{2}\n$$ but not $\\nothing{$.';
  const cells = [{ cell_type: 'markdown' as const, metadata: {}, source }];
  const { notebook, place } = await withDrawings({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });
  assert.equal(notebook.cells[0].source, '# $a$\n\n\ue0000\ue001 and `$a$`, \ue0001\ue001 but not $\\nothing{$.');
  assert.match(place('\ue0001\ue001'), /^<math title="\\frac\{1\}\{2\}" display="block".*<mfrac>/);
  assert.match(page, /From \$5 to \$10: <math title="x_i \* 2 \* y"[^>]*>[^$]*<msub>[^$]*<\/math>\./);
});

test('pages share Plotly where they are told to, and have a card for previews where they have an address', async () => {
  const shared = join(folder, 'site', 'one.html');
  const assets = join(folder, 'site', 'shared assets');
  await writePage(source, shared, { assets, url: 'https://example.org/one.html' });
  const text = readFileSync(shared, 'utf8');
  const [name] = readdirSync(assets);
  assert.match(name, /^plotly-basic-\d+\.\d+\.\d+\.min\.js$/);
  const address = (html: string): string | undefined => /script\.src = "([^"]*)"/.exec(html)?.[1];
  assert.equal(address(text), `shared%20assets/${name}`);
  // A run's page is written before it is moved to its place.
  const moved = join(folder, 'site', 'a', 'b', '.unfinished.html');
  await writePage(source, moved, { assets, place: join(folder, 'site', 'a') });
  assert.equal(address(readFileSync(moved, 'utf8')), `../shared%20assets/${name}`);
  assert.ok(text.length < bytes / 3 && !text.includes('id="plotly-'));
  assert.match(text, /<link (?=[^>]*rel="canonical")[^>]*href="https:\/\/example\.org\/one\.html"/);
  assert.ok(text.includes('url    = {https://example.org/one.html}'));
  assert.match(text, /<meta (?=[^>]*property="og:image")[^>]*content="https:\/\/example\.org\/one-card\.png"/);
  const { width, height } = await sharp(join(folder, 'site', 'one-card.png')).metadata();
  assert.deepEqual([width, height], [1200, 630]);
});

test('a notebook without metadata and outputs makes a page without Plotly', async () => {
  const bare = join(folder, 'bare.ipynb');
  writeFileSync(bare, JSON.stringify({ cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 }));
  assert.equal((await writePage(bare, join(folder, 'bare.html'))).stillsMissing, undefined);
  const text = readFileSync(join(folder, 'bare.html'), 'utf8');
  assert.ok(text.includes('<title>bare</title>') && text.length < 60_000);
  assert.doesNotMatch(text, /id="plotly-|id="how-/);
  writeFileSync(bare, JSON.stringify({ cells: [], metadata: { date: 'today' }, nbformat: 4, nbformat_minor: 5 }));
  await assert.rejects(writePage(bare, join(folder, 'bare.html')), userError(/"date" is "today", but must be a day/));
});

test('neither a page nor a post tells in which folder a file was', async () => {
  const secret = join(folder, 'somebody', 'secret.ipynb');
  mkdirSync(dirname(secret));
  const notebook = withParameters(await exampleNotebook(true), { dataset: '/home/somebody/cells.npz' });
  writeFileSync(secret, JSON.stringify(notebook));
  writeResults(dirname(secret), results);
  assert.ok(!readFileSync(join(dirname(secret), 'results.json'), 'utf8').includes('/home'));
  const plain = join(folder, 'plain.html');
  await writePage(secret, plain);
  const { path } = await writePost(secret, { format: 'markdown', folder: join(folder, 'plain') });
  for (const file of [plain, path]) {
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes('cells.npz') && text.includes('f00d'));
    assert.ok(!text.includes('/home/') && !text.includes(folder) && !text.includes(homedir()), file);
  }
});

const runs = (): FinishedRun[] =>
  ['a', 'b', 'c'].map((name) => {
    const directory = join(folder, 'outputs', `0${name} x`, 'run');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'index.html'), page);
    for (const file of ['notebook.ipynb', 'results.json'])
      writeFileSync(join(directory, file), readFileSync(join(folder, 'run', file)));
    return { ...finishedRun(name, directory), title: `${name} & <${name}>` };
  });

test('pages are linked with those that are there, once', () => {
  const three = runs();
  const index = join(folder, 'outputs', 'index.html');
  linkNeighbours(three, index);
  linkNeighbours(three, index);
  const links = three.map(({ directory }) => {
    const text = readFileSync(join(directory, 'index.html'), 'utf8');
    assert.equal(text.match(/<nav class="neighbours"/g)?.length, 1);
    const nav = /<nav class="neighbours"[\s\S]*?<\/nav>/.exec(text)?.[0] ?? '';
    return [...nav.matchAll(/<a class="(\w+)"[^>]*href="([^"]*)"/g)].map(([, rel, address]) => {
      const path = resolve(directory, decodeURIComponent(address));
      assert.ok(rel === 'all' || existsSync(path), path);
      return rel;
    });
  });
  assert.deepEqual(links, [
    ['next', 'all'],
    ['prev', 'next', 'all'],
    ['prev', 'all'],
  ]);
  linkNeighbours(three.slice(0, 1), index);
  assert.ok(readFileSync(join(three[0].directory, 'index.html'), 'utf8').includes('class="all"'));
  assert.ok(!readFileSync(join(three[0].directory, 'index.html'), 'utf8').includes('class="next"'));
});

test('the feed beside the gallery has an entry a page, with what was found', () => {
  const directory = dirname(source);
  const feed = atomFeed('All & more', [finishedRun('01_resnet_from_scratch', directory)], folder);
  assert.match(feed, /<title>All &amp; more<\/title>/);
  assert.match(feed, /<updated>2026-11-24T00:00:00Z<\/updated><link href="run\/index\.html"\/>/);
  assert.match(feed, /<summary>ResNet-18, trained from scratch, gives 90\.5/);
});

test('the gallery tells of each notebook what was found, how sure it is and how to repeat it', async () => {
  const three = runs();
  const text = await indexPage({
    runs: three,
    folder: join(folder, 'outputs'),
    sections: ['<section id="more"></section>'],
  });
  assert.equal(text.match(/<li>\n/g)?.length, 3);
  assert.ok(text.includes('a &amp; &lt;a&gt;') && !text.includes('<a>'));
  assert.ok(text.includes(escapeHtml(three[0].headline?.result ?? 'none')));
  assert.ok(text.includes(escapeHtml(three[0].headline?.certainty ?? 'none')));
  assert.ok(text.includes('npm run notebook -- 01 --set dataset=path/to/cells.npz --set epochs=9'));
  assert.ok(text.includes('<section id="more"></section>'));
  for (const [, address] of text.matchAll(/<a [^>]*href="([^"#]+)"/g))
    assert.ok(existsSync(join(folder, 'outputs', decodeURIComponent(address))), address);
});

test('the gallery begins with each study’s claims, those that were tested before those that were not', () => {
  const row = {
    published: '+0.01',
    ours: '',
    interval: '',
    verdict: 'not tested',
    why: 'a <reason>',
    outcome: 'not tested',
  };
  const of = (name: string, more: object[]) => ({
    ...{ name, link: `${name}.html` },
    claims: { comparable: false, rows: more.map((one) => ({ ...row, claim: 'A & B', ...one })) },
  });
  const estimate = { mean: 0.02, low: -0.2, high: 0.03, draws: 2 };
  const holds = {
    ours: '+0.02',
    interval: '−0.2 – 0.03',
    outcome: 'holds',
    verdict: 'holds here',
    estimate,
    ofStudy: 0.01,
  };
  const [section] = claimsSection([of('03_x', [{}, { claim: 'C' }]), of('04_y', [holds]), of('00_z', [{}])]);
  assert.match(section, /Of 2 claims 1 holds, 1 not tested/);
  assert.match(section, /<strong>A &amp; B<\/strong> <span class="verdict">holds here/);
  assert.equal(section.match(/<svg/g)?.length, 1);
  assert.match(section, /<path d="M-100 8l6 -4v8z"\/>/); // its interval goes on to the left
  assert.match(section, /class="theirs"/);
  assert.ok(section.includes('A &lt;reason&gt;') && section.includes('say nothing of the studies'));
  assert.deepEqual(claimsSection([]), []);
});

test('a post holds everything by files beside it, in the generator’s own layout', async () => {
  for (const [format, file, pictures] of [
    ['hugo', 'index.md', 'figures'],
    ['jekyll', '_posts/2026-11-24-01_resnet_from_scratch.md', 'assets/01_resnet_from_scratch'],
    ['quarto', 'index.qmd', 'figures'],
    ['myst', 'index.md', 'figures'],
    ['markdown', 'index.md', 'figures'],
  ] as const) {
    const { path, stillsMissing } = await writePost(source, { format, folder: join(folder, format) });
    assert.equal(path, join(folder, format, file));
    assert.match(stillsMissing ?? '', /^no Chromium/);
    const text = readFileSync(path, 'utf8');
    // No browser: the grid's images one by one, charts where HTML is let through.
    const cover = join(folder, format, format === 'hugo' ? '' : pictures, format === 'hugo' ? 'cover.png' : 'card.png');
    assert.ok(existsSync(cover), `${format} has a card`);
    const files = readdirSync(join(folder, format, pictures))
      .filter((file) => file !== 'card.png' && !file.startsWith('diagram-'))
      .sort();
    const charts = format === 'jekyll' || format === 'quarto' ? ['figure-2.html', 'figure-3.html'] : [];
    const plotly = files.filter((name) => name.startsWith('plotly-'));
    assert.deepEqual(files, ['figure-1-1.webp', 'figure-1-2.webp', ...charts, ...plotly], format);
    assert.equal(plotly.length, charts.length === 0 ? 0 : 1);
    for (const name of [...files.slice(0, 2), ...charts]) assert.ok(text.includes(`/${name}`), `${format}: ${name}`);
    assert.equal(text.includes('# A heading'), format === 'markdown', 'elsewhere the title is in the front matter');
    assert.ok(text.includes('> **Found:** ResNet-18, trained from scratch, gives 90.5'));
    assert.ok(text.includes('````typescript\n'), 'a fence that the code does not end');
    assert.ok(text.includes('| a\\|b | 0.931 |'));
    assert.ok(text.includes('*Figure 3. Another chart.*') && text.includes('**Data: Another chart**'));
    assert.equal(text.includes('Data as table'), format !== 'hugo', format);
    assert.ok(text.includes('## How this was run') && text.includes('```bibtex'));
    assert.doesNotMatch(text, /data:image|<script|plotly-library/);
  }
  assert.ok(
    readFileSync(join(folder, 'jekyll/_posts/2026-11-24-01_resnet_from_scratch.md'), 'utf8').includes(
      '`{{ "{{" }} liquid }}`',
    ),
  );
  assert.ok(readFileSync(join(folder, 'hugo/index.md'), 'utf8').includes(`'{{</* shortcode */>}} {% raw %}`));
});

test('pages and the gallery are HTML as the standard has it', async () => {
  const validator = new HtmlValidate({
    extends: ['html-validate:standard', 'html-validate:a11y'],
    // A region is as good as a section, and a list may have a name.
    rules: { 'prefer-native-element': 'off', 'aria-label-misuse': ['error', { allowAnyNamable: true }] },
  });
  recordRuns(folder, '01_resnet_from_scratch', [
    { learningRate: 1e-3, epochs: 3, bestValAccuracy: 0.81, testAccuracy: 0.79 },
    { learningRate: 3e-4, epochs: 4, bestValAccuracy: 0.88, testAccuracy: 0.7 },
  ]);
  const runs = [finishedRun('01_resnet_from_scratch', dirname(source))];
  const gallery = await indexPage({ runs, folder, sections: runsSections(folder) });
  for (const [name, html] of Object.entries({ page, gallery })) {
    const light = html.replace(/(<script[^>]*id="plotly-[^>]*>)[^<]*/, '$1'); // packed, it is no HTML, and long
    const { results: found } = await validator.validateString(light);
    const problems = found.flatMap(({ messages }) =>
      messages.map(({ message, selector }) => `${message} (${selector})`),
    );
    assert.deepEqual(problems, [], name);
  }
});

/** Runs a generator on a folder; its own words where it fails. */
function build(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ cwd, encoding: 'utf8', timeout: patience, env: { ...process.env, PATH: programs, LC_ALL: 'C.UTF-8' } },
  });
  assert.equal(status, 0, `${program}: ${error?.message ?? ''} ${stdout} ${stderr}`);
  return stdout;
}

function lacks(program: string): string | false {
  const isThere = programs.split(delimiter).some((path) => path !== '' && existsSync(join(path, program)));
  return isThere ? false : `there is no ${program} on this machine`;
}

/** What a generator made of the example: tables are tables, and nothing of it was obeyed or left out. */
function assertBuilt(html: string): void {
  assert.match(html, /<td[^>]*>a\|b<\/td>/);
  assert.match(html, /<strong>Table\s1\. A table<\/strong>/);
  for (const words of ['How to cite', 'shortcode', 'Twice.', 'What was measured', 'Look.', 'A <em>note</em>.'])
    assert.ok(html.includes(words), words);
  assert.doesNotMatch(html, /raw HTML omitted|\?@fig-2/);
}

test('Hugo builds the post by its defaults', { skip: lacks('hugo') }, () => {
  const site = join(folder, 'hugo-site');
  cpSync(join(folder, 'hugo'), join(site, 'content/posts/one'), { recursive: true });
  mkdirSync(join(site, 'layouts/_default'), { recursive: true });
  writeFileSync(join(site, 'hugo.toml'), 'baseURL = "https://example.org/"\ndisableKinds = ["taxonomy", "term", "RSS", "sitemap", "home", "section"]\n'); // prettier-ignore
  writeFileSync(
    join(site, 'layouts/_default/single.html'),
    '{{ .Title }}{{ range .Params.tags }}[{{ . }}]{{ end }}{{ .Content }}',
  );
  build('hugo', ['--buildFuture', '--quiet'], site);
  const html = readFileSync(join(site, 'public/posts/one/index.html'), 'utf8');
  assertBuilt(html);
  assert.ok(html.includes('[medical imaging]'), 'a tag with a space is one');
  assert.ok(existsSync(join(site, 'public/posts/one/figures/figure-1-1.webp')));
});

test('Jekyll builds the post by its defaults', { skip: lacks('jekyll') }, () => {
  const site = join(folder, 'jekyll');
  mkdirSync(join(site, '_layouts'));
  writeFileSync(join(site, '_layouts/post.html'), '{% for tag in page.tags %}[{{ tag }}]{% endfor %}{{ content }}');
  build('jekyll', ['build', '--future', '--quiet', '--disable-disk-cache'], site);
  const [file] = readdirSync(join(site, '_site'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /resnet[^/]*\.html$/.test(name),
  );
  const html = readFileSync(join(site, '_site', file), 'utf8');
  assertBuilt(html);
  assert.ok(html.includes('[medical imaging]') && html.includes('{{ liquid }}'));
  assert.match(html, /<summary>Data as table<\/summary>\s*<p><strong>/);
});

test('Pandoc, of which Quarto is made, builds the post', { skip: lacks('pandoc') }, () => {
  const html = build('pandoc', ['--from', 'markdown-citations', '--to', 'html', 'index.qmd'], join(folder, 'quarto'));
  assertBuilt(html);
  assert.match(html, /<div class="callout-tip">\s*<p>Look\.<\/p>/);
});

test('MyST builds the post', { skip: lacks('myst') }, () => {
  const site = join(folder, 'myst');
  writeFileSync(join(site, 'myst.yml'), 'version: 1\nproject: {}\n');
  build('myst', ['build', 'index.md', '--md', '--force', '--ci'], site);
  const exported = readdirSync(join(site, '_build/exports'));
  assert.ok(
    exported.some((name) => name.endsWith('.md')),
    exported.join(),
  );
});
