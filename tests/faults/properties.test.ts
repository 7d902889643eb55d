/** What holds of all values, tried on those that fast-check makes and, where it fails, makes smaller: what is written is read as it was. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { readNotebook, savedForm, type Notebook } from '../../lib/cli/notebook-file';
import { csvOf } from '../../lib/csv';
import { listClassFolder } from '../../lib/data/class-folder';
import { listClassTable } from '../../lib/data/class-table';
import { openNpz } from '../../lib/data/npz';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { escapeHtml, scriptJson, unescapeHtml } from '../../lib/display/html';
import { readResults, writeResults, type Results } from '../../lib/runs/results';
import { npyTexts, npyTypes, type NpyType } from '../../lib/tensor/npy';
import { openSafetensors, writeSafetensors } from '../../lib/tensor/safetensors';

const folder = mkdtempSync(join(tmpdir(), 'properties-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The same values in every run of the tests. */
const runs = { seed: 42, numRuns: 150 };
const names = fc.constantFrom('__proto__', 'constructor', 'toString', 'length');
const text = fc.oneof({ weight: 9, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) }, names);
/** Whole characters, as files and their formats have them. */
const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const shape = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 3 });
const size = (of: readonly number[]): number => of.reduce((product, each) => product * each, 1);

const array: fc.Arbitrary<NpzArray> = fc
  .tuple(fc.constantFrom(...(Object.keys(npyTypes) as NpyType[])), shape)
  .chain(([type, dimensions]) => {
    const length = size(dimensions) * npyTypes[type].bytes;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ type, shape: dimensions, bytes: type === '|b1' ? bytes.map((byte) => byte % 2) : bytes }));
  });

test('arrays of an .npz have the same names, shapes and bytes', async () => {
  const path = join(folder, 'arrays.npz');
  const named = fc
    .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 })
    .filter((name) => !/[\\/:]/.test(name));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(fc.oneof({ weight: 9, arbitrary: named }, names), array), {
        selector: ([name]) => name,
        maxLength: 4,
        minLength: 1,
      }),
      async (given) => {
        writeNpz(path, Object.fromEntries(given));
        const file = await openNpz(path, { cacheDirectory: folder });
        try {
          assert.deepEqual([...file.members.keys()].sort(), given.map(([name]) => name).sort());
          for (const [name, { type, shape: dimensions, bytes }] of given) {
            const member = file.members.get(name);
            assert.ok(member !== undefined);
            assert.deepEqual([member.type, member.shape], [type, dimensions]);
            const read = new Uint8Array(bytes.length);
            member.readRows(0, dimensions[0], read);
            assert.deepEqual(read, bytes);
          }
        } finally {
          file.close();
        }
      },
    ),
    runs,
  );
});

test('texts of an .npz are the same', async () => {
  const path = join(folder, 'texts.npz');
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        word.filter((each) => !each.includes('\0')),
        { minLength: 1, maxLength: 5 },
      ),
      async (texts) => {
        writeNpz(path, { class_names: { ...npyTexts(texts), shape: [texts.length] } });
        const file = await openNpz(path, { texts: ['class_names'] });
        file.close();
        assert.deepEqual(file.texts.get('class_names'), texts);
      },
    ),
    runs,
  );
});

test('tensors of a .safetensors have the same names, shapes and bits', () => {
  const path = join(folder, 'tensors.safetensors');
  const tensor = shape.chain((dimensions) =>
    fc
      .array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: size(dimensions), maxLength: size(dimensions) })
      .map((bits) => ({ shape: dimensions, values: new Float32Array(Uint32Array.from(bits).buffer) })),
  );
  const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(text, tensor), { selector: ([name]) => name, maxLength: 4 }),
      fc.dictionary(text, text, { maxKeys: 3 }),
      (given, metadata) => {
        writeSafetensors(path, new Map(given), metadata);
        const file = openSafetensors(path);
        try {
          assert.deepEqual([...file.tensors.keys()].sort(), given.map(([name]) => name).sort());
          assert.deepEqual({ ...file.metadata }, { ...metadata });
          for (const [name, { shape: dimensions, values }] of given) {
            const stored = file.tensors.get(name);
            assert.deepEqual(stored?.shape, dimensions);
            assert.deepEqual(bitsOf(stored?.read() ?? new Float32Array()), bitsOf(values));
          }
        } finally {
          file.close();
        }
      },
    ),
    runs,
  );
});

