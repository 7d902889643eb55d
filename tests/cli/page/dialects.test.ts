import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { pythonPath } from '../../../lib/cli/jupyter';
import { dialectNames, dialects } from '../../../lib/cli/page/dialects';
import { pageMetadata } from '../../../lib/cli/page/metadata';
import { evil, metadata } from './example';

const notebook = {
  cells: [],
  metadata: { ...metadata, title: `${evil}\u007f\u0085\u2028` },
  nbformat: 4,
  nbformat_minor: 5,
};
const parsed = pageMetadata(notebook, '');

/** Front matter as PyYAML reads it; dates as texts. */
function read(frontMatter: string): Record<string, unknown> {
  const program =
    'import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode()), default=str))';
  return JSON.parse(execFileSync(pythonPath, ['-c', program], { input: frontMatter, encoding: 'utf8' })) as Record<
    string,
    unknown
  >;
}

test('front matter is YAML that gives every text back', () => {
  const expected = {
    hugo: ['authors', ['Ada O’Hara', 'Blaise & Co'], 'tags', 'images', undefined],
    myst: [
      'authors',
      [{ name: 'Ada O’Hara', url: 'https://example.org/ada' }, { name: 'Blaise & Co' }],
      'tags',
      'thumbnail',
      'figures/figure-2.png',
    ],
    jekyll: ['author', 'Ada O’Hara, Blaise & Co', 'tags', 'image', '/assets/name/figure-2.png'],
    quarto: [
      'author',
      [{ name: 'Ada O’Hara', url: 'https://example.org/ada' }, { name: 'Blaise & Co' }],
      'categories',
      'image',
      'figures/figure-2.png',
    ],
    markdown: ['authors', ['Ada O’Hara', 'Blaise & Co'], 'tags', 'image', 'figures/figure-2.png'],
  } as const;
  for (const name of dialectNames) {
    const text = dialects[name].frontMatter({
      metadata: parsed,
      readingMinutes: 3,
      name: 'name',
      image: 'figure-2.png',
    });
    assert.match(text, /^---\n[\s\S]*\n---\n$/);
    assert.equal(text.split('\n').filter((line) => line === '---').length, 2, name);
    const values = read(text.replace(/^---\n|\n---\n$/g, ''));
    const [authorKey, authors, tagKey, imageKey, image] = expected[name];
    assert.equal(values.title, parsed.title, name);
    assert.equal(values.description, parsed.description, name);
    assert.equal(values.date, '2026-11-24', name);
    assert.deepEqual(values[authorKey], authors, name);
    assert.deepEqual(values[tagKey], ['medical imaging', 'a: "b"'], name);
    assert.deepEqual(values[imageKey], image, name);
  }
});

test('nothing of a text is obeyed as a generator’s own syntax', () => {
  const { hugo, jekyll, quarto, markdown } = dialects;
  assert.equal(jekyll.literal('a {{ b }} {% raw %} {c}'), 'a {{ "{{" }} b }} {{ "{%" }} raw %} {c}');
  assert.equal(hugo.literal('{{< a "b" >}} {{% c %}} {{ d }}'), '{{</* a "b" */>}} {{%/* c */%}} {{ d }}');
  assert.equal(hugo.literal('lone {{<T>'), 'lone {\u200b{<T>');
  assert.equal(hugo.literal('{{</* a */>}}'), '{{</* a */>}}', 'escaped already');
  assert.equal(quarto.literal('{{< a >}} {{ b }}'), '{{{< a >}}} {{ b }}');
  assert.equal(markdown.literal(evil), evil);
});

test('what a site’s defaults leave out, or do not know, is not asked of them', () => {
  const { hugo, jekyll, quarto } = dialects;
  assert.equal(hugo.fold, undefined, 'Hugo before 0.140 has no shortcode for it, and none lets <details> through');
  assert.equal(jekyll.scroll?.('| a |'), '<div style="overflow-x: auto" markdown="1">\n\n| a |\n\n</div>');
  assert.equal(quarto.scroll?.('| a |'), '::: {style="overflow-x: auto"}\n\n| a |\n\n:::');
  assert.equal(quarto.figure?.('a.png', 'say "a"', 'Figure 1. A'), '![Figure 1. A](a.png){fig-alt="say \\"a\\""}');
});

test('files are where each generator looks for them', () => {
  assert.equal(dialects.jekyll.file('01_x', '2026-11-24'), '_posts/2026-11-24-01_x.md');
  assert.equal(dialects.jekyll.address('01_x', 'a.png'), '{{ "/assets/01_x/a.png" | relative_url }}');
  assert.equal(dialects.hugo.file('01_x', undefined), 'index.md');
  assert.equal(dialects.quarto.file('01_x', undefined), 'index.qmd');
  assert.equal(dialects.hugo.embed, undefined, 'Hugo leaves raw HTML out');
  assert.match(
    dialects.jekyll.embed?.(`{{ "/a.html" | relative_url }}`, '"A" & b', 300) ?? '',
    /src="\{\{ '\/a\.html' \| relative_url \}\}" title="&quot;A&quot; &amp; b"/,
  );
});
