import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bibtexOfPage, bibtexOfStudy, licenseUrl, structuredData } from '../../../lib/cli/page/citation';
import { pageMetadata, type PageMetadata } from '../../../lib/cli/page/metadata';
import { metadata as exampleMetadata } from './example';

const metadata: PageMetadata = {
  title: 'ResNet-18: 100% {scratch}',
  description: 'What it shows',
  date: '2026-11-24',
  authors: [{ name: 'Zoë Müller' }, { name: 'The example contributors' }],
  tags: ['a', 'b'],
  license: 'Apache-2.0',
  study: { title: 'The study', authors: ['S. Giannini'], year: 2025, url: 'https://example.org/a_b' },
};

test('the BibTeX entry keeps capitals and groups, and escapes what BibTeX would obey', () => {
  assert.equal(
    bibtexOfPage(metadata, 'https://example.org/p'),
    [
      '@misc{muller2026resnet18,',
      '  author = {Zoë Müller and {The example contributors}},',
      '  title  = {{ResNet-18: 100\\% \\{scratch\\}}},',
      '  year   = {2026},',
      '  month  = {11},',
      '  url    = {https://example.org/p},',
      '  note   = {Licence: Apache-2.0}',
      '}',
    ].join('\n'),
  );
  assert.equal(
    bibtexOfStudy({ title: 'The study', authors: ['S. Giannini'], year: 2025, url: 'https://example.org/a_b' }),
    '@misc{giannini2025the,\n  author = {S. Giannini},\n  title  = {{The study}},\n  year   = {2025},\n  url    = {https://example.org/a_b}\n}',
  );
  assert.match(bibtexOfStudy({ title: '日本' }), /^@misc\{page,\n {2}title {2}= \{\{日本\}\}\n\}$/);
});

test('braces of an entry balance whatever the texts hold', () => {
  const entry = bibtexOfPage(
    pageMetadata({ cells: [], metadata: exampleMetadata, nbformat: 4, nbformat_minor: 5 }, ''),
  );
  let depth = 0;
  for (const [brace] of entry.matchAll(/(?<!\\)[{}]/g)) {
    depth += brace === '{' ? 1 : -1;
    assert.ok(depth >= 0, entry);
  }
  assert.equal(depth, 0, entry);
});

test('only an SPDX identifier leads to a licence', () => {
  assert.equal(licenseUrl('Apache-2.0'), 'https://spdx.org/licenses/Apache-2.0.html');
  assert.equal(licenseUrl('MIT'), 'https://spdx.org/licenses/MIT.html');
  assert.equal(licenseUrl('see LICENSE'), undefined);
});

test('structured data name persons, groups and the study', () => {
  assert.deepEqual(structuredData({ metadata, readingMinutes: 5, url: 'https://example.org/p' }), {
    '@context': 'https://schema.org',
    '@type': 'TechArticle',
    headline: 'ResNet-18: 100% {scratch}',
    description: 'What it shows',
    datePublished: '2026-11-24',
    author: [
      { '@type': 'Person', name: 'Zoë Müller' },
      { '@type': 'Organization', name: 'The example contributors' },
    ],
    keywords: ['a', 'b'],
    license: 'https://spdx.org/licenses/Apache-2.0.html',
    inLanguage: 'en',
    timeRequired: 'PT5M',
    url: 'https://example.org/p',
    isBasedOn: {
      '@type': 'CreativeWork',
      name: 'The study',
      author: [{ '@type': 'Person', name: 'S. Giannini' }],
      datePublished: '2025',
      url: 'https://example.org/a_b',
    },
  });
});