test('a notebook is saved as it was read, and the second time like the first', () => {
  const path = join(folder, 'notebook.ipynb');
  const cell = fc.record({
    cell_type: fc.constantFrom('code' as const, 'markdown' as const, 'raw' as const),
    metadata: fc.record({ tags: fc.array(text, { maxLength: 3 }) }),
    source: fc.oneof(text, fc.array(text, { maxLength: 3 })),
  });
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 5 }), text, (cells, title) => {
      const notebook: Notebook = { cells, metadata: { title }, nbformat: 4, nbformat_minor: 5 };
      writeFileSync(path, savedForm(notebook));
      const read = readNotebook(path);
      assert.equal(savedForm(read), savedForm(notebook));
      const sources = ({ cells: of }: Notebook): string[] => of.map(({ source }) => [source].flat().join(''));
      assert.deepEqual(sources(read), sources(notebook));
    }),
    runs,
  );
});

test('results are read as they were written', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0); // JSON has no −0
  const row = fc.record({
    trainingKey: word,
    model: text,
    weights: text,
    protocol: fc.constantFrom('scratch' as const, 'frozen' as const, 'fine-tuned' as const),
    arm: fc.constantFrom('as-published' as const, 'corrected' as const),
    parameters: fc.nat(),
    trainableParameters: fc.nat(),
    seconds: fc.double({ noNaN: true, min: 0, max: 1e9 }),
    testAccuracy: number,
  });
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 3 }),
      text,
      text,
      fc.dictionary(word, number, { maxKeys: 3 }),
      (rows, name, runId, parameters) => {
        const results: Results = {
          ...{ notebook: '01', runId, profile: 'tour', parameters, seed: 1, environment: {}, history: {} },
          data: { name, sha256: 'a', splits: { train: 1 } },
          results: rows,
        };
        writeResults(folder, results);
        assert.deepEqual(readResults(folder), JSON.parse(JSON.stringify(results)));
      },
    ),
    runs,
  );
});

test('a table of images has the rows that it was written with', () => {
  const path = join(folder, 'table.csv');
  const name = fc
    .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 })
    .map((each) => `${each.replace(/[^\w ,"-]/g, '_').trim() || 'a'}.png`);
  const label = fc.constantFrom('a cat', 'dog, small', 'the "third"', 'naïve\tone', '=1+1');
  const rows = fc.uniqueArray(fc.tuple(name, label), {
    selector: ([file]) => file.toLowerCase(),
    minLength: 2,
    maxLength: 8,
  });
  fc.assert(
    fc.property(
      rows.filter((given) => new Set(given.map(([, each]) => each)).size > 1),
      (given) => {
        writeFileSync(path, csvOf(['file', 'label'], given));
        const { files, classNames } = listClassTable(path);
        assert.deepEqual(
          new Map(files.map(({ name: file, labels }) => [file, labels])),
          new Map(given.map(([file, each]) => [file, [each]])),
        );
        assert.deepEqual(new Set(classNames), new Set(given.map(([, each]) => each)));
      },
    ),
    runs,
  );
});

test('a folder of classes has the files that were put there, whatever their classes are called', async () => {
  const safe = word.filter((each) => !/[/\\\0]/.test(each) && !each.startsWith('.') && Buffer.byteLength(each) < 100);
  const classNames = fc.uniqueArray(safe, { minLength: 2, maxLength: 4, selector: (each) => each.normalize('NFC') });
  let at = 0;
  await fc.assert(
    fc.asyncProperty(
      classNames.filter(
        (given) =>
          !given.some((each) => /^(train|training|val|valid|validation|dev|test|testing|images|masks)$/i.test(each)),
      ),
      async (classes) => {
        const root = join(folder, `classes-${at++}`);
        for (const name of classes) {
          mkdirSync(join(root, name), { recursive: true });
          writeFileSync(join(root, name, '1.png'), '');
        }
        const listed = await listClassFolder(root);
        const expected = classes.map((name) => name.normalize('NFC'));
        assert.deepEqual([...listed.classNames].sort(), [...expected].sort());
        assert.deepEqual(listed.files.map(({ labels: [label] }) => label).sort(), [...expected].sort());
      },
    ),
    { ...runs, numRuns: 60 },
  );
});

test('no text leaves its element or its script, and it is the same again', () => {
  fc.assert(
    fc.property(text, (given) => {
      const escaped = escapeHtml(given);
      assert.doesNotMatch(escaped, /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
      assert.equal(unescapeHtml(escaped), given);
      const json = scriptJson([given]);
      assert.doesNotMatch(json, /[<>\u2028\u2029]/);
      assert.deepEqual(JSON.parse(json), [given]);
    }),
    { ...runs, numRuns: 1000 },
  );
});
