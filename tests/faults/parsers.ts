/** The readers of files that come from elsewhere, each with a few files that it takes, for `fuzz.ts` to change. */
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readNotebook, savedForm } from '../../lib/cli/notebook-file';
import { readBmp } from '../../lib/data/bmp';
import { listClassFolder } from '../../lib/data/class-folder';
import { listClassTable } from '../../lib/data/class-table';
import { decodeImage, decodeValues } from '../../lib/data/decode-image';
import { openNpyFile } from '../../lib/data/npy-file';
import { openNpz } from '../../lib/data/npz';
import { UserError } from '../../lib/errors';
import { projectRoot } from '../../lib/paths';
import { readResults } from '../../lib/runs/results';
import { npyHeader, parseNpyHeader, readNpyTexts } from '../../lib/tensor/npy';
import { openSafetensors } from '../../lib/tensor/safetensors';

export interface Parser {
  readonly name: string;
  readonly corpus: readonly Buffer[];
  /** Reads bytes, which may be written to a file in the folder first. @throws UserError where they are refused */
  parse(bytes: Buffer, folder: string): unknown;
}

const fixtures = (folder: string, ending = ''): Buffer[] => {
  const from = join(projectRoot, 'tests', 'fixtures', folder);
  return readdirSync(from)
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(from, name)));
};

function inFile<T>(name: string, read: (path: string, folder: string) => T): Parser['parse'] {
  return (bytes, folder) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return read(path, folder);
  };
}

const npyOf = (type: string, shape: readonly number[]): Buffer => {
  const bytes = shape.reduce((product, size) => product * size, Number(type.slice(2)));
  return Buffer.concat([npyHeader(type, shape), Buffer.alloc(bytes, 7)]);
};
const npys = [npyOf('|u1', [3, 2]), npyOf('<f4', [2, 2]), npyOf('<i8', [4])];
const texts = Buffer.concat([npyHeader('<U2', [2]), Buffer.from('a\0\0\0b\0\0\0c\0\0\0\0\0\0\0')]);
const table =
  'file,label,split,patient,weight\na.png,cat,train,p1,1\n"b, c.png",dog;cat,val,p2,0.5\nsub/d.png,dog,test,p3,2\n';
const flags = 'image\tcat\tdog\nx.jpg\t1\t0\ny.jpg\t0\t1\nz.jpg\t1\t1\n';
const notebook = {
  cells: [
    {
      cell_type: 'code',
      id: 'a',
      metadata: { tags: ['parameters'] },
      source: ['x\n', 'y'],
      outputs: [],
      execution_count: null,
    },
    { cell_type: 'markdown', metadata: {}, source: '# A' },
  ],
  metadata: { title: 'A' },
  nbformat: 4,
  nbformat_minor: 5,
};
const row = {
  trainingKey: 'k',
  model: 'm',
  weights: 'random',
  protocol: 'scratch',
  arm: 'corrected',
  parameters: 1,
  trainableParameters: 1,
  seconds: 1.5,
  testAccuracy: 0.5,
};
const results = {
  notebook: '01',
  runId: 'r',
  profile: 'tour',
  parameters: { seed: 1 },
  seed: 1,
  environment: { node: '20' },
  data: { name: 'd', sha256: 's', splits: { train: 1 } },
  results: [row],
  history: { k: [{ epoch: 1 }] },
};

function readWeights(path: string): void {
  const file = openSafetensors(path);
  try {
    for (const tensor of file.tensors.values()) if (['F32', 'F16', 'BF16'].includes(tensor.type)) tensor.read();
  } finally {
    file.close();
  }
}

/** Empty files, and links, `name>target`; what the system cannot have, or what would be outside, is not there. */
function layOut(root: string, lines: readonly string[]): void {
  mkdirSync(root, { recursive: true });
  for (const line of lines) {
    const [name, target] = line.split('>');
    const path = join(root, name);
    if (!path.startsWith(`${root}/`) || name.endsWith('/')) continue;
    try {
      mkdirSync(dirname(path), { recursive: true });
      if (target === undefined) writeFileSync(path, '');
      else symlinkSync(target, path);
    } catch {
      // A name that is too long, or has a zero in it, or is there already.
    }
  }
}

/** An error without a name of a file, for a caller who knows it, is a refusal, too. */
function plainErrors<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && error.constructor === Error) throw new UserError(error.message);
    throw error;
  }
}

export const parsers: readonly Parser[] = [
  {
    name: 'npy',
    corpus: [...npys, texts],
    parse(bytes) {
      return bytes.length % 2 === 0 ? parseNpyHeader(bytes, 'a file') : readNpyTexts(bytes, 'a file');
    },
  },
  {
    name: 'npy file',
    corpus: npys,
    parse: inFile('a.npy', (path) => {
      const file = openNpyFile(path);
      try {
        const rows = Math.min(2, file.shape[0] ?? 1);
        file.readRows(0, rows, new Uint8Array(65_536));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error; // rows of more than 65,536 bytes
      } finally {
        file.close();
      }
    }),
  },
  {
    name: 'npz',
    corpus: fixtures('npz'),
    parse: inFile('a.npz', async (path, folder) => {
      (await openNpz(path, { cacheDirectory: join(folder, 'unpacked'), texts: ['class_names'] })).close();
    }),
  },
  { name: 'safetensors', corpus: fixtures('safetensors'), parse: inFile('a.safetensors', readWeights) },
  { name: 'torch', corpus: fixtures('torch_files', '.pth'), parse: inFile('a.pth', readWeights) },
  {
    name: 'folder',
    corpus: [
      'no/1.png\nyes/2.png\nyes/more/3.JPG\n',
      'train/a/1.png\ntrain/b/2.png\nval/a/3.png\ntest/b/4.bmp\nb>a\n',
    ].map((text) => Buffer.from(text)),
    async parse(bytes, folder) {
      const root = join(folder, 'images');
      rmSync(root, { recursive: true, force: true });
      layOut(root, bytes.toString().slice(0, 1000).split('\n').slice(0, 12));
      const { files } = await listClassFolder(root);
      const outside = files.find(({ path }) => !path.startsWith(`${root}/`));
      if (outside !== undefined) throw new Error(`${outside.path} is outside of its folder.`);
    },
  },
  { name: 'table', corpus: [Buffer.from(table), Buffer.from(flags)], parse: inFile('a.csv', listClassTable) },
  {
    name: 'notebook',
    corpus: [Buffer.from(JSON.stringify(notebook))],
    parse: inFile('a.ipynb', (path) => savedForm(readNotebook(path))),
  },
  {
    name: 'results',
    corpus: [Buffer.from(JSON.stringify(results))],
    parse: inFile('results.json', (_path, folder) => readResults(folder)),
  },
  { name: 'bitmap', corpus: fixtures('images', '.bmp'), parse: (bytes) => plainErrors(() => readBmp(bytes)) },
  {
    name: 'image',
    corpus: fixtures('images').filter((bytes) => bytes.length < 4000),
    parse: inFile('a.png', async (path) => {
      await decodeImage(path);
      await decodeValues(path);
    }),
  },
];

export function emptyFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}
