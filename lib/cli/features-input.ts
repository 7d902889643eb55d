/** What `npm run features` reads: an .npy, an .npz or a folder of images, as batches of one kind. */
import { existsSync, statSync } from 'node:fs';
import { basename, extname, join, relative, sep } from 'node:path';
import { arrayImages, byteBatches, valueBatches, type ArrayImages, type ByteBatch } from '../data/array-images';
import { normalizedImages } from '../data/batches';
import { splitNames, type SplitName } from '../data/dataset';
import { describeFacts, type FileFacts, type NamedFacts } from '../data/file-facts';
import { describeLeftOut, folderBatches, listImages, type BrokenImage, type FolderBatch } from '../data/image-folder';
import { startImageDecoders, startImageWorkers, type ImageWorkers } from '../data/image-workers';
import { openNpyFile } from '../data/npy-file';
import { openNpz } from '../data/npz';
import { isIdentity, type ImageTransform } from '../data/transform';
import { suggestion, UserError } from '../errors';
import { firstNonFinite } from '../tensor/finite';
import type { PlaneSize } from '../tensor/resample';
import { tf, type Tensor4D } from '../tf';

export interface FeatureInput {
  readonly count: number;
  /** The images' size where they are normalised already, so that nothing can be resized any more. */
  readonly fixedSize?: PlaneSize;
  /** Begins to read. Threads that resize are started at once, so that they are there when the model is loaded. */
  begin(options: InputOptions): InputBatches;
  close(): void;
}

export interface InputOptions {
  readonly transform: ImageTransform;
  readonly batchSize: number;
}

export interface InputBatches {
  /** Each is made a tensor, N×H×W×3 and normalised, which belongs to the caller's `tf.tidy`. */
  readonly batches: AsyncIterable<() => Tensor4D>;
  /** The file of each row so far, relative to the folder; undefined of arrays. */
  readonly files?: readonly string[];
  /** Files that could not be read and were left out, so far. */
  readonly broken: readonly BrokenImage[];
  /** What should be said of the images that were read, a line each. */
  notes(): string[];
  close(): Promise<void>;
}

export interface InputPlace {
  readonly path: string;
  readonly split: SplitName | undefined;
  readonly recursive: boolean;
  /** Whether files of a folder that cannot be read are left out; otherwise the first of them is a UserError. */
  readonly skipBroken: boolean;
}

/** @throws UserError in one line for what cannot be read as images */
export async function openFeatureInput({ path, split, recursive, skipBroken }: InputPlace): Promise<FeatureInput> {
  if (!existsSync(path)) throw new UserError(`There is no file or folder ${path}: check the path of --input.`);
  const isFolder = statSync(path).isDirectory();
  const extension = isFolder ? 'folder' : extname(path).toLowerCase();
  if (split !== undefined && extension !== '.npz')
    throw new UserError(`--split ${split} is for .npz files, but --input is ${path}.`);
  if (recursive && !isFolder) throw new UserError(`--recursive is for folders, but --input is the file ${path}.`);
  if (skipBroken && !isFolder) throw new UserError(`--skip-broken is for folders, but --input is the file ${path}.`);
  if (isFolder) {
    const leftOut: string[] = [];
    return folderInput(path, await listImages(path, { recursive, leftOut }), { leftOut, skipBroken });
  }
  if (extension === '.npy') {
    const file = openNpyFile(path);
    return closingOnError(file, () => arrayInput(arrayImages(file, path), path, () => file.close()));
  }
  if (extension === '.npz') return openSplit(path, split ?? 'train');
  throw new UserError(`${path} is neither .npy nor .npz nor a folder of images.`);
}

/** The split's name as it is written. */
export function parseSplit(given: string | undefined): SplitName | undefined {
  const found = splitNames.find((name) => name === given);
  if (given === undefined || found !== undefined) return found;
  const advice = suggestion(given, splitNames) || '.';
  throw new UserError(`--split is "${given}"${advice} It must be one of ${splitNames.join(', ')}.`);
}

async function openSplit(path: string, split: SplitName): Promise<FeatureInput> {
  const name = `${split}_images`;
  const file = await openNpz(path, { only: [name] });
  return closingOnError(file, () => {
    const member = file.members.get(name);
    if (member === undefined)
      throw new UserError(
        `${path} has no array "${name}": it must be a MedMNIST-style file, or choose another --split.`,
      );
    const source = `"${name}" in ${path}`;
    return arrayInput(arrayImages(member, source), source, () => file.close());
  });
}

function closingOnError<T>(file: { close(): void }, use: () => T): T {
  try {
    return use();
  } catch (error) {
    file.close();
    throw error;
  }
}

function arrayInput(images: ArrayImages, source: string, close: () => void): FeatureInput {
  const { kind, count, height, width } = images;
  if (kind === 'values') {
    return {
      count,
      fixedSize: { height, width },
      begin: ({ batchSize }) => withoutWorkers(valueTensors(images, source, batchSize)),
      close,
    };
  }
  return {
    count,
    begin({ transform, batchSize }) {
      // Where nothing is resized, there is no work for threads.
      const workers = isIdentity(images, transform) ? noWorkers : startImageWorkers();
      return {
        batches: byteTensors(byteBatches(images, { transform, batchSize, workers }), transform),
        broken: [],
        notes: () => [],
        close: () => workers.close(),
      };
    },
    close,
  };
}

interface FolderOptions {
  /** Files that are no images. */
  readonly leftOut: readonly string[];
  readonly skipBroken: boolean;
}

function folderInput(folder: string, names: readonly string[], { leftOut, skipBroken }: FolderOptions): FeatureInput {
  return {
    count: names.length,
    begin({ transform, batchSize }) {
      const workers = startImageDecoders();
      const facts: NamedFacts[] = [];
      const paths = names.map((name) => join(folder, name));
      const onFile = (path: string, file: FileFacts): void => void facts.push({ ...file, name: basename(path) });
      const files: string[] = [];
      const broken: BrokenImage[] = [];
      const batches = folderBatches(paths, {
        transform,
        batchSize,
        workers,
        onFile,
        ...(skipBroken ? { broken } : {}),
      });
      const read = noting(batches, (path) => files.push(relative(folder, path).replaceAll(sep, '/')));
      return {
        batches: byteTensors(skipBroken ? read : advising(read), transform),
        files,
        broken,
        notes() {
          const left = describeLeftOut(leftOut);
          return [...(left === undefined ? [] : [`${left}.`]), ...describeFacts(facts)];
        },
        close: () => workers.close(),
      };
    },
    close: () => undefined,
  };
}

/** Tells the path of each image that is handed on. */
async function* noting(batches: AsyncIterable<FolderBatch>, note: (path: string) => void): AsyncGenerator<FolderBatch> {
  for await (const batch of batches) {
    batch.paths.forEach(note);
    yield batch;
  }
}

/** Where a file ends the command, the way around it is told. */
async function* advising<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    for await (const batch of batches) yield batch;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message.replace(/\.$/, '')}, or give --skip-broken, which leaves such files out and lists them.`,
    );
  }
}

const noWorkers: ImageWorkers = {
  count: 1,
  run: () => Promise.reject(new Error('There are no threads.')),
  close: () => Promise.resolve(),
};

function withoutWorkers(batches: AsyncIterable<() => Tensor4D>): InputBatches {
  return { batches, broken: [], notes: () => [], close: () => Promise.resolve() };
}

// eslint-disable-next-line @typescript-eslint/require-await -- one kind of iteration for all inputs
async function* valueTensors(images: ArrayImages, source: string, batchSize: number): AsyncGenerator<() => Tensor4D> {
  let first = 0;
  for (const { values, shape } of valueBatches(images, batchSize)) {
    const at = firstNonFinite(values);
    if (at !== undefined)
      throw new UserError(
        `${source} has ${values[at]} in image ${first + Math.floor(at / (values.length / shape[0]))} (counted from 0): features of it would be no numbers either; mend or leave out such images.`,
      );
    first += shape[0];
    yield () => tf.tensor4d(values, [...shape]);
  }
}

async function* byteTensors(
  batches: AsyncIterable<ByteBatch>,
  { normalization }: ImageTransform,
): AsyncGenerator<() => Tensor4D> {
  for await (const { bytes, shape } of batches) yield () => normalizedImages(bytes, shape, normalization);
}
